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
from fhir_server.policy.logged import REASON

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
    "delete": ("D", "Delete", "110150", "custodian"),
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
# The purpose of those who ask for no treatment, where they claim no other.
USUAL = {"holder": "PATRQT", "representative": "PATRQT", "insurer": "COVERAGE"}
EMERGENCIES = frozenset({"bris_de_glace", "centre_15"})
PROVENANCE_ROLES = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
ROLES = {
    "110153": (DCM, "Source Role ID"),
    "110152": (DCM, "Destination Role ID"),
    "110150": (DCM, "Application"),
    "custodian": (PROVENANCE_ROLES, "Custodian"),
}
PROVIDER = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-RoleClass",
    "code": "PROV",
    "display": "healthcare provider",
}
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
AUTHOR, RECIPIENT = "AUT", "IRCP"
WRITES = frozenset({"Create", "Update", "Delete"})  # stems of profiles whose user is the author
IP_ADDRESS, URI = "2", "5"  # http://hl7.org/fhir/network-type


def audit_event(
    note: Note, *, id_: str, at: int, patient: str, rules: str, base: str
) -> dict[str, Any]:
    """The AuditEvent of a note: `at` in ms, `patient` the id of the record's Patient or "", `rules`
    names with spaces, in any order; `base` is this server's address.
    """
    action, stem, client_role, server_role = SHAPES.get(note.interaction, SHAPES["operation"])
    event: dict[str, Any] = {"resourceType": "AuditEvent", "id": id_}
    event["meta"] = {"versionId": "1", "lastUpdated": instant(at)}
    if stem and not note.refused and note.address:  # the profiles want the client's address
        event["meta"]["profile"] = [f"{BALP}{'Patient' if patient else ''}{stem}"]
    event |= _kind(note)
    event["action"] = DUE.get(note.interaction, action)
    event |= {"period": {"start": instant(at)}, "recorded": instant(at)}
    event["outcome"] = "0" if not note.refused else "8" if note.status >= 500 else "4"
    if note.refused:
        event["outcomeDesc"] = f"refused: {note.status}"
    if note.purpose in EMERGENCIES:
        event["purposeOfEvent"] = [{"coding": [_purpose(note)]}]
    event["agent"] = [
        _client(note, client_role), _server(server_role, base), _user(note, rules, stem),
        *_house(note),
    ]  # fmt: skip
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
    system, display = ROLES[code]
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _client(note: Note, role: str) -> dict[str, Any]:
    who = {"identifier": {"value": note.client}} if note.client else {"display": "unknown client"}
    client: dict[str, Any] = {"type": _role(role), "who": who, "requestor": False}
    if note.address:
        client["network"] = {"address": note.address, "type": IP_ADDRESS}
    return client


def _server(role: str, base: str) -> dict[str, Any]:
    who, network = {"display": "fhir-server"}, {"address": base, "type": URI}
    return {"type": _role(role), "who": who, "requestor": False, "network": network}


def _house(note: Note) -> list[dict[str, Any]]:
    """The establishment for which the user asked (R.1111-43 CSP)."""
    who = _identified(note.organization)
    if note.organization_name:
        who["display"] = note.organization_name
    return [{"type": {"coding": [PROVIDER]}, "who": who, "requestor": False}] if who else []


def _identified(identifier: str) -> dict[str, Any]:
    system, _, value = identifier.partition("|")
    return {"identifier": {"system": system, "value": value}} if value else {}


def _user(note: Note, rules: str, stem: str) -> dict[str, Any]:
    who = _identified(note.identifier)
    if note.name:
        who["display"] = note.name
    type_ = {"system": PARTICIPATION, "code": AUTHOR if stem in WRITES else RECIPIENT}
    user: dict[str, Any] = {
        "type": {"coding": [type_]}, "who": who or {"display": "nobody"}, "requestor": True
    }  # fmt: skip
    if note.roles:
        user["role"] = [{"coding": [{"system": s, "code": c}]} for s, c in note.roles]
    if note.name:
        user["name"] = note.name
    policy = [f"{RULE}{rule}" for rule in sorted(set(rules.split()))]
    if note.token_id:
        policy.append(f"urn:ietf:params:oauth:jti:{quote(note.token_id)}")
    if policy:
        user["policy"] = policy
    user["purposeOfUse"] = [{"coding": [_purpose(note)]}]
    return user


def _purpose(note: Note) -> dict[str, str]:
    code = PURPOSES.get(note.purpose, "TREAT")
    if note.purpose == "normal":
        code = USUAL.get(note.actor, code)
    return {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code}


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
    """The request's number, and the reason of a break-glass; of a refusal also what was asked, as
    the caller wrote it.
    """
    entity: dict[str, Any] = {
        "what": {"identifier": {"value": note.request_id or "none"}},
        "type": {
            "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
            "code": "XrequestId",
        },
    }
    if note.purpose == "bris_de_glace" and note.reason.strip():
        entity["detail"] = [{"type": REASON, "valueString": note.reason.strip()}]
    if note.refused and note.asked:
        entity["query"] = b64encode(note.asked.encode()).decode()
    return entity
