"""A note of the trail → AuditEvent, in the shape of IHE's Basic Audit Log Patterns.

https://profiles.ihe.net/ITI/BALP/, design `domain.md` 6.4. A refusal claims no profile: they are
for successes.
"""

from base64 import b64encode
from typing import Any
from urllib.parse import quote

from fhir_server.audit.note import Note
from fhir_server.fhir.dates import instant
from fhir_server.policy import notices

BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DCM = "http://dicom.nema.org/resources/ontology/DCM"
RULE = "https://fhir-server.example/fhir/rule/"
EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION = "http://hl7.org/fhir/restful-interaction"

# interaction → action, BALP profile stem, DCM role of the client, DCM role of the server
SHAPES: dict[str, tuple[str, str, str, str]] = {
    "create": ("C", "Create", "110153", "110152"),
    "transaction": ("C", "", "110153", "110152"),
    "batch": ("E", "", "110153", "110152"),
    "read": ("R", "Read", "110152", "110153"),
    "vread": ("R", "Read", "110152", "110153"),
    "history-instance": ("R", "", "110152", "110153"),
    "history-type": ("E", "", "110153", "110152"),
    "history-system": ("E", "", "110153", "110152"),
    "update": ("U", "Update", "110153", "110152"),
    "patch": ("U", "Update", "110153", "110152"),
    "delete": ("D", "Delete", "110150", "110152"),
    "search-type": ("E", "Query", "110153", "110152"),
    "search-system": ("E", "Query", "110153", "110152"),
    "operation": ("E", "", "110153", "110152"),
}
# What the server does because its time has come, and the action it is.
DUE = {
    notices.OPENED: "U", notices.CLOSED: "U", notices.HIDDEN_DATUM: "C", notices.RELEASED: "U",
    notices.PURGED: "D",
}  # fmt: skip
# What is told of these is what was asked.
QUERIES = frozenset({"search-type", "search-system", "history-type", "history-system"})
PURPOSES = {
    "normal": "TREAT",
    "bris_de_glace": "BTG",
    "centre_15": "ETREAT",
    "cause-of-death": "FAMRQT",
    "memory": "FAMRQT",
    "own-rights": "FAMRQT",
    "legal-expertise": "PATADMIN",
    "occupational-health": "TREAT",
}
DISPLAY = {"110153": "Source Role ID", "110152": "Destination Role ID", "110150": "Application"}


def audit_event(note: Note, *, id_: str, at: int, patient: str, rules: str) -> dict[str, Any]:
    """The AuditEvent of a note: `at` in ms, `patient` the id of the record's Patient or "", `rules`
    names with spaces.
    """
    action, stem, client_role, server_role = SHAPES.get(note.interaction, SHAPES["operation"])
    event: dict[str, Any] = {"resourceType": "AuditEvent", "id": id_}
    event["meta"] = {"versionId": "1", "lastUpdated": instant(at)}
    if stem and not note.refused:
        event["meta"]["profile"] = [f"{BALP}{'Patient' if patient else ''}{stem}"]
    event |= _kind(note)
    event["action"] = DUE.get(note.interaction, action)
    event |= {"period": {"start": instant(at)}, "recorded": instant(at)}
    event["outcome"] = "0" if not note.refused else "8" if note.status >= 500 else "4"
    if note.refused:
        event["outcomeDesc"] = f"refused: {note.status}"
    event["agent"] = [_client(note, client_role), _server(server_role), _user(note, rules)]
    event["source"] = {"observer": {"display": "fhir-server"}}
    event["entity"] = [*_patient(patient), *_data(note), _request(note)]
    return event


def _kind(note: Note) -> dict[str, Any]:
    """`type` and `subtype`."""
    if note.interaction in DUE:
        return {"type": {"system": notices.EVENTS, "code": note.interaction}}
    rest = {"system": EVENT_TYPE, "code": "rest", "display": "RESTful Operation"}
    alert = {"system": DCM, "code": "110113", "display": "Security Alert"}
    subtype = [{"system": INTERACTION, "code": note.interaction}]
    return {"type": alert if note.refused else rest, "subtype": subtype}


def _role(code: str) -> dict[str, Any]:
    return {"coding": [{"system": DCM, "code": code, "display": DISPLAY[code]}]}


def _client(note: Note, role: str) -> dict[str, Any]:
    who = {"identifier": {"value": note.client}} if note.client else {"display": "unknown client"}
    return {"type": _role(role), "who": who, "requestor": False}


def _server(role: str) -> dict[str, Any]:
    return {"type": _role(role), "who": {"display": "fhir-server"}, "requestor": False}


def _user(note: Note, rules: str) -> dict[str, Any]:
    system, _, value = note.identifier.partition("|")
    who: dict[str, Any] = {"identifier": {"system": system, "value": value}} if value else {}
    if note.name:
        who["display"] = note.name
    user: dict[str, Any] = {
        "type": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                    "code": "IRCP",
                }
            ]
        },
        "who": who or {"display": "nobody"},
        "requestor": True,
    }
    if note.roles:
        user["role"] = [{"coding": [{"system": s, "code": c}]} for s, c in note.roles]
    if note.name:
        user["name"] = note.name
    policy = [f"{RULE}{rule}" for rule in rules.split()]
    if note.token_id:
        policy.append(f"urn:ietf:params:oauth:jti:{quote(note.token_id)}")
    if policy:
        user["policy"] = policy
    user["purposeOfUse"] = [{"coding": [_purpose(note.purpose)]}]
    return user


def _purpose(code: str) -> dict[str, str]:
    return {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
        "code": PURPOSES.get(code, "TREAT"),
    }


def _patient(patient: str) -> list[dict[str, Any]]:
    if not patient:
        return []
    return [
        {
            "what": {"reference": f"Patient/{patient}"},
            "type": {
                "system": "http://terminology.hl7.org/CodeSystem/audit-entity-type",
                "code": "1",
            },
            "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1"},
        }
    ]


def _data(note: Note) -> list[dict[str, Any]]:
    """What was read or written; of a refusal nothing but the request is told."""
    if note.refused or not (note.type_ or note.interaction in QUERIES):
        return []
    kind = {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "2"}
    role = {"system": "http://terminology.hl7.org/CodeSystem/object-role"}
    if note.interaction in QUERIES:
        return [
            {
                "type": kind,
                "role": role | {"code": "24"},
                "query": b64encode(note.asked.encode()).decode(),
            }
        ]
    entity: dict[str, Any] = {"type": kind, "role": role | {"code": "4"}}
    if note.id_:
        entity = {"what": {"reference": f"{note.type_}/{note.id_}"}} | entity
    if note.detail:
        entity["detail"] = [
            {"type": type_, "valueString": value or "none"} for type_, value in note.detail
        ]
    return [entity]


def _request(note: Note) -> dict[str, Any]:
    """The request's number; of a refusal also what was asked, as the caller wrote it."""
    entity: dict[str, Any] = {
        "what": {"identifier": {"value": note.request_id or "none"}},
        "type": {
            "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
            "code": "XrequestId",
        },
    }
    if note.refused and note.asked:
        entity["query"] = b64encode(note.asked.encode()).decode()
    return entity
