"""Date parameters: everything is an interval.

https://hl7.org/fhir/R4/search.html#date
"""

import re
from collections.abc import Sequence
from typing import Any

from fhir_server.fhir.dates import EARLIEST, LATEST, Interval, interval, period
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import AnyOf, Criterion, DateIs, Prefix
from fhir_server.search.rows import Items, Rows
from fhir_server.search.terms import Asked, plain, prefixed, refuse_modifier, refuse_value

_SPACE_FOR_PLUS = re.compile(r" (?=\d\d:\d\d$)")


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """One row per value; what cannot be read as a time (an Age, a Period that ends before it
    begins) has none.
    """
    for type_, value in items:
        try:
            found = _interval(type_, value)
        except ValueError:
            continue
        if found is not None:
            rows.dates.append((parameter.number, *found))


def _interval(type_: str, value: Any) -> Interval | None:
    match type_:
        case "Period" if "start" in value or "end" in value:
            return period(value)
        case "Timing":
            return _outer_limits(value)
        case _ if isinstance(value, str):
            return interval(value)
    return None


def _outer_limits(timing: Any) -> Interval | None:
    """R4: only the outer limits of a Timing matter."""
    found = [interval(event) for event in timing.get("event", ()) if event is not None]
    bounds = timing.get("repeat", {}).get("boundsPeriod")
    if bounds:
        found.append(period(bounds))
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
    """Prefix, low and high of `ge2026-11`; `ap` is wider by a tenth of its distance to now.
    BadRequest when it is no date.
    """
    prefix, text = prefixed(plain(value))
    try:
        low, high = interval(_SPACE_FOR_PLUS.sub("+", text))  # a `+` that was not percent-encoded
    except ValueError:
        refuse_value(code, value)
    if prefix == "ap":
        margin = abs(asked.now - low) // 10
        low, high = max(low - margin, EARLIEST), min(high + margin, LATEST)
    return prefix, low, high
