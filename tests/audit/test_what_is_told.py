"""What a trace tells: the question as it was asked, from where, for whom and why; and to whom.

R.1111-43 CSP; design `domain.md` 6.3 to 6.5, `standards.md` 5.5 (IHE BALP).
"""

from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from fhir_server.audit.event import BALP
from fhir_server.audit.note import MAX_REASON
from fhir_server.fhir.form import CUT, MAX_ASKED
from fhir_server.policy.labels import MASKED
from fhir_server.policy.logged import REASON
from profiles.validate import validate
from tests.house import ANNE, CNAM, INS, INSURER, NINA, OTTO, PAUL, House, Person
from tests.people import stored
from tests.policy.record import RULE, Record, made, user
from tests.rest.asking import FORM

ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


@pytest.fixture
def record(house: House) -> Record:
    return made(house, [NINA], doctor=PAUL)


def words(event: dict[str, Any]) -> str:
    """What was asked, as the trace has it; "" where it has not."""
    return "".join(b64decode(one["query"]).decode() for one in event["entity"] if "query" in one)


def last(record: Record, who: Person, reader: Person = CNAM, query: str = "") -> dict[str, Any]:
    """The newest trace of what `who` did, as the log of the record or the own log has it."""
    return next(event for event in record.traces(reader, query) if user(event) == who.sub)


def own(house: House, who: Person) -> dict[str, Any]:
    """The newest trace in one's own log."""
    found = house.get("AuditEvent?_sort=-_lastUpdated&_count=1", who)
    assert found.status == 200, found.body
    event: dict[str, Any] = found.entries[0]
    return event


# What was asked.


@pytest.mark.parametrize("who", [NINA, OTTO, INSURER], ids=lambda who: who.name)
@pytest.mark.parametrize(
    ("path", "query", "form"),
    [
        ("DocumentReference/_search", "", "patient={id}&status=current&_count=3"),
        ("DocumentReference/_search", "status=current", "patient={id}&description=Motrare"),
        ("_search", "", "_type=DocumentReference&patient={id}&status=current"),
        ("_search", "", "_type=DocumentReference,List&patient={id}&status=current"),
        ("Patient/{id}/DocumentReference/_search", "", "status=current"),
        ("Patient/{id}/*/_search", "", "_lastUpdated=gt2020"),
        ("DocumentReference/_search", "", "patient={id}&description=%C3%A9t%C3%A9+d%27%C3%A9"),
    ],
)
def test_a_question_by_form_is_told_whole(
    record: Record, path: str, query: str, form: str, who: Person
) -> None:
    path, form = path.format(id=record.id), form.format(id=record.id)
    answer = record.house.call(
        "POST", path, who, form.encode(), query=query, content_type=FORM
    )
    assert answer.status == (200 if who is NINA else 403)
    event = last(record, who)
    told = words(event)
    assert told == f"POST {path}{'?' if query else ''}{query}\n\n{form}"
    assert (event["outcome"] == "0") == (who is NINA) and validate(event) == []


def test_the_own_log_has_the_question_of_a_refusal_too(record: Record) -> None:
    form = f"patient={record.id}&status=current"
    asked = record.house.call(
        "POST", "DocumentReference/_search", OTTO, form.encode(), content_type=FORM
    )
    assert asked.status == 403
    assert form in words(own(record.house, OTTO))


