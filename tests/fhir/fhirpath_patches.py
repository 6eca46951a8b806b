"""Makers of FHIRPath Patches, and a Patient to apply them to."""

from typing import Any

import pytest

from fhir_server.fhir.fhirpath_patch import fhirpath_patch
from fhir_server.fhir.outcome import BadRequest, FhirError, Unprocessable
from profiles.validate import validate

NUMBERS = ("index", "source", "destination")
CODING = {"system": "http://a.example", "code": "x"}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "gender": "male",
    "birthDate": "1980-01-01",
    "_birthDate": {"extension": [{"url": "http://a.example/t", "valueString": "noon"}]},
    "deceasedBoolean": False,
    "identifier": [{"system": f"urn:{n}", "value": f"{n}"} for n in "abcd"],
    "name": [
        {"use": "official", "family": "Essai", "given": ["A", "B"], "_given": [None, {"id": "b"}]},
        {"use": "usual", "text": "T"},
    ],
    "contact": [{"name": {"text": "only a text"}}],
}


def operation(kind: str, path: str, **parts: Any) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        {"name": "type", "valueCode": kind},
        {"name": "path", "valueString": path},
    ]
    for name, value in parts.items():
        if name == "name":
            found.append({"name": name, "valueString": value})
        elif name in NUMBERS:
            found.append({"name": name, "valueInteger": value})
        else:
            found.append({"name": "value", **value})
    return {"name": "operation", "part": found}


def done(*operations: dict[str, Any], of: dict[str, Any] = PATIENT) -> dict[str, Any]:
    parameters: dict[str, Any] = {"resourceType": "Parameters"}
    if operations:
        parameters["parameter"] = list(operations)
    faults = [issue.text for issue in validate(parameters)]
    assert [text for text in faults if "#o" not in text] == []
    made = fhirpath_patch(of, parameters)
    assert validate(made) == []
    return made


def refused(*operations: dict[str, Any], of: dict[str, Any] = PATIENT) -> FhirError:
    with pytest.raises((Unprocessable, BadRequest)) as refusal:
        done(*operations, of=of)
    return refusal.value


def values(made: dict[str, Any]) -> str:
    return "".join(identifier["value"] for identifier in made["identifier"])


def part(name: str, **value: Any) -> dict[str, Any]:
    return {"name": name, **value}
