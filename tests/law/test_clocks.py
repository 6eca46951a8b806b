"""The clocks of the law: month ends, leap years, changes of the clocks, the second that counts.

Design, `domain.md` 1.6 and 8 (3). Written as instants in UTC; delays run on the clocks of Paris.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.dates import LATEST, instant, milliseconds
from fhir_server.policy import clocks

PARIS = ZoneInfo("Europe/Paris")


def at(text: str) -> int:
    """`2026-11-24T12:00` UTC in milliseconds."""
    return milliseconds(f"{text}:00Z")


def ends(clock: Callable[[int], int], began: str) -> str:
    return instant(clock(at(began)))[:16]


@pytest.mark.parametrize(
    ("deposited", "released"),
    [
        ("2026-11-24T12:00", "2026-12-24T12:00"),
        ("2026-12-31T12:00", "2027-01-31T12:00"),
        ("2026-01-31T12:00", "2026-02-28T12:00"),  # no 31 February
        ("2026-01-29T12:00", "2026-02-28T12:00"),
        ("2026-01-28T12:00", "2026-02-28T12:00"),
        ("2028-01-31T12:00", "2028-02-29T12:00"),  # a leap year
        ("2028-02-29T12:00", "2028-03-29T11:00"),  # over the change of the clocks
        ("2100-01-31T12:00", "2100-02-28T12:00"),  # no leap year
        ("2026-05-31T12:00", "2026-06-30T12:00"),
        ("2026-02-28T12:00", "2026-03-28T12:00"),  # a day before the change
        ("2026-03-01T12:00", "2026-04-01T11:00"),  # summer has begun: noon of Paris
        ("2026-10-01T12:00", "2026-11-01T13:00"),  # summer has ended
        ("2025-02-28T23:30", "2025-03-31T22:30"),  # 1 March in Paris: to 1 April, 0:30
        ("2026-01-30T23:30", "2026-02-27T23:30"),  # 31 January in Paris: to 28 February
    ],
)
def test_R032_a_document_is_released_one_calendar_month_after_its_deposit(
    deposited: str, released: str
) -> None:
    assert ends(clocks.release, deposited) == released


def test_R032_an_hour_that_is_skipped_is_over_when_the_clocks_have_moved_on() -> None:
    # 2:30 of 25 February to 2:30 of 25 March 2018, which there was not: 3:30 in summer.
    assert ends(clocks.release, "2018-02-25T01:30") == "2018-03-25T01:30"


def test_R032_of_an_hour_that_comes_twice_the_first_counts() -> None:
    # 2:30 of 25 September to 2:30 of 25 October 2026, first in summer.
    assert ends(clocks.release, "2026-09-25T00:30") == "2026-10-25T00:30"


@pytest.mark.parametrize(
    ("deposited", "told"),
    [
        ("2026-11-24T12:00", "2026-12-08T12:00"),
        ("2026-12-20T12:00", "2027-01-03T12:00"),
        ("2028-02-15T12:00", "2028-02-29T12:00"),
        ("2026-03-20T12:00", "2026-04-03T11:00"),
        ("2026-10-20T12:00", "2026-11-03T13:00"),
    ],
)
def test_R075_the_notice_of_a_hidden_datum_is_due_after_fourteen_civil_days(
    deposited: str, told: str
) -> None:
    assert ends(clocks.notice_due, deposited) == told


@pytest.mark.parametrize(("days", "due"), [(13, False), (14, True), (15, True)])
def test_R075_it_is_due_on_day_14_and_not_on_day_13(days: int, due: bool) -> None:
    deposited = at("2026-11-24T12:00")
    assert (clocks.notice_due(deposited) <= deposited + days * clocks.DAY) is due
    assert clocks.notice_due(deposited) - 1 < deposited + 14 * clocks.DAY


@pytest.mark.parametrize(
    ("sent", "opened"),
    [
        ("2026-11-24T12:00", "2027-01-05T12:00"),
        ("2026-02-20T12:00", "2026-04-03T11:00"),
        ("2028-01-20T12:00", "2028-03-02T12:00"),
    ],
)
def test_R011_a_record_is_opened_six_weeks_after_the_information(sent: str, opened: str) -> None:
    assert ends(clocks.objection_ends, sent) == opened


@pytest.mark.parametrize(
    ("closed", "destroyed"),
    [
        ("2026-11-24T12:00", "2036-11-24T12:00"),
        ("2028-02-29T12:00", "2038-02-28T12:00"),
        ("2026-03-29T12:00", "2036-03-29T13:00"),  # summer in 2026, winter in 2036
    ],
)
def test_R022_an_archive_lasts_ten_years(closed: str, destroyed: str) -> None:
    assert ends(clocks.archive_ends, closed) == destroyed


@given(st.integers(at("2000-01-01T00:00"), at("2090-01-01T00:00")))
def test_R020_an_early_deletion_is_due_before_its_three_months_are_over(asked: int) -> None:
    assert asked < clocks.deletion_due(asked) < clocks.deletion_limit(asked)
    assert clocks.deletion_limit(asked) - asked <= 93 * clocks.DAY


def test_a_date_counts_from_its_end_in_paris_an_instant_from_itself() -> None:
    assert instant(clocks.begins("2026-11-24")) == "2026-11-24T23:00:00.000Z"
    assert instant(clocks.begins("2026-07-14")) == "2026-07-14T22:00:00.000Z"
    assert instant(clocks.begins("2026-11-24T13:00:00+01:00")) == "2026-11-24T12:00:00.000Z"


def test_the_civil_day_is_that_of_paris() -> None:
    assert clocks.civil_date(at("2026-11-24T23:30")) == "2026-11-25"
    assert clocks.civil_time(at("2026-11-24T23:30")) == "25/11/2026 à 00:30"


@given(st.integers(at("1997-01-01T00:00"), at("2037-01-01T00:00")))
def test_the_clocks_of_paris_are_those_of_the_time_zone_database(moment: int) -> None:
    there = datetime.fromtimestamp(moment // 1000, UTC).astimezone(PARIS)
    assert clocks.civil_date(moment) == there.date().isoformat()
    assert clocks.civil_time(moment).endswith(there.strftime("%H:%M"))


@pytest.mark.parametrize("text", ["0001", "0001-01-01T00:00:00+14:00", "9999", "9999-12-31"])
def test_no_date_is_too_far_for_a_clock(text: str) -> None:
    began = clocks.begins(text)
    for clock in (clocks.release, clocks.archive_ends, clocks.objection_ends):
        assert clock(began) > began or clock(began) == LATEST
    assert clocks.civil_date(began) and clocks.civil_time(began)
