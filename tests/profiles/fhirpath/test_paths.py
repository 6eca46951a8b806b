"""The paths of search parameters."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from profiles.definitions import r4
from profiles.fhirpath.paths import compile_path, reference_type
from tests.corpus import corpus_files, needs_corpus
from tests.search.asking import read_json

IMAGE = "http://ext.example/image"

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "gender": "female",
    "deceasedBoolean": False,
    "extension": [{"url": IMAGE, "valueUri": "http://a.example"}, {"url": "http://other.example"}],
    "name": [
        {"family": "Exemple", "given": ["Anne", None], "_given": [None, {"id": "n"}]},
        {"given": ["Nan"], "_given": [{"id": "g"}]},
    ],
    "_gender": {"extension": [{"url": IMAGE, "valueCode": "x"}]},
    "telecom": [{"system": "email", "value": "a@b.example"}, {"system": "phone", "value": "01"}],
    "generalPractitioner": [{"reference": "Practitioner/1"}, {"reference": "Organization/2"}],
}


def select(expression: str, resource: dict[str, Any]) -> list[tuple[str, Any]]:
    path = compile_path(expression, resource["resourceType"], r4())
    return list(path.select(resource))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Patient.gender", [("code", "female")]),
        ("gender", [("code", "female")]),
        ("Resource.id", [("id", "p")]),
        ("DomainResource.id", [("id", "p")]),
        ("Patient.birthDate", []),
        ("Patient.name.given", [("string", "Anne"), ("string", "Nan")]),
        ("Patient.name[1].given", [("string", "Nan")]),
        ("Patient.name[2].given", []),
        (
            "Patient.name.given | Patient.name.family",
            [("string", "Anne"), ("string", "Nan"), ("string", "Exemple")],
        ),
        ("Person.gender", []),
        ("Patient.gender | Person.gender | Practitioner.gender", [("code", "female")]),
        ("Patient.telecom.where(system='email').value", [("string", "a@b.example")]),
        ("Patient.telecom.where(system!='email').value", [("string", "01")]),
        ("Patient.telecom.where(system='email' and value='01')", []),
        ("Patient.telecom.where(rank.exists())", []),
        (
            "Patient.generalPractitioner.where(resolve() is Organization)",
            [("Reference", {"reference": "Organization/2"})],
        ),
        (f"Patient.extension('{IMAGE}').value", [("uri", "http://a.example")]),
        (f"Patient.where(hasExtension('{IMAGE}')).id", [("id", "p")]),
        ("Patient.where(hasExtension('x')).id", []),
        (f"Patient.gender.extension('{IMAGE}').value", [("code", "x")]),
        ("Patient.birthDate.extension('x').value", []),
        ("Patient.name.given.id", [("string", "n"), ("string", "g")]),
        ("Patient.gender.value", [("code", "female")]),
        ("Patient.deceased", [("boolean", False)]),
        ("Patient.deceased.as(boolean)", [("boolean", False)]),
        ("(Patient.deceased as dateTime)", []),
        ("Patient.deceased.exists()", [("boolean", True)]),
        ("Patient.deceased.exists() and Patient.deceased != false", [("boolean", False)]),
        ("Patient.multipleBirth != false", []),
    ],
)
def test_a_path_gives_values_with_their_types(
    expression: str, expected: list[tuple[str, Any]]
) -> None:
    assert select(expression, PATIENT) == expected


@pytest.mark.parametrize(
    ("deceased", "expected"),
    [
        ({"deceasedBoolean": True}, True),
        ({"deceasedDateTime": "2020"}, True),
        ({"deceasedBoolean": False}, False),
        ({}, False),
    ],
    ids=["true", "a date", "false", "nothing"],
)
def test_deceased_is_true_but_for_false_and_nothing(
    deceased: dict[str, Any], expected: bool
) -> None:
    expression = r4().search["Patient"]["deceased"].expression
    assert select(expression, {"resourceType": "Patient", **deceased}) == [("boolean", expected)]


@pytest.mark.parametrize(
    ("value", "as_type", "found"),
    [
        ({"valueQuantity": {"value": 1}}, "Quantity", True),
        ({"valueQuantity": {"value": 1}}, "CodeableConcept", False),
        ({"valueString": "x"}, "string", True),
    ],
)
def test_a_choice_is_narrowed_to_its_type(value: Any, as_type: str, found: bool) -> None:
    resource = {"resourceType": "Observation", **value}
    assert bool(select(f"(Observation.value as {as_type})", resource)) is found


def test_a_type_includes_those_derived_from_it() -> None:
    resource = {"resourceType": "Condition", "onsetAge": {"value": 40}}
    assert select("Condition.onset as Quantity", resource) == [("Age", {"value": 40})]


def test_a_resource_inside_another_says_its_own_type() -> None:
    first = {"resourceType": "Composition", "id": "c"}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": first}, {"resource": PATIENT}]}
    assert select("Bundle.entry[0].resource", bundle) == [("Composition", first)]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"reference": "Patient/1"}, "Patient"),
        ({"reference": "Patient/1/_history/2"}, "Patient"),
        ({"reference": "http://elsewhere.example/fhir/Patient/1"}, "Patient"),
        ({"reference": "#o"}, "Organization"),
        ({"reference": "#none"}, ""),
        ({"reference": "#"}, "Consent"),
        ({"reference": "urn:uuid:0"}, ""),
        ({"reference": "urn:uuid:0", "type": "Patient"}, "Patient"),
        ({"identifier": {"value": "1"}, "type": "Patient"}, "Patient"),
        ({"identifier": {"value": "1"}}, ""),
        ({"reference": "Patient/1", "type": "Group"}, "Patient"),
        ("http://elsewhere.example/fhir/Library/1", "Library"),
        ("urn:oid:1.2", ""),
    ],
)
def test_the_type_of_a_target_is_told_from_the_reference(reference: Any, expected: str) -> None:
    holder = {
        "resourceType": "Consent",
        "contained": [{"resourceType": "Organization", "id": "o"}],
    }
    assert reference_type(reference, holder) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "Patient.nme",
        "Patient.name.lower()",
        "Patient.name + 'x'",
        "Patient.deceased as Nothing",
        "Patient.deceased[0]",
        "Patient.name[0].family.extension('x')",
        "Patient.birthDate.day",
        "Patient.name[a]",
        "%resource",
    ],
)
def test_what_is_not_done_is_refused_while_compiling(expression: str) -> None:
    with pytest.raises(ValueError):
        compile_path(expression, "Patient", r4())


def test_every_search_expression_of_r4_compiles_for_each_of_its_types() -> None:
    definitions = r4()
    paths = [
        compile_path(parameter.expression, type_, definitions)
        for type_, parameters in definitions.search.items()
        for parameter in parameters.values()
        if parameter.expression
    ]
    assert len(paths) > 2_500
    assert all(path.ends for path in paths)


PLAIN = re.compile(r"[A-Z]\w+(\.\w+)+")


def walk(value: Any, names: list[str]) -> Iterator[Any]:
    """The values of a plain path, without any table: choices by the beginning of their name."""
    if isinstance(value, list):
        for each in value:
            yield from walk(each, names)
    elif not names:
        if value is not None:
            yield value
    elif isinstance(value, dict):
        for key in value:
            if key == names[0] or re.fullmatch(names[0] + "[A-Z].*", key) and key in CHOICES:
                yield from walk(value[key], names[1:])


CHOICES = {
    name
    for type_ in r4().types.values()
    for name, (element, _) in type_.members.items()
    if element.choice
}


@needs_corpus
def test_plain_paths_find_in_every_example_what_a_walk_without_tables_finds() -> None:
    definitions = r4()
    checked = 0
    for file in corpus_files("r4/examples/*.json"):
        resource = read_json(file)
        type_ = resource["resourceType"]
        for parameter in definitions.search[type_].values():
            parts = [part.strip() for part in parameter.expression.split("|")]
            own = [part for part in parts if part.startswith(type_ + ".")]
            if not own or not all(PLAIN.fullmatch(part) for part in parts):
                continue
            expected = [v for part in own for v in walk(resource, part.split(".")[1:])]
            path = compile_path(parameter.expression, type_, definitions)
            assert [v for _, v in path.select(resource)] == expected, (file.name, parameter.code)
            checked += len(expected)
    assert checked > 2_000
