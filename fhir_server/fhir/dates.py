"""Partial dates as intervals of milliseconds.

https://hl7.org/fhir/R4/datatypes.html#dateTime, https://hl7.org/fhir/R4/search.html#date

An interval is half-open, [low, high), in whole milliseconds since 1970 UTC: `2026-11` is all of
November. What has no time zone is taken as UTC. A fraction of a second finer than a millisecond
counts as its millisecond; a search compares it to the nanosecond (`search.moments`).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from profiles.dates import is_instant, nanoseconds

EARLIEST, LATEST = -(10**15), 10**15  # open ends: outside the years 0001 to 9999 in any time zone
Interval = tuple[int, int]

NANOSECONDS = 1_000_000  # of a millisecond
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


def interval(text: str) -> Interval:
    """The interval of a date, dateTime or instant; seconds may be left out, as searches do.
    ValueError names `text`.
    """
    low, high = nanoseconds(text)
    return low // NANOSECONDS, -(-high // NANOSECONDS)


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
    if not is_instant(text):
        raise ValueError(f"`{text[:100]}` is no instant")
    return interval(text)[0]
