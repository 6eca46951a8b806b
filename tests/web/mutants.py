"""Valid requests and their random mutants: what a client may send by mistake or by malice.

https://www.fuzzingbook.org/html/MutationFuzzer.html
"""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from urllib.parse import quote

from fhir_server.fhir import json_format, xml_format
from tests.people import consent, patient, team

JSON, XML = "application/fhir+json", "application/fhir+xml"
PATCH, FORM = "application/json-patch+json", "application/x-www-form-urlencoded"

# Values that readers stumble over.
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2**31,
    2**64,
    1e308,
    "",
    " ",
    "\0",
    "é",
    "\ud7ff",
    "\uffff",
    "x" * 2000,
    [],
    {},
    [[]],
    [None],
    {"": 1},
    {"extension": []},
    "Patient/a",
    "#",
    "#x",
    "../..",
    "2024-13-45",
    "9999-12-31T23:59:59.999999999Z",
    "0001",
    "urn:uuid:x",
    "%00",
    "'; --",
    "`",
    "{}",
    "<x/>",
    {"resourceType": "Patient"},
    {"reference": "Patient/%00"},
    {"reference": 5},
    {"system": "a"},
    [{"url": "x"}],
    {"identifier": {"system": "a", "value": "b"}},
]
BYTES = [
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\\u0000",
    b"<",
    b">",
    b"&x;",
    b"<!--",
    b"]]>",
    b"%00",
    b"%ff",
    b"%",
    b"?",
    b"#",
    b"|",
    b",",
    b"$",
    b"\\,",
    b"9" * 400,
    b"1e400",
    b":",
    b".",
    b"/",
]


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
        _json("POST", "Patient", patient()),
        _json("PUT", f"Patient/{patient_id}", patient(id=patient_id)),
        _json("POST", "CareTeam", team(patient_id)),
        _json(
            "POST",
            "Consent",
            consent(patient_id, "dmp-pro-access", period={"start": "2026-01-01", "end": "2027"}),
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
            f"patient={patient_id}&status=current&date=ge2020-01-01&type=http://loinc.org|11488-4&_sort=-date,_id&_count=5",
        ),
        Request(
            "GET",
            "DocumentReference",
            "patient.identifier=urn:oid:1.2.250.1.213.1.4.10|124018852493334&status=current",
        ),
        Request(
            "GET",
            "Observation",
            "value-quantity=gt1.5||mg&code:text=x&subject:Patient.family:exact=Essai",
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


def mutant(request: Request, chance: Random) -> Request:
    """The request with one to three things wrong."""
    for _ in range(chance.randint(1, 3)):
        request = chance.choice(MUTATIONS)(request, chance)
    return request


def _in_the_content(request: Request, chance: Random) -> Request:
    """Something odd in place of one value of a JSON body, or beside it."""
    try:
        value = json.loads(request.body)
    except ValueError:
        return _in_the_bytes(request, chance)
    places = list(_places(value))
    holder, name = chance.choice(places) if places else (value, 0)
    if isinstance(holder, dict) and chance.random() < 0.2:
        holder[chance.choice(["x", "", "_status", "extension", "modifierExtension", "id"])] = (
            chance.choice(ODD)
        )
    elif places and chance.random() < 0.2:
        del holder[name]
    elif places:
        holder[name] = chance.choice(ODD)
    return replace(
        request,
        body=json.dumps(value, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass"),
    )


def _places(value: Any) -> Any:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, item in items:
        yield value, name
        yield from _places(item)


def _spoiled(data: bytes, chance: Random) -> bytes:
    place, length = chance.randint(0, len(data)), chance.randint(1, 12)
    match chance.randint(0, 3):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + data[place + length :]
        case 2:
            return data[:place] + data[place : place + length] * 2 + data[place + length :]
        case _:
            return data[:place] + chance.choice(BYTES) + data[place:]


def _in_the_bytes(request: Request, chance: Random) -> Request:
    return replace(request, body=_spoiled(request.body, chance))


def _in_the_address(request: Request, chance: Random) -> Request:
    if request.query and chance.random() < 0.7:
        return replace(request, query=_spoiled(request.query.encode(), chance).decode("latin-1"))
    if request.query and chance.random() < 0.5:
        name = chance.choice(request.query.split("&")).partition("=")[0]
        return replace(request, query=f"{request.query}&{name}={quote(str(chance.choice(ODD)))}")
    return replace(request, path=_spoiled(request.path.encode(), chance).decode("latin-1"))


def _in_the_headers(request: Request, chance: Random) -> Request:
    name = chance.choice(
        [
            "accept",
            "prefer",
            "if_match",
            "if_none_match",
            "if_none_exist",
            "content_type",
            "x_request_id",
        ]
    )
    value = _spoiled(request.headers.get(name, 'W/"1"').encode(), chance).decode("latin-1")
    return replace(request, headers=request.headers | {name: value})


def _in_the_method(request: Request, chance: Random) -> Request:
    return replace(request, method=chance.choice(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]))


MUTATIONS: list[Callable[[Request, Random], Request]] = [
    *[_in_the_content] * 5,
    *[_in_the_bytes] * 2,
    *[_in_the_address] * 3,
    _in_the_headers,
    _in_the_method,
]
