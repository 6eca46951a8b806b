"""What an attacker once found, asked again: each test is one attack and the answer it must get.

`contract.md` section 5; https://owasp.org/www-project-api-security/
"""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.policy.labels import MASKED, VISIBILITY
from mappings.identifiers import ins_key
from tests.documents import cda
from tests.house import (
    ANNE,
    BRUNO,
    CLAIRE,
    CLAIRE_INS,
    CNAM,
    INS,
    LUCIEN,
    LUCIEN_INS,
    NINA,
    OTTO,
    PAUL,
    Answer,
    House,
    Person,
    new_id,
)
from tests.people import consent, opened, stored

NOBODY = "1990175123456" + ins_key("1990175123456")
JSON_PATCH = "application/json-patch+json"
MASK = {"coding": [{"system": VISIBILITY, "code": MASKED}]}


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    house = House(database_url)
    yield house
    house.close()


@pytest.fixture
def record(house: House) -> str:
    """The id of Lucien's Patient; Paul is his doctor, Nina of his team."""
    return opened(house, NINA, doctor=PAUL)


def deposit(house: House, record: str, who: Person = ANNE, **more: Any) -> str:
    letter = cda(patient_ins=LUCIEN_INS, author_idnat=who.sub.split("|")[1], document_id=new_id())
    data = b64encode(letter).decode()
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": f"Patient/{record}"},
        "content": [{"attachment": {"contentType": "text/xml", "data": data}}],
    }
    return stored(house.post("DocumentReference", who, document | more))


def patch(house: House, path: str, who: Person, *operations: dict[str, Any]) -> Answer:
    return house.call("PATCH", path, who, list(operations), content_type=JSON_PATCH)


def observation(record: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "pulse"},
        "subject": {"reference": f"Patient/{record}"},
    }


@pytest.mark.parametrize("condition", ["1=1", "1=0"])
def test_no_text_of_a_client_becomes_sql(house: House, record: str, condition: str) -> None:
    chain = f"assessed-condition:X' OR {condition} OR 'a'='._id"
    answer = house.call("GET", "DiagnosticReport", OTTO, query={chain: "a"})
    assert answer.status in (200, 400) and b'"total":1' not in answer.body
    typed = house.call("GET", "DiagnosticReport", OTTO, query={"assessed-condition:Foo.code": "a"})
    assert typed.status in (200, 400)


@pytest.mark.parametrize("guess", ["1924-01-15", "1900-01-01"])
def test_a_patch_is_no_oracle_of_a_patient(house: House, record: str, guess: str) -> None:
    test = {"op": "test", "path": "/birthDate", "value": guess}
    assert patch(house, f"Patient/{record}", OTTO, test).status == 403


def test_a_patch_is_no_oracle_of_hidden_links(house: House, record: str) -> None:
    masked = deposit(house, record)
    link = {"code": "appends", "target": {"reference": f"DocumentReference/{masked}"}}
    later = deposit(house, record, relatesTo=[link])
    (link,) = house.get(f"DocumentReference/{later}", ANNE).json["relatesTo"]
    mask = {"op": "add", "path": "/securityLabel/-", "value": MASK}
    assert patch(house, f"DocumentReference/{masked}", LUCIEN, mask).status == 200
    path, test = f"DocumentReference/{later}", {"op": "test", "path": "/relatesTo/0", "value": link}
    assert "relatesTo" not in house.get(path, NINA).json
    assert patch(house, path, NINA, test, mask).status == 422
    assert patch(house, path, NINA, mask).status == 200
    assert house.get(path, PAUL).json["relatesTo"] == [link]


@pytest.mark.parametrize("ins", [LUCIEN_INS, NOBODY])
def test_a_holder_is_not_told_who_has_a_record(house: House, record: str, ins: str) -> None:
    opened(house, identifier=[{"system": INS, "value": CLAIRE_INS}])
    data = b64encode(b"x").decode()
    answer = house.post("DocumentReference", CLAIRE, {
        "resourceType": "DocumentReference",
        "status": "current",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"},
        "subject": {"identifier": {"system": INS, "value": ins}},
        "content": [{"attachment": {"contentType": "text/plain", "data": data}}],
    })  # fmt: skip
    assert answer.status == 403


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/text", "value": {
            "status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">evil</div>'}},
        {"op": "add", "path": "/meta/tag", "value": [{"system": "urn:x", "code": "evil"}]},
        {"op": "add", "path": "/securityLabel/-", "value": {"text": "evil"}},
    ],
    ids=["narrative", "meta", "label text"],
)  # fmt: skip
def test_a_reader_does_not_rewrite(house: House, record: str, operation: dict[str, Any]) -> None:
    id_ = deposit(house, record)
    assert patch(house, f"DocumentReference/{id_}", NINA, operation).status in (403, 405)


