"""Times as fine as they are written: what is stored and what is asked compare exactly.

https://hl7.org/fhir/R4/search.html#date; days and periods are in `test_search_values`
"""

from typing import Any

import pytest

from tests.house import House
from tests.people import stored
from tests.rest.test_search_interactions import TAGS, new, tagged
from tests.rest.test_search_values import found, held, made

DAY = "2020-01-01T00:00:00"
STORED = (f"{DAY}Z", f"{DAY}.123Z", f"{DAY}.1234567Z", f"{DAY}.1234568Z", f"{DAY}.123456789Z")
# By the numbers of what is stored: 0 to 4.
CASES = [
    (f"date={DAY}.1234567Z", "24"), (f"date=eq{DAY}.12345678Z", "4"),
    (f"date={DAY}.1234568Z", "3"), (f"date=eq{DAY}.123Z", "1234"),
    (f"date=ne{DAY}.1234567Z", "013"), (f"date=gt{DAY}.1234567Z", "013"),
    (f"date=lt{DAY}.1234567Z", "01"), (f"date=ge{DAY}.1234568Z", "013"),
    (f"date=le{DAY}.1234567Z", "0124"), (f"date=sa{DAY}.1234567Z", "3"),
    (f"date=eb{DAY}.1234568Z", "24"), (f"date=eb{DAY}.123456789Z", "2"[:0]),
    (f"date=gt{DAY}.123456789Z", "0123"), (f"date=sa{DAY}.123456788Z", "34"),
    ("date=2020-01-01T01:00:00.1234567%2B01:00", "24"),
    ("date=2020-01-01T01:00:00.1234567 01:00", "24"),
    (f"_filter=date eq {DAY}.1234568Z", "3"), (f"_filter=date sa {DAY}.1234567Z", "3"),
    ("date=2020-01-01", "01234"), (f"date={DAY}Z", "01234"), (f"date=lt{DAY}Z", ""),
]  # fmt: skip


def observation(time: str) -> dict[str, Any]:
    return {"status": "final", "code": {"text": "x"}, "effectiveDateTime": time}


def test_times_finer_than_a_millisecond_compare_exactly(plain: House) -> None:
    tag = new()
    ids = made(plain, tag, "Observation", *(observation(time) for time in STORED))
    held(plain, tag, "Observation", ids, CASES)
    assert found(plain, tag, "Observation", "_sort=date") == [ids[n] for n in (0, 1, 2, 4, 3)]


@pytest.mark.parametrize("end", ["start", "end"])
def test_the_ends_of_a_period_compare_exactly(plain: House, end: str) -> None:
    tag, times = new(), (f"{DAY}.1234567Z", f"{DAY}.1234569Z")
    periods = [{"status": "finished", "class": {"code": "x"}, "period": {end: t}} for t in times]
    ids = made(plain, tag, "Encounter", *periods)
    asked = {"start": f"date=sa{DAY}.1234567Z", "end": f"date=eb{DAY}.1234569Z"}[end]
    held(plain, tag, "Encounter", ids, [(asked, "1" if end == "start" else "0")])


def test_other_centuries_compare_to_the_microsecond(plain: House) -> None:
    tag = new()
    times = ("1066-10-14T09:00:00.000001Z", "1066-10-14T09:00:00.000002Z", "9999-12-31T23:59:59Z")
    ids = made(plain, tag, "Observation", *(observation(time) for time in times))
    held(plain, tag, "Observation", ids, [
        ("date=1066-10-14T09:00:00.000001Z", "0"), ("date=gt1066-10-14T09:00:00.000001Z", "12"),
        ("date=1066", "01"), ("date=9999", "2"), ("date=lt9999", "01"),
    ])  # fmt: skip


