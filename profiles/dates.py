"""Dates, dateTimes and instants as intervals of nanoseconds.

https://hl7.org/fhir/R4/datatypes.html#dateTime
"""

import re
from calendar import isleap, monthrange
from datetime import date

Interval = tuple[int, int]
SECOND = 1_000_000_000
DIGITS = 9  # of a fraction that make a nanosecond

_MINUTE, _HOUR, _DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
_EPOCH = date(1970, 1, 1).toordinal()
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)"
    r"(?:T([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d|60)(?:\.(\d+))?)?"
    r"(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?)?)?",
    re.ASCII,
)


def nanoseconds(text: str) -> Interval:
    """The interval [low, high) that a text covers, since 1970 UTC: `2026-11` is all of November.

    What has no time zone is taken as UTC; seconds may be left out. A leap second is the last
    nanosecond of its minute. A fraction finer than a nanosecond covers that nanosecond. ValueError
    names `text`.
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
    if second == "60":
        return low + _MINUTE - 1, low + _MINUTE
    low += int(second) * SECOND
    if fraction is None:
        return low, low + SECOND
    low += int(fraction[:DIGITS].ljust(DIGITS, "0"))
    return low, low + 10 ** max(0, DIGITS - len(fraction))


def is_instant(text: str) -> bool:
    """Whether it has seconds and a time zone: one instant, whatever its spelling."""
    match = _DATE.fullmatch(text)
    return match is not None and match[6] is not None and match[8] is not None


def _days(year: int, month: str | None, day: str | None) -> int:
    if month is None:
        return 365 + isleap(year)
    return monthrange(year, int(month))[1] if day is None else 1


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    size = int(zone[1:3]) * _HOUR + int(zone[4:6]) * _MINUTE
    return -size if zone[0] == "-" else size