def test_a_professional_declares_no_consent_for_others(house: House, record: str) -> None:
    both = consent(record, "dmp-pro-access", OTTO, BRUNO)
    assert house.post("Consent", OTTO, both).status == 403
    assert house.post("Consent", OTTO, consent(record, "dmp-pro-access", OTTO)).status == 201


def test_a_consent_names_nobody_owner(house: House, record: str) -> None:
    block = consent(record, "dmp-pro-block", OTTO, deny=True)
    id_ = stored(house.post("Consent", LUCIEN, block))
    ended = {"op": "replace", "path": "/status", "value": "inactive"}
    assert patch(house, f"Consent/{id_}", LUCIEN, ended).status == 200
    assert house.get(f"Consent/{id_}", OTTO).status == 404
    assert house.get(f"DocumentReference?patient=Patient/{record}", OTTO).status == 403


def test_a_resource_keeps_its_patient(house: House, record: str) -> None:
    other = opened(house, NINA, identifier=[{"system": INS, "value": CLAIRE_INS}])
    id_ = stored(house.post("Observation", NINA, observation(record)))
    moved = observation(other) | {"id": id_}
    assert house.call("PUT", f"Observation/{id_}", NINA, moved).status == 422


def test_nobody_gets_at_bytes_by_referring_to_them(house: House, record: str) -> None:
    id_ = deposit(house, record)
    content = house.get(f"DocumentReference/{id_}", NINA).json["content"]
    stolen = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": f"Patient/{record}"},
        "securityLabel": house.get(f"DocumentReference/{id_}", NINA).json["securityLabel"],
        "content": content,
    }
    assert house.post("DocumentReference", NINA, stolen).status == 422


@pytest.mark.parametrize(
    "query",
    [
        "_sort=" + ",".join(["date"] * 30),
        "&".join(["_id=" + ",".join(["a"] * 900)] * 3),
        "&".join(f"date=gt{1900 + n}" for n in range(50)) + "&_id=a",
        "&".join(["author:PractitionerRole.practitioner.name=a"] * 17),
        "relatesto:missing=false",
        "relation=appends",
    ],
    ids=["sort keys", "values", "parameters", "steps", "missing", "relation"],
)
def test_a_search_is_bounded_and_tells_nothing(house: House, record: str, query: str) -> None:
    for asked in (query, f"patient=Patient/{record}&{query}"):
        assert house.get(f"DocumentReference?{asked}", NINA).status == 400


def test_the_minimum_of_a_patient_leaves_its_trace(house: House, record: str) -> None:
    assert house.get(f"Patient?identifier={INS}|{LUCIEN_INS}", OTTO).json["total"] == 1
    assert house.get(f"Patient/{record}", OTTO).status == 200
    events = house.get(f"AuditEvent?patient=Patient/{record}", LUCIEN).entries
    did = [event["subtype"][0]["code"] for event in events if OTTO.name in str(event["agent"])]
    assert sorted(did) == ["read", "search-type"]


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a batch"])
def test_what_leaves_no_trace_of_its_own_is_noted(house: House, record: str, alone: bool) -> None:
    path = f"DocumentReference/{deposit(house, record)}"
    assert house.call("DELETE", path, ANNE).status == 204
    if alone:
        assert house.call("DELETE", path, ANNE).status == 204
    else:
        requests = [("DELETE", path), ("GET", f"Patient/{record}"), ("GET", "Patient/nobody")]
        entries = [{"request": {"method": method, "url": url}} for method, url in requests]
        batch = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        done = house.post("", ANNE, batch).json["entry"]
        assert [entry["response"]["status"][:3] for entry in done] == ["204", "200", "404"]
    events = house.get("AuditEvent?_count=100", CNAM).entries
    assert len([event for event in events if event["subtype"][0]["code"] == "delete"]) == 2
