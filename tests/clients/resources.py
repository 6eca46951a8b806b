"""What the clients send: invented resources of a plain server, and what their tests count."""

from typing import Any
from uuid import uuid4

SYSTEM = "http://a.example/numbers"
FAMILIES = ("Abadie", "Bernard", "Chevalier", "Dupont", "Essai")
TEXT = "Bonjour à tous"


def number() -> str:
    """The value of an identifier that no other test uses."""
    return uuid4().hex


def patient(value: str, family: str = "Essai") -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": value}],
        "name": [{"family": family, "given": ["Lucien"]}],
        "birthDate": "1924-01-15",
    }


def admission(value: str, kind: str = "transaction") -> dict[str, Any]:
    """A Bundle of a Patient and an Observation that refers to it by the entry's address."""
    about = f"urn:uuid:{uuid4()}"
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": TEXT},
        "subject": {"reference": about},
        "valueQuantity": {"value": 36.60, "unit": "Cel"},
    }
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {
                "fullUrl": about,
                "resource": patient(value),
                "request": {"method": "POST", "url": "Patient"},
            },
            {
                "fullUrl": f"urn:uuid:{uuid4()}",
                "resource": observation,
                "request": {"method": "POST", "url": "Observation"},
            },
        ],
    }
