"""Makers of XML Patches, and a Patient to apply them to."""

from typing import Any

import pytest

from fhir_server.fhir.outcome import BadRequest, FhirError, Unprocessable
from fhir_server.fhir.xml_patch import xml_patch
from profiles.validate import validate

FHIR = 'xmlns:f="http://hl7.org/fhir"'
DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p class=\'a\'>one&#160;<b>two</b> three</p></div>'
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "text": {"status": "generated", "div": DIV},
    "extension": [{"url": "http://a.example", "valueString": "x"}],
    "identifier": [{"system": f"urn:{n}", "value": n} for n in "abc"],
    "name": [{"use": "official", "family": "Essai", "given": ["A", "B"]}],
    "gender": "male",
    "birthDate": "1980-01-01",
}


def done(operations: str, *, of: dict[str, Any] = PATIENT, root: str = "diff") -> dict[str, Any]:
    made = xml_patch(of, f"<{root} {FHIR}>{operations}</{root.split()[0]}>".encode())
    assert validate(made) == []
    return made


def refused(operations: str, of: dict[str, Any] = PATIENT) -> FhirError:
    with pytest.raises((BadRequest, Unprocessable)) as refusal:
        done(operations, of=of)
    return refusal.value


def replace(selector: str, value: str) -> str:
    return f'<replace sel="{selector}">{value}</replace>'


def values(made: dict[str, Any]) -> str:
    return "".join(identifier["value"] for identifier in made["identifier"])
