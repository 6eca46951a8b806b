"""From stored resources to the relations the rules know: who is holder, attending doctor, team
member, consenting, blocked.

`contract.md` sections 4 and 7 of the design: rights go by PS_IdNat and Struct_IdNat, logical or
through the resource.
"""

from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping

from fhir_server.fhir.dates import EARLIEST, LATEST, period
from fhir_server.policy.facts import EVERYBODY, OF_EVERYBODY
from fhir_server.policy.subject import INS_SYSTEMS, PROFESSIONAL_SYSTEM, STRUCTURE_SYSTEM

OWN_BASE = "https://fhir-server.example/fhir/"
CONSENT_TYPES = OWN_BASE + "CodeSystem/dmp-consent-type"
DMP_BASE = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/"
CLOSING = DMP_BASE + "dmp-fermeture"
# Shut by the operator until its closing, which he has announced (R.1111-36 last al.).
SUSPENSION = OWN_BASE + "StructureDefinition/dmp-suspension"

# The consents that open or shut a record to somebody, and the provision each must have.
CONSENT_KINDS = {
    "dmp-pro-access": ("consented", "permit"),
    "dmp-pro-access-collected-by": ("consented", "permit"),
    "dmp-pro-block": ("blocked", "deny"),
    "dmp-emergency-opposition": ("emergency_opposed", "deny"),
    "dmp-centre15-opposition": ("centre15_opposed", "deny"),
    "dmp-attending-equivalent": ("equivalent", "permit"),
    "dmp-cross-border": ("cross_border", "permit"),
    "dmp-post-mortem-opposition": ("post_mortem_opposed", "deny"),
    "dmp-occupational": ("occupational", "permit"),
    "dmp-team-opposition": ("opposed", "deny"),
    "dmp-expertise": ("expert", "permit"),
}
# Purposes a permission may be limited to and still be honoured.
PURPOSES = {
    "dmp-occupational": frozenset({"TREAT", "normal", "occupational-health"}),
    "dmp-expertise": frozenset({"legal-expertise", "PATADMIN"}),
}
TREATMENT = frozenset({"TREAT", "normal"})
# What else a permission may say, since the rules open nothing beyond it.
WITHIN = {
    ("dmp-attending-equivalent", "securityLabel"): "MASQUE_PS",
    ("dmp-cross-border", "class"): "60591-5",
}
# Types of resources that say who is what to a record.
TELLING = ("Patient", "CareTeam", "Consent", "RelatedPerson")

ROLES = "http://terminology.hl7.org/CodeSystem/v3-Role"  # v3-RoleCode, v3-RoleClass
PROTECTION = OWN_BASE + "CodeSystem/dmp-adult-protection"
# What a relationship of a RelatedPerson makes of him, by the system it begins with.
RELATIVES = {
    (ROLES, "GUARD"): "guardian",
    (ROLES, "PRN"): "guardian",
    (PROTECTION, "representation"): "representative",
    (PROTECTION, "assistance"): "assistant",
}

