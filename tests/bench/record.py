"""The invented records of the bench, and what is asked of them: all that depends on the API.

IHE MHD, Simplified Publish: https://profiles.ihe.net/ITI/MHD/ITI-105.html
"""

import base64
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from fhir_server.auth.development import development_keys, sign
from mappings.identifiers import ins_key
from tests.bench.load import Request, send, series_of_numbers, with_numbers
from tests.documents import cda
from tests.house import ANNE, CNAM, INS, NINA, OTTO, PAUL, Person
from tests.people import patient

PROFESSIONALS = (ANNE, PAUL, NINA, OTTO)  # all are in the care team of every patient
NUMBER = "123456789012345678"  # stands in a template where each deposit has its own
# Types of documents (LOINC) with their classes (TRE_A03).
TYPES = (("11488-4", "10"), ("11502-2", "10"), ("18748-4", "31"), ("60591-5", "11"))
CLASSES = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
FORMATS = "https://mos.esante.gouv.fr/NOS/TRE_A06-FormatCodeComplementaire/FHIR/TRE-A06"
TEXT = "Consultation de suivi : tension stable, traitement inchange, prochain rendez-vous. " * 24
WRITERS = 8  # load at once

Resource = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """What is measured: one kind of request."""

    name: str
    method: str
    requests: Sequence[Request]


def ins(number: int) -> str:
    """The INS of invented patient `number`, from 0, with its key."""
    start = f"{1 + number % 2}{50 + number % 45:02}{1 + number % 12:02}99"
    digits = f"{start}{1 + number // 999 % 999:03}{1 + number % 999:03}"
    return digits + ins_key(digits)


def practitioner(person: Person) -> Resource:
    system, value = person.sub.split("|")
    family = person.name.split()[-1]
    return {
        "resourceType": "Practitioner",
        "identifier": [{"system": system, "value": value}],
        "name": [{"text": person.name, "family": family}],
    }


def care_team(holder: str, members: Iterable[str]) -> Resource:
    return {
        "resourceType": "CareTeam",
        "status": "active",
        "subject": {"reference": holder},
        "participant": [{"member": {"reference": member}} for member in members],
    }


def deposit(author: Person, patient_ins: str, turn: int) -> str:
    """A template of the body of ITI-105: a CDA document with its metadata, on one line."""
    system, value = author.sub.split("|")
    structure_system, structure = author.organization.split("|")
    type_, class_ = TYPES[turn % len(TYPES)]
    day = f"2024-{1 + turn % 12:02}-{1 + turn % 28:02}"
    data, coded = _document(author, patient_ins, type_, day)
    document = {
        "resourceType": "DocumentReference",
        "contained": [{"id": "author", **practitioner(author)}],
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{NUMBER}"},
        "status": "current",
        "type": _concept("http://loinc.org", type_),
        "category": [_concept(CLASSES, class_)],
        "subject": {"identifier": {"system": INS, "value": patient_ins}},
        "date": f"{day}T10:15:00+01:00",
        "author": [{"reference": "#author", "identifier": {"system": system, "value": value}}],
        "custodian": {"identifier": {"system": structure_system, "value": structure}},
        "securityLabel": [_concept(CONFIDENTIALITY, "N")],
        "content": [
            {
                "attachment": {
                    "contentType": "text/xml",
                    "language": "fr-FR",
                    "data": data,
                    "title": "Compte rendu",
                    "creation": f"{day}T10:15:00+01:00",
                },
                "format": {"system": FORMATS, "code": "urn:ihe:pcc:xphr:2007"},
            }
        ],
    }
    return with_numbers(json.dumps(document), plain=NUMBER, coded=coded)


def observation(patient_ins: str) -> Resource:
    """One resource alone, as the servers compared with were measured: a heart rate."""
    quantity = {"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": _concept("http://loinc.org", "8867-4"),
        "subject": {"identifier": {"system": INS, "value": patient_ins}},
        "effectiveDateTime": "2026-11-24T10:15:00+01:00",
        "valueQuantity": quantity,
    }


def _concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def _document(author: Person, patient_ins: str, type_: str, day: str) -> tuple[str, str]:
    """A CDA document in base64, and how NUMBER is spelled in it."""
    content = cda(
        patient_ins=patient_ins,
        author_idnat=author.sub.split("|")[1],
        author_name="DR " + " ".join(author.name.removeprefix("Dr ").split()[:2]),
        organization="Cabinet Exemple",
        type_code=type_,
        document_id=f"2.25.{NUMBER}",
        when=f"{day.replace('-', '')}101500+0100",
        body_text=TEXT,
        birth=f"19{patient_ins[1:3]}{patient_ins[3:5]}01",
    )
    # Base64 spells three bytes at a time: the number must begin where a group begins.
    missing = -content.index(NUMBER.encode()) % 3
    content = content.replace(b"\n", b"\n" * (1 + missing), 1)
    spelled = base64.b64encode(NUMBER.encode()).decode()
    return base64.b64encode(content).decode(), spelled


