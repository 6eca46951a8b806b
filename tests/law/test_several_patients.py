"""A search that names several patients: the caller is answered for those in whose record they have
a right, and what they asked of the others is traced there as a refusal (R092, R100, R046).
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.house import CNAM, NINA, OTTO, PAUL, House, Person
from tests.law.people import breaking_glass
from tests.people import stored
from tests.policy.record import Record, made, user

QUERIES: dict[str, Callable[[Record, Record], str]] = {
    "ids": lambda a, b: f"DocumentReference?patient={a.id},{b.id}",
    "the other first": lambda a, b: f"DocumentReference?patient={b.id},{a.id}",
    "references": lambda a, b: f"Observation?subject=Patient/{a.id},Patient/{b.id}",
    "identifiers": lambda a, b: (
        f"DocumentReference?patient.identifier={a.holder.sub},{b.holder.sub}"
    ),
    "several types": lambda a, b: f"?_type=DocumentReference,List&patient={a.id},{b.id}",
    "with what is included": lambda a, b: (
        f"DocumentReference?patient={a.id},{b.id}&_include=DocumentReference:subject"
    ),
    "no total": lambda a, b: f"DocumentReference?patient={a.id},{b.id}&_total=none",
}


def refusals(record: Record, of: Person, by: Person) -> list[dict[str, Any]]:
    return [
        event for event in record.traces(by)
        if user(event) == of.sub and event.get("outcome") != "0"
    ]  # fmt: skip


def rules(event: dict[str, Any]) -> set[str]:
    policies = [policy for agent in event["agent"] for policy in agent.get("policy", ())]
    return {policy.rpartition("/")[2] for policy in policies}


@pytest.mark.parametrize("name", QUERIES)
def test_r092_what_is_withheld_of_one_is_traced_there(house: House, name: str) -> None:
    mine, other = made(house, [NINA], doctor=PAUL), made(house, [], doctor=PAUL)
    id_ = mine.deposited(PAUL)
    other.deposited(PAUL)
    answer = house.get(QUERIES[name](mine, other), NINA)
    assert answer.status == 200
    shown = {one["id"] for one in answer.entries if one["resourceType"] == "DocumentReference"}
    assert shown in ({id_}, set()) and other.id not in {entry["id"] for entry in answer.entries}
    for reader in (other.holder, PAUL, CNAM):
        (event,) = refusals(other, NINA, reader)
    assert rules(event) >= {"R092"}
    assert refusals(mine, NINA, CNAM) == []
    seen = house.get("AuditEvent?_count=500", NINA).entries
    assert not [one for one in seen if f"Patient/{other.id}" in str(one.get("entity"))
                and one.get("outcome") != "0"]  # fmt: skip


def test_r100_of_one_that_blocks_too(house: House) -> None:
    mine, other = made(house, [NINA], doctor=PAUL), made(house, [NINA], doctor=PAUL)
    stored(other.consent(other.holder, "dmp-pro-block", NINA))
    assert house.get(f"List?patient={mine.id},{other.id}", NINA).status == 200
    (event,) = refusals(other, NINA, CNAM)
    assert "R100" in rules(event)


def test_a_token_for_one_record_is_refused_in_the_other(house: House) -> None:
    mine, other = made(house, [], doctor=PAUL), made(house, [OTTO], doctor=PAUL)
    who = breaking_glass(mine)
    assert house.get(f"List?patient={mine.id},{other.id}", who).status == 200
    assert len(refusals(other, OTTO, CNAM)) == 1 and refusals(mine, OTTO, CNAM) == []


def test_both_seen_leave_no_refusal_and_nobody_is_refused_twice(house: House) -> None:
    mine, other = made(house, [NINA], doctor=PAUL), made(house, [NINA], doctor=PAUL)
    assert house.get(f"List?patient={mine.id},{other.id}", NINA).status == 200
    assert refusals(other, NINA, CNAM) == refusals(mine, NINA, CNAM) == []
    assert house.get(f"List?patient={mine.id},{other.id}", OTTO).status == 403
    for record in (mine, other):
        assert len(refusals(record, OTTO, CNAM)) == 1


def test_of_a_patient_nobody_has_there_is_none(house: House) -> None:
    mine = made(house, [NINA], doctor=PAUL)
    assert house.get(f"List?patient={mine.id},never", NINA).status == 200
    assert refusals(mine, NINA, CNAM) == []
