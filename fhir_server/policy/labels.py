"""The visibility labels of a document, and whose it is.

Design, `domain.md` 4.7 (confidentialityCode) and 4.6 (what PATCH may change).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Iterator, Mapping

from fhir_server.policy.clocks import civil_day
from fhir_server.policy.relations import identifier_text, national_identifiers
from fhir_server.policy.subject import HOLDER_SIDE, INS_SYSTEMS, Subject

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
    levels, unknown = [], []
    for label in document.get("securityLabel", ()):
        for coding in label.get("coding", ()):
            system, code = coding.get("system"), coding.get("code")
            if system in CONFIDENTIALITY and code in ("N", "R", "V"):
                levels.append(code)
            elif not is_visibility(coding) or code not in FLAGS:
                unknown.append(f"{system}|{code}")
    if unknown:
        return f"no such label in this record: `{unknown[0]}`"
    return (
        "" if len(levels) == 1 else "one of N, R and V is needed in `securityLabel`, and one only"
    )


def owners_of(resource: Resource, subject: Subject) -> tuple[str, ...]:
    """Whose a resource is: its authors, persons and establishments, and who deposited it.

    R.1111-49 al.2: a masked document stays visible to its author, professional or establishment.
    """
    found = set(_written_by(resource))
    if subject.actor in ("professional", "system"):
        found.update(subject.me)
    if subject.actor in HOLDER_SIDE:
        found.add(subject.identifier)
    return tuple(sorted(found))


def _written_by(resource: Resource) -> Iterator[str]:
    contained = {f"#{item.get('id')}": item for item in resource.get("contained", ())}
    authors = resource.get("author", ())
    named = [*(authors if isinstance(authors, (list, tuple)) else [authors])]
    if resource["resourceType"] == "DocumentReference" and "custodian" in resource:
        named.append(resource["custodian"])
    if resource["resourceType"] == "Task" and "owner" in resource:  # who is asked
        named.append(resource["owner"])
    if resource["resourceType"] == "List" and "source" in resource:  # who sent a submission set
        named += [resource["source"], *_author_organizations(resource["source"])]
    for reference in named:
        yield from _identified(reference, contained)


def _author_organizations(source: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for extension in source.get("extension", ()):
        if str(extension.get("url", "")).endswith("/ihe-authorOrg"):
            yield extension.get("valueReference", {})


def _identified(reference: Mapping[str, Any], contained: Mapping[str, Resource]) -> Iterator[str]:
    text = identifier_text(reference.get("identifier", {}))
    if text:
        yield text
    target = contained.get(reference.get("reference", ""))
    if target is None:
        return
    yield from national_identifiers(target)
    if target["resourceType"] == "Patient":
        yield from (
            identifier_text(i)
            for i in target.get("identifier", ())
            if i.get("system") in INS_SYSTEMS
        )
    for part in ("practitioner", "organization"):
        if part in target:
            yield from _identified(target[part], contained)


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
