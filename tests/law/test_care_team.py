"""Who composes the care team, and for how long: L.1110-12 2° CSP.

`contract.md` sections 4 and 7: operator, attending doctor, a member who adds another, and the
holder, who adds and takes out.
"""

import json
from typing import Any

import pytest

from tests.house import ANNE, CNAM, NINA, OTTO, PAUL, PS, STRUCTURE, House, Person
from tests.interactions.shared import new_ins
from tests.law.people import relative, somebody
from tests.people import logical, stored, team
from tests.policy.record import PATCH, Record, made

HOUSE_OF_OTTO = Person("system", OTTO.organization, "Clinique", OTTO.organization)
NEXT_WEEK, NEXT_YEAR = {"end": "2026-12-01"}, {"end": "2027-11-24"}


def practitioner(record: Record, who: Person) -> dict[str, Any]:
    """A member by a literal reference to a stored Practitioner."""
    system, value = who.sub.split("|")
    body = {"resourceType": "Practitioner", "identifier": [{"system": system, "value": value}]}
    return {"reference": f"Practitioner/{stored(record.house.post('Practitioner', CNAM, body))}"}


def put(record: Record, who: Person, members: list[dict[str, Any]], **more: Any) -> int:
    found = record.team()
    body = found | {"participant": members} | more
    return record.house.call("PUT", f"CareTeam/{found['id']}", who, body).status


def patch(record: Record, who: Person, path: str, value: Any) -> int:
    found, change = record.team(), [{"op": "add", "path": path, "value": value}]
    body, address = json.dumps(change).encode(), f"CareTeam/{found['id']}"
    return record.house.call("PATCH", address, who, body, content_type=PATCH).status


def holder_of(record: Record) -> Person:
    return record.holder


def mother_of(record: Record) -> Person:
    who = somebody()
    relative(record, who, "PRN")
    return who


def guardian_of(record: Record) -> Person:
    who = somebody()
    relative(record, who, "representation")
    return who


@pytest.mark.parametrize("who", [holder_of, mother_of, guardian_of])
@pytest.mark.parametrize("member", ["logical", "literal", "establishment"])
@pytest.mark.parametrize("way", ["PUT", "PATCH"])
def test_the_holder_adds_a_member_and_takes_them_out(
    house: House, who: Any, member: str, way: str
) -> None:
    more = {"birthDate": "2020-03-01"} if who is mother_of else {}
    record = made(house, [NINA], doctor=PAUL, **more)
    caller, letter = who(record), record.deposited(ANNE)
    named = {
        "logical": lambda: logical(OTTO), "literal": lambda: practitioner(record, OTTO),
        "establishment": lambda: logical(HOUSE_OF_OTTO),
    }[member]()  # fmt: skip
    before = record.team()["participant"]
    assert not record.sees(OTTO, letter)
    added = {"member": named}
    if way == "PUT":
        assert put(record, caller, [*before, added]) == 200
    else:
        assert patch(record, caller, "/participant/-", added) == 200
    assert record.sees(OTTO, letter)
    assert put(record, caller, before) == 200
    assert not record.sees(OTTO, letter)


def test_the_holder_exchanges_members_and_ends_the_team_and_nothing_more(record: Record) -> None:
    otto = {"member": logical(OTTO)}
    assert put(record, record.holder, [otto]) == 200
    assert put(record, record.holder, [otto], name="Mon équipe") == 403
    assert put(record, record.holder, [otto], period=NEXT_YEAR) == 403
    assert put(record, record.holder, [otto], status="suspended") == 403
    assert put(record, record.holder, [otto], status="inactive") == 200
    assert put(record, record.holder, [otto], status="active") == 403
    assert record.house.post("CareTeam", record.holder, team(record.id, OTTO)).status == 403


