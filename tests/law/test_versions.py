"""One document is the current one of those that replace each other: R071, R072; domain.md 5.3."""

from typing import Any

import pytest

from tests.house import ANNE, PAUL
from tests.people import stored
from tests.policy.record import Record, document, replacing
from tests.rest.patches import FORMS, JSON_PATCH, patched


def transaction(record: Record, body: dict[str, Any]) -> int:
    entry = {"request": {"method": "POST", "url": "DocumentReference"}, "resource": body}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    return record.house.post("", ANNE, bundle).status


@pytest.mark.parametrize("status", ["superseded", "entered-in-error"])
@pytest.mark.parametrize("door", ["ITI-105", "transaction"])
def test_a_document_is_deposited_as_the_current_one(
    record: Record, status: str, door: str
) -> None:
    body = document(record.id, status=status)
    if door == "transaction":
        assert transaction(record, body) == 422
    else:
        answer = record.house.post("DocumentReference", ANNE, body)
        assert answer.status == 422 and f"`{status}`" in answer.diagnostics
        assert answer.json["issue"][0]["expression"] == ["DocumentReference.status"]
    assert record.found(PAUL) == record.found(PAUL, "&status=superseded") == set()


def back(record: Record, id_: str, door: str) -> int:
    """Set it back to `current`, by a PUT, a condition, or a form of PATCH."""
    house, path = record.house, f"DocumentReference/{id_}"
    if door == "PUT":
        body = record.read(ANNE, id_).json | {"status": "current"}
        return house.call("PUT", path, ANNE, body).status
    change = ("replace", "DocumentReference.status", "current")
    if door == "condition":
        query = f"_id={id_}"
        return patched(
            house, "DocumentReference", JSON_PATCH, change, who=ANNE, query=query
        ).status
    return patched(house, path, door, change, who=ANNE).status


DOORS = ("PUT", "condition", *FORMS)


@pytest.mark.parametrize("door", DOORS)
def test_r071_one_that_was_replaced_is_not_current_again_beside_its_successor(
    record: Record, door: str
) -> None:
    old = record.deposited(ANNE)
    new = stored(record.house.post("DocumentReference", ANNE, replacing(record.id, old)))
    assert back(record, old, door) == 422
    assert record.found(PAUL, "&status=current") == {new}
    assert record.house.call("DELETE", f"DocumentReference/{new}", ANNE).status == 204
    assert back(record, old, door) == 200
    assert record.found(PAUL, "&status=current") == {old}


def test_one_that_nothing_has_replaced_is(record: Record) -> None:
    id_ = record.deposited(ANNE)
    assert record.patch(ANNE, id_, ("/status", "superseded")).status == 200
    assert back(record, id_, "PUT") == 200
