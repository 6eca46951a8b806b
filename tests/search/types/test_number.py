"""Number parameters."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.extract import extract
from fhir_server.search.types.number import GREATEST, LEAST, asked_interval, point
from tests.search.asking import BASE, finds, finds_value, query


def risk(probability: str) -> dict[str, Any]:
    prediction = [{"probabilityDecimal": Decimal(probability)}]
    return {"resourceType": "RiskAssessment", "id": "r", "prediction": prediction}


@pytest.mark.parametrize(
    ("asked", "value", "found"),
    [  # the examples of the standard, then the edges
        ("100", "100", True),
        ("100", "99.5", True),
        ("100", "99.49", False),
        ("100", "100.49", True),
        ("100", "100.5", False),
        ("100.00", "99.995", True),
        ("100.00", "100.005", False),
        ("1e2", "95", True),
        ("1e2", "105", False),
        ("ne100", "100.2", False),
        ("ne100", "101", True),
        ("lt100", "99.9", True),
        ("lt100", "100", False),
        ("le100", "100", True),
        ("le100", "100.1", False),
        ("gt100", "100.1", True),
        ("gt100", "100", False),
        ("ge100", "100", True),
        ("ge100", "99.9", False),
        ("sa100", "100.1", True),
        ("eb100", "100", False),
        ("ap100", "90", True),
        ("ap100", "110", True),
        ("ap100", "89.9", False),
        ("ap-100", "-110", True),
        ("-0.5", "-0.5", True),
        ("0.1", "0.1", True),
        ("7,100", "100", True),
    ],
)
def test_a_number_is_compared_with_the_precision_of_the_question(
    asked: str, value: str, found: bool
) -> None:
    assert finds_value("probability", asked, risk(value)) is found


@pytest.mark.parametrize("value", ["", "x", "1.", ".5", "0x1", "1e9999", "ge", "1_000", "nan", "١"])
def test_what_is_no_number_is_refused(value: str) -> None:
    if value:
        with pytest.raises(BadRequest) as refusal:
            finds_value("probability", value, risk("1"))
        assert (refusal.value.code, f"`{value}`" in refusal.value.text) == ("value", True)


def test_a_modifier_is_refused() -> None:
    with pytest.raises(BadRequest):
        query("RiskAssessment?probability:exact=1")


def test_a_range_is_open_where_it_says_nothing() -> None:
    resource = {
        "resourceType": "RiskAssessment",
        "id": "r",
        "prediction": [{"probabilityRange": {"low": {"value": 5}}}],
    }
    assert finds("RiskAssessment?probability=gt1000", resource)
    assert not finds("RiskAssessment?probability=lt5", resource)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (10**400, GREATEST),
        (-(10**400), LEAST),
        (Decimal("1e999999"), GREATEST),
        (Decimal("1e-999999"), 0.0),
    ],
)
def test_a_number_beyond_floats_is_the_last_one(number: int | Decimal, expected: float) -> None:
    assert point(number)[0] == expected


def test_whole_numbers_have_rows() -> None:
    sequence = {"resourceType": "MolecularSequence", "variant": [{"start": 3, "end": 4}]}
    lows = {low for _, low, _ in extract(sequence, base=BASE).numbers}
    assert lows == {3.0, 4.0}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-999, max_value=999))
def test_a_number_is_always_found_by_itself(number: Decimal) -> None:
    _, low, high = asked_interval("n", str(number), str(number))
    assert low <= point(number)[0] < point(number)[1] <= high
