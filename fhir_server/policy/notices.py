"""What the server tells people of their record, as Communication resources.

R.1111-53 al.2 (what is hidden from the holder), L.1111-17 I and R.1111-48 (emergencies), R.1111-36
(closing). A notice says that something happened and what to do; of what a document holds, or that
there is one, it says nothing. It is written in French, for those who live with the record.

Only those read it who read what is masked: the holder, his representatives, the attending doctor
and equivalents. Nobody changes it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.fhir.dates import instant
from fhir_server.policy.clocks import civil_time
from fhir_server.policy.relations import OWN_BASE

EVENTS = OWN_BASE + "CodeSystem/dmp-event"
SENDER = "fhir-server"

HIDDEN_DATUM, BREAK_GLASS, CENTRE_15 = "hidden-datum", "break-glass", "centre-15"
OPENED, CLOSED, REOPENED = "record-opened", "record-closed", "record-reopened"
SUSPENDED, TO_BE_DELETED = "record-suspended", "deletion-requested"
# Events that nobody is told of, but by the trail.
RELEASED, PURGED = "document-released", "record-purged"

# Kind → what is said; {} stands for what differs from one to the next.
SAID = {
    HIDDEN_DATUM: "Une information de santé qui vous concerne doit vous être annoncée par un "
    "professionnel de santé. Nous vous invitons à le consulter.",
    BREAK_GLASS: "Votre dossier médical partagé a été consulté en urgence (bris de glace) {}",
    CENTRE_15: "Votre dossier médical partagé a été consulté par la régulation médicale "
    "(centre 15) {}",
    OPENED: "Votre dossier médical partagé est ouvert. Vous pouvez y masquer des documents, "
    "bloquer des professionnels, et le fermer à tout moment.",
    CLOSED: "Votre dossier médical partagé est fermé. Son contenu n'est plus accessible aux "
    "professionnels ; il est conservé dix ans, pendant lesquels vous pouvez le rouvrir ou "
    "demander sa suppression.",
    REOPENED: "Votre dossier médical partagé est rouvert, avec le contenu qui a été conservé.",
    SUSPENDED: "Votre dossier médical partagé est suspendu pour dysfonctionnement grave ou "
    "fraude. Sans opposition de votre part sous six semaines, il sera fermé.",
    TO_BE_DELETED: "Votre demande de suppression de votre dossier médical partagé est "
    "enregistrée. Il sera détruit au plus tard {}, sauf si vous le rouvrez avant.",
}  # fmt: skip


def notice(
    kind: str, *, id_: str, patient: str, recipient: Mapping[str, Any], now: int, said: str = ""
) -> dict[str, Any]:
    """The Communication of this kind to `recipient`, a Reference; `said`: what differs, `patient`
    an id.
    """
    return {
        "resourceType": "Communication",
        "id": id_,
        "meta": {"versionId": "1", "lastUpdated": instant(now)},
        "language": "fr",
        "status": "completed",
        "category": [{"coding": [{"system": EVENTS, "code": kind}]}],
        "subject": {"reference": f"Patient/{patient}"},
        "sent": instant(now),
        "recipient": [dict(recipient)],
        "sender": {"display": SENDER},
        "payload": [{"contentString": SAID[kind].format(said)}],
    }


def is_imitated(resource: Mapping[str, Any]) -> bool:
    """Whether a resource that somebody else writes could pass for a notice: it has a code of
    `EVENTS`, wherever, or names the server as its sender.
    """
    sender = resource.get("sender", {})
    if isinstance(sender, Mapping) and str(sender.get("display", "")).strip().lower() == SENDER:
        return True
    return any(_is_event(system) for system in _systems(resource))


def _systems(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield value.get("system")
        for inner in value.values():
            yield from _systems(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _systems(inner)


def _is_event(system: Any) -> bool:
    return isinstance(system, str) and system.strip().lower().startswith(EVENTS.lower())


def access(now: int, name: str, identifier: str, organization: str) -> str:
    """Who has opened a record in an emergency, and when: what R110 and R120 have to tell."""
    number = identifier.partition("|")[2]
    house = f", {organization}" if organization else ""
    return f"le {civil_time(now)} (heure de Paris) par {name or number} ({number}{house})."
