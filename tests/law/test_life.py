"""The life of a record: announced, opened or opposed, closed, reopened, destroyed.

Design, `domain.md` 1.4 (R010 to R023); `contract.md` section 7, Record.
"""

import pytest

from fhir_server.policy.relations import CLOSING, SUSPENSION
from tests.house import ANNE, CNAM, LUCIEN, NINA, PAUL, House, Person
from tests.law.timed import (
    events,
    existence,
    jobs,
    notices,
    now,
    patch,
    proposed,
    reopen,
    rule_of,
    state,
    unopened,
    wait,
)
from tests.people import consent, stored
from tests.policy.record import Record


# Opening.


def test_R011_a_record_opens_six_weeks_after_its_holder_was_informed(house: House) -> None:
    record = proposed(house)
    wait(house, days=41)
    jobs(house)
    assert record.deposit(ANNE).status == 422
    wait(house, days=1)
    jobs(house)
    assert record.deposit(ANNE).status == 201
    assert record.find(record.holder).status == 200


def test_R011_the_consent_is_active_then_and_the_trail_names_the_rule(house: House) -> None:
    record = proposed(house)
    wait(house, days=43)
    jobs(house)
    (found,) = record.find(CNAM, type_="Consent").entries
    assert found["status"] == "active"
    (event,) = events(record, "record-opened", record.holder)
    assert rule_of(event) == "R011"


def test_R011_the_holder_is_told_that_his_record_is_open(house: House) -> None:
    record = proposed(house)
    wait(house, days=43)
    jobs(house)
    (told,) = notices(record, record.holder)
    assert told["category"][0]["coding"][0]["code"] == "record-opened"


def test_R011_a_day_named_without_hour_counts_from_its_end(house: House) -> None:
    record = unopened(house)
    day = now(house)[:10]
    stored(house.post("Consent", CNAM, existence(record, dateTime=day)))
    wait(house, days=42)
    jobs(house)
    assert state(record) == "before"
    wait(house, days=1)
    jobs(house)
    assert state(record) == "open"


@pytest.mark.parametrize("by_ins", [True, False], ids=["by INS", "by address"])
def test_R012_a_record_whose_holder_objects_is_never_opened(house: House, by_ins: bool) -> None:
    record = proposed(house)
    wait(house, days=20)
    objection = existence(record, "rejected")
    if by_ins:
        system, value = record.holder.sub.split("|")
        objection["patient"] = {"identifier": {"system": system, "value": value}}
    assert house.post("Consent", record.holder, objection).status == 201
    wait(house, months=12)
    jobs(house)
    assert state(record) == "before"
    assert record.deposit(ANNE).status == 422


def test_R012_nobody_else_objects_and_nobody_learns_that_there_is_something(house: House) -> None:
    record = proposed(house)
    objection = existence(record, "rejected")
    assert house.post("Consent", LUCIEN, objection).status == 403
    elsewhere = existence(record, "rejected")
    elsewhere["patient"] = {"reference": "Patient/nobody"}
    there, nowhere = (house.post("Consent", NINA, one) for one in (objection, elsewhere))
    assert there.status == nowhere.status == 422
    assert there.body.replace(record.id.encode(), b"nobody") == nowhere.body


def test_R012_who_objects_reads_no_record_that_is_not_opened(house: House) -> None:
    record = proposed(house)
    made = house.post("Consent", record.holder, existence(record, "rejected"))
    assert house.get(f"Consent/{made.id}", record.holder).status == 404
    assert record.find(record.holder, type_="Consent").status == 403


def test_R012_before_the_opening_a_holder_may_say_nothing_else(house: House) -> None:
    record = proposed(house)
    for one in (existence(record, "proposed"), consent(record.id, "dmp-pro-access", NINA)):
        assert house.post("Consent", record.holder, one).status in (403, 422)


def test_R013_no_professional_opens_a_record(house: House) -> None:
    record = proposed(house)
    assert house.post("Consent", PAUL, existence(record, "active")).status == 422
    assert patch(record, PAUL, ("replace", "/active", True)) == 404
    assert state(record) == "before"


# Closing and reopening.


def test_R014_the_holder_closes_and_is_told(record: Record) -> None:
    record.closed()
    (told,) = notices(record, record.holder)
    assert told["category"][0]["coding"][0]["code"] == "record-closed"
    assert told["recipient"] == [{"reference": f"Patient/{record.id}"}]


