"""Partial dates as intervals of milliseconds.

https://hl7.org/fhir/R4/datatypes.html#dateTime, https://hl7.org/fhir/R4/search.html#date

An interval is half-open, [low, high), in whole milliseconds since 1970 UTC: `2026-11` is all of
November. What has no time zone is taken as UTC. A fraction of a second finer than a millisecond
counts as its millisecond.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Mapping
from datetime import date
from typing import Any

EARLIEST, LATEST = -(10**15), 10**15  # open ends: outside the years 0001 to 9999 in any time zone
Interval = tuple[int, int]

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)"
    r"(?:T([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d|60)(?:\.(\d+))?)?"
    r"(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?)?)?",
    re.ASCII,
)


def interval(text: str) -> Interval:
    """The interval of a date, dateTime or instant; seconds may be left out, as searches do.
    ValueError names `text`.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text[:100]}` is no date")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        first = (date(int(year), int(month or 1), int(day or 1)).toordinal() - _EPOCH) * _DAY
    except ValueError:
        raise ValueError(f"`{text}` is no date") from None
    if hour is None:
        return first, first + _days(int(year), month, day) * _DAY
    low = first + int(hour) * _HOUR + int(minute) * _MINUTE - _offset(zone)
    if second is None:
        return low, low + _MINUTE
    low += int(second) * _SECOND
    if fraction is None:
        return low, low + _SECOND
    return low + int(fraction[:3].ljust(3, "0")), low + int(fraction[:3].ljust(3, "0")) + _width(
        fraction
    )


def period(value: Mapping[str, Any]) -> Interval:
    """The interval of a Period; a missing end is EARLIEST or LATEST. ValueError when it ends
    before it begins.
    """
    low = interval(value["start"])[0] if "start" in value else EARLIEST
    high = interval(value["end"])[1] if "end" in value else LATEST
    if high <= low:
        raise ValueError(f"`{value['end']}` is before `{value['start']}`")
    return low, high


def instant(milliseconds: int) -> str:
    """`2026-11-24T06:00:00.123Z`; ValueError outside the years 0001 to 9999."""
    days, rest = divmod(milliseconds, _DAY)
    try:
        day = date.fromordinal(_EPOCH + days)
    except (ValueError, OverflowError):
        raise ValueError(f"`{milliseconds}` ms is outside the years 0001 to 9999") from None
    hour, rest = divmod(rest, _HOUR)
    minute, rest = divmod(rest, _MINUTE)
    second, rest = divmod(rest, _SECOND)
    return f"{day.isoformat()}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z"


def milliseconds(text: str) -> int:
    """The first millisecond of an instant, which has seconds and a time zone; ValueError names
    `text`.
    """
    match = _DATE.fullmatch(text)
    if match is None or match[6] is None or match[8] is None:
        raise ValueError(f"`{text[:100]}` is no instant")
    return interval(text)[0]


def _days(year: int, month: str | None, day: str | None) -> int:
    if month is None:
        return 365 + isleap(year)
    return monthrange(year, int(month))[1] if day is None else 1


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    size = int(zone[1:3]) * _HOUR + int(zone[4:6]) * _MINUTE
    return -size if zone[0] == "-" else size


def _width(fraction: str) -> int:
    return int(10 ** max(0, 3 - len(fraction)))