class Records:
    """The records of one server: made by the operator, filled by professionals, over HTTP alone."""

    def __init__(self, base: str, keys: Path) -> None:
        """`base`: the address clients see (http://host:port/fhir); `keys`: folder of its key."""
        self.base, self.root = base, urlsplit(base).path
        key, self.keys = development_keys(keys)
        now = int(time.time()) - 1
        self.bearers: Mapping[str, str] = {
            person.sub: "Bearer " + sign(person.claims(now) | {"aud": base}, key)
            for person in (CNAM, *PROFESSIONALS)
        }
        self.patients: list[str] = []  # their INS
        self.templates: list[Request] = []

    def load(self, *, patients: int, documents: int) -> float:
        """Make everything; the deposits per second, by WRITERS at once. RuntimeError if refused."""
        self.patients = [ins(number) for number in range(patients)]
        members = [self._create(CNAM, practitioner(one)) for one in PROFESSIONALS]
        self._at_once(lambda one: self._open(one, members), self.patients)
        self.templates = [
            self._deposit(number + turn, self.patients[number], turn)
            for number in range(patients)
            for turn in range(documents)
        ]
        started = time.perf_counter()
        numbers = series_of_numbers()
        numbered = [(request, next(numbers)) for request in self.templates]
        self._at_once(lambda one: self._created(*one), numbered)
        return len(self.templates) / (time.perf_counter() - started)

    def operations(self) -> list[Operation]:
        """What is measured, in this order: the creations last, they make records longer."""
        searches = [self._search(number, one) for number, one in enumerate(self.patients)]
        found = [entry for page in self._at_once(self._entries, searches) for entry in page]
        documents = [f"{self.root}/DocumentReference/{one['id']}" for one in found]
        binaries = [urlsplit(_url(one)).path for one in found]
        reads = [self._get(n, path) for n, path in enumerate(documents)]
        fetches = [self._get(n, path, accept="*/*") for n, path in enumerate(binaries)]
        observations = [self._observation(n, one) for n, one in enumerate(self.patients)]
        return [
            Operation("read DocumentReference", "GET", reads),
            Operation("read Binary", "GET", fetches),
            Operation("search by patient", "GET", searches),
            Operation("create Observation", "POST", observations),
            Operation("deposit CDA (ITI-105)", "POST", self.templates),
        ]

    def _open(self, patient_ins: str, members: Sequence[str]) -> None:
        holder = self._create(CNAM, patient(patient_ins, birthDate=birth(patient_ins)))
        self._create(CNAM, care_team(holder, members))

    def _deposit(self, number: int, patient_ins: str, turn: int) -> Request:
        author = PROFESSIONALS[number % len(PROFESSIONALS)]
        body = deposit(author, patient_ins, turn)
        return Request(f"{self.root}/DocumentReference", self.bearers[author.sub], body=body)

    def _observation(self, number: int, patient_ins: str) -> Request:
        author = PROFESSIONALS[number % len(PROFESSIONALS)]
        body = json.dumps(observation(patient_ins))
        return Request(f"{self.root}/Observation", self.bearers[author.sub], body=body)

    def _get(self, number: int, path: str, accept: str = "application/fhir+json") -> Request:
        reader = PROFESSIONALS[number % len(PROFESSIONALS)]
        return Request(path, self.bearers[reader.sub], accept)

    def _search(self, number: int, patient_ins: str) -> Request:
        asked = f"patient.identifier={quote(f'{INS}|{patient_ins}', safe='')}&status=current"
        return self._get(number, f"{self.root}/DocumentReference?{asked}")

    def _create(self, who: Person, resource: Resource) -> str:
        """Create as `who`; the new resource as `Type/id`."""
        path = f"{self.root}/{resource['resourceType']}"
        request = Request(path, self.bearers[who.sub], body=json.dumps(resource))
        return f"{resource['resourceType']}/{self._created(request)['id']}"

    def _created(self, request: Request, digits: str = "") -> Resource:
        return self._sent("POST", request, digits, expected=201)

    def _entries(self, search: Request) -> list[Resource]:
        page = self._sent("GET", search, expected=200)
        if not page.get("entry"):
            raise RuntimeError(f"nothing is found by {search.path}")
        return [entry["resource"] for entry in page["entry"]]

    def _sent(self, method: str, request: Request, digits: str = "", *, expected: int) -> Resource:
        connection = HTTPConnection(urlsplit(self.base).netloc, timeout=30)
        status, body = send(connection, method, request, digits)
        connection.close()
        if status != expected:
            text = body[:500].decode(errors="replace")
            raise RuntimeError(f"{method} {request.path} is answered {status}: {text}")
        resource: Resource = json.loads(body)
        return resource

    def _at_once(self, do: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        with ThreadPoolExecutor(WRITERS) as pool:
            return list(pool.map(do, items))


def birth(patient_ins: str) -> str:
    """The birth date that goes with an INS of ours."""
    return f"19{patient_ins[1:3]}-{patient_ins[3:5]}-01"


def _url(document: Resource) -> str:
    return str(document["content"][0]["attachment"]["url"])
