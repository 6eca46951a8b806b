"""A deposit needs the scope to create each type that it creates, through whatever door it comes.

`contract.md` section 7, More points; IHE MHD ITI-65 and ITI-105
"""

from itertools import combinations
from typing import Any

import pytest

from tests.house import ANNE, Answer
from tests.policy.record import Record, document

TYPES = ("DocumentReference", "Binary", "List")
URN = "urn:uuid:00000000-0000-4000-8000-00000000000"
ENOUGH = ("user/*.c", "user/*.write", "system/*.cruds", "ITI-65", "ITI-105",
          "user/DocumentReference.c user/Binary.cu user/List.cruds")  # fmt: skip
TOO_LITTLE = [
    " ".join(f"user/{type_}.c" for type_ in some)
    for count in range(3)
    for some in combinations(TYPES, count)
] + [
    "user/DocumentReference.c user/List.c user/Binary.ruds", "user/*.ruds", "ITI-67 ITI-68",
    "patient/*.c",
]  # fmt: skip


def entries(record: Record) -> list[dict[str, Any]]:
    """ITI-65: a List, the document, its bytes."""
    made = document(record.id)
    attachment = made["content"][0]["attachment"]
    data = attachment.pop("data")
    attachment["url"] = f"{URN}3"
    subject, item = {"reference": f"Patient/{record.id}"}, {"item": {"reference": f"{URN}2"}}
    resources = [
        {"resourceType": "List", "status": "current", "mode": "working", "subject": subject,
         "entry": [item]},
        made,
        {"resourceType": "Binary", "contentType": "text/plain", "data": data},
    ]  # fmt: skip
    return [
        {"fullUrl": f"{URN}{n}", "resource": resource,
         "request": {"method": "POST", "url": resource["resourceType"]}}
        for n, resource in enumerate(resources, 1)
    ]  # fmt: skip


def iti65(record: Record, scope: str) -> Answer:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries(record)}
    return record.house.post("", ANNE.but(scope=scope), bundle)


def backwards(record: Record, scope: str) -> Answer:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries(record)[::-1]}
    return record.house.post("", ANNE.but(scope=scope), bundle)


def iti105(record: Record, scope: str) -> Answer:
    return record.house.post("DocumentReference", ANNE.but(scope=scope), document(record.id))


def within(kind: str) -> Any:
    """ITI-105 as an entry of a Bundle."""

    def sent(record: Record, scope: str) -> Answer:
        request = {"method": "POST", "url": "DocumentReference"}
        entry = {"resource": document(record.id), "request": request}
        bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
        answer = record.house.post("", ANNE.but(scope=scope), bundle)
        if kind == "batch":
            assert answer.status == 200
            status = answer.json["entry"][0]["response"]["status"]
            return Answer(int(status[:3]), {}, answer.body)
        return answer

    return sent


DOORS = {
    "ITI-65": iti65, "ITI-65, bytes first": backwards, "ITI-105": iti105,
    "transaction": within("transaction"), "batch": within("batch"),
}  # fmt: skip


def left(record: Record) -> list[int]:
    return [len(record.found(ANNE, type_=type_)) for type_ in ("DocumentReference", "List")]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("scope", TOO_LITTLE, ids=lambda scope: scope or "none")
def test_a_deposit_without_the_scope_of_each_type_is_refused(
    record: Record, door: str, scope: str
) -> None:
    record.deposited(ANNE)  # a right in the record, so that it can be looked at
    answer = DOORS[door](record, scope)
    assert answer.status in (401, 403), answer.body
    assert left(record) == [1, 1]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("scope", ENOUGH)
def test_a_deposit_with_the_scope_of_each_type_is_taken(
    record: Record, door: str, scope: str
) -> None:
    if scope == "ITI-105" and door.startswith("ITI-65"):
        scope += " user/List.c"
    answer = DOORS[door](record, scope)
    assert answer.status in (200, 201), answer.body
    assert left(record) == [1, 1]
