"""Quantity parameters."""

from decimal import Decimal
from typing import Any

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.extract import extract
from tests.search.asking import BASE, finds, query

UCUM = "http://unitsofmeasure.org"


def observation(**quantity: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "o", "valueQuantity": quantity}


WEIGHT = observation(value=Decimal("5.40"), unit="milligram", system=UCUM, code="mg")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("5.4", True),
        (f"5.4|{UCUM}|mg", True),
        ("5.4||mg", True),
        ("5.4||milligram", True),
        (f"5.4|{UCUM}|milligram", False),
        (f"5.4|{UCUM}|g", False),
        ("5.4||g", False),
        (f"5.40|{UCUM}|mg", True),
        (f"5.3|{UCUM}|mg", False),
        (f"gt5.3|{UCUM}|mg", True),
        (f"lt5.4|{UCUM}|mg", False),
        (f"le5.4|{UCUM}|mg", True),
        ("1,5.4||mg", True),
        ("5.4||", True),
        ("5.3||", False),
        ("gt5||", True),
        (f"5.4|{UCUM}|", True),
        (f"5.3|{UCUM}|", False),
        (f"lt6|{UCUM}|", True),
        ("5.4|http://a.example|", False),
    ],
)
def test_a_quantity_is_found_by_number_and_unit(asked: str, found: bool) -> None:
    assert finds(f"Observation?value-quantity={asked}", WEIGHT) is found


@pytest.mark.parametrize(
    ("comparator", "asked", "found"),
    [
        ("<", "lt5", True),
        ("<", "ge5", False),
        ("<=", "le5", True),
        ("<=", "gt5", False),
        (">", "gt1000", True),
        (">", "le5", False),
        (">=", "ge5", True),
        (">=", "lt5", False),
        ("<", "5", False),
    ],
)
def test_a_comparator_opens_the_interval(comparator: str, asked: str, found: bool) -> None:
    resource = observation(value=5, comparator=comparator)
    assert finds(f"Observation?value-quantity={asked}", resource) is found


def test_money_has_its_currency_as_unit() -> None:
    invoice = {
        "resourceType": "Invoice",
        "id": "i",
        "totalNet": {"value": Decimal("12.50"), "currency": "EUR"},
    }
    assert finds("Invoice?totalnet=12.50|urn:iso:std:iso:4217|EUR", invoice)
    assert not finds("Invoice?totalnet=12.50||USD", invoice)


def test_a_range_has_the_unit_of_its_ends() -> None:
    plan = {
        "resourceType": "ActivityDefinition",
        "id": "a",
        "useContext": [
            {"valueRange": {"low": {"value": 1, "unit": "a"}, "high": {"value": 9, "unit": "a"}}}
        ],
    }
    assert finds("ActivityDefinition?context-quantity=gt8||a", plan)
    assert not finds("ActivityDefinition?context-quantity=gt9||a", plan)


@pytest.mark.parametrize(
    ("value", "unit", "asked", "found"),
    [
        ("5.40", "mg", "0.0054||g", False),
        ("5.40", "mg", f"0.0054|{UCUM}|g", True),
        ("5.40", "mg", f"5400|{UCUM}|ug", True),
        ("5.40", "mg", f"5401|{UCUM}|ug", False),
        ("5.40", "mg", f"5400|{UCUM}|mL", False),
        ("5.40", "mg", "5400|urn:other|ug", False),
        ("5.40", "mg", f"lt1|{UCUM}|kg", True),
        ("13.2", "g/dL", f"132|{UCUM}|g/L", True),
        ("13.2", "g/dL", f"gt131|{UCUM}|mg/mL", True),
        ("5", "mmol/L", f"5000|{UCUM}|umol/l", True),
        ("120", "mm[Hg]", f"ap16|{UCUM}|kPa", True),
        ("250", "10*9/L", f"250|{UCUM}|10*3/uL", True),
        ("2", "h", f"120|{UCUM}|min", True),
        ("37", "Cel", f"37|{UCUM}|Cel", True),
        ("37", "Cel", f"310.15|{UCUM}|K", False),
    ],
)
def test_a_unit_of_ucum_is_found_in_another(value: str, unit: str, asked: str, found: bool) -> None:
    resource = observation(value=Decimal(value), unit="x", system=UCUM, code=unit)
    assert finds(f"Observation?value-quantity={asked}", resource) is found


def test_a_range_is_found_in_another_unit() -> None:
    low, high = ({"value": n, "system": UCUM, "code": "kg"} for n in (1, 9))
    plan = {"resourceType": "ActivityDefinition", "id": "a",
            "useContext": [{"valueRange": {"low": low, "high": high}}]}  # fmt: skip
    assert finds(f"ActivityDefinition?context-quantity=gt8500|{UCUM}|g", plan)
    assert not finds(f"ActivityDefinition?context-quantity=gt9500|{UCUM}|g", plan)


@pytest.mark.parametrize("value", ["1e999999", "-1e999999", "1e-999999", "9" * 200])
def test_what_is_too_great_for_a_number_is_still_indexed(value: str) -> None:
    resource = observation(value=Decimal(value), system=UCUM, code="kg")
    assert all(low < high or low == high for _, low, high in extract(resource, base=BASE).numbers)


def test_a_quantity_without_a_value_has_no_rows() -> None:
    assert extract(observation(unit="mg"), base=BASE).numbers == ()


@pytest.mark.parametrize("value", ["x||mg", "5.4|mg", "5.4|", "5.4|a|b|c", "||mg", "|a|", "||"])
def test_what_is_no_quantity_is_refused(value: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        query(f"Observation?value-quantity={value}")
    assert (refusal.value.code, f"`{value}`" in refusal.value.text) == ("value", True)


def test_a_modifier_is_refused() -> None:
    with pytest.raises(BadRequest):
        query("Observation?value-quantity:exact=1")