def test_a_leap_second_belongs_to_its_day(plain: House) -> None:
    tag = new()
    times = ("2016-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z",
             "2017-01-01T00:59:60+01:00")  # fmt: skip
    ids = made(plain, tag, "Observation", *(observation(time) for time in times))
    held(plain, tag, "Observation", ids, [
        ("date=2016-12-31", "013"), ("date=2016", "013"), ("date=2017-01-01", "2"),
        ("date=lt2017", "013"), ("date=ge2017", "2"), ("date=2016-12-31T23:59:60Z", "13"),
        ("date=sa2016-12-31", "2"), ("date=2016-12-31T23:59", "013"),
    ])  # fmt: skip
    assert found(plain, tag, "Observation", "_sort=date")[0] == ids[0]


def test_last_updated_compares_exactly_with_finer_times(plain: House) -> None:
    tag = new()
    id_ = stored(plain.post("Basic", None, tagged("Basic", tag, code={"text": "x"})))
    updated = plain.get(f"Basic/{id_}").json["meta"]["lastUpdated"]
    assert updated.endswith(".000Z")
    second = updated.removesuffix(".000Z")
    cases = [
        ("eq", ".0000001Z", 0), ("eq", ".000Z", 1), ("ge", ".0000001Z", 1), ("ge", ".0009999Z", 0),
        ("ge", ".001Z", 0), ("gt", ".0000001Z", 1), ("gt", ".000Z", 0), ("le", ".0000001Z", 1),
        ("lt", ".0000001Z", 1), ("lt", ".000Z", 0), ("sa", ".0000001Z", 0), ("eb", ".0010001Z", 1),
        ("eb", ".0009999Z", 0), ("ne", ".0000001Z", 1), ("ne", ".000Z", 0),
    ]  # fmt: skip
    wrong = []
    for prefix, fraction, total in cases:
        for query in (f"_lastUpdated={prefix}{second}{fraction}",
                      f"_filter=_lastUpdated {prefix} {second}{fraction}"):  # fmt: skip
            answer = plain.get(f"Basic?_tag={TAGS}|{tag}&{query}")
            if answer.json["total"] != total:
                wrong.append((query, answer.json["total"]))
    assert wrong == []
    for since, total in ((f"{second}.000Z", 1), (f"{second}.0000001Z", 0)):
        assert plain.get(f"Basic/{id_}/_history?_since={since}").json["total"] == total


TIMES = (
    ("2020-01-01T00:00:00Z", "2020-01-01T01:00:00+01:00", True),
    ("2020-01-01T00:00:00.1Z", "2020-01-01T00:00:00.100Z", True),
    ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000Z", True),
    ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00+01:00", False),
    ("2020-01-01T00:00:00.1234567Z", "2020-01-01T00:00:00.1234568Z", False),
    ("2020-01-01", "2020-01-01", True), ("2020-01-01", "2020-01", False),
)  # fmt: skip


@pytest.mark.parametrize("quote", ["@{}", "'{}'"])
@pytest.mark.parametrize(("there", "asked", "same"), TIMES)
def test_a_fhirpath_patch_compares_dates_as_instants(
    plain: House, there: str, asked: str, same: bool, quote: str
) -> None:
    name = {"family": "a", "period": {"start": there}}
    id_ = stored(plain.post("Patient", None, {"resourceType": "Patient", "name": [name]}))
    path = f"Patient.name.where(period.start = {quote.format(asked)}).family"
    operation = [{"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": path},
                 {"name": "value", "valueString": "b"}]  # fmt: skip
    body = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]}
    answer = plain.call("PATCH", f"Patient/{id_}", None, body)
    assert answer.status == (200 if same else 422), answer.body
    assert plain.get(f"Patient/{id_}").json["name"][0]["family"] == ("b" if same else "a")


def test_a_fhirpath_patch_compares_the_order_of_dates(plain: House) -> None:
    names = [{"family": "a", "period": {"start": f"20{n}-01-01T00:00:00+01:00"}} for n in (19, 20)]
    id_ = stored(plain.post("Patient", None, {"resourceType": "Patient", "name": names}))
    path = "Patient.name.where(period.start < @2019-12-31T23:00:00Z)"
    operation = [{"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": path}]
    body = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]}
    assert plain.call("PATCH", f"Patient/{id_}", None, body).status == 200
    assert plain.get(f"Patient/{id_}").json["name"] == names[1:]
