"""Who lives a record in its holder's stead: his representatives close, reopen, object and have it
destroyed, and are told what he is told.

R.1111-40 al.5, L.1111-14 al.5 CSP; design, `domain.md` 1.4 (R012, R015, R018, R020).
"""

import pytest

from tests.house import ANNE, CNAM, NINA, PAUL, House, Person
from tests.law.people import relative, somebody
from tests.law.timed import (
    destroy_me,
    existence,
    jobs,
    notices,
    now,
    patch,
    reopen,
    state,
    unopened,
    wait,
)
from tests.people import stored
from tests.policy.record import Record, made

VEILED, SECRET = "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"
# The kind of representation, and how old the holder is.
KINDS = {"GUARD": 10, "representation": 70}


def born(house: House, years: int) -> str:
    return f"{int(now(house)[:4]) - years:04}-01-15"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def mother() -> Person:
    return somebody(name="Une Mere")


@pytest.fixture
def record(house: House, kind: str, mother: Person) -> Record:
    """Of somebody whom `mother` represents."""
    found = made(house, [NINA], doctor=PAUL, birthDate=born(house, KINDS[kind]))
    relative(found, mother, kind)
    return found


def test_R015_R018_a_representative_closes_and_reopens_and_is_told(
    record: Record, mother: Person
) -> None:
    record.closed(mother)
    assert state(record) == "closed"
    assert len(notices(record, mother, "record-closed")) == 1
    assert reopen(record, mother) == 200
    assert state(record) == "open"


def test_R015_a_representative_dates_no_closing(record: Record, mother: Person) -> None:
    assert patch(record, mother, ("replace", "/active", False)) == 200
    held = record.house.get(f"Patient/{record.id}", mother).json
    (closing,) = held["extension"]
    closing["extension"][0]["valueDate"] = "2001-01-01"
    answer = record.house.call("PUT", f"Patient/{record.id}", mother, held)
    assert answer.json["extension"][0]["extension"][0]["valueDate"] == now(record.house)[:10]


def test_R020_a_representative_has_a_closed_record_destroyed(
    record: Record, mother: Person
) -> None:
    record.closed(mother)
    destroy_me(record, mother)
    wait(record.house, months=3)
    jobs(record.house)
    assert state(record) == "none"


def test_R012_a_representative_objects_to_an_opening(
    house: House, kind: str, mother: Person
) -> None:
    record = unopened(house, birthDate=born(house, KINDS[kind]))
    relative(record, mother, kind)
    stored(house.post("Consent", CNAM, existence(record)))
    assert house.post("Consent", mother, existence(record, "rejected")).status == 201
    wait(house, days=43)
    jobs(house)
    assert state(record) == "before"


def test_R012_who_represents_nobody_here_objects_to_nothing(house: House, kind: str) -> None:
    record = unopened(house, birthDate=born(house, KINDS[kind]))
    stored(house.post("Consent", CNAM, existence(record)))
    assert house.post("Consent", somebody(), existence(record, "rejected")).status == 403


def test_R075_a_representative_is_invited_like_the_holder(record: Record, mother: Person) -> None:
    record.deposited(ANNE, VEILED)
    wait(record.house, days=14)
    jobs(record.house)
    assert len(notices(record, mother, "hidden-datum")) == 1


def test_R051_not_to_what_is_kept_secret_from_him(record: Record, mother: Person) -> None:
    record.deposited(ANNE, VEILED, SECRET)
    wait(record.house, days=14)
    jobs(record.house)
    assert notices(record, mother) == []
    assert notices(record, PAUL, "hidden-datum") != []
