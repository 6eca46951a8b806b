"""Valid requests, one of each kind: https://hl7.org/fhir/R4/http.html"""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from fhir_server.fhir import json_format, xml_format
from tests.house import NINA, OTTO
from tests.interactions.shared import new_ins
from tests.people import consent, patient, team

JSON, XML = "application/fhir+json", "application/fhir+xml"
PATCH, FORM = "application/json-patch+json", "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Request:
    """A request as WSGI sees it; `path` and `query` are bytes of the address."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def valid(patient_id: str, document_id: str) -> list[Request]:
    """Requests that are answered with success, or refused for a good reason; one of each kind."""
    changed = {"op": "replace", "path": "/status", "value": "superseded"}
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    return [
        _json("POST", "Patient", patient(new_ins())),
        _json("PUT", f"Patient/{patient_id}", patient(id=patient_id)),
        _json("POST", "CareTeam", team(patient_id, NINA)),
        _json(
            "POST",
            "Consent",
            consent(
                patient_id, "dmp-pro-access", OTTO, period={"start": "2026-01-01", "end": "2027"}
            ),
        ),
        _json("POST", "Observation", observation(patient_id)),
        _json("POST", "DocumentReference", document(patient_id)),
        _json("POST", "", bundle(patient_id)),
        _json("POST", "", bundle(patient_id) | {"type": "batch"}),
        Request(
            "POST",
            "Observation",
            body=xml_format.write(observation(patient_id)),
            headers={"content_type": XML},
        ),
        Request(
            "PATCH",
            f"DocumentReference/{document_id}",
            body=json.dumps([changed]).encode(),
            headers={"content_type": PATCH},
        ),
        Request(
            "PATCH",
            f"DocumentReference/{document_id}",
            body=b"<diff><add sel=\"DocumentReference/status[@value]\" type='@id'>a</add>"
            b"<remove sel='DocumentReference/status/@id'/></diff>",
            headers={"content_type": "application/xml-patch+xml"},
        ),
        _json("PATCH", f"DocumentReference/{document_id}", parameters),
        Request(
            "PATCH",
            "DocumentReference",
            "identifier=urn:oid:1|2",
            json.dumps([changed]).encode(),
            {"content_type": PATCH},
        ),
        Request(
            "GET",
            f"Patient/{patient_id}",
            "_format=json",
            headers={"accept": JSON, "if_none_match": 'W/"1"'},
        ),
        Request("GET", f"DocumentReference/{document_id}/_history/1"),
        Request(
            "GET",
            "DocumentReference",
            f"patient={patient_id}&status=current&date=ge2020-01-01"
            "&type=http://loinc.org|11488-4&_sort=-date,_id&_count=5",
        ),
        Request(
            "GET",
            "DocumentReference",
            "patient.identifier=urn:oid:1.2.250.1.213.1.4.10|124018852493334&status=current",
        ),
        Request(
            "GET",
            "Observation",
            "value-quantity=gt1.5||mg&code:not=x&subject:Patient.family:exact=Essai",
        ),
        Request("GET", "AuditEvent", f"patient={patient_id}&date=lt2030&agent:identifier=a|b"),
        Request(
            "POST",
            "Patient/_search",
            "_total=accurate",
            b"identifier=a%7Cb&birthdate=1980",
            {"content_type": FORM},
        ),
    ]


def _json(method: str, path: str, resource: Any) -> Request:
    return Request(method, path, body=json_format.write(resource), headers={"content_type": JSON})


def observation(patient_id: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "a", "code": "b"}], "text": "x"},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": "2026-11-24T10:00:00+01:00",
        "valueQuantity": {
            "value": 12,
            "unit": "mg",
            "system": "http://unitsofmeasure.org",
            "code": "mg",
        },
        "extension": [{"url": "http://a.example", "valueString": "x"}],
        "note": [{"text": "y"}],
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>x</p></div>',
        },
    }


def document(patient_id: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": f"Patient/{patient_id}"},
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "securityLabel": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
                        "code": "N",
                    }
                ]
            }
        ],
        "content": [
            {"attachment": {"contentType": "text/plain", "data": b64encode(b"hello").decode()}}
        ],
    }


def bundle(patient_id: str) -> dict[str, Any]:
    first, second = ("urn:uuid:0a6f0c3e-0f0e-4a57-9a2d-3f4d2c1b0a0" + n for n in "12")
    binary = {
        "resourceType": "Binary",
        "contentType": "text/plain",
        "data": b64encode(b"hello").decode(),
    }
    attachment = {"contentType": "text/plain", "url": second}
    about = document(patient_id) | {"content": [{"attachment": attachment}]}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": first,
                "resource": about,
                "request": {"method": "POST", "url": "DocumentReference"},
            },
            {"fullUrl": second, "resource": binary, "request": {"method": "POST", "url": "Binary"}},
            {"request": {"method": "GET", "url": f"Patient/{patient_id}"}},
        ],
    }
