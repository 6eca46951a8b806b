"""Number parameters: intervals of floats.

https://hl7.org/fhir/R4/search.html#number
"""

import math
import re
import sys
from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Any

from fhir_server.search.parameters import Parameter
from fhir_server.search.query import AnyOf, Criterion, NumberIs, Prefix
from fhir_server.search.rows import Items, Rows
from fhir_server.search.terms import Asked, plain, prefixed, refuse_modifier, refuse_value

LEAST, GREATEST = -sys.float_info.max, sys.float_info.max  # open ends
_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)

NumberInterval = tuple[float, float]
ONE = Decimal(1)
_EXACT = Context(prec=100, traps=[])


def approximate(number: int | Decimal) -> float:
    """The nearest float, within LEAST and GREATEST."""
    try:
        return min(max(float(number), LEAST), GREATEST)
    except OverflowError:
        return GREATEST if number > 0 else LEAST


def point(number: int | Decimal) -> NumberInterval:
    """The interval of one number: up to the next float, not included."""
    low = approximate(number)
    return low, after(low)


def after(number: float) -> float:
    return min(math.nextafter(number, math.inf), GREATEST)


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    for type_, value in items:
        if type_ == "Range":
            rows.numbers.append((parameter.number, *between(value)))
        elif isinstance(value, (int, Decimal)):
            rows.numbers.append((parameter.number, *point(value)))


def between(range_: Any, factor: Decimal = ONE) -> NumberInterval:
    """The interval of a Range; a missing end is open."""
    low, high = range_.get("low", {}).get("value"), range_.get("high", {}).get("value")
    return (
        LEAST if low is None else approximate(times(low, factor)),
        GREATEST if high is None else point(times(high, factor))[1],
    )


def times(number: int | Decimal, factor: Decimal) -> int | Decimal:
    """Exactly, or infinite; whatever is stored."""
    return number if factor is ONE else _EXACT.multiply(Decimal(number), factor)


def ask(parameter: Parameter, modifier: str, values: Sequence[str], _: Asked) -> Criterion:
    if modifier:
        refuse_modifier(parameter.code, modifier)
    found = (asked_interval(parameter.code, value, plain(value)) for value in values)
    parts = tuple(NumberIs(parameter.number, *each) for each in found)
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def asked_interval(
    code: str, value: str, number: str, factor: Decimal = ONE
) -> tuple[Prefix, float, float]:
    """Prefix, low and high of `lt100`, each multiplied by `factor`; `value` is what BadRequest
    names when `number` is none.

    Equality has the precision of the text (100 is [99.5, 100.5)), `ap` a tenth of the value, the
    others are exact.
    """
    prefix, text = prefixed(number)
    if not _NUMBER.fullmatch(text):
        refuse_value(code, value)
    exact = Decimal(text)
    if prefix in ("eq", "ne"):
        return (
            prefix,
            approximate(times(exact - _half_unit(exact), factor)),
            approximate(times(exact + _half_unit(exact), factor)),
        )
    if prefix == "ap":
        return (
            prefix,
            approximate(times(exact - abs(exact) / 10, factor)),
            after(approximate(times(exact + abs(exact) / 10, factor))),
        )
    return prefix, *point(times(exact, factor))


def _half_unit(number: Decimal) -> Decimal:
    """Half of the last digit written; for 1e2 the standard itself gives [95, 105), a tenth of
    that.
    """
    exponent = int(number.as_tuple().exponent)
    return Decimal(5).scaleb(exponent - 1 if exponent <= 0 else exponent - 2)
