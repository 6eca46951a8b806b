"""Date parameters."""

from typing import Any

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.extract import extract
from fhir_server.search.moments import FIRST, LAST
from profiles.dates import nanoseconds
from tests.search.asking import BASE, finds, finds_value, query


def document(date: str) -> dict[str, Any]:
    return {"resourceType": "DocumentReference", "id": "d", "date": date}


def care(**period: str) -> dict[str, Any]:
    return {"resourceType": "CarePlan", "id": "c", "period": period}


@pytest.mark.parametrize(
    ("asked", "date", "found"),
    [  # the examples of the standard
        ("eq2013-01-14", "2013-01-14T00:00:00Z", True),
        ("eq2013-01-14", "2013-01-14T10:00:00Z", True),
        ("eq2013-01-14", "2013-01-15T00:00:00Z", False),
        ("ne2013-01-14", "2013-01-15T00:00:00Z", True),
        ("ne2013-01-14", "2013-01-14T00:00:00Z", False),
        ("ne2013-01-14", "2013-01-14T10:00:00Z", False),
        ("2013-01", "2013-01-31T23:59:59Z", True),
        ("2013", "2013-06-01T00:00:00+02:00", True),
        ("2013-01-14T10:00", "2013-01-14T10:00:59Z", True),
        ("2013-01-14T11:00+01:00", "2013-01-14T10:00:30Z", True),
    ],
)
def test_an_instant_is_equal_to_the_day_that_contains_it(
    asked: str, date: str, found: bool
) -> None:
    assert finds_value("date", asked, document(date)) is found


FROM_JANUARY, FROM_15_MARCH = care(start="2013-01-21"), care(start="2013-03-15")


@pytest.mark.parametrize(
    ("asked", "resource", "found"),
    [
        ("lt2013-01-14T10:00", care(start="2013-01-14", end="2013-01-14"), True),
        ("gt2013-01-14T10:00", care(start="2013-01-14", end="2013-01-14"), True),
        ("ge2013-03-14", FROM_JANUARY, True),
        ("le2013-03-14", FROM_JANUARY, True),
        ("sa2013-03-14", FROM_15_MARCH, True),
        ("sa2013-03-14", FROM_JANUARY, False),
        ("eb2013-03-14", FROM_15_MARCH, False),
        ("eb2013-03-14", care(end="2013-03-13"), True),
        ("ge2013", care(end="2012"), False),
        ("eq2013", FROM_JANUARY, False),
    ],
)
def test_a_period_is_compared_as_the_standard_says(
    asked: str, resource: dict[str, Any], found: bool
) -> None:
    assert finds_value("date", asked, resource) is found


@pytest.mark.parametrize(
    ("date", "found"),
    [("2016-11-24", True), ("2016-01-01", True), ("2015-01-01", False), ("2018-06-01", False)],
)
def test_about_is_within_a_tenth_of_the_distance_to_now(date: str, found: bool) -> None:
    assert finds("DocumentReference?date=ap2016-11-24", document(date)) is found


def test_about_never_leaves_the_range_of_dates() -> None:
    assert finds("DocumentReference?date=ap0001", document("0001-06-01"))


def test_a_plus_that_was_not_encoded_is_still_a_time_zone() -> None:
    resource = document("2013-01-14T10:00:00Z")
    assert finds_value("date", "2013-01-14T11:00:00 01:00", resource)


def test_commas_give_alternatives_and_repetition_gives_a_range() -> None:
    resource = document("2013-01-14")
    assert finds("DocumentReference?date=2012,2013-01-14", resource)
    assert finds("DocumentReference?date=ge2013&date=lt2014", resource)
    assert not finds("DocumentReference?date=ge2013&date=lt2013", resource)


def test_what_has_no_date_meets_no_prefix() -> None:
    resource = {"resourceType": "DocumentReference", "id": "d"}
    assert not finds("DocumentReference?date=ne2013", resource)
    assert finds("DocumentReference?date:missing=true", resource)


@pytest.mark.parametrize(
    "value", ["yesterday", "2013-13", "xx2013", "ge", "2013-01-14T10", "2013-01-14T10:00:00 0100"]
)
def test_what_is_no_date_is_refused_with_its_text(value: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        finds_value("date", value, document("2013"))
    assert (refusal.value.code, f"`{value}`" in refusal.value.text) == ("value", True)


def test_a_modifier_is_refused() -> None:
    with pytest.raises(BadRequest) as refusal:
        query("DocumentReference?date:exact=2013")
    assert refusal.value.code == "not-supported"


@pytest.mark.parametrize(
    ("scheduled", "expected"),
    [
        ({"scheduledPeriod": {"start": "2013"}}, (nanoseconds("2013")[0], LAST)),
        ({"scheduledPeriod": {"end": "2013"}}, (FIRST, nanoseconds("2013")[1])),
        ({"scheduledString": "2013"}, nanoseconds("2013")),
        (
            {"scheduledTiming": {"event": ["2013-05", None, "2013-02"]}},
            (nanoseconds("2013-02")[0], nanoseconds("2013-05")[1]),
        ),
        (
            {"scheduledTiming": {"repeat": {"boundsPeriod": {"end": "2013"}}}},
            (FIRST, nanoseconds("2013")[1]),
        ),
        ({"scheduledTiming": {"repeat": {"frequency": 1}}}, None),
        ({"scheduledPeriod": {"start": "2014", "end": "2013"}}, None),
        ({"scheduledPeriod": {"id": "x"}}, None),
        ({"scheduledString": "after dinner"}, None),
    ],
)
def test_every_form_of_time_has_one_row_or_none(
    scheduled: dict[str, Any], expected: tuple[int, int] | None
) -> None:
    plan = {"resourceType": "CarePlan", "activity": [{"detail": scheduled}]}
    rows = [row[1:] for row in extract(plan, base=BASE).dates]
    assert rows == ([] if expected is None else [expected])
