"""Partial dates as intervals."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.dates import EARLIEST, LATEST, instant, interval, milliseconds, period

DAY = 86_400_000
NOVEMBER = 1_793_491_200_000  # 2026-11-01T00:00:00Z
FIRST, LAST = milliseconds("0001-01-01T00:00:00Z"), milliseconds("9999-12-31T23:59:59.999Z")


@pytest.mark.parametrize(
    ("text", "low", "width"),
    [
        ("1970", 0, 365 * DAY),
        ("1972", 2 * 365 * DAY, 366 * DAY),
        ("2026-11", NOVEMBER, 30 * DAY),
        ("2026-11-02", NOVEMBER + DAY, DAY),
        ("2026-11-01T06:00", NOVEMBER + 6 * 3_600_000, 60_000),
        ("2026-11-01T00:00:01", NOVEMBER + 1000, 1000),
        ("2026-11-01T00:00:01Z", NOVEMBER + 1000, 1000),
        ("2026-11-01T01:00:00+01:00", NOVEMBER, 1000),
        ("2026-10-31T20:30:00-03:30", NOVEMBER, 1000),
        ("2026-11-01T00:00:00.5Z", NOVEMBER + 500, 100),
        ("2026-11-01T00:00:00.123Z", NOVEMBER + 123, 1),
        ("2026-11-01T00:00:00.123456Z", NOVEMBER + 123, 1),
        ("2026-10-31T23:59:60Z", NOVEMBER - 1, 1),
        ("2026-10-31T23:59:60.5Z", NOVEMBER - 1, 1),
        ("2026-11-01T01:59:60+02:00", NOVEMBER - 1, 1),
    ],
)
def test_a_text_covers_all_it_leaves_open(text: str, low: int, width: int) -> None:
    assert interval(text) == (low, low + width)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "26",
        "2026-1",
        "2026-13",
        "2026-02-30",
        "2025-02-29",
        "0000",
        "0000-01-01",
        "2026-11-01T",
        "2026-11-01T06",
        "2026-11-01T24:00",
        "2026-11-01T06:00:61Z",
        "2026-11-01 06:00",
        "2026-11-01T06:00:00+15:00",
        "2026-11Z",
        "२०२६",
        "2026\n",
        " 2026",
        "-2026",
        "2026-11-01T06:00:00.Z",
    ],
)
def test_nonsense_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="is no date") as refusal:
        interval(text)
    assert f"`{text}`" in str(refusal.value)


def test_the_first_and_the_last_year_work() -> None:
    assert interval("0001")[0] == FIRST
    assert interval("9999")[1] == LAST + 1
    assert EARLIEST < interval("0001-01-01T00:00:00+14:00")[0]
    assert interval("9999-12-31T23:59:59-14:00")[1] < LATEST


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"start": "2026-11", "end": "2026-11"}, (NOVEMBER, NOVEMBER + 30 * DAY)),
        ({"start": "2026-11-01"}, (NOVEMBER, LATEST)),
        ({"end": "2026-10-31"}, (EARLIEST, NOVEMBER)),
        ({}, (EARLIEST, LATEST)),
    ],
    ids=["closed", "no end", "no start", "open"],
)
def test_a_period_is_open_where_it_says_nothing(
    value: dict[str, str], expected: tuple[int, int]
) -> None:
    assert period(value) == expected


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="`2025` is before `2026`"):
        period({"start": "2026", "end": "2025"})


def test_an_instant_is_written_with_milliseconds() -> None:
    assert instant(NOVEMBER + 6 * 3_600_000 + 123) == "2026-11-01T06:00:00.123Z"


@pytest.mark.parametrize("value", [FIRST - 1, LAST + 1, 10**30])
def test_an_instant_outside_the_years_of_fhir_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        instant(value)


@pytest.mark.parametrize("text", ["2026", "2026-11-01T06:00Z", "2026-11-01T06:00:00", "x"])
def test_an_instant_needs_seconds_and_a_time_zone(text: str) -> None:
    with pytest.raises(ValueError, match="is no instant"):
        milliseconds(text)


@given(st.integers(FIRST, LAST))
def test_an_instant_is_read_back(value: int) -> None:
    assert milliseconds(instant(value)) == value


@given(st.datetimes())
def test_a_time_agrees_with_the_standard_library(time: datetime) -> None:
    since = time.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    expected = (since.days * 86_400 + since.seconds) * 1000
    assert interval(time.replace(microsecond=0).isoformat()) == (expected, expected + 1000)


@given(st.datetimes(), st.sampled_from([4, 7, 10, 16, 19]))
def test_a_shorter_text_contains_the_longer(time: datetime, length: int) -> None:
    text = time.isoformat(timespec="milliseconds")
    low, high = interval(text[:length])
    assert low <= interval(text)[0] < interval(text)[1] <= high
