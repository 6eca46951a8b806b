"""Numbers, quantities and dates with each prefix, on points and on intervals.

https://hl7.org/fhir/R4/search.html#prefix: the tables of the standard, asked of both databases. A
case says which of the values are found, by their places in the list.
"""

from typing import Any

import pytest

from tests.house import House
from tests.rest.test_search_interactions import new
from tests.rest.test_search_values import held, made, refused

Json = dict[str, Any]
UCUM, OTHER = "http://unitsofmeasure.org", "http://a.example/units"


def risk(**probability: Any) -> Json:
    return {
        "status": "final", "subject": {"display": "a"}, "prediction": [probability]
    }  # fmt: skip


PROBABILITIES = [
    *(risk(probabilityDecimal=one) for one in (99.4, 99.5, 100, 100.4, 100.5, 90, 110, 89.9)),
    risk(probabilityRange={"low": {"value": 99.5}, "high": {"value": 100.4}}),
    risk(probabilityRange={"low": {"value": 100}}),  # open above
]


def test_Q10_a_number_has_the_precision_of_the_question_and_each_prefix(plain: House) -> None:
    tag = new()
    ids = made(plain, tag, "RiskAssessment", *PROBABILITIES)
    held(plain, tag, "RiskAssessment", ids, [(f"probability={asked}", found) for asked, found in [
        ("100", "1238"), ("eq100", "1238"), ("100.0", "2"), ("100.00", "2"), ("1e2", "012348"),
        ("ne100", "045679"), ("gt100", "34689"), ("lt100", "01578"), ("ge100", "234689"),
        ("le100", "012578"), ("sa100", "346"), ("eb100", "0157"), ("ap100", "012345689"),
        ("100,110", "12368"), ("ge100&probability=lt101", "23489"), ("gt1000", "9"), ("-100", ""),
    ]])  # fmt: skip


@pytest.mark.parametrize("value", ["x", "1.", "1,,x", "gt", "ge100%20", "0x10", "1e9999", "nan"])
def test_Q10_what_is_no_number_is_refused(plain: House, value: str) -> None:
    refused(plain, f"RiskAssessment?probability={value}", "value")


def measured(value: float, code: str = "", **more: str) -> Json:
    coded = {"system": UCUM, "code": code} if code else {}
    quantity = {"value": value} | coded | more
    return {"status": "final", "code": {"text": "x"}, "valueQuantity": quantity}


QUANTITIES = [
    measured(5.4, "mg"), measured(5.35, "mg"), measured(5.45, "mg"), measured(5400, "ug"),
    measured(5.4, "mg", comparator="<"), measured(5.4, unit="mg"), measured(5.4, "kg"),
    measured(6, "mg"),
]  # fmt: skip


def test_Q10_a_quantity_has_each_prefix_in_any_unit_of_its_kind(plain: House) -> None:
    tag, mg = new(), f"|{UCUM}|mg"
    ids = made(plain, tag, "Observation", *QUANTITIES)
    held(plain, tag, "Observation", ids, [(f"value-quantity={asked}", found) for asked, found in [
        ("5.4", "0156"), ("5.40", "056"), (f"5.4{mg}", "013"), (f"5.40{mg}", "03"),
        ("5.4||mg", "015"), (f"5.4|{OTHER}|mg", ""), (f"ne5.4{mg}", "2467"),
        (f"gt5.4{mg}", "267"), (f"lt5.4{mg}", "14"), (f"ge5.4{mg}", "02367"),
        (f"le5.4{mg}", "0134"), (f"sa5.4{mg}", "267"), (f"eb5.4{mg}", "14"),
        (f"ap5.4{mg}", "01234"), (f"5400|{UCUM}|ug", "03"), (f"0.0054|{UCUM}|g", "013"),
        (f"6{mg},5.4|{UCUM}|kg", "67"), (f"gt5.4{mg}&value-quantity=lt7{mg}", "27"),
    ]])  # fmt: skip


@pytest.mark.parametrize("value", ["mg", "5.4|mg", "5.4|a|b|c", "5.4|", "|a|mg", "gt||mg"])
def test_Q10_what_is_no_quantity_is_refused(plain: House, value: str) -> None:
    refused(plain, f"Observation?value-quantity={value}", "value")


def seen(**effective: Any) -> Json:
    return {"status": "final", "code": {"text": "x"}} | effective


