"""The prefixes of dates and numbers, as laws over intervals."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.dates import interval
from fhir_server.search.query import Prefix, holds

Interval = tuple[int, int]
PREFIXES: tuple[Prefix, ...] = get_args(Prefix)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low = draw(st.integers(-6, 6))
    return low, low + draw(st.integers(1, 6))


@st.composite
def points(draw: st.DrawFn) -> Interval:
    low = draw(st.integers(-6, 6))
    return low, low + 1


@given(intervals(), intervals())
def test_a_value_is_equal_or_not_equal(value: Interval, asked: Interval) -> None:
    assert holds("eq", value, asked) is not holds("ne", value, asked)


@given(intervals(), intervals())
def test_or_equal_is_the_same_as_one_or_the_other(value: Interval, asked: Interval) -> None:
    equal = holds("eq", value, asked)
    assert holds("ge", value, asked) is (holds("gt", value, asked) or equal)
    assert holds("le", value, asked) is (holds("lt", value, asked) or equal)


@given(intervals(), intervals())
def test_a_value_starts_after_ends_before_or_overlaps(value: Interval, asked: Interval) -> None:
    assert sum(holds(prefix, value, asked) for prefix in ("sa", "eb", "ap")) == 1


@given(intervals(), intervals())
def test_strictly_after_is_also_greater(value: Interval, asked: Interval) -> None:
    assert holds("gt", value, asked) or not holds("sa", value, asked)
    assert holds("lt", value, asked) or not holds("eb", value, asked)


@given(intervals(), intervals())
def test_what_is_equal_overlaps(value: Interval, asked: Interval) -> None:
    assert holds("ap", value, asked) or not holds("eq", value, asked)


@given(intervals(), intervals())
def test_before_and_after_mirror_each_other(value: Interval, asked: Interval) -> None:
    mirrored = (-value[1], -value[0]), (-asked[1], -asked[0])
    pairs: list[tuple[Prefix, Prefix]] = [("gt", "lt"), ("ge", "le"), ("sa", "eb")]
    for one, other in pairs:
        assert holds(one, value, asked) is holds(other, *mirrored)


@given(points(), points())
def test_points_compare_as_whole_numbers(value: Interval, asked: Interval) -> None:
    left, right = value[0], asked[0]
    expected = {
        "eq": left == right, "ne": left != right, "gt": left > right, "lt": left < right,
        "ge": left >= right, "le": left <= right, "sa": left > right, "eb": left < right,
        "ap": left == right,
    }  # fmt: skip
    assert {prefix: holds(prefix, value, asked) for prefix in PREFIXES} == expected


@given(intervals(), intervals(), intervals())
def test_a_narrower_value_stays_equal(value: Interval, within: Interval, asked: Interval) -> None:
    if holds("eq", within, value) and holds("eq", value, asked):
        assert holds("eq", within, asked)


DAY, MONTH, YEAR = "2026-11-24", "2026-11", "2026"


@pytest.mark.parametrize(
    ("value", "asked", "true"),
    [
        (DAY, DAY, "eq ge le ap"),
        (DAY, MONTH, "eq ge le ap"),
        (MONTH, DAY, "ne gt lt ge le ap"),
        (YEAR, "2025", "ne gt ge sa"),
        ("2025", YEAR, "ne lt le eb"),
        ("2026-11-24T00:00:00Z", DAY, "eq ge le ap"),
        ("2026-11-25T00:00:00Z", DAY, "ne gt ge sa"),
        ("2026-11-23T23:59:59Z", DAY, "ne lt le eb"),
    ],
)
def test_partial_dates_compare_as_what_they_cover(value: str, asked: str, true: str) -> None:
    found = [p for p in PREFIXES if holds(p, interval(value), interval(asked))]
    assert sorted(found) == sorted(true.split())
