"""Composite parameters."""

from typing import Any

import pytest

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.parameters import parameters
from profiles.definitions import r4
from tests.search.asking import finds, query

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code}]}


def millimetres(value: int) -> dict[str, Any]:
    return {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}


PRESSURE: dict[str, Any] = {
    "resourceType": "Observation", "id": "o", "code": coded("85354-9"),
    "component": [
        {"code": coded("8480-6"), "valueQuantity": millimetres(120)},
        {"code": coded("8462-4"), "valueQuantity": millimetres(80)},
        {"code": coded("1"), "valueCodeableConcept": coded("high")},
        {"code": coded("empty")},
    ],
}  # fmt: skip
ONE = {"resourceType": "Observation", "id": "w", "code": coded("1")}
WEIGHT, WORDS = ONE | {"valueQuantity": {"value": 5}}, ONE | {"valueString": "Rouge"}
DATED = ONE | {"valueDateTime": "2026-02"}
DOCUMENT: dict[str, Any] = {
    "resourceType": "DocumentReference", "id": "d",
    "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/1"}},
                  {"code": "appends", "target": {"reference": "DocumentReference/2"}}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (f"component-code-value-quantity={LOINC}|8480-6$120", True),
        ("component-code-value-quantity=8480-6$gt100", True),
        ("component-code-value-quantity=8480-6$lt100", False),
        ("component-code-value-quantity=8462-4$120", False),
        (f"component-code-value-quantity=8462-4$lt90|{UCUM}|mm[Hg]", True),
        (f"component-code-value-quantity=8462-4$gt10|{UCUM}|kPa", True),
        ("component-code-value-quantity=8462-4$80||mmHg", True),
        ("component-code-value-quantity=8462-4$80||mg", False),
        ("component-code-value-quantity=8480-6$80,8462-4$80", True),
        ("component-code-value-quantity=|8480-6$120", False),
        ("component-code-value-concept=1$high", True),
        (f"component-code-value-concept=1${LOINC}|high", True),
        (f"component-code-value-concept=1${LOINC}|", True),
        ("component-code-value-concept=8480-6$high", False),
        ("combo-code-value-quantity=8480-6$120", True),
        ("combo-code-value-quantity=85354-9$120", False),
        ("code-value-quantity=8480-6$120", False),
        ("component-code-value-quantity:missing=false", True),
        ("code-value-quantity:missing=true", True),
        ("combo-code-value-quantity:missing=true", False),
        ("combo-code-value-concept:missing=false", True),
    ],
)
def test_components_are_of_the_same_element(asked: str, found: bool) -> None:
    assert finds(f"Observation?{asked}", PRESSURE) is found


@pytest.mark.parametrize(
    ("asked", "resource", "found"),
    [
        ("code-value-quantity=1$5", WEIGHT, True),
        ("code-value-quantity=2$5", WEIGHT, False),
        ("code-value-quantity=1$6", WEIGHT, False),
        ("combo-code-value-quantity=1$5", WEIGHT, True),
        ("component-code-value-quantity=1$5", WEIGHT, False),
        ("component-code-value-quantity:missing=true", WEIGHT, True),
        (f"code-value-quantity={LOINC}|$ge5", WEIGHT, True),
        ("code-value-string=1$rou", WORDS, True),
        ("code-value-string=1$vert", WORDS, False),
        ("code-value-date=1$ge2026", DATED, True),
        ("code-value-date=1$lt2026", DATED, False),
        ("relationship=DocumentReference/1$replaces", DOCUMENT, True),
        ("relationship=1$replaces", DOCUMENT, True),
        ("relationship=DocumentReference/2$replaces", DOCUMENT, False),
        ("relationship=DocumentReference/2$appends", DOCUMENT, True),
    ],
)
def test_each_kind_of_value_is_found(asked: str, resource: dict[str, Any], found: bool) -> None:
    assert finds(f"{resource['resourceType']}?{asked}", resource) is found


def test_a_dollar_in_a_code_has_its_escape() -> None:
    trait = {"code": {"coding": [{"code": "a$b"}]}, "valueBoolean": True, "exclude": False}
    group = {"resourceType": "Group", "id": "g", "characteristic": [trait]}
    assert finds(r"Group?characteristic-value=a\$b$true", group)
    assert not finds(r"Group?characteristic-value=a\$b$false", group)


def test_a_sequence_has_its_window() -> None:
    sequence = {"resourceType": "MolecularSequence", "id": "m", "referenceSeq": {
        "chromosome": coded("1"), "windowStart": 10, "windowEnd": 20}}  # fmt: skip
    assert finds("MolecularSequence?chromosome-window-coordinate=1$ge10$le20", sequence)
    assert not finds("MolecularSequence?chromosome-window-coordinate=1$ge11$le20", sequence)


VARIANTS: dict[str, Any] = {
    "resourceType": "MolecularSequence", "id": "m",
    "referenceSeq": {"chromosome": coded("1"), "referenceSeqId": coded("NC_1")},
    "variant": [{"start": 10, "end": 20}, {"start": 30, "end": 40}, {"start": 50}],
}  # fmt: skip


@pytest.mark.parametrize(("asked", "found"), [
    ("1$10$20", True), ("1$30$40", True), ("1$10$40", False), ("2$10$20", False),
    ("1$lt15$gt15", True), ("1$lt25$gt25", False), ("1$ge30$le40", True), ("1$gt30$le40", False),
    ("1$ne10$20", False), ("1$ne10$ne20", True), ("1$sa9$eb21", True), ("1$50$gt0", False),
    ("1$ap11$20", True), ("1$11$20,1$10$20", True), ("1$le30$lt40", True), ("1$gt10$lt40", False),
])  # fmt: skip
@pytest.mark.parametrize("code", ["chromosome", "referenceseqid"])
def test_the_ends_of_a_variant_are_of_the_same_one(code: str, asked: str, found: bool) -> None:
    if code == "referenceseqid":
        asked = ",".join(f"NC_{one}" for one in asked.split(","))
    assert finds(f"MolecularSequence?{code}-variant-coordinate={asked}", VARIANTS) is found


@pytest.mark.parametrize(("left_out", "found"), [("", True), ("referenceSeq", False),
                                                 ("variant", False)])  # fmt: skip
def test_a_variant_has_coordinates_with_all_three(left_out: str, found: bool) -> None:
    sequence = {name: value for name, value in VARIANTS.items() if name != left_out}
    asked = "MolecularSequence?chromosome-variant-coordinate:missing"
    assert finds(f"{asked}=false", sequence) is found
    assert finds(f"{asked}=true", sequence) is not found


def test_a_variant_without_an_end_has_no_coordinates() -> None:
    sequence = VARIANTS | {"variant": [{"start": 50}]}
    assert finds("MolecularSequence?chromosome-variant-coordinate:missing=true", sequence)


@pytest.mark.parametrize("asked", [
    "=1", "=1$", "=$5", "=1$2$3", "=1$x", "=|$5", "=http://loinc.org|$5", ":not=1$5", ":x=1$5",
])  # fmt: skip
def test_what_is_no_composite_is_refused(asked: str) -> None:
    with pytest.raises(BadRequest):
        query(f"Observation?component-code-value-quantity{asked}")


def test_every_composite_of_r4_can_be_asked_for_its_absence() -> None:
    definitions = r4()
    for type_ in definitions.resources:
        for code, definition in definitions.search[type_].items():
            if definition.type == "composite":
                asked = f"{type_}?{code}:missing=true"
                assert code in parameters(type_)
                assert finds(asked, {"resourceType": type_, "id": "x"})
