"""A uniqueId names one document, however it is spelled and through whatever door it comes
(contract 7, Identifiers and uniqueId).
"""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from fhir_server.load import load_files
from fhir_server.policy.labels import MASKED
from tests.documents import cda, new_document_id
from tests.house import ANNE, NINA, PAUL
from tests.law.test_replacement import DOORS, Old, iti105, metadata, number
from tests.people import stored
from tests.policy.record import Record, document
from tests.rest.bundles import entry

URI = "urn:ietf:rfc:3986"
INDIRECT = ANNE.but(auth_mode="INDIRECTE")
NOBODY = Old("11111111-1111-4111-8111-111111111111", "1.2.3")  # what a door would patch too


def oids(oid: str) -> list[dict[str, str]]:
    return [
        {"system": URI, "value": f"urn:oid:{oid}"},
        {"system": URI, "value": f"URN:OID:{oid}"},
        {"system": URI, "value": oid},
        {"value": f"urn:oid:{oid}"},
    ]


def uuids(uuid: str) -> list[dict[str, str]]:
    return [
        {"system": URI, "value": f"urn:uuid:{uuid}"},
        {"system": URI, "value": f"urn:uuid:{uuid.upper()}"},
        {"system": URI, "value": "{" + uuid.upper() + "}"},
        {"system": URI, "value": uuid},
        {"value": f"URN:UUID:{uuid}"},
    ]


def extended(oid: str) -> list[dict[str, str]]:
    return [
        {"system": URI, "value": f"urn:oid:{oid}^A1"},
        {"system": URI, "value": f"{oid}^A1"},
        {"system": f"urn:oid:{oid}", "value": "A1"},
        {"system": f"URN:OID:{oid}", "value": "A1"},
    ]


def kinds() -> list[list[dict[str, str]]]:
    return [oids(new_document_id()), uuids(str(uuid4())), extended(new_document_id())]


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["OID", "UUID", "extension"])
@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_a_uniqueId_is_in_use_in_every_spelling(record: Record, kind: int, first: int) -> None:
    spellings = kinds()[kind]
    id_ = record.deposited(ANNE, masterIdentifier=spellings[first])
    for spelling in spellings:
        for who in (ANNE, NINA, INDIRECT):
            answer = record.deposit(who, masterIdentifier=spelling)
            assert answer.status == 409, (spelling, answer.body)
        text = "|".join(one for one in (spelling.get("system"), spelling["value"]) if one)
        query = {"identifier": text, "patient": record.id}
        found = record.house.call("GET", "DocumentReference", NINA, query=query)
        assert [one["id"] for one in found.entries] == [id_], text
    assert record.mask(record.holder, id_).status == 200
    for spelling in spellings:  # as if it had never been stored
        other = stored(record.deposit(NINA, masterIdentifier=spelling))
        assert record.house.call("DELETE", f"DocumentReference/{other}", NINA).status == 204


@pytest.mark.parametrize("door", [door for door in DOORS if "update" not in door])
def test_a_document_comes_once_through_any_door(record: Record, door: str) -> None:
    data = cda(patient_ins=number(record), document_id=new_document_id())
    stored(DOORS[door](record, ANNE, metadata(record, data), NOBODY))
    for other in (door, "ITI-105", "ITI-65"):
        assert DOORS[other](record, ANNE, metadata(record, data), NOBODY).status == 409
    assert len(record.found(PAUL)) == 1


@pytest.mark.parametrize("door", ["ITI-105", "batch", "ITI-65", "ITI-65, bytes first"])
def test_one_cda_has_one_uniqueId(record: Record, door: str) -> None:
    data = cda(patient_ins=number(record), document_id=new_document_id())
    stored(iti105(record, ANNE, metadata(record, data), NOBODY))
    for other in oids(new_document_id()):
        body = metadata(record, data, masterIdentifier=other)
        assert DOORS[door](record, ANNE, body, NOBODY).status in (409, 422)
    assert len(record.found(PAUL)) == 1


def test_two_of_one_transaction_are_not_the_same(record: Record) -> None:
    first, second = oids(new_document_id())[:2]
    entries = [
        entry("POST", "DocumentReference", document(record.id, masterIdentifier=one))
        for one in (first, second)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert record.house.post("", ANNE, bundle).status == 409
    assert record.found(PAUL) == set()


def test_what_is_loaded_is_not_there_twice(record: Record, tmp_path: Path) -> None:
    spellings = oids(new_document_id())
    id_ = record.deposited(ANNE, MASKED, masterIdentifier=spellings[0])
    body = document(record.id, masterIdentifier=spellings[1])
    put: dict[str, Any] = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [entry("PUT", "DocumentReference/chosen", body | {"id": "chosen"})],
    }  # fmt: skip
    for content in (body, put):
        file = tmp_path / "new.json"
        file.write_text(json.dumps(content))
        said = list[str]()
        assert load_files([file], record.house.services, said.append) == 1
        assert "uniqueId" in said[1]
    assert record.found(PAUL) == {id_}


def test_what_is_loaded_under_a_chosen_id_is_a_deposit(record: Record, tmp_path: Path) -> None:
    data = cda(patient_ins=number(record), confidentiality=("N", "MASQUE_PS"))
    attachment = {"contentType": "text/xml", "data": b64encode(data).decode()}
    id_ = str(uuid4())
    body = document(record.id, content=[{"attachment": attachment}]) | {"id": id_}
    put = {"resourceType": "Bundle", "type": "transaction"}
    put |= {"entry": [entry("PUT", f"DocumentReference/{id_}", body)]}
    file = tmp_path / "new.json"
    file.write_text(json.dumps(put))
    said = list[str]()
    assert load_files([file], record.house.services, said.append) == 0, said
    assert record.sees(PAUL, id_) and not record.sees(NINA, id_)
    assert record.house.call("DELETE", f"DocumentReference/{id_}", ANNE).status == 204
    assert load_files([file], record.house.services, said.append) == 1
    assert record.read(ANNE, id_).status == 410


@pytest.mark.parametrize("value", [" urn:oid:1.2.3", "urn:oid:1.2.3 ", "\turn:oid:1.2.3"])
def test_a_uniqueId_with_blanks_around_it_is_refused(record: Record, value: str) -> None:
    answer = record.deposit(ANNE, masterIdentifier={"system": URI, "value": value})
    assert answer.status in (400, 422), answer.body
