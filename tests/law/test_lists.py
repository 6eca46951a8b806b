"""A List shows no entry that leads to a hidden document, however its author named the document."""

from typing import Any

import pytest

from tests.house import ANNE, BASE, NINA, PAUL, House
from tests.people import stored
from tests.policy.record import Record, document

OID, UUID = "1.2.250.1.999.{n}", "aaaaaaaa-0000-4000-8000-0000000{n}"
SPELLED: dict[str, dict[str, Any]] = {
    "address": {"reference": "DocumentReference/{id}"},
    "absolute address": {"reference": BASE + "/DocumentReference/{id}"},
    "slash before": {"reference": "/DocumentReference/{id}"},
    "slash behind": {"reference": "DocumentReference/{id}/"},
    "lower case": {"reference": "documentreference/{id}"},
    "version": {"reference": "DocumentReference/{id}/_history/1"},
    "fragment": {"reference": "DocumentReference/{id}#x"},
    "condition": {"reference": "DocumentReference?identifier=urn:oid:{oid}"},
    "uniqueId": {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:{oid}"}},
    "uniqueId in capitals": {
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "URN:OID:{oid}"}
    },
    "uniqueId with its type": {
        "type": "DocumentReference",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:{oid}"},
    },
    "entryUUID": {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:{uuid}"}},
}


def filled(value: Any, **words: str) -> Any:
    if isinstance(value, dict):
        return {name: filled(inner, **words) for name, inner in value.items()}
    return value.format(**words)


def listed(record: Record, *items: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "List", "status": "current", "mode": "working",
        "subject": {"reference": f"Patient/{record.id}"}, "entry": [{"item": one} for one in items],
    }  # fmt: skip


def named_document(record: Record) -> dict[str, str]:
    """A document with a uniqueId and an entryUUID of its own: the words to name it by."""
    number = f"{record.house.clock() % 100_000:05}"
    words = {"oid": OID.format(n=number), "uuid": UUID.format(n=number)}
    system = "urn:ietf:rfc:3986"
    return words | {"id": record.deposited(
        ANNE,
        masterIdentifier={"system": system, "value": f"urn:oid:{words['oid']}"},
        identifier=[{"system": system, "value": f"urn:uuid:{words['uuid']}"}],
    )}  # fmt: skip


@pytest.mark.parametrize("name", SPELLED)
def test_R039_an_entry_goes_with_its_document(record: Record, name: str) -> None:
    words, other = named_document(record), record.deposited(PAUL)
    items = filled(SPELLED[name], **words), {"reference": f"DocumentReference/{other}"}
    both = stored(record.house.post("List", PAUL, listed(record, *items)))
    alone = stored(record.house.post("List", PAUL, listed(record, items[0])))
    assert record.found(NINA, type_="List") >= {both, alone}
    assert record.mask(record.holder, words["id"]).status == 200
    for rest in ("", "/_history", "/_history/1"):
        text = record.house.get(f"List/{both}{rest}", NINA).body.decode()
        assert other in text and not [word for word in words.values() if word in text]
    assert both in record.found(NINA, type_="List")
    assert record.house.get(f"List/{alone}", NINA).status == 404
    assert alone not in record.found(NINA, type_="List")
    assert record.house.get(f"List/{alone}", PAUL).status == 200


def test_it_may_come_before_the_document_in_one_transaction(record: Record, house: House) -> None:
    number = {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.7.7"}
    entries = [
        {"request": {"method": "POST", "url": body["resourceType"]}, "resource": body}
        for body in (
            listed(record, {"identifier": number}), document(record.id, masterIdentifier=number)
        )
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = house.post("", PAUL, bundle)
    assert answer.status == 200, answer.body
    places = [one["response"]["location"].split("/") for one in answer.json["entry"]]
    (list_id, id_) = (parts[-3] for parts in places)
    item = house.get(f"List/{list_id}", PAUL).json["entry"][0]["item"]
    assert item["reference"] == f"DocumentReference/{id_}" and item["identifier"] == number
