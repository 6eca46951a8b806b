"""Lists of references never show a hidden document, however an item names it.

`contract.md` section 7 of the design, lists of references.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.documents import new_document_id
from tests.house import ANNE, BASE, NINA, PAUL, Answer
from tests.people import consent, stored
from tests.policy.record import Record, document

URI = "urn:ietf:rfc:3986"
Reference = dict[str, Any]


def master(oid: str) -> dict[str, str]:
    return {"system": URI, "value": f"urn:oid:{oid}"}


def inside(oid: str) -> dict[str, Any]:
    """A document that another resource contains, to be known by its identifier."""
    attachment = {"contentType": "text/plain", "url": "https://elsewhere.example/x"}
    return {
        "resourceType": "DocumentReference", "id": "d", "status": "current",
        "masterIdentifier": master(oid), "content": [{"attachment": attachment}],
    }  # fmt: skip


# How an item may name the document with this id and OID.
WAYS: dict[str, Callable[[str, str], Reference]] = {
    "literal": lambda id_, _: {"reference": f"DocumentReference/{id_}"},
    "with a slash before": lambda id_, _: {"reference": f"/DocumentReference/{id_}"},
    "with a slash after": lambda id_, _: {"reference": f"DocumentReference/{id_}/"},
    "with a fragment": lambda id_, _: {"reference": f"DocumentReference/{id_}#x"},
    "in small letters": lambda id_, _: {"reference": f"documentreference/{id_}"},
    "versioned": lambda id_, _: {"reference": f"DocumentReference/{id_}/_history/1"},
    "absolute": lambda id_, _: {"reference": f"{BASE}/DocumentReference/{id_}"},
    "absolute, oddly": lambda id_, _: {
        "reference": f"HTTP://127.0.0.1:8080//fhir/documentreference/{id_}/"
    },
    "encoded": lambda id_, _: {"reference": f"DocumentReference%2F{id_}"},
    "by search": lambda _, oid: {
        "reference": f"DocumentReference?identifier={URI}|urn:oid:{oid}"
    },
    "identifier": lambda _, oid: {"identifier": master(oid)},
    "identifier of a type": lambda _, oid: {
        "type": "DocumentReference", "identifier": master(oid),
    },
    "identifier in capitals": lambda _, oid: {
        "identifier": {"system": URI, "value": f"URN:OID:{oid}"}
    },
    "bare OID": lambda _, oid: {"identifier": {"system": URI, "value": oid}},
    "both": lambda id_, oid: {
        "reference": f"DocumentReference/{id_}", "identifier": master(oid)
    },
    "contained": lambda _, oid: {"reference": "#d"},
}  # fmt: skip


def listed(record: Record, item: Reference, other: Reference) -> dict[str, Any]:
    return {
        "resourceType": "List", "status": "current", "mode": "working",
        "subject": {"reference": f"Patient/{record.id}"},
        "entry": [{"item": item}, {"item": other}],
    }  # fmt: skip


def of_consent(record: Record, item: Reference, other: Reference) -> dict[str, Any]:
    data = [{"meaning": "instance", "reference": one} for one in (item, other)]
    return consent(record.id, "dmp-pro-access", PAUL, data=data)


def related(record: Record, item: Reference, other: Reference) -> dict[str, Any]:
    relates = [{"code": "appends", "target": one} for one in (item, other)]
    return document(record.id, relatesTo=relates)


PLACES = {"List": listed, "Consent": of_consent, "DocumentReference": related}


def post(record: Record, place: str, body: dict[str, Any]) -> Answer:
    return record.house.post(place, record.holder if place == "Consent" else PAUL, body)


def deposited(record: Record) -> tuple[str, str]:
    oid = new_document_id()
    return record.deposited(PAUL, masterIdentifier=master(oid)), oid


@pytest.mark.parametrize("place", PLACES)
def test_an_item_goes_with_its_document_however_it_names_it(record: Record, place: str) -> None:
    for way, named in WAYS.items():
        (id_, oid), (other, _) = deposited(record), deposited(record)
        body = PLACES[place](record, named(id_, oid), {"reference": f"DocumentReference/{other}"})
        if way == "contained":
            body["contained"] = [inside(oid)]
        kept = stored(post(record, place, body))
        first = record.house.get(f"{place}/{kept}", PAUL)
        assert f"DocumentReference/{other}" in first.body.decode(), way
        assert record.mask(record.holder, id_).status == 200
        readers = [NINA] if place != "Consent" else []
        paths = (f"{place}/{kept}", f"{place}/{kept}/_history/1", f"{place}?_id={kept}")
        for who in readers:
            for path in paths:
                shown = record.house.get(path, who)
                assert shown.status == 200, (way, path, shown.body)
                assert other in shown.body.decode(), (way, path)
                assert id_ not in shown.body.decode() and oid not in shown.body.decode(), way
        assert other in record.house.get(f"{place}/{kept}", PAUL).body.decode()
        assert oid in str(first.json) or id_ in str(first.json), way


@pytest.mark.parametrize("place", ["List", "Consent"])
@pytest.mark.parametrize("way", ["identifier", "contained", "literal", "with a slash after"])
def test_an_item_that_leads_to_nothing_visible_is_refused(
    record: Record, place: str, way: str
) -> None:
    (id_, oid), (other, _) = deposited(record), deposited(record)
    assert record.mask(record.holder, id_).status == 200
    answers = []
    for address, number in ((id_, oid), ("f" * len(id_), new_document_id())):
        item = WAYS[way](address, number)
        body = PLACES[place](record, item, {"reference": f"DocumentReference/{other}"})
        if way == "contained":
            body["contained"] = [inside(number)]
        who = record.holder if place == "Consent" else NINA
        answer = record.house.post(place, who, body)
        said = answer.body.decode().replace(address, "ID").replace(number, "OID")
        answers.append((answer.status, said))
        if place == "Consent":  # the holder sees what is masked from professionals
            break
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == (201 if place == "Consent" else 422)


def test_what_a_list_names_that_is_no_document_stays(record: Record) -> None:
    (other, _) = deposited(record)
    condition = {"resourceType": "Condition", "id": "c", "subject": {"display": "x"}}
    for item, more in (
        ({"type": "Practitioner", "identifier": {"system": URI, "value": "urn:oid:1.2.3"}}, []),
        ({"display": "a letter"}, []),
        ({"reference": "#c"}, [condition]),
        ({"reference": "https://elsewhere.example/Condition/1"}, []),
    ):
        body = listed(record, item, {"reference": f"DocumentReference/{other}"})
        body |= {"contained": more} if more else {}
        kept = record.house.get(f"List/{stored(post(record, 'List', body))}", NINA).json
        assert kept["entry"] == body["entry"] and kept.get("contained", []) == more


def test_the_address_and_identifier_of_two_documents_are_refused(record: Record) -> None:
    (one, _), (other, oid) = deposited(record), deposited(record)
    both = {"reference": f"DocumentReference/{one}", "identifier": master(oid)}
    body = listed(record, both, {"reference": f"DocumentReference/{other}"})
    assert post(record, "List", body).status == 422


def test_an_exception_of_a_consent_names_no_documents(record: Record) -> None:
    id_, oid = deposited(record)
    for item in (WAYS["literal"](id_, oid), WAYS["identifier"](id_, oid)):
        nested = {"type": "deny", "data": [{"meaning": "instance", "reference": item}]}
        body = consent(record.id, "dmp-pro-access", PAUL, provision=[nested])
        assert record.house.post("Consent", record.holder, body).status == 422
    assert record.house.get(f"DocumentReference/{id_}", ANNE).status == 404


@pytest.mark.parametrize("place", ["target", "entity"])
def test_a_provenance_is_hidden_with_what_it_is_about(record: Record, place: str) -> None:
    for way, named in WAYS.items():
        id_, oid = deposited(record)
        about, patient = named(id_, oid), {"reference": f"Patient/{record.id}"}
        body = {
            "resourceType": "Provenance", "recorded": "2026-11-24T12:00:00Z",
            "agent": [{"who": {"display": "x"}}],
            "target": [about, patient] if place == "target" else [patient],
        }  # fmt: skip
        if place == "entity":
            body["entity"] = [{"role": "source", "what": about}]
        if way == "contained":
            body["contained"] = [inside(oid)]
        kept = stored(record.house.post("Provenance", PAUL, body))
        assert record.house.get(f"Provenance/{kept}", NINA).status == 200, way
        assert record.mask(record.holder, id_).status == 200
        assert record.house.get(f"Provenance/{kept}", NINA).status == 404, way
        found = record.house.get(f"Provenance?patient={record.id}&_count=500", NINA).body.decode()
        assert oid not in found and id_ not in found, way