TIMES = [
    seen(effectiveDateTime="2013-01-14"), seen(effectiveDateTime="2013-01-14T10:00:00Z"),
    seen(effectiveDateTime="2013-01"), seen(effectiveInstant="2013-01-15T00:00:00Z"),
    seen(effectivePeriod={"start": "2013-01-10", "end": "2013-01-20"}),
    seen(effectivePeriod={"start": "2013-01-21"}), seen(effectivePeriod={"end": "2013-01-13"}),
    seen(effectiveDateTime="2013-01-13T23:30:00-01:00"), seen(effectiveDateTime="2013"),
    seen(effectiveTiming={"event": ["2013-01-14T20:00:00Z", "2013-01-14T08:00:00Z"]}),
]  # fmt: skip


def test_Q11_a_date_is_an_interval_and_has_each_prefix(plain: House) -> None:
    tag, day = new(), "2013-01-14"
    ids = made(plain, tag, "Observation", *TIMES)
    held(plain, tag, "Observation", ids, [(f"date={asked}", found) for asked, found in [
        (day, "0179"), (f"eq{day}", "0179"), (f"ne{day}", "234568"), (f"gt{day}", "23458"),
        (f"lt{day}", "2468"), (f"ge{day}", "012345789"), (f"le{day}", "01246789"),
        (f"sa{day}", "35"), (f"eb{day}", "6"), (f"ap{day}", "0123456789"), ("ap2026-11-24", "5"),
        ("2013-01", "0123479"), ("2013", "01234789"), (f"{day}T10:00", "1"),
        (f"{day}T10:00:00Z", "1"), (f"{day}T11:00:00%2B01:00", "1"), (f"{day}T10:00:00.000Z", ""),
        (f"ge{day}&date=le{day}", "0124789"), (f"{day},2013-01-15", "01379"), ("2012", ""),
        ("sa2013-01-20", "5"), ("eb2013-01-14T00:00:00Z", "6"), ("gt2020", "5"), ("lt2000", "6"),
    ]])  # fmt: skip


def test_Q11_a_date_without_time_is_the_whole_day_in_utc(plain: House) -> None:
    tag = new()
    ids = made(plain, tag, "Patient", {"birthDate": "1980-02-29"}, {"birthDate": "1980-02"}, {})
    held(plain, tag, "Patient", ids, [(f"birthdate={asked}", found) for asked, found in [
        ("1980-02-29", "0"), ("1980-02", "01"), ("1980", "01"), ("lt1980-02-29", "1"),
        ("ge1980-02-29", "0"), ("ge1980-02", "01"), ("ne1980-02-29", "1"), ("ne1981", "01"),
        ("1980-02-29T12:00", ""), ("ap1980-02-29", "01"), ("sa1980-01,eb1970", "01"),
    ]])  # fmt: skip


@pytest.mark.parametrize("value", [
    "2013-01-14T10", "2013-1-14", "2013-02-30", "14/01/2013", "xx2013", "gt", "2013-01-14T24:30",
    "2013-01-14T10:00:00%2B0100", "today",
])  # fmt: skip
def test_Q11_what_is_no_date_is_refused(plain: House, value: str) -> None:
    refused(plain, f"Observation?date={value}", "value")
    refused(plain, f"Observation?_lastUpdated={value}", "value")


def test_Q11_the_last_update_has_each_prefix(plain: House) -> None:
    tag = new()
    plain.now += 1000
    ids = made(plain, tag, "Basic", {"code": {"text": "x"}})
    (entry,) = plain.get(f"Basic?_id={ids[0]}").entries
    moment = entry["meta"]["lastUpdated"]
    held(plain, tag, "Basic", ids, [(f"_lastUpdated={asked}", found) for asked, found in [
        (moment, "0"), (f"ne{moment}", ""), (f"gt{moment}", ""), (f"ge{moment}", "0"),
        (f"lt{moment}", ""), (f"le{moment}", "0"), (f"sa{moment}", ""), (f"eb{moment}", ""),
        (f"ap{moment}", "0"), (moment[:10], "0"), (moment[:4], "0"), (f"sa{moment[:10]}", ""),
        (f"2000,{moment[:7]}", "0"), (f"gt{moment[:10]}", ""), (f"lt{moment[:4]}", ""),
    ]])  # fmt: skip
