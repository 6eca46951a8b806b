"""The visibility labels of a document.

Design, `domain.md` 4.7 (confidentialityCode) and 4.6 (what PATCH may change).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Mapping

from fhir_server.policy.clocks import civil_day

VISIBILITY = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/"
    "TRE-A07-StatutVisibiliteDocument"
)
VISIBILITY_OID = "urn:oid:1.2.250.1.213.1.1.4.13"
MASKED, VEILED, SECRET = "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"
FLAGS = frozenset({MASKED, VEILED, SECRET})
CONFIDENTIALITY = frozenset(
    {
        "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
        "https://mos.esante.gouv.fr/NOS/TRE_A08-HL7Confidentiality/FHIR/TRE-A08-HL7Confidentiality",
        "urn:oid:2.16.840.1.113883.5.25",
    }
)
ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Labels:
    """What `securityLabel` says: the three visibility flags of the DMP."""

    masked: bool = False
    veiled: bool = False
    secret: bool = False


def is_visibility(coding: Mapping[str, Any]) -> bool:
    """Whether a coding is of TRE_A07, by its address or its OID."""
    return coding.get("system") in (VISIBILITY, VISIBILITY_OID)


def flags(document: Resource) -> frozenset[str]:
    """The visibility codes a DocumentReference carries, whatever their display."""
    return frozenset(
        coding["code"]
        for label in document.get("securityLabel", ())
        for coding in label.get("coding", ())
        if is_visibility(coding) and coding.get("code")
    )


def misplaced_flag(resource: Resource) -> str:
    """A visibility code in `meta.security`, where it would hide nothing; "" when there is none."""
    for coding in resource.get("meta", {}).get("security", ()):
        if is_visibility(coding):
            return str(coding.get("code", ""))
    return ""


def labels(document: Resource) -> Labels:
    found = flags(document)
    return Labels(MASKED in found, VEILED in found, SECRET in found)


def label_problem(document: Resource) -> str:
    """Why the labels of a document cannot be: "" when they can. Exactly one of N, R, V and any of
    the three flags.
    """
    if problem := unknown_label(document):
        return problem
    levels = [coding for coding in _label_codings(document) if _is_level(coding)]
    return (
        "" if len(levels) == 1 else "one of N, R and V is needed in `securityLabel`, and one only"
    )


def unknown_label(document: Resource) -> str:
    """That a label is neither a level nor a flag, so that it would mean nothing; "" without any."""
    for coding in _label_codings(document):
        if not _is_level(coding) and not (is_visibility(coding) and coding.get("code") in FLAGS):
            said = "|".join(str(coding.get(name, "")) for name in ("system", "code"))
            return f"no such label in this record: `{said}`"
    return ""


def _label_codings(document: Resource) -> Iterator[Mapping[str, Any]]:
    for label in document.get("securityLabel", ()):
        yield from label.get("coding", ())


def _is_level(coding: Mapping[str, Any]) -> bool:
    return coding.get("system") in CONFIDENTIALITY and coding.get("code") in ("N", "R", "V")


def birth_of_age(now: int, years: int) -> int:
    """The latest birth (ms) of who is `years` old at `now`, by the days of Paris; born on 29
    February, one comes of age on 1 March.
    """
    return _birth_of_age(civil_day(now), years)


@lru_cache(maxsize=64)
def _birth_of_age(day: int, years: int) -> int:
    today = date(1970, 1, 1) + timedelta(days=day)
    year = max(today.year - years, 1)
    born = (
        date(year, 3, 1) - timedelta(days=1)
        if (today.month, today.day) == (2, 29)
        else today.replace(year=year)
    )
    return int((born - date(1970, 1, 1)).days + 1) * 86_400_000 - 1
