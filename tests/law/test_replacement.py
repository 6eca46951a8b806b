"""A document replaces another, however that is named and through whatever door it comes: with the
author's right (R072), of a current document, in the same record, and the mask goes on (contract 7).
"""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fhir_server.load import load_files
from fhir_server.policy.labels import MASKED
from tests.documents import cda, new_document_id
from tests.house import ANNE, BASE, CNAM, NINA, PAUL, Answer, Person
from tests.people import stored
from tests.policy.record import Record, labelled, made
from tests.rest.bundles import entry

URI = "urn:ietf:rfc:3986"
INDIRECT = ANNE.but(auth_mode="INDIRECTE")


@pytest.fixture(autouse=True)
def fresh_tokens(record: Record) -> None:
    record.house.renew()


@dataclass
class Old:
    """The document to be replaced: its id here, and the OID that is its uniqueId."""

    id: str
    oid: str


def number(record: Record) -> str:
    return record.holder.sub.split("|")[1]


def metadata(record: Record, data: bytes, **more: Any) -> dict[str, Any]:
    """With its CDA inside, as ITI-105 takes it."""
    attachment = {"contentType": "text/xml", "data": b64encode(data).decode()}
    return {
        "resourceType": "DocumentReference", "status": "current",
        "subject": {"reference": f"Patient/{record.id}"},
        "content": [{"attachment": attachment}],
    } | more  # fmt: skip


def old(record: Record, who: Person = ANNE, *flags: str) -> Old:
    oid = new_document_id()
    data = cda(patient_ins=number(record), document_id=oid)
    body = metadata(record, data, securityLabel=labelled(*flags))
    return Old(stored(record.house.post("DocumentReference", who, body)), oid)


# The ways to say it: the metadata that do, "" for the header alone.
WAYS: dict[str, Callable[[Old], dict[str, Any]]] = {
    "address": lambda one: {"reference": f"DocumentReference/{one.id}"},
    "whole address": lambda one: {"reference": f"{BASE}/DocumentReference/{one.id}"},
    "version": lambda one: {"reference": f"DocumentReference/{one.id}/_history/1"},
    "condition": lambda one: {"reference": f"DocumentReference?identifier=urn:oid:{one.oid}"},
    "identifier": lambda one: {"identifier": {"system": URI, "value": f"urn:oid:{one.oid}"}},
    "identifier in capitals": lambda one: {
        "identifier": {"system": URI, "value": f"URN:OID:{one.oid}"}
    },
    "bare OID": lambda one: {"identifier": {"system": URI, "value": one.oid}},
    "no system": lambda one: {"identifier": {"value": f"urn:oid:{one.oid}"}},
    "address and identifier": lambda one: {
        "reference": f"DocumentReference/{one.id}",
        "identifier": {"system": URI, "value": f"urn:oid:{one.oid}"},
    },
    "contained": lambda one: {"reference": "#old"},
    "header": lambda one: {},
}


def successor(record: Record, one: Old, way: str, **more: Any) -> dict[str, Any]:
    replaces = one.oid if way == "header" else None
    data = cda(patient_ins=number(record), replaces=replaces)
    body = metadata(record, data, **more)
    if way == "contained":
        identifier = {"system": URI, "value": f"urn:oid:{one.oid}"}
        body["contained"] = [
            {"resourceType": "DocumentReference", "id": "old", "masterIdentifier": identifier}
            | {"status": "current", "content": [{"attachment": {"title": "old"}}]}
        ]
    target = WAYS[way](one)
    return body | ({"relatesTo": [{"code": "replaces", "target": target}]} if target else {})


Door = Callable[[Record, Person, dict[str, Any], Old], Answer]


def iti105(record: Record, who: Person, body: dict[str, Any], _: Old) -> Answer:
    return record.house.post("DocumentReference", who, body)


def bundled(kind: str, record: Record, who: Person, *entries: Any) -> Answer:
    body = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
    answer = record.house.post("", who, body)
    if answer.status != 200:
        return answer
    response = answer.json["entry"][0]["response"]
    location = response.get("location", "").removeprefix(BASE)
    return Answer(int(response["status"][:3]), {"Location": f"/fhir{location}"}, b"{}")


def batch(record: Record, who: Person, body: dict[str, Any], _: Old) -> Answer:
    return bundled("batch", record, who, entry("POST", "DocumentReference", body))


def apart(body: dict[str, Any]) -> tuple[Any, Any]:
    """ITI-65: the metadata, and the bytes in an entry of their own."""
    document, binary = (f"urn:uuid:{n}0000000-0000-4000-8000-000000000000" for n in "23")
    attachment = body["content"][0]["attachment"]
    bytes_ = {"resourceType": "Binary"} | attachment
    linked = {"contentType": attachment["contentType"], "url": binary}
    body = body | {"content": [{"attachment": linked}]}
    return (
        entry("POST", "DocumentReference", body, document),
        entry("POST", "Binary", bytes_, binary),
    )


