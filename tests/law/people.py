"""Callers of all kinds for the rules of the law, and the relatives of a record."""

from typing import Any

from fhir_server.policy.subject import Coded
from tests.house import CNAM, INS, OTTO, PS, STRUCTURE, Person
from tests.interactions.shared import new_ins
from tests.people import stored
from tests.policy.record import Record

ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
PROTECTION = "https://fhir-server.example/fhir/CodeSystem/dmp-adult-protection"
PROFESSIONS = "urn:oid:1.2.250.1.71.1.2.7"
SOCIAL = "urn:oid:1.2.250.1.213.1.6.1.4"


def breaking_glass(record: Record, who: Person = OTTO, reason: str = "unconscious") -> Person:
    return who.but(purpose="bris_de_glace", reason=reason, patient=record.holder.sub)


def regulating(record: Record, who: Person = OTTO) -> Person:
    return who.but(purpose="centre_15", patient=record.holder.sub)


def of_profession(who: Person, code: str, system: str = PROFESSIONS) -> Person:
    return who.but(roles=(Coded(system, code),))


def somebody(actor: str = "representative", name: str = "Une personne", **more: Any) -> Person:
    """A person known by an INS of his own."""
    return Person(actor, f"{INS}|{new_ins()}", name, more=more)


def expert() -> Person:
    return Person("expert", f"{PS}|81{new_ins()[-10:]}", "Dr Expert").but(purpose="legal-expertise")


def contact_point() -> Person:
    return Person("eu-professional", f"{STRUCTURE}|1{new_ins()[-9:]}", "Point de contact national")


def relative(record: Record, who: Person, *relationships: str, **more: Any) -> str:
    """A RelatedPerson with the INS of `who`, stored by the operator; its id."""
    system, value = who.sub.split("|")
    return stored(
        record.house.post(
            "RelatedPerson",
            CNAM,
            {
                "resourceType": "RelatedPerson",
                "patient": {"reference": f"Patient/{record.id}"},
                "identifier": [{"system": system, "value": value}],
                "relationship": [{"coding": [_code(code)]} for code in relationships],
            }
            | more,
        )
    )


def _code(code: str) -> dict[str, str]:
    system = PROTECTION if code in ("representation", "assistance") else ROLE_CODE
    return {"system": system, "code": code}


def everything_of(record: Record, who: Person) -> set[int]:
    """The statuses of all searches for what is in a record."""
    types = ("DocumentReference", "List", "Observation", "Consent", "CareTeam", "AuditEvent")
    return {record.find(who, type_=type_).status for type_ in types}
