"""Makers of invented FHIR documents; a test names only what it is about."""

import uuid
from collections.abc import Sequence
from typing import Any

from tests.house import ANNE, INS, Person

LOINC = "http://loinc.org"
LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
URI = "urn:ietf:rfc:3986"
Json = dict[str, Any]


def urn() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def patient_in(ins: str, **more: Any) -> Json:
    identifiers = [{"system": INS, "value": ins}] if ins else []
    found: Json = {
        "resourceType": "Patient", "identifier": identifiers,
        "name": [{"family": "Essai", "given": ["Lucien"]}], "birthDate": "1924-01-15",
        "gender": "male",
    }  # fmt: skip
    return {name: value for name, value in (found | more).items() if value}


def fhir_document(
    ins: str,
    *,
    author: Person = ANNE,
    identifier: str = "",
    patient: Json | None = None,
    subject: Json | None = None,
    labels: Sequence[Json] = (),
    bundle_labels: Sequence[Json] = (),
    replaces: str = "",
    **more: Any,
) -> Json:
    """A document Bundle of the patient with this INS; `more`: of its Composition."""
    person, writer, house = urn(), urn(), urn()
    system, value = author.sub.split("|")
    composition: Json = {
        "resourceType": "Composition", "status": "final",
        "type": {"coding": [{"system": LOINC, "code": "11488-4"}]},
        "subject": subject if subject is not None else {"reference": person},
        "date": "2026-11-24T11:00:00Z", "author": [{"reference": writer}],
        "title": "Compte rendu", "custodian": {"reference": house},
    } | more  # fmt: skip
    if labels:
        composition["meta"] = {"security": list(labels)}
    if replaces:
        target = {"system": URI, "value": replaces}
        composition["relatesTo"] = [{"code": "replaces", "targetIdentifier": target}]
    resources = {
        urn(): {name: part for name, part in composition.items() if part not in (None, {})},
        person: patient or patient_in(ins),
        writer: {"resourceType": "Practitioner", "identifier": [{"system": system, "value": value}],
                 "name": [{"family": "Exemple"}]},
        house: {"resourceType": "Organization", "name": "Cabinet Exemple"},
    }  # fmt: skip
    bundle: Json = {
        "resourceType": "Bundle", "type": "document",
        "identifier": {"system": URI, "value": identifier or urn()},
        "timestamp": "2026-11-24T11:00:00Z",
        "entry": [{"fullUrl": url, "resource": one} for url, one in resources.items()],
    }  # fmt: skip
    return bundle | ({"meta": {"security": list(bundle_labels)}} if bundle_labels else {})