def test_the_condition_of_a_create_that_is_refused_is_told(record: Record) -> None:
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    condition = f"identifier=a|b&patient=Patient/{record.id}&nonsense=1"
    house = record.house
    assert house.post("Observation", NINA, body, if_none_exist=condition).status == 400
    assert words(own(house, NINA)) == f"POST Observation\nIf-None-Exist: {condition}"
    entry = {
        "resource": body,
        "request": {"method": "POST", "url": "Observation", "ifNoneExist": condition},
    }
    house.post("", NINA, {"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    assert words(own(house, NINA)) == f"POST Observation\nIf-None-Exist: {condition}"


def test_a_question_too_long_is_cut_and_says_so(record: Record) -> None:
    form = f"patient={record.id}&description={'a' * MAX_ASKED}"
    answer = record.house.call(
        "POST", "DocumentReference/_search", NINA, form.encode(), content_type=FORM
    )
    assert answer.status == 200
    told = words(last(record, NINA))
    assert len(told) == MAX_ASKED + len(CUT) and told.endswith(f"aaa{CUT}")


def test_the_holder_reads_that_others_asked_and_not_their_words(record: Record) -> None:
    form = f"patient={record.id}&status=current"
    for who in (NINA, record.holder):
        record.house.call(
            "POST", "DocumentReference/_search", who, form.encode(), content_type=FORM
        )
    assert words(last(record, NINA, record.holder)) == ""
    said = [words(event) for event in record.traces(record.holder)]
    assert [text for text in said if text.endswith(form)] == [
        f"POST DocumentReference/_search\n\n{form}"
    ]


# From where, for whom and why.


def journey(record: Record) -> None:
    """One of each interaction that a profile of BALP speaks of, and some that none does."""
    house, id_ = record.house, record.deposited(ANNE)
    document = f"DocumentReference/{id_}"
    for path in ("", "/_history/1", "/_history"):
        house.get(document + path, NINA)
    house.get(f"Patient/{record.id}", NINA)
    house.get(f"DocumentReference?patient={record.id}", NINA)
    house.get(f"?_type=DocumentReference,List&patient={record.id}", NINA)
    house.get(f"DocumentReference?patient={record.id}", OTTO)
    record.label(NINA, id_, MASKED)
    record.read(record.holder, id_)
    house.call("PUT", document, ANNE, record.read(ANNE, id_).json)
    house.call("DELETE", document, ANNE)


def faults(event: dict[str, Any]) -> Iterator[str]:
    """Where an event is not what the profile it claims wants."""
    for profile in event["meta"].get("profile", ()):
        stem = profile.removeprefix(BALP).removeprefix("Patient")
        client, server, person, *_ = event["agent"]
        codes = [one["type"]["coding"][0]["code"] for one in (client, server, person)]
        if event["outcome"] != "0":
            yield "a refusal"
        if not (client.get("network", {}).get("address") and server["network"]["address"]):
            yield "no network"
        if "network" in person or not person["requestor"]:
            yield "the user has a network, or did not ask"
        wanted = {
            "Read": ("110152", "110153", "IRCP"), "Query": ("110153", "110152", "IRCP"),
            "Delete": ("110150", "custodian", "AUT"),
        }  # fmt: skip
        if tuple(codes) != wanted.get(stem, ("110153", "110152", "AUT")):
            yield f"roles {codes} of {stem}"
        data = [one for one in event["entity"] if one["type"]["code"] == "2"]
        if stem == "Query" and not ("query" in data[0] and "what" not in data[0]):
            yield "no query"
        if stem != "Query" and "what" not in data[0]:
            yield "no data"


def test_an_event_claims_a_profile_where_it_has_all_the_profile_wants(record: Record) -> None:
    journey(record)
    claimed = set[str]()
    for reader in (CNAM, record.holder, PAUL):
        for event in record.traces(reader):
            assert list(faults(event)) == [], event
            assert validate(event) == []
            claimed |= {one.removeprefix(BALP) for one in event["meta"].get("profile", ())}
    assert claimed == {f"Patient{one}" for one in ("Create", "Read", "Query", "Update", "Delete")}


def test_the_address_is_that_of_the_connection_whatever_a_header_says(record: Record) -> None:
    record.house.get(
        f"Patient/{record.id}", NINA, x_forwarded_for="203.0.113.9", forwarded="for=203.0.113.9"
    )
    client, server, *_ = last(record, NINA)["agent"]
    assert client["network"] == {"address": "127.0.0.1", "type": "2"}
    assert server["network"] == {"address": record.house.settings.base_url, "type": "5"}
    by_both = f"&address=127.0.0.1&agent:identifier={quote(NINA.sub)}"
    assert record.find(CNAM, by_both, "AuditEvent").json["total"] >= 1


def test_the_purpose_of_a_holder_is_his_own_request(record: Record) -> None:
    record.find(record.holder)
    (purpose,) = last(record, record.holder)["agent"][2]["purposeOfUse"]
    assert purpose == {"coding": [{"system": ACT_REASON, "code": "PATRQT"}]}
    record.find(NINA)
    (purpose,) = last(record, NINA)["agent"][2]["purposeOfUse"]
    assert purpose["coding"][0]["code"] == "TREAT"
    assert record.find(INSURER).status == 403
    (purpose,) = last(record, INSURER)["agent"][2]["purposeOfUse"]
    assert purpose["coding"][0]["code"] == "COVERAGE"


@pytest.mark.parametrize("status", [200, 403])
def test_the_establishment_is_told(record: Record, status: int) -> None:
    who = (NINA if status == 200 else OTTO).but(organization_name="Clinique Exemple")
    assert record.find(who).status == status
    agents = last(record, who, record.holder)["agent"]
    (house,) = [one for one in agents if one["type"]["coding"][0]["code"] == "PROV"]
    system, value = who.organization.split("|")
    assert house["who"] == {
        "identifier": {"system": system, "value": value}, "display": "Clinique Exemple"
    }  # fmt: skip
    assert not house["requestor"]
    by_house = f"&agent:identifier={quote(who.organization)}"
    assert last(record, who, CNAM, by_house)


# The reason of a break-glass.


def breaking(record: Record, reason: str) -> Person:
    return OTTO.but(patient=record.holder.sub, purpose="bris_de_glace", reason=reason)


def reasons(event: dict[str, Any]) -> list[str]:
    details = [detail for one in event["entity"] for detail in one.get("detail", ())]
    return [detail["valueString"] for detail in details if detail["type"] == REASON]


@pytest.mark.parametrize("act", ["read", "search", "binary", "refused"])
def test_the_reason_of_a_break_glass_is_read_by_holder_doctor_and_operator_alone(
    record: Record, act: str
) -> None:
    house, id_ = record.house, record.deposited(ANNE)
    url = record.read(ANNE, id_).json["content"][0]["attachment"]["url"].partition("/fhir/")[2]
    who = breaking(record, "  Coma\tsans « proche »\n")
    path = {
        "read": f"DocumentReference/{id_}", "search": f"DocumentReference?patient={record.id}",
        "binary": url, "refused": f"DocumentReference/{id_}/_history/7",
    }[act]  # fmt: skip
    assert house.get(path, who).status == (404 if act == "refused" else 200)
    (purpose,) = last(record, OTTO)["purposeOfEvent"]
    assert purpose["coding"][0]["code"] == "BTG"
    for reader in (record.holder, PAUL, CNAM):
        event = last(record, OTTO, reader)
        assert reasons(event) == ["Coma\tsans « proche »"], reader.name
        assert validate(event) == []
        alone = house.get(f"AuditEvent/{event['id']}", reader)
        assert reasons(alone.json) == ["Coma\tsans « proche »"]
    for event in house.get("AuditEvent?_count=500", OTTO).entries:
        assert reasons(event) == []


def test_a_representative_does_not_read_the_reason_of_a_break_glass(house: House) -> None:
    record = made(house, [], doctor=PAUL, birthDate="2020-01-15")
    parent = Person("representative", f"{INS}|255089933012365", "Mere Essai")
    relative = {
        "resourceType": "RelatedPerson", "active": True,
        "patient": {"reference": f"Patient/{record.id}"},
        "identifier": [{"system": INS, "value": "255089933012365"}],
        "relationship": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
                         "code": "PRN"}]}
        ],
    }  # fmt: skip
    stored(house.post("RelatedPerson", CNAM, relative))
    assert record.find(breaking(record, "Coma")).status == 200
    assert reasons(last(record, OTTO, parent)) == []
    assert reasons(last(record, OTTO, PAUL)) == ["Coma"]


