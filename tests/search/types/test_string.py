"""String parameters."""

from typing import Any

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.extract import extract
from fhir_server.search.parameters import parameters
from fhir_server.search.types.string import normalise
from tests.search.asking import BASE, finds, finds_value, query

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "name": [
        {"family": "Œuvrard", "given": ["Hélène", "Anne-Marie"], "text": "Mme Hélène Œuvrard"}
    ],
    "address": [{"line": ["12 rue de l’Église"], "city": "SAINT-DENIS", "postalCode": "93200"}],
}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("given=hélène", True),
        ("given=HELE", True),
        ("given=lene", False),
        ("given:contains=LÉNE", True),
        ("given:contains=marie", True),
        ("given:exact=Hélène", True),
        ("given:exact=Helene", False),
        ("given:exact=Hélèn", False),
        ("family=oeuvr", True),
        ("family=ŒUVR", True),
        ("name=anne-m", True),
        ("name=oeuvrard", True),
        ("name=mme  helene", True),
        ("name=nobody", False),
        ("name=nobody,anne", True),
        ("address=12 rue de l'eglise", True),
        ("address-city=saint-denis", True),
        ("address=93200", True),
        ("address-city=93200", False),
        ("family:missing=false", True),
    ],
)
def test_a_string_is_compared_without_case_and_accents(search: str, found: bool) -> None:
    assert finds(f"Patient?{search}", PATIENT) is found


def test_an_escaped_comma_is_a_comma() -> None:
    organization = {"resourceType": "Organization", "id": "o", "name": "Dupont, Durand"}
    assert finds_value("name", r"dupont\, du", organization)
    assert not finds_value("name", "durand, zzz", organization)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Two\t\nwords ", "two words"),
        ("STRASSE straße", "strasse strasse"),
        ("Łódź Ærø", "lodz aero"),
        ("ﬁn", "fin"),
        ("x" * 300, "x" * 200),
        ("漢字", "漢字"),
    ],
)
def test_a_string_is_normalised(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_a_row_has_the_normalised_text_and_the_text_both_cut() -> None:
    long = {"resourceType": "Organization", "name": "É" * 300}
    number = parameters("Organization")["name"].number
    assert (number, "e" * 200, "É" * 200) in extract(long, base=BASE).strings


def test_a_text_of_which_nothing_remains_is_refused() -> None:
    with pytest.raises(BadRequest, match="is no value for `name`"):
        query("Patient?name=\u0301")


def test_another_modifier_is_refused() -> None:
    with pytest.raises(BadRequest) as refusal:
        query("Patient?name:text=x")
    assert refusal.value.code == "not-supported"
