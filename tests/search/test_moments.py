"""Instants in the index, in the order of time: https://hl7.org/fhir/R4/search.html#date"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.dates import EARLIEST, LATEST
from fhir_server.search.moments import FIRST, LAST, moments, of_milliseconds, whole
from fhir_server.search.query import Prefix, holds
from profiles.dates import nanoseconds

YEARS = st.integers(nanoseconds("0001")[0], nanoseconds("9999")[1])
NEAR = st.integers(nanoseconds("1779-12")[0], nanoseconds("2160-01")[0])
PREFIXES: tuple[Prefix, ...] = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
MS = 1_000_000


@given(NEAR, NEAR)
def test_instants_of_our_time_are_in_order_to_the_nanosecond(one: int, other: int) -> None:
    assert (moments(one, one) < moments(other, other)) == (one < other)


@given(YEARS, st.integers(1, 10**6))
def test_instants_of_any_time_are_in_order_to_the_microsecond(one: int, more: int) -> None:
    (low, high), (later, _) = moments(one, one), moments(one + more * 1000, one + more * 1000)
    assert FIRST < low <= high <= low + 1 < LAST and low < later


@given(YEARS)
def test_an_interval_is_never_narrower_than_what_it_stands_for(low: int) -> None:
    found = moments(low, low + 1)
    assert found[0] < found[1]
    assert found[0] <= moments(low, low)[0] and moments(low + 1, low + 1)[1] <= found[1]


def test_all_fits_into_63_bits_with_its_open_ends() -> None:
    for one in (*of_milliseconds(EARLIEST, LATEST), FIRST, LAST):
        assert -(2**63) < one < 2**63
    assert FIRST < of_milliseconds(EARLIEST, LATEST)[0]


@pytest.mark.parametrize("prefix", PREFIXES)
@given(st.integers(0, 5), st.integers(0, 5 * MS), st.integers(1, 3 * MS))
def test_whole_milliseconds_are_compared_as_nanoseconds_are(
    prefix: Prefix, updated: int, low: int, width: int
) -> None:
    exact = holds(prefix, (updated * MS, (updated + 1) * MS), (low, low + width))
    _, *asked = whole(prefix, low, low + width)
    assert holds(prefix, (updated, updated + 1), (asked[0], asked[1])) == exact