def iti65(record: Record, who: Person, body: dict[str, Any], _: Old) -> Answer:
    return bundled("transaction", record, who, *apart(body))


def iti65_bytes_first(record: Record, who: Person, body: dict[str, Any], _: Old) -> Answer:
    document, bytes_ = apart(body)
    answer = record.house.post(
        "", who, {"resourceType": "Bundle", "type": "transaction", "entry": [bytes_, document]}
    )
    if answer.status != 200:
        return answer
    location = answer.json["entry"][1]["response"]["location"].removeprefix(BASE)
    return Answer(201, {"Location": f"/fhir{location}"}, b"{}")


def iti65_with_update(
    record: Record, who: Person, body: dict[str, Any], one: Old, url: str = ""
) -> Answer:
    """With the PATCH of the old one that MHD wants (UpdateDocumentRefs)."""
    parts = [("type", "valueCode", "replace"), ("path", "valueString", "DocumentReference.status")]
    parts.append(("value", "valueCode", "superseded"))
    operation = {"name": "operation", "part": [{"name": n, k: v} for n, k, v in parts]}
    change = {"resourceType": "Parameters", "parameter": [operation]}
    update = entry("PATCH", url or f"DocumentReference/{one.id}", change)
    return bundled("transaction", record, who, *apart(body), update)


def iti65_with_update_by_condition(
    record: Record, who: Person, body: dict[str, Any], one: Old
) -> Answer:
    url = f"DocumentReference?identifier={URI}|urn:oid:{one.oid}"
    return iti65_with_update(record, who, body, one, url)


DOORS: dict[str, Door] = {
    "ITI-105": iti105,
    "batch": batch,
    "ITI-65": iti65,
    "ITI-65, bytes first": iti65_bytes_first,
    "ITI-65 with the update": iti65_with_update,
    "ITI-65 with the update by condition": iti65_with_update_by_condition,
}


# Each way through two doors, two ways through each.
COMBINED = [
    (way, door)
    for way in WAYS
    for door in (DOORS if way in ("identifier", "header") else ("ITI-105", "ITI-65"))
]


def status_of(record: Record, one: Old) -> str:
    return str(record.read(ANNE, one.id).json["status"])


@pytest.mark.parametrize(("way", "door"), COMBINED)
def test_R071_the_author_replaces_and_the_mask_goes_on(
    record: Record, way: str, door: str
) -> None:
    for who, flags in ((ANNE, ()), (ANNE, (MASKED,)), (INDIRECT, ())):
        one = old(record, ANNE, *flags)
        new = stored(DOORS[door](record, who, successor(record, one, way), one))
        assert status_of(record, one) == "superseded"
        (relation,) = record.read(ANNE, new).json["relatesTo"]
        assert relation["code"] == "replaces"
        assert relation["target"]["reference"].endswith(f"DocumentReference/{one.id}")
        assert '"id": "old"' not in json.dumps(record.read(ANNE, new).json)
        assert record.sees(NINA, new) is not bool(flags) and record.sees(PAUL, new)


@pytest.mark.parametrize("door", ["ITI-105", "batch", "ITI-65", "ITI-65, bytes first"])
def test_a_condition_may_ask_that_the_replaced_document_is_current(
    record: Record, door: str
) -> None:
    one = old(record, ANNE, MASKED)
    asked = f"DocumentReference?status=current&identifier=urn:oid:{one.oid}"
    body = successor(record, one, "condition")
    body["relatesTo"] = [{"code": "replaces", "target": {"reference": asked}}]
    new = stored(DOORS[door](record, ANNE, body, one))
    assert status_of(record, one) == "superseded" and not record.sees(NINA, new)


def others(record: Record) -> Old:
    return old(record, ANNE)


def hidden(record: Record) -> Old:
    return old(record, ANNE, MASKED)


def replaced_already(record: Record) -> Old:
    one = old(record)
    stored(iti105(record, ANNE, successor(record, one, "address"), one))
    return one


def deleted(record: Record) -> Old:
    one = old(record)
    assert record.house.call("DELETE", f"DocumentReference/{one.id}", ANNE).status == 204
    return one


def unknown(record: Record) -> Old:
    return Old("11111111-1111-4111-8111-111111111111", new_document_id())


def of_another_record(record: Record) -> Old:
    return old(made(record.house, [NINA], doctor=PAUL))


REFUSED: dict[str, tuple[Callable[[Record], Old], Person, int]] = {
    "another's": (others, NINA, 403),
    "another's, masked, seen": (hidden, PAUL, 403),
    "another's, hidden": (hidden, NINA, 422),
    "replaced already": (replaced_already, ANNE, 409),
    "deleted": (deleted, ANNE, 422),
    "unknown": (unknown, ANNE, 422),
    "of another record": (of_another_record, ANNE, 422),
}


