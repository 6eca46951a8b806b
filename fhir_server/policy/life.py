"""The life of a record: what its resources say of it, and which clocks run because of that.

Design, `domain.md` 1.2 (states) and 1.6; `contract.md` section 7, Record. A record that is not
opened yet has a consent C1 that is `proposed`; one `rejected` is an objection, to the opening or to
the closing of a suspended record. The forms that nobody has published are extensions of the Patient
(`EARLY_DELETION`, `SUSPENSION`), each with the time since when.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.policy import clocks
from fhir_server.policy.consents import consent_type
from fhir_server.policy.relations import CLOSING, OWN_BASE, SUSPENSION, record_state

EXISTENCE = "dmp-existence"  # C1
# Asked for by the holder of a closed record (R.1111-36 al.3); the server writes down when.
EARLY_DELETION = OWN_BASE + "StructureDefinition/dmp-early-deletion"
CLOSING_DATE = "dateFermeture"

# What a clock makes due.
OPEN, CLOSE, NOTICE, RELEASE, PURGE = "open", "close", "notice", "release", "purge"

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done (OPEN…) once it is `at` (ms)."""

    kind: str
    at: int


def due(resource: Resource, now: int) -> Iterator[Due]:
    """What a Patient or a Consent, written `now`, makes due; nothing for other types."""
    match resource["resourceType"]:
        case "Patient":
            yield from _of_record(resource, now)
        case "Consent" if consent_type(resource) == EXISTENCE:
            if resource.get("status") == "proposed":
                informed = clocks.begins(resource["dateTime"]) if "dateTime" in resource else now
                yield Due(OPEN, clocks.objection_ends(informed))
        case _:
            return


def _of_record(patient: Resource, now: int) -> Iterator[Due]:
    if is_suspended(patient):
        yield Due(CLOSE, clocks.objection_ends(suspended_at(patient) or now))
    elif record_state(patient) in ("closed", "deceased"):
        ends = clocks.archive_ends(closed_at(patient) or now)
        asked = deletion_asked(patient)
        yield Due(PURGE, min(ends, clocks.deletion_due(asked)) if asked else ends)


def is_suspended(patient: Resource) -> bool:
    """Whether the operator has shut an open record and announced its closing (R017)."""
    alive = record_state({name: patient[name] for name in patient if name != "extension"})
    return alive == "open" and extension(patient, SUSPENSION) is not None


def suspended_at(patient: Resource) -> int | None:
    """Since when, as the operator says (ms)."""
    return _since(patient, SUSPENSION)


def deletion_asked(patient: Resource) -> int | None:
    """When the holder asked for the destruction of his closed record (ms); None if he has not."""
    return _since(patient, EARLY_DELETION)


def objects(consent: Resource) -> bool:
    """Whether a consent is the holder's objection to what the operator announced (R012, R017)."""
    return consent_type(consent) == EXISTENCE and consent.get("status") == "rejected"


def agrees(consent: Resource) -> bool:
    """Whether a consent is the holder's to the opening of his record (R010, before 2022)."""
    return consent_type(consent) == EXISTENCE and consent.get("status") == "active"


def closed_at(patient: Resource) -> int | None:
    """Since when a record is closed (ms), by its closing or by the death; None when none is told.
    """
    closing = extension(patient, CLOSING) or {}
    dates = [e.get("valueDate") for e in closing.get("extension", ()) if e["url"] == CLOSING_DATE]
    for text in (*dates, patient.get("deceasedDateTime")):
        if text:
            return clocks.begins(text)
    return None


def extension(resource: Resource, url: str) -> Mapping[str, Any] | None:
    """The first extension of this url."""
    found = (one for one in resource.get("extension", ()) if one.get("url") == url)
    return next(found, None)


def _since(patient: Resource, url: str) -> int | None:
    text = (extension(patient, url) or {}).get("valueDateTime")
    return clocks.begins(text) if text else None
