"""Dates without an hour, in all that says how somebody stands to a record, are days of Paris.

Asked over HTTP of somebody whom this relation alone lets in, or shuts out, a millisecond before its
bound and at it: in winter, in summer, on the days when the clocks change, for days, months and
years.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count, repeat
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.house import CNAM, NINA, OTTO, PAUL, House, Person
from tests.law.people import expert, relative, somebody
from tests.people import logical, stored, team
from tests.policy.record import Record, made

PARIS = ZoneInfo("Europe/Paris")

# What is written, and when (in Paris) it begins and is over.
SPANS = {
    "a day in winter": ("2026-12-01", "2026-12-01T00:00", "2026-12-02T00:00"),
    "the last of a year": ("2026-12-31", "2026-12-31T00:00", "2027-01-01T00:00"),
    "a day in summer": ("2027-07-14", "2027-07-14T00:00", "2027-07-15T00:00"),
    "when summer begins": ("2027-03-28", "2027-03-28T00:00", "2027-03-29T00:00"),
    "when summer ends": ("2027-10-31", "2027-10-31T00:00", "2027-11-01T00:00"),
    "a leap day": ("2028-02-29", "2028-02-29T00:00", "2028-03-01T00:00"),
    "a month in winter": ("2026-12", "2026-12-01T00:00", "2027-01-01T00:00"),
    "a month of both": ("2027-03", "2027-03-01T00:00", "2027-04-01T00:00"),
    "a year": ("2027", "2027-01-01T00:00", "2028-01-01T00:00"),
}
# Instants stay what they are.
INSTANTS = {
    "a second of UTC": ("2027-07-14T00:00:00Z", "2027-07-14T02:00", "2027-07-14T02:00:01"),
    "of another zone": ("2027-07-14T00:00:00-10:00", "2027-07-14T12:00", "2027-07-14T12:00:01"),
}


def paris(text: str) -> int:
    """What the clocks of Paris show, in milliseconds since 1970 UTC."""
    there = datetime.fromisoformat(text).replace(tzinfo=PARIS)
    return int(there.astimezone(UTC).timestamp()) * 1000


def asked(house: House, at: int, ask: Callable[[], int]) -> int:
    """The status of what is asked at this millisecond."""
    house.now, house._seconds = at, repeat(0)  # type: ignore[assignment]
    found = ask()
    house._seconds = count(1)
    return found


# How somebody comes to stand to a record for a period.


def consented(record: Record, period: dict[str, str]) -> Person:
    stored(record.consent(record.holder, "dmp-pro-access", OTTO, period=period))
    return OTTO


def equivalent(record: Record, period: dict[str, str]) -> Person:
    stored(record.consent(record.holder, "dmp-attending-equivalent", OTTO, period=period))
    return OTTO


def member(record: Record, period: dict[str, str]) -> Person:
    body = team(record.id)
    body["participant"] = [{"member": logical(OTTO), "period": period}]
    stored(record.house.post("CareTeam", CNAM, body))
    return OTTO


def of_a_team(record: Record, period: dict[str, str]) -> Person:
    stored(record.house.post("CareTeam", CNAM, team(record.id, OTTO, period=period)))
    return OTTO


def charged(record: Record, period: dict[str, str]) -> Person:
    who = expert()
    stored(record.consent(CNAM, "dmp-expertise", who, period=period))
    return who


def representing(record: Record, period: dict[str, str]) -> Person:
    who = somebody(name="Une tutrice")
    relative(record, who, "representation", period=period)
    return who


LET_IN = {
    found.__name__: found
    for found in (consented, equivalent, member, of_a_team, charged, representing)
}
SHUT_OUT = ("dmp-pro-block", "dmp-team-opposition")


def around(record: Record, who: Person, id_: str, begins: int, ends: int) -> list[int]:
    """Statuses just before and at its beginning, just before and at its end."""
    times = (begins - 1, begins, ends - 1, ends)
    return [asked(record.house, at, lambda: record.read(who, id_).status) for at in times]


def table(names: dict[str, Any], spans: dict[str, Any]) -> list[tuple[str, str]]:
    """Each way with a few spans, so that each span meets several ways."""
    ways, words = list(names), list(spans)
    return [(ways[n % len(ways)], words[n % len(words)]) for n in range(len(ways) * 3 + len(words))]


@pytest.mark.parametrize(("way", "name"), table(LET_IN, SPANS | INSTANTS))
def test_who_is_let_in_for_a_period_is_for_these_days_of_paris(
    record: Record, way: str, name: str
) -> None:
    text, begins, ends = (SPANS | INSTANTS)[name]
    id_ = record.deposited(PAUL)
    who = LET_IN[way](record, {"start": text, "end": text})
    assert around(record, who, id_, paris(begins), paris(ends)) == [404, 200, 200, 404]


@pytest.mark.parametrize("code", SHUT_OUT)
@pytest.mark.parametrize(
    "name", ["a day in winter", "when summer begins", "when summer ends", "a year"]
)
def test_who_is_shut_out_for_a_period_is_for_these_days_of_paris(
    record: Record, code: str, name: str
) -> None:
    text, begins, ends = SPANS[name]
    id_ = record.deposited(PAUL)
    stored(record.consent(record.holder, code, NINA, period={"start": text, "end": text}))
    assert around(record, NINA, id_, paris(begins), paris(ends)) == [200, 404, 404, 200]


@pytest.mark.parametrize(
    ("code", "purpose"),
    [("dmp-emergency-opposition", "bris_de_glace"), ("dmp-centre15-opposition", "centre_15")],
)
@pytest.mark.parametrize("name", ["a day in winter", "a day in summer"])
def test_what_is_opposed_for_a_period_is_for_these_days_of_paris(
    record: Record, code: str, purpose: str, name: str
) -> None:
    text, begins, ends = SPANS[name]
    id_ = record.deposited(PAUL)
    stored(record.consent(record.holder, code, period={"start": text, "end": text}))
    who = OTTO.but(purpose=purpose, reason="unconscious", patient=record.holder.sub)
    assert around(record, who, id_, paris(begins), paris(ends)) == [200, 404, 404, 200]


def test_one_end_alone_is_a_bound_too(record: Record) -> None:
    id_ = record.deposited(PAUL)
    stored(record.consent(record.holder, "dmp-pro-access", OTTO, period={"end": "2026-12-01"}))
    last = paris("2026-12-02T00:00")
    assert [asked(record.house, at, lambda: record.read(OTTO, id_).status)
            for at in (last - 1, last)] == [200, 404]  # fmt: skip


def test_a_team_and_its_member_are_bounds_to_each_other(record: Record) -> None:
    id_ = record.deposited(PAUL)
    body = team(record.id, period={"start": "2027-01-02", "end": "2027-01-31"})
    period = {"start": "2027-01-01", "end": "2027-01-10"}
    body["participant"] = [{"member": logical(OTTO), "period": period}]
    stored(record.house.post("CareTeam", CNAM, body))
    begins, ends = paris("2027-01-02T00:00"), paris("2027-01-11T00:00")
    assert around(record, OTTO, id_, begins, ends) == [404, 200, 200, 404]


def test_r053_one_comes_of_age_at_midnight_in_paris(house: House) -> None:
    record = made(house, [NINA], doctor=PAUL, birthDate="2009-07-14")
    who = somebody()
    relative(record, who, "PRN")
    id_, birthday = record.deposited(PAUL), paris("2027-07-14T00:00")
    found = [
        [asked(house, at, lambda: record.read(one, id_).status) for at in (birthday - 1, birthday)]
        for one in (who, record.holder)
    ]
    assert found == [[200, 404], [403, 200]]