Resource = Mapping[str, Any]
# A Reference element to the identifiers `system|value` of whom it names.
Who = Callable[[Mapping[str, Any]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Relation:
    """`actor` (`system|value`) is `kind` to the record from `since` until `until` (ms, half-open).
    """

    actor: str
    kind: str
    since: int = EARLIEST
    until: int = LATEST


def identifier_text(identifier: Mapping[str, Any]) -> str:
    """`system|value`, or "" when one of them is missing."""
    system, value = identifier.get("system"), identifier.get("value")
    return f"{system}|{value}" if system and value else ""


def national_identifiers(resource: Resource) -> tuple[str, ...]:
    """The PS_IdNat and Struct_IdNat a Practitioner, Organization or contained actor carries."""
    return tuple(
        identifier_text(identifier)
        for identifier in resource.get("identifier", ())
        if identifier.get("system") in (PROFESSIONAL_SYSTEM, STRUCTURE_SYSTEM)
        and identifier.get("value")
    )


def holders(patient: Resource) -> tuple[str, ...]:
    """The INS of a Patient, `system|value`."""
    return tuple(
        identifier_text(identifier)
        for identifier in patient.get("identifier", ())
        if identifier.get("system") in INS_SYSTEMS and identifier.get("value")
    )


def consent_type(consent: Resource) -> str:
    """Our code of a Consent (`dmp-pro-access`…), or ""."""
    for category in consent.get("category", ()):
        for coding in category.get("coding", ()):
            if coding.get("system") == CONSENT_TYPES:
                return str(coding.get("code", ""))
    return ""


def relations_of(resource: Resource, who: Who) -> Iterator[Relation]:
    """What `resource` says of people and its record; nothing for types that say nothing."""
    match resource["resourceType"]:
        case "Patient":
            yield from (Relation(ins, "holder") for ins in holders(resource))
            for doctor in resource.get("generalPractitioner", ()):
                yield from (Relation(actor, "attending") for actor in who(doctor))
        case "CareTeam":
            yield from _team(resource, who)
        case "Consent":
            yield from _consent(resource, who)
        case "RelatedPerson":
            yield from _relative(resource)
        case _:
            return


def _team(team: Resource, who: Who) -> Iterator[Relation]:
    if team.get("status", "active") != "active" or is_modified(team):
        return
    since, until = _interval(team.get("period"))
    for participant in team.get("participant", ()):
        begins, ends = _interval(participant.get("period"))
        for actor in who(participant.get("member", {})):
            yield Relation(actor, "care_team", max(since, begins), min(until, ends))


def _relative(person: Resource) -> Iterator[Relation]:
    """Kin, and representative or assistant where his relationship says so."""
    if not person.get("active", True) or is_modified(person):
        return
    since, until = _interval(person.get("period"))
    said = {
        kind
        for concept in person.get("relationship", ())
        for coding in concept.get("coding", ())
        for (system, code), kind in RELATIVES.items()
        if str(coding.get("system", "")).startswith(system) and coding.get("code") == code
    }
    for ins in holders(person):
        for kind in ("kin", *sorted(said)):
            yield Relation(ins, kind, since, until)


def _consent(consent: Resource, who: Who) -> Iterator[Relation]:
    kind, wanted = CONSENT_KINDS.get(consent_type(consent), ("", ""))
    provision = consent.get("provision", {})
    if (
        not kind
        or consent.get("status") != "active"
        or provision.get("type") != wanted
        or not is_understood(consent)
    ):
        return
    since, until = _interval(provision.get("period"))
    named = provision.get("actor", ())
    found = [actor for one in named for actor in who(one.get("reference", {}))]
    # Opposed to everybody, unless somebody is named; whoever cannot be told from the others is all.
    for actor in found or ([EVERYBODY] if kind in OF_EVERYBODY else []):
        yield Relation(actor, kind, since, until)


UNDERSTOOD = frozenset({"type", "period", "actor", "action", "purpose", "id", "extension"})


def is_understood(consent: Resource) -> bool:
    """Whether a consent says nothing beyond what the rules can honour: no exceptions, no classes,
    no single data.

    A permission narrower than we can honour must not open more than it says.
    """
    provision = consent.get("provision", {})
    permits = provision.get("type") == "permit"
    return not permits or (
        all(name in UNDERSTOOD or _is_within(consent, name) for name in provision)
        and not is_modified(consent)
        and _access(provision)
        and _purpose(provision, PURPOSES.get(consent_type(consent), TREATMENT))
    )


def _is_within(consent: Resource, name: str) -> bool:
    only = WITHIN.get((consent_type(consent), name))
    said = consent["provision"][name]
    return only is not None and all(coding.get("code") == only for coding in said)


def is_modified(value: Any) -> bool:
    """Whether an extension we do not know changes what is said (there is none that we know).

    https://hl7.org/fhir/R4/extensibility.html#modifierExtension
    """
    if isinstance(value, Mapping):
        return "modifierExtension" in value or any(is_modified(item) for item in value.values())
    return isinstance(value, list) and any(is_modified(item) for item in value)


def _access(provision: Mapping[str, Any]) -> bool:
    codes = {
        c.get("code") for action in provision.get("action", ()) for c in action.get("coding", ())
    }
    return not codes or "access" in codes


def _purpose(provision: Mapping[str, Any], honoured: frozenset[str]) -> bool:
    codes = {coding.get("code") for coding in provision.get("purpose", ())}
    return not codes or bool(codes & honoured)


def _interval(value: Mapping[str, Any] | None) -> tuple[int, int]:
    try:
        return period(value) if value else (EARLIEST, LATEST)
    except ValueError:
        return LATEST, EARLIEST  # an impossible period is never in force; it is refused at the door


def record_state(patient: Resource) -> str:
    """open, closed (or suspended), before (not opened, or opposed) or deceased; `contract.md`
    section 7, Record.
    """
    if patient.get("deceasedBoolean") is True or "deceasedDateTime" in patient:
        return "deceased"
    said = {extension.get("url") for extension in patient.get("extension", ())}
    if patient.get("active", True):
        return "closed" if SUSPENSION in said else "open"
    return "closed" if CLOSING in said else "before"
