"""From stored resources to the relations the rules know: who is holder, attending doctor, team
member, consenting, blocked.

`contract.md` sections 4 and 7 of the design: rights go by PS_IdNat and Struct_IdNat, logical or
through the resource.
"""

from typing import Iterator

from fhir_server.policy import consents, pcf
from fhir_server.policy.consents import Reading, is_modified
from fhir_server.policy.people import holders
from fhir_server.policy.relation import Member, Relation, Resource, Team, Who, in_force, no_team

OWN_BASE = "https://fhir-server.example/fhir/"
DMP_BASE = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/"
CLOSING = DMP_BASE + "dmp-fermeture"
# Shut by the operator until its closing, which he has announced (R.1111-36 last al.).
SUSPENSION = OWN_BASE + "StructureDefinition/dmp-suspension"

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


def relations_of(resource: Resource, who: Who, team: Team = no_team) -> Iterator[Relation]:
    """What `resource` says of people and its record; nothing for types that say nothing. `team`:
    how a consent's references to care teams are read.
    """
    match resource["resourceType"]:
        case "Patient":
            yield from (Relation(ins, "holder") for ins in holders(resource))
            for doctor in resource.get("generalPractitioner", ()):
                yield from (Relation(actor, "attending") for actor in who(doctor))
        case "CareTeam":
            for one in members(resource, who):
                yield Relation(one.actor, "care_team", one.since, one.until)
        case "Consent":
            yield from reading(resource, who, team).relations
        case "RelatedPerson":
            yield from _relative(resource)
        case _:
            return


def members(team: Resource, who: Who) -> Iterator[Member]:
    """Those who are of a CareTeam, each for as long as he and it are."""
    if team.get("status", "active") != "active" or is_modified(team):
        return
    since, until = in_force(team.get("period"))
    for participant in team.get("participant", ()):
        begins, ends = in_force(participant.get("period"))
        for actor in who(participant.get("member", {})):
            yield Member(actor, max(since, begins), min(until, ends))


def _relative(person: Resource) -> Iterator[Relation]:
    """Kin, and representative or assistant where his relationship says so."""
    if not person.get("active", True) or is_modified(person):
        return
    since, until = in_force(person.get("period"))
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


def reading(consent: Resource, who: Who, team: Team = no_team) -> Reading:
    """What the rules make of a Consent: as its type of ours has it, or as PCF does."""
    return pcf.read(consent, who) if pcf.is_pcf(consent) else consents.read(consent, who, team)


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
