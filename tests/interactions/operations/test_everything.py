"""$everything under the rules: who gets it, and that it tells nothing of what is hidden.

`contract.md` sections 5 and 7.
"""

from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from tests.house import (
    ANNE,
    BRUNO,
    CLAIRE,
    CNAM,
    INS,
    INSURER,
    LUCIEN,
    NINA,
    OTTO,
    PAUL,
    Answer,
    House,
    Person,
    new_id,
)
from tests.interactions.shared import new_ins
from tests.people import consent, opened, stored

MASK = {"coding": [{"system": VISIBILITY, "code": MASKED}]}
NORMAL = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]
}


@pytest.fixture(scope="module")
def ins() -> str:
    return new_ins()


@pytest.fixture
def holder(ins: str) -> Person:
    return Person("holder", f"{INS}|{ins}", "Somebody")


@pytest.fixture(scope="module")
def record(house: House, ins: str) -> str:
    """The id of a Patient; Paul is the doctor, Nina of the team, Bruno is blocked."""
    id_ = opened(house, NINA, ANNE, doctor=PAUL, identifier=[{"system": INS, "value": ins}])
    shut = consent(id_, "dmp-pro-block", BRUNO, deny=True)
    stored(house.post("Consent", Person("holder", f"{INS}|{ins}"), shut))
    return id_


def deposit(house: House, record: str, who: Person, *labels: Any, **more: Any) -> str:
    document = {
        "resourceType": "DocumentReference",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "status": "current",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{new_id()}"},
        "subject": {"reference": f"Patient/{record}"},
        "securityLabel": [NORMAL, *labels],
        "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
    }
    return stored(house.post("DocumentReference", who, document | more))


def everything(house: House, record: str, who: Person, query: str = "") -> Answer:
    return house.call("GET", f"Patient/{record}/$everything", who, query=query)


def ids(answer: Answer) -> set[str]:
    assert answer.status == 200, answer.body
    return {entry["resource"]["id"] for entry in answer.json["entry"]}


def test_each_sees_what_he_may_see_of_it(house: House, record: str, holder: Person) -> None:
    open_, masked = deposit(house, record, ANNE), deposit(house, record, ANNE, MASK)
    assert {record, open_, masked} <= ids(everything(house, record, PAUL))
    assert {record, open_, masked} <= ids(everything(house, record, holder))
    assert {record, open_, masked} <= ids(everything(house, record, ANNE))
    seen = ids(everything(house, record, NINA))
    assert {record, open_} <= seen and masked not in seen
    assert ids(everything(house, record, CNAM)) & {record, open_, masked} == {record}


@pytest.mark.parametrize("who", [PAUL, NINA, ANNE], ids=lambda person: person.name)
def test_it_finds_what_searches_of_each_type_find(house: House, record: str, who: Person) -> None:
    deposit(house, record, ANNE)
    deposit(house, record, NINA, MASK)
    found = [f"{r['resourceType']}/{r['id']}" for r in everything(house, record, who).entries]
    for type_ in ("DocumentReference", "List", "Consent", "CareTeam", "Observation"):
        searched = house.get(f"{type_}?patient=Patient/{record}&_count=500", who).entries
        of_type = {address for address in found if address.startswith(f"{type_}/")}
        assert of_type == {f"{type_}/{resource['id']}" for resource in searched}, type_


def test_an_author_gets_his_own_documents_and_the_minimum_of_the_patient(house: House) -> None:
    record = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    own, other = deposit(house, record, OTTO), deposit(house, record, ANNE)
    answer = everything(house, record, OTTO)
    assert {record, own} <= ids(answer) and other not in ids(answer)
    assert "name" not in answer.entries[0]


@pytest.mark.parametrize("who", [OTTO, BRUNO, CLAIRE, LUCIEN], ids=lambda person: person.name)
def test_who_has_no_right_in_a_record_is_refused_in_one_text(
    house: House, record: str, who: Person
) -> None:
    answer = everything(house, record, who)
    assert (answer.status, answer.diagnostics) == (403, "no access to this record")


def test_that_there_is_no_such_patient_is_told_to_professionals_alone(house: House) -> None:
    assert everything(house, "nobody", OTTO).status == 404
    for who in (CLAIRE, LUCIEN, CNAM):
        answer = everything(house, "nobody", who)
        assert (answer.status, answer.diagnostics) == (403, "no access to this record")