@pytest.mark.parametrize("who", ["stranger", "another holder", "insurer"])
def test_nobody_else_adds_a_member(record: Record, who: str) -> None:
    caller = {
        "stranger": OTTO, "another holder": somebody("holder"),
        "insurer": Person("insurer", f"{STRUCTURE}|1750100174"),
    }[who]  # fmt: skip
    before = record.team()["participant"]
    assert put(record, caller, [*before, {"member": logical(OTTO)}]) in (403, 404, 405)
    assert record.team()["participant"] == before


def test_one_who_is_blocked_adds_nobody(record: Record) -> None:
    stored(record.consent(record.holder, "dmp-pro-block", NINA))
    before = record.team()["participant"]
    assert put(record, NINA, [*before, {"member": logical(OTTO)}]) in (403, 405)


# what a member whose own membership ends next week adds, and how it ends
GIVEN: list[tuple[str, Any, dict[str, Any] | None, int]] = [
    ("another, as long", OTTO, NEXT_WEEK, 200),
    ("another, shorter", OTTO, {"start": "2026-11-20", "end": "2026-11-30"}, 200),
    ("another, longer", OTTO, NEXT_YEAR, 403),
    ("another, for ever", OTTO, None, 403),
    ("another, from a day on", OTTO, {"start": "2026-11-20"}, 403),
    ("an establishment, for ever", HOUSE_OF_OTTO, None, 403),
    ("themselves again, longer", NINA, NEXT_YEAR, 403),
    ("themselves again, for ever", NINA, None, 403),
    ("themselves again, as long", NINA, NEXT_WEEK, 200),
    ("a third who is one for ever", PAUL, None, 200),
]


@pytest.mark.parametrize(("who", "period", "status"), [row[1:] for row in GIVEN],
                         ids=[row[0] for row in GIVEN])
@pytest.mark.parametrize("way", ["PUT", "PATCH"])
def test_a_member_gives_no_longer_than_their_own_membership(
    house: House, who: Person, period: dict[str, Any] | None, status: int, way: str
) -> None:
    record = made(house, [])
    mine = {"member": logical(NINA), "period": NEXT_WEEK}
    body = team(record.id) | {"participant": [mine, {"member": logical(PAUL)}]}
    stored(house.post("CareTeam", CNAM, body))
    added = {"member": logical(who)} | ({"period": period} if period else {})
    if way == "PUT":
        assert put(record, NINA, [*record.team()["participant"], added]) == status
    else:
        assert patch(record, NINA, "/participant/-", added) == status
    # What another right gives is not bound: the holder's.
    if status == 403:
        assert put(record, record.holder, [*record.team()["participant"], added]) == 200


@pytest.mark.parametrize("of_team", [True, False])
def test_a_member_changes_no_term_that_stands_there(house: House, of_team: bool) -> None:
    record = made(house, [])
    mine = {"member": logical(NINA)} | ({} if of_team else {"period": NEXT_WEEK})
    body = team(record.id) | {"participant": [mine]} | ({"period": NEXT_WEEK} if of_team else {})
    stored(house.post("CareTeam", CNAM, body))
    longer = {"period": NEXT_YEAR} if of_team else {}
    members = [mine if of_team else mine | {"period": NEXT_YEAR}]
    assert put(record, NINA, members, **longer) == 403
    assert put(record, NINA, [mine, {"member": logical(OTTO)}]) == (200 if of_team else 403)


def test_a_colleague_of_a_house_that_is_a_member_counts_by_the_house(house: House) -> None:
    record = made(house, [])
    nurse = Person("professional", f"{PS}|81{new_ins()[-10:]}", "Une collègue", OTTO.organization)
    body = team(record.id) | {"participant": [
        {"member": logical(HOUSE_OF_OTTO), "period": NEXT_WEEK}]}  # fmt: skip
    stored(house.post("CareTeam", CNAM, body))
    before = record.team()["participant"]
    assert put(record, nurse, [*before, {"member": logical(ANNE)}]) == 403
    assert put(record, nurse, [*before, {"member": logical(ANNE), "period": NEXT_WEEK}]) == 200