def test_R014_only_the_operator_dates_a_closing(record: Record, house: House) -> None:
    past = {"url": CLOSING, "extension": [{"url": "dateFermeture", "valueDate": "2001-01-01"}]}
    held = house.get(f"Patient/{record.id}", record.holder).json
    closed = held | {"active": False, "extension": [past]}
    answer = house.call("PUT", f"Patient/{record.id}", record.holder, closed)
    assert answer.status == 200
    (closing,) = answer.json["extension"]
    assert closing["extension"][0]["valueDate"] == now(house)[:10]


def test_R014_a_closed_record_stays_closed_for_its_holder_whatever_he_takes_out(
    record: Record, house: House
) -> None:
    record.closed()
    held = house.get(f"Patient/{record.id}", record.holder).json
    del held["extension"]
    assert house.call("PUT", f"Patient/{record.id}", record.holder, held).status == 200
    assert state(record) == "closed"


def test_R016_no_professional_closes_a_record(record: Record) -> None:
    for who in (PAUL, NINA, ANNE):
        assert patch(record, who, ("replace", "/active", False)) == 403


def test_R018_a_record_reopens_within_ten_years_with_what_was_in_it(record: Record) -> None:
    letter = record.deposited(ANNE)
    record.closed()
    wait(record.house, months=119)
    jobs(record.house)
    assert reopen(record, record.holder) == 200
    assert record.sees(NINA, letter)
    assert len(notices(record, record.holder, "record-reopened")) == 1


def test_R018_what_is_reopened_is_not_destroyed_when_the_archive_would_have_ended(
    record: Record,
) -> None:
    record.closed()
    wait(record.house, months=100)
    assert reopen(record, record.holder) == 200
    wait(record.house, months=100)
    jobs(record.house)
    assert state(record) == "open"


# Suspension.


def suspend(record: Record, who: Person) -> int:
    said = {"url": SUSPENSION, "valueDateTime": now(record.house)}
    return patch(record, who, ("add", "/extension", [said]))


def suspended(record: Record) -> None:
    assert suspend(record, CNAM) == 200


def test_R017_a_suspended_record_is_shut_to_professionals_and_its_holder_is_told(
    record: Record,
) -> None:
    letter = record.deposited(ANNE)
    suspended(record)
    assert record.find(NINA).status == record.find(PAUL).status == 403
    assert record.read(record.holder, letter).status == 200
    assert len(notices(record, record.holder, "record-suspended")) == 1


def test_R017_it_is_closed_after_six_weeks(record: Record) -> None:
    suspended(record)
    wait(record.house, days=43)
    jobs(record.house)
    patient = record.house.get(f"Patient/{record.id}", record.holder).json
    assert patient["active"] is False
    assert [one["url"] for one in patient["extension"]] == [CLOSING]
    assert len(notices(record, record.holder, "record-closed")) == 1
    assert [rule_of(event) for event in events(record, "record-closed")] == ["R017"]


def test_R017_not_if_its_holder_objects(record: Record) -> None:
    suspended(record)
    stored(record.house.post("Consent", record.holder, existence(record, "rejected")))
    wait(record.house, months=6)
    jobs(record.house)
    assert record.house.get(f"Patient/{record.id}", record.holder).json["active"] is True


def test_R017_the_holder_does_not_lift_it_and_no_professional_suspends(record: Record) -> None:
    assert suspend(record, PAUL) == suspend(record, record.holder) == 403
    suspended(record)
    assert patch(record, record.holder, ("remove", "/extension", None)) == 403
    assert reopen(record, record.holder) == 200  # it says so already
    assert state(record) == "closed"


def test_R017_an_objection_to_an_earlier_suspension_is_none_to_the_next(record: Record) -> None:
    suspended(record)
    stored(record.house.post("Consent", record.holder, existence(record, "rejected")))
    assert patch(record, CNAM, ("remove", "/extension", None)) == 200
    wait(record.house, days=10)
    suspended(record)
    wait(record.house, days=43)
    jobs(record.house)
    assert record.house.get(f"Patient/{record.id}", record.holder).json["active"] is False


def test_R012_there_is_no_objection_where_nothing_is_announced(record: Record) -> None:
    objection = existence(record, "rejected")
    assert record.house.post("Consent", record.holder, objection).status == 403
    record.closed()
    assert record.house.post("Consent", record.holder, objection).status == 403