def test_a_record_that_is_not_open_yet_is_none(house: House) -> None:
    identifier = [{"system": INS, "value": new_ins()}]
    record = opened(house, doctor=PAUL, identifier=identifier, active=False)
    absent, before = (everything(house, id_, PAUL) for id_ in ("nobody", record))
    assert (before.status, before.body) == (absent.status, absent.body)


@pytest.mark.parametrize("who", [INSURER, NINA.but(auth_mode="INDIRECTE")], ids=["ban", "indirect"])
def test_who_may_not_consult_gets_nothing(house: House, record: str, who: Person) -> None:
    assert everything(house, record, who).status == 403


def test_a_hidden_document_changes_nothing(house: House, record: str) -> None:
    def asked() -> list[Any]:
        queries = ("", "_count=1", "_type=Binary", "_type=DocumentReference&start=2020", "_count=0")
        answers = [everything(house, record, NINA, query) for query in queries]
        return [(a.status, [e["fullUrl"] for e in a.json.get("entry", [])], a.json["total"],
                 len(a.json["link"])) for a in answers]  # fmt: skip

    before = asked()
    practitioner = stored(house.post("Practitioner", CNAM, {"resourceType": "Practitioner"}))
    author = [{"reference": f"Practitioner/{practitioner}"}]
    masked = deposit(house, record, ANNE, MASK, author=author)
    after = asked()
    assert masked not in str(after) and practitioner not in str(after)
    assert before == after


def test_a_page_belongs_to_its_caller(house: House, record: str, holder: Person) -> None:
    first = everything(house, record, PAUL, "_count=1")
    query = first.json["link"][1]["url"].partition("?")[2]
    assert everything(house, record, PAUL, query).status == 200
    assert everything(house, record, NINA, query).status == 410
    assert everything(house, record, holder, query).status == 410


def test_each_page_leaves_its_trace_and_each_refusal(house: House) -> None:
    record = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    first = everything(house, record, NINA, "_count=1")
    everything(house, record, NINA, first.json["link"][1]["url"].partition("?")[2])
    everything(house, record, OTTO)
    events = house.get(f"AuditEvent?patient=Patient/{record}&_count=99", CNAM).entries
    did = [e for e in events if e["subtype"][0]["code"] == "operation"]
    assert sorted(event["outcome"] for event in did) == ["0", "0", "4"]
    permitted = next(event for event in did if event["outcome"] == "0")
    assert "$everything" in str(permitted["entity"])
    assert "rule/R080" in str(permitted["agent"])


def test_traces_are_there_when_they_are_named(house: House, record: str, holder: Person) -> None:
    everything(house, record, NINA)
    types = {e["resourceType"] for e in everything(house, record, holder).entries}
    assert "AuditEvent" not in types
    log = everything(house, record, holder, "_type=AuditEvent")
    assert log.json["total"] > 0
    others = everything(house, record, NINA, "_type=AuditEvent").entries
    assert all(NINA.name in str(event["agent"]) for event in others)


def test_a_token_gets_the_types_it_covers(house: House, record: str) -> None:
    deposit(house, record, ANNE)
    some = NINA.but(scope="user/Patient.r user/List.r")
    types = {r["resourceType"] for r in everything(house, record, some).entries}
    assert types == {"Patient", "List"}
    assert everything(house, record, NINA.but(scope="user/List.r")).status == 403


def test_a_token_for_one_person_gets_no_other(house: House, record: str, ins: str) -> None:
    other = opened(house, NINA, identifier=[{"system": INS, "value": new_ins()}])
    for_one = NINA.but(patient=f"{INS}|{ins}")
    assert everything(house, record, for_one).status == 200
    assert everything(house, other, for_one).status == 403


def test_everything_is_an_entry_of_a_batch(house: House, record: str) -> None:
    ask = {"request": {"method": "GET", "url": f"Patient/{record}/$everything"}}
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [ask]}
    inner = house.post("", NINA, batch).json["entry"][0]
    assert inner["response"]["status"] == "200 OK"
    assert record in str(inner["resource"])
    refused = house.post("", OTTO, batch).json["entry"][0]
    assert refused["response"]["status"].startswith("403")
