"""Places by FHIRPath: http://hl7.org/fhirpath/N1/, https://hl7.org/fhir/R4/fhirpath.html"""

from typing import Any

import pytest

from profiles.fhirpath.place import Place, root
from profiles.fhirpath.places import find

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "contained": [
        {"resourceType": "Patient", "id": "p", "active": True},
        {"resourceType": "Device", "id": "d", "lotNumber": "1"},
    ],
    "status": "final",
    "_status": {"extension": [{"url": "http://a.example", "valueCode": "x"}]},
    "code": {"coding": [{"code": "a"}, {"code": "b", "display": "B"}], "text": "A"},
    "subject": {"reference": "#p"},
    "component": [
        {"code": {"text": "1"}, "valueInteger": 1},
        {"code": {"text": "2"}, "valueString": "two"},
        {"code": {"text": "3"}},
    ],
    "note": [{"text": "n"}],
}


def where(path: str, resource: dict[str, Any] = OBSERVATION) -> list[tuple[str, int, str]]:
    """JSON name, index and type of each place."""
    found = find(path, root(resource), lambda _: None)
    return [(place.name, place.index, place.type_) for place in found]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("Observation", [("", -1, "Observation")]),
        ("Resource.status", [("status", -1, "code")]),
        ("status", [("status", -1, "code")]),
        ("Observation.status.value", [("status", -1, "code")]),
        ("Observation.status.extension", [("extension", 0, "Extension")]),
        ("Observation.status.extension.value", [("valueCode", -1, "code")]),
        ("Observation.code.coding", [("coding", 0, "Coding"), ("coding", 1, "Coding")]),
        ("Observation.code.coding[1].code", [("code", -1, "code")]),
        ("Observation.code.coding[7]", []),
        ("Observation.method", []),
        (
            "Observation.component.value",
            [("valueInteger", -1, "integer"), ("valueString", -1, "string")],
        ),
        ("Observation.component.value.ofType(string)", [("valueString", -1, "string")]),
        ("Observation.component.value.ofType(FHIR.string)", [("valueString", -1, "string")]),
        ("Observation.component.value as integer", [("valueInteger", -1, "integer")]),
        ("Observation.contained.lotNumber", [("lotNumber", -1, "string")]),
        ("Observation.contained.ofType(Patient).active", [("active", -1, "boolean")]),
        ("Observation.subject.resolve().active", [("active", -1, "boolean")]),
        ("Observation.subject.reference.resolve().active", [("active", -1, "boolean")]),
    ],
)
def test_a_path_leads_to_its_places(path: str, found: list[tuple[str, int, str]]) -> None:
    assert where(path) == found


def numbers(condition: str) -> list[int]:
    """The components that meet a condition, counted from 1."""
    return [1 + index for _, index, _ in where(f"Observation.component.where({condition})")]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("code.text = '2'", [2]),
        ("code.text != '2'", [1, 3]),
        ("value = 1", [1]),
        ("value.exists()", [1, 2]),
        ("value.empty()", [3]),
        ("value.exists().not()", [3]),
        ("value.ofType(integer) > 0", [1]),
        ("value.ofType(integer) >= 1 and value.ofType(integer) <= 1", [1]),
        ("value.ofType(integer) < 1", []),
        ("value is integer", [1]),
        ("value.is(string)", [2]),
        ("code.text in ('1')", [1]),
        ("code.text.startsWith('3') or code.text.endsWith('2')", [2, 3]),
        ("value.exists() xor code.text.contains('1')", [2]),
        ("value.exists() implies code.text = '1'", [1, 3]),
        ("code.exists(text = '3')", [3]),
        ("code.all(text = '3')", [3]),
        ("code.text.count() = 1 and code.text.hasValue()", [1, 2, 3]),
        ("$this.code.text = '1'", [1]),
        ("%resource.status = 'final'", [1, 2, 3]),
        ("{}", []),
        ("value = {}", []),
        ("true", [1, 2, 3]),
        ("(value = 'two') and {}", []),
    ],
)
def test_a_condition_chooses(condition: str, found: list[int]) -> None:
    assert numbers(condition) == found


@pytest.mark.parametrize(
    ("function", "found"),
    [
        ("first()", [0]),
        ("last()", [2]),
        ("tail()", [1, 2]),
        ("skip(2)", [2]),
        ("take(2)", [0, 1]),
        ("skip(1).take(1).single()", [1]),
    ],
)
def test_a_function_takes_a_part_of_a_list(function: str, found: list[int]) -> None:
    assert [index for _, index, _ in where(f"Observation.component.{function}")] == found


def test_a_primitive_that_has_only_extensions_is_a_place() -> None:
    patient = {"resourceType": "Patient", "_birthDate": {"id": "x"}, "name": [{"_given": [{}]}]}
    assert where("Patient.birthDate", patient) == [("birthDate", -1, "date")]
    assert where("Patient.name.given", patient) == [("given", 0, "string")]


@pytest.mark.parametrize(
    "path",
    [
        "Patient.active",
        "Observation.status | Observation.code",
        "Observation.component.select(code)",
        "Observation.component.single()",
        "Observation.component[-1]",
        "Observation.component['a']",
        "Observation.component.where(code)",
        "Observation.component.where(code = code)",
        "Observation.component.where(code.text < 'x')",
        "Observation.component.where(value.startsWith(1))",
        "Observation.component.ofType(Nothing)",
        "Observation.status.exists().x",
        "Observation.component.exists()",
        "1",
        "Observation.status.resolve()",
        "@2020",
    ],
)
def test_what_is_not_done_or_gives_no_elements_is_said(path: str) -> None:
    with pytest.raises(ValueError):
        where(path)


@pytest.mark.parametrize("path", ["Observation.nothing", "Observation.code.coding.nothing"])
def test_a_name_that_a_type_does_not_have_is_said(path: str) -> None:
    with pytest.raises(LookupError, match="nothing"):
        where(path)


def test_every_element_that_is_looked_at_is_paid_for() -> None:
    spent: list[int] = []
    find("Observation.component.where(code.text = '1')", root(OBSERVATION), spent.append)
    assert sum(spent) >= 3 * 4  # three components, each with code, text, a literal and the `=`


def test_a_place_knows_what_stands_beside_it() -> None:
    place: Place = find("Observation.status", root(OBSERVATION), lambda _: None)[0]
    assert (place.value, place.beside) == ("final", OBSERVATION["_status"])
