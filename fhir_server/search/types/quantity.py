"""Quantity parameters: numbers with a unit.

https://hl7.org/fhir/R4/search.html#quantity

A quantity has one row under the number of its parameter, for searches that name no unit, and one
under the number of each way to name its unit: system and code, system alone, code alone, unit text
alone. So a unit costs no column. A unit of UCUM that `units` knows stands there as its canonical
one, whatever the text of it says.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from fhir_server.search.keys import common
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import AnyOf, Criterion, NumberIs
from fhir_server.search.rows import Items, Rows
from fhir_server.search.terms import Asked, plain, refuse_modifier, refuse_value, split
from fhir_server.search.types.number import (
    GREATEST,
    LEAST,
    ONE,
    NumberInterval,
    asked_interval,
    between,
    point,
    times,
)
from fhir_server.search.types.units import CANONICAL, UCUM

CURRENCY = "urn:iso:std:iso:4217"


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """Rows for Quantity (Age, Duration, …), Range and Money; SampledData has no value to compare
    and gives none.
    """
    for type_, value in items:
        found = _interval(type_, value) if isinstance(value, dict) else None
        if found is not None:
            for number in (parameter.number, *_units(parameter.number, type_, value)):
                rows.numbers.append((number, *found))
            _read_canonical(parameter.number, type_, value, rows)


def _read_canonical(number: int, type_: str, value: Any, rows: Rows) -> None:
    """The row for a unit of UCUM that is another by a factor: in grams for all that is a mass."""
    system, code, _ = _unit(type_, value)
    if system == UCUM and code in CANONICAL:
        unit, factor = CANONICAL[code]
        found = _interval(type_, value, factor)
        assert found is not None  # as without the factor
        rows.numbers.append((unit_number(number, UCUM, unit), *found))


def _interval(type_: str, value: Any, factor: Decimal = ONE) -> NumberInterval | None:
    if type_ == "Range":
        return between(value, factor)
    if "value" not in value:
        return None
    low, high = point(times(value["value"], factor))
    match value.get("comparator"):
        case "<":
            return LEAST, low
        case "<=":
            return LEAST, high
        case ">":
            return high, GREATEST
        case ">=":
            return low, GREATEST
    return low, high


def _unit(type_: str, value: Any) -> tuple[str, str, str]:
    """System, code and text of a unit."""
    if type_ == "Range":
        value = value.get("low") or value.get("high") or {}
    if type_ == "Money":
        return CURRENCY, value.get("currency", ""), ""
    return value.get("system", ""), value.get("code", ""), value.get("unit", "")


def _units(number: int, type_: str, value: Any) -> Iterator[int]:
    system, code, unit = _unit(type_, value)
    if system:
        yield system_number(number, system)
    if system and code and not (system == UCUM and code in CANONICAL):
        yield unit_number(number, system, code)
    for name in {code, unit} - {""}:
        yield unit_number(number, "", name)


def unit_number(number: int, system: str, code: str) -> int:
    """The number under which the quantities of this unit are; `system` is "" for a code or text in
    any system.
    """
    return common(number, "unit", system, code)


def system_number(number: int, system: str) -> int:
    """The number under which the quantities are whose unit is any of this system."""
    return common(number, "unit-system", system)


def ask(parameter: Parameter, modifier: str, values: Sequence[str], _: Asked) -> Criterion:
    """`5.4`, `5.4|system|code` or `5.4||code`, the last by code or text of the unit; without a code
    `5.4|system|` in any unit of the system, and `5.4||` in any.
    """
    if modifier:
        refuse_modifier(parameter.code, modifier)
    parts = tuple(_is(parameter, value) for value in values)
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def _is(parameter: Parameter, value: str) -> NumberIs:
    match [plain(part) for part in split(value, "|")]:
        case [number] | [number, "", ""]:
            return NumberIs(parameter.number, *asked_interval(parameter.code, value, number))
        case [number, system, ""]:
            unit = system_number(parameter.number, system)
            return NumberIs(unit, *asked_interval(parameter.code, value, number))
        case [number, system, code] if system == UCUM and code in CANONICAL:
            base, factor = CANONICAL[code]
            unit = unit_number(parameter.number, UCUM, base)
            return NumberIs(unit, *asked_interval(parameter.code, value, number, factor))
        case [number, system, code]:
            unit = unit_number(parameter.number, system, code)
            return NumberIs(unit, *asked_interval(parameter.code, value, number))
    refuse_value(parameter.code, value)
