"""Date parameters: everything is an interval.

https://hl7.org/fhir/R4/search.html#date
"""

import re
from collections.abc import Sequence
from typing import Any

from fhir_server.fhir.dates import NANOSECONDS
from fhir_server.search.moments import FIRST, LAST, Moments, moments, whole
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import AnyOf, Criterion, DateIs, Prefix
from fhir_server.search.rows import Items, Rows
from fhir_server.search.terms import Asked, plain, prefixed, refuse_modifier, refuse_value
from profiles.dates import Interval, nanoseconds

_SPACE_FOR_PLUS = re.compile(r" (?=\d\d:\d\d$)")


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """One row per value; what cannot be read as a time (an Age, a Period that ends before it
    begins) has none.
    """
    for type_, value in items:
        try:
            found = _moments(type_, value)
        except ValueError:
            continue
        if found is not None:
            rows.dates.append((parameter.number, *found))


def _moments(type_: str, value: Any) -> Moments | None:
    match type_:
        case "Period" if "start" in value or "end" in value:
            return _of_period(value)
        case "Timing":
            return _outer_limits(value)
        case _ if isinstance(value, str):
            return moments(*nanoseconds(value))
    return None


def _of_period(value: Any) -> Moments:
    """A missing end is FIRST or LAST; ValueError when it ends before it begins."""
    low = moments(*nanoseconds(value["start"]))[0] if "start" in value else FIRST
    high = moments(*nanoseconds(value["end"]))[1] if "end" in value else LAST
    if high <= low:
        raise ValueError(f"`{value['end']}` is before `{value['start']}`")
    return low, high


def _outer_limits(timing: Any) -> Moments | None:
    """R4: only the outer limits of a Timing matter."""
    events = timing.get("event", ())
    found = [moments(*nanoseconds(event)) for event in events if event is not None]
    bounds = timing.get("repeat", {}).get("boundsPeriod")
    if bounds:
        found.append(_of_period(bounds))
    if not found:
        return None
    return min(low for low, _ in found), max(high for _, high in found)


def ask(parameter: Parameter, modifier: str, values: Sequence[str], asked: Asked) -> Criterion:
    if modifier:
        refuse_modifier(parameter.code, modifier)
    found = (asked_interval(parameter.code, value, asked) for value in values)
    parts = tuple(DateIs(parameter.number, *each) for each in found)
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def asked_interval(code: str, value: str, asked: Asked) -> tuple[Prefix, int, int]:
    """Prefix, low and high (as the index has them) of `ge2026-11`; `ap` is wider by a tenth of its
    distance to now. BadRequest when it is no date.
    """
    prefix, interval = _asked(code, value, asked)
    return prefix, *moments(*interval)


def asked_updated(code: str, value: str, asked: Asked) -> tuple[Prefix, int, int]:
    """The same for what lies in whole milliseconds."""
    prefix, interval = _asked(code, value, asked)
    return whole(prefix, *interval)


def _asked(code: str, value: str, asked: Asked) -> tuple[Prefix, Interval]:
    prefix, text = prefixed(plain(value))
    try:  # a space is a `+` that was not percent-encoded
        low, high = nanoseconds(_SPACE_FOR_PLUS.sub("+", text))
    except ValueError:
        refuse_value(code, value)
    if prefix == "ap":
        margin = abs(asked.now * NANOSECONDS - low) // 10
        low, high = low - margin, high + margin
    return prefix, (low, high)