@pytest.mark.parametrize(("way", "door"), COMBINED)
@pytest.mark.parametrize("case", REFUSED)
def test_R072_what_cannot_be_replaced_is_refused_in_whatever_way_it_is_named(
    record: Record, way: str, case: str, door: str
) -> None:
    make, who, status = REFUSED[case]
    one = make(record)
    before = record.found(PAUL)
    answer = DOORS[door](record, who, successor(record, one, way), one)
    assert answer.status == status, answer.body
    assert record.found(PAUL) == before


@pytest.mark.parametrize("way", WAYS)
def test_the_holder_replaces_what_he_wrote_and_nothing_else(record: Record, way: str) -> None:
    theirs, types = old(record), {"coding": [{"system": "http://loinc.org", "code": "74465-6"}]}
    body = successor(record, theirs, way, type=types)
    assert iti105(record, record.holder, body, theirs).status in (403, 422)
    assert status_of(record, theirs) == "current"


@pytest.mark.parametrize("way", ["address", "condition", "identifier", "contained"])
def test_R034_the_holder_replaces_their_own_and_nobody_else_does(record: Record, way: str) -> None:
    own = {"type": {"coding": [{"system": "http://loinc.org", "code": "74465-6"}]}}
    oid = new_document_id()
    identifier = {"masterIdentifier": {"system": URI, "value": f"urn:oid:{oid}"}}
    one = Old(record.deposited(record.holder, **own, **identifier), oid)
    body = successor(record, one, way)
    more = {name: body[name] for name in ("contained", "relatesTo") if name in body}
    for who in (ANNE, PAUL, NINA):
        assert record.deposit(who, **more).status in (403, 422)
    new = stored(record.deposit(record.holder, **own, **more))
    assert record.read(record.holder, one.id).json["status"] == "superseded"
    assert record.read(record.holder, new).json["status"] == "current"
    assert record.deposit(record.holder, **own, **more).status == 409


@pytest.mark.parametrize("way", WAYS)
def test_what_is_hidden_is_refused_like_what_never_was(record: Record, way: str) -> None:
    def told(one: Old) -> bytes:
        body = iti105(record, NINA, successor(record, one, way), one).body
        return body.replace(one.id.encode(), b"ID").replace(one.oid.encode(), b"OID")

    assert told(hidden(record)) == told(unknown(record)) == told(deleted(record))


@pytest.mark.parametrize("door", ["ITI-105", "ITI-65"])
def test_header_and_metadata_replace_the_same_document(record: Record, door: str) -> None:
    one, another = old(record), old(record)
    data = cda(patient_ins=number(record), replaces=one.oid)
    for target in (another, one):
        relation = {"code": "replaces", "target": {"reference": f"DocumentReference/{target.id}"}}
        body = metadata(record, data, relatesTo=[relation])
        answer = DOORS[door](record, ANNE, body, target)
        assert answer.status == (201 if target is one else 422)
    assert (status_of(record, one), status_of(record, another)) == ("superseded", "current")


def test_the_headers_replacement_stands_beside_other_relations(record: Record) -> None:
    one, another = old(record), old(record)
    data = cda(patient_ins=number(record), replaces=one.oid)
    relation = {"code": "appends", "target": {"reference": f"DocumentReference/{another.id}"}}
    new = stored(iti105(record, ANNE, metadata(record, data, relatesTo=[relation]), one))
    assert (status_of(record, one), status_of(record, another)) == ("superseded", "current")
    codes = [relation["code"] for relation in record.read(ANNE, new).json["relatesTo"]]
    assert codes == ["appends", "replaces"]


CONTRADICTIONS: dict[str, Callable[[Old, Old], dict[str, Any]]] = {
    "address and identifier": lambda one, other: {
        "reference": f"DocumentReference/{one.id}",
        "identifier": {"system": URI, "value": f"urn:oid:{other.oid}"},
    },
    "address and unknown identifier": lambda one, _: {
        "reference": f"DocumentReference/{one.id}",
        "identifier": {"system": URI, "value": "urn:oid:1.2.3.4"},
    },
    "a name alone": lambda one, _: {"display": f"document {one.oid}"},
    "another type": lambda one, _: {"reference": f"Binary/{one.id}"},
    "elsewhere": lambda one, _: {"reference": f"https://a.example/DocumentReference/{one.id}"},
    "a urn of nothing": lambda one, _: {"reference": f"urn:uuid:{one.id}"},
    "nothing contained": lambda one, _: {"reference": "#nothing"},
}