def test_a_reason_is_bounded_and_nothing_but_text(record: Record) -> None:
    assert record.find(breaking(record, "x" * (MAX_REASON + 5))).status == 200
    assert reasons(last(record, OTTO)) == ["x" * MAX_REASON]
    for odd in ("a\x00b", "a\x1bb", "a\x7fb"):
        assert record.find(breaking(record, odd)).status == 401
    assert record.find(NINA.but(reason="none of its business")).status == 200
    assert reasons(last(record, NINA)) == []


# The rules.


def settling(event: dict[str, Any]) -> list[str]:
    policies = event["agent"][2].get("policy", ())
    return [one.removeprefix(RULE) for one in policies if one.startswith(RULE)]


@pytest.mark.parametrize("order", ["_id", "-_id"])
@pytest.mark.parametrize(
    "path",
    [
        "DocumentReference?_count=50&_sort={order}",
        "?_type=DocumentReference&_count=50",
        "DocumentReference/_history?_count=50",
        "DocumentReference?status=current&_count=50&_sort={order}&_include=*&_revinclude=*",
    ],
)
def test_all_rules_that_opened_something_are_told_in_their_order(
    house: House, path: str, order: str
) -> None:
    """Nina reads her own documents as their author, and others as a member of the care team."""
    record = made(house, [NINA])
    for who in (ANNE, NINA, ANNE):
        record.deposited(who)
    if path.startswith("?"):
        path += f"&patient={record.id}"
    assert house.get(path.format(order=order), NINA).status == 200
    assert settling(last(record, NINA)) == ["R070", "R080"]
