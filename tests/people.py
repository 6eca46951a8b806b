"""Makers of invented people, teams and consents; a test names only what it is about."""

from typing import Any

from tests.house import CNAM, INS, LUCIEN_INS, Answer, House, Person

PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
CONSENT_TYPES = "https://fhir-server.example/fhir/CodeSystem/dmp-consent-type"


def logical(person: Person) -> dict[str, Any]:
    system, value = person.sub.split("|")
    return {"identifier": {"system": system, "value": value}, "display": person.name}


def patient(ins: str = LUCIEN_INS, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": INS, "value": ins}],
        "active": True,
        "name": [{"family": "Essai", "given": ["Lucien"]}],
        "birthDate": "1924-01-15",
        "gender": "male",
    } | more


def team(patient_id: str, *members: Person, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "CareTeam",
        "status": "active",
        "subject": {"reference": f"Patient/{patient_id}"},
        "participant": [{"member": logical(member)} for member in members],
    } | more


def consent(
    patient_id: str, code: str, *people: Person, deny: bool = False, **provision: Any
) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                    "code": "patient-privacy",
                }
            ]
        },
        "category": [
            {"coding": [{"system": "http://loinc.org", "code": "59284-0"}]},
            {"coding": [{"system": CONSENT_TYPES, "code": code}]},
        ],
        "patient": {"reference": f"Patient/{patient_id}"},
        "dateTime": "2026-11-24",
        "policyRule": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}
            ]
        },
        "provision": {"type": "deny" if deny else "permit"} | _actors(people) | provision,
    }


def _actors(people: tuple[Person, ...]) -> dict[str, Any]:
    role = {"coding": [{"system": PARTICIPATION, "code": "IRCP"}]}
    actors = [{"role": role, "reference": logical(person)} for person in people]
    return {"actor": actors} if actors else {}


def stored(answer: Answer) -> str:
    """The id of what has been created; the answer's text when it has not."""
    assert answer.status == 201, (answer.status, answer.body)
    return answer.id


def opened(house: House, *members: Person, doctor: Person | None = None, **more: Any) -> str:
    """A record opened by the operator, with an attending doctor and a care team; the Patient's id.
    """
    if doctor:
        more["generalPractitioner"] = [logical(doctor)]
    patient_id = stored(house.post("Patient", CNAM, patient(**more)))
    if members:
        stored(house.post("CareTeam", CNAM, team(patient_id, *members)))
    return patient_id