@pytest.mark.parametrize("said", CONTRADICTIONS)
def test_a_replaced_document_that_is_not_understood_is_refused(record: Record, said: str) -> None:
    one, other = old(record), old(record)
    target = CONTRADICTIONS[said](one, other)
    body = successor(record, one, "address") | {
        "relatesTo": [{"code": "replaces", "target": target}]
    }
    answer = iti105(record, ANNE, body, one)
    assert answer.status in (400, 422), answer.body
    assert status_of(record, one) == "current" == status_of(record, other)


@pytest.mark.parametrize("code", ["appends", "transforms", "signs"])
def test_other_relations_end_nothing_and_stay_in_the_record(record: Record, code: str) -> None:
    one, far = old(record), of_another_record(record)
    for way in ("address", "identifier", "contained"):
        relation = {"code": code, "target": WAYS[way](one)}
        body = successor(record, one, way) | {"relatesTo": [relation]}
        new = stored(iti105(record, ANNE, body, one))
        (found,) = record.read(ANNE, new).json["relatesTo"]
        assert found["target"]["reference"].endswith(f"DocumentReference/{one.id}")
        body = successor(record, far, way) | {"relatesTo": [relation | {"target": WAYS[way](far)}]}
        assert iti105(record, ANNE, body, far).status == 422
    assert status_of(record, one) == "current"
    nobody = {"identifier": {"system": URI, "value": f"urn:oid:{new_document_id()}"}}
    body = successor(record, one, "address") | {"relatesTo": [{"code": code, "target": nobody}]}
    stored(iti105(record, ANNE, body, one))


def test_one_transaction_brings_a_document_and_its_successor_in_any_order(record: Record) -> None:
    first, second = (f"urn:uuid:{n}0000000-0000-4000-8000-000000000000" for n in "45")
    plain = metadata(record, b"one") | {"securityLabel": labelled(MASKED)}
    later = metadata(record, b"two") | {
        "relatesTo": [{"code": "replaces", "target": {"reference": first}}]
    }
    for body in (plain, later):
        body["type"] = {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]}
        body["content"][0]["attachment"]["contentType"] = "text/plain"
    entries = [
        entry("POST", "DocumentReference", later, second),
        entry("POST", "DocumentReference", plain, first),
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = record.house.post("", ANNE, bundle)
    assert answer.status == 200, answer.body
    new, one = (
        part["response"]["location"].split("/DocumentReference/")[1].split("/")[0]
        for part in answer.json["entry"]
    )
    assert record.read(ANNE, one).json["status"] == "superseded"
    assert record.read(ANNE, new).json["status"] == "current" and not record.sees(NINA, new)
    ring = [
        entry("POST", "DocumentReference", later, second),
        entry("POST", "DocumentReference", later | {
            "relatesTo": [{"code": "replaces", "target": {"reference": second}}]}, first),
    ]  # fmt: skip
    answer = record.house.post("", ANNE, bundle | {"entry": ring})
    assert answer.status == 422, answer.body


@pytest.mark.parametrize("way", ["header", "identifier", "address"])
def test_what_is_loaded_replaces_too(record: Record, way: str, tmp_path: Path) -> None:
    one = old(record, ANNE, MASKED)
    if way == "header":
        file = tmp_path / "new.xml"
        file.write_bytes(cda(patient_ins=number(record), replaces=one.oid))
    else:
        file = tmp_path / "new.json"
        file.write_text(json.dumps(successor(record, one, way)))
    said = list[str]()
    assert load_files([file], record.house.services, said.append) == 0, said
    assert status_of(record, one) == "superseded"
    (new,) = {document["id"] for document in record.find(ANNE).entries} - {one.id}
    assert record.sees(PAUL, new) and not record.sees(NINA, new)


def test_the_operator_replaces_nothing_of_an_author(record: Record) -> None:
    one = old(record)
    for way in WAYS:
        answer = iti105(record, CNAM, successor(record, one, way), one)
        assert answer.status in (403, 422), (way, answer.body)
    assert status_of(record, one) == "current"


def test_a_document_relates_to_so_many_and_no_more(record: Record) -> None:
    far = [{"code": "appends", "target": {"identifier": {"value": str(n)}}} for n in range(101)]
    assert record.deposit(ANNE, relatesTo=far[:100]).status == 201
    assert record.deposit(ANNE, relatesTo=far).status == 422


def test_a_document_keeps_what_it_relates_to(record: Record) -> None:
    one, new = old(record), old(record)
    relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{one.id}"}}]
    assert record.patch(ANNE, new.id, ("/relatesTo", relation)).status == 405
    body = record.read(ANNE, new.id).json | {"relatesTo": relation}
    assert record.house.call("PUT", f"DocumentReference/{new.id}", ANNE, body).status == 405
    assert status_of(record, one) == "current"
