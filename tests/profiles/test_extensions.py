"""The extensions that R4 itself defines: https://hl7.org/fhir/R4/extensibility-registry.html"""

from typing import Any

import pytest

from profiles.extensions import defined
from profiles.validate import validate

HL7 = "http://hl7.org/fhir/StructureDefinition/"
ADDRESS, CODE = {"valueAddress": {"city": "Lyon"}}, {"valueCode": "a"}
NATION = {"url": "code", "valueCodeableConcept": {"text": "FR"}}


def one(name: str, **more: Any) -> dict[str, Any]:
    return {"url": HL7 + name} | more


def patient(*extensions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "extension": list(extensions)} | more


def parts(name: str, *inner: dict[str, Any]) -> dict[str, Any]:
    return one(name, extension=list(inner))


GOOD = {
    "an address": patient(one("patient-birthPlace", **ADDRESS)),
    "a part": patient(parts("patient-citizenship", NATION)),
    "several": patient(*(parts("patient-citizenship", NATION) for _ in range(2))),
    "another extension within": patient(parts("patient-citizenship", NATION, {
        "url": "http://a.example/x", **CODE})),
    "a code": {"resourceType": "Patient", "_birthDate": {
        "extension": [one("data-absent-reason", valueCode="unknown")]}},
    "beside a primitive in a list": {"resourceType": "Patient", "name": [{
        "given": ["a"], "_given": [
            {"extension": [one("humanname-own-prefix", valueString="b")]}]}]},
    "a reference": patient(one("patient-relatedPerson", valueReference={
        "reference": "RelatedPerson/1"})),
    "an extension of a guide": patient({"url": "http://a.example/birthPlace", **CODE}),
    "an extension nobody defines": patient(one("patient-nobody", **CODE)),
}  # fmt: skip
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "another type": (
        patient(one("patient-birthPlace", valueString="Lyon")), "structure",
        "Patient.extension[0].value"),
    "a value for parts": (
        patient(one("patient-citizenship", **CODE)), "structure", "Patient.extension[0].value"),
    "parts for a value": (
        patient(parts("patient-birthPlace", NATION)), "structure",
        "Patient.extension[0].extension"),
    "once too often": (
        patient(*(one("patient-birthPlace", **ADDRESS) for _ in range(2))), "structure",
        "Patient.extension[1]"),
    "an unknown part": (
        patient(parts("patient-citizenship", {"url": "cod", **CODE})), "structure",
        "Patient.extension[0].extension[0]"),
    "a part of another type": (
        patient(parts("patient-citizenship", {"url": "code", **CODE})), "structure",
        "Patient.extension[0].extension[0].value"),
    "a part once too often": (
        patient(parts("patient-citizenship", NATION, NATION)), "structure",
        "Patient.extension[0].extension[1]"),
    "a reference to another type": (
        patient(one("patient-relatedPerson", valueReference={"reference": "Patient/1"})),
        "structure", "Patient.extension[0].value"),
    "an unknown code": (
        {"resourceType": "Patient", "_birthDate": {
            "extension": [one("data-absent-reason", valueCode="gone")]}}, "code-invalid",
        "Patient.birthDate.extension[0].value"),
    "beside a primitive in a list": (
        {"resourceType": "Patient", "name": [{"given": ["a"], "_given": [
            {"extension": [one("humanname-own-prefix", valueCode="b")]}]}]}, "structure",
        "Patient.name[0].given[0].extension[0].value"),
    "in a contained resource": (
        {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": "#p"},
         "contained": [patient(one("patient-birthPlace", **CODE), id="p")]}, "structure",
        "Basic.contained[0].extension[0].value"),
    "in an entry": (
        {"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": patient(one("patient-birthPlace", **CODE))}]}, "structure",
        "Bundle.entry[0].resource.extension[0].value"),
    "within another": (
        patient({"url": "http://a.example/x", "extension": [
            one("patient-birthPlace", **CODE)]}), "structure",
        "Patient.extension[0].extension[0].value"),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_what_the_definition_allows_is_valid(case: str) -> None:
    assert validate(GOOD[case]) == []


@pytest.mark.parametrize("case", BAD)
def test_what_the_definition_does_not_allow_is_told_with_its_place(case: str) -> None:
    resource, code, expression = BAD[case]
    assert [(issue.code, issue.expression) for issue in validate(resource)] == [(code, expression)]


def test_a_part_that_must_be_there_is_missed() -> None:
    needed = {
        url: [name for name, part in definition.parts.items() if part.min]
        for url, definition in defined().items()
        if any(part.min for part in definition.parts.values())
    }
    assert len(needed) > 20
    for url, names in needed.items():
        other = {"url": "http://a.example/x", "valueCode": "a"}
        found = validate(patient({"url": url, "extension": [other]}))
        assert {issue.code for issue in found} == {"required"} and len(found) == len(names)


def test_every_extension_has_a_value_of_a_type_or_parts() -> None:
    assert len(defined()) > 380
    assert all(bool(one.types) != bool(one.parts) for one in defined().values())
