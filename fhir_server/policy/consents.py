"""What a Consent of our types C1 to C13 says in the words of the rules, and what it says in vain.

Design, `domain.md` 6.2. A permission that is narrower than the rules can say opens nothing; a
denial that is denies all the same, for it must deny at least as much as it says. Whoever writes one
is told (`Remark`). PCF's consents are read by `policy.pcf`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.policy.facts import CONSENTS, EVERYBODY, OF_EVERYBODY
from fhir_server.policy.people import binds
from fhir_server.policy.relation import Member, Relation, Resource, Team, Who, in_force, no_team
from fhir_server.policy.subject import INS_SYSTEMS

CONSENT_TYPES = "https://fhir-server.example/fhir/CodeSystem/dmp-consent-type"
PRO_ACCESS = "dmp-pro-access"  # C2

# The consents that open or shut a record to somebody, and the provision each must have.
CONSENT_KINDS = {
    PRO_ACCESS: ("consented", "permit"),
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
TREATMENT = frozenset({"TREAT", "normal"})
# Purposes a consent may be limited to and still be honoured as it stands.
PURPOSES = {
    "dmp-occupational": frozenset({"TREAT", "normal", "occupational-health"}),
    "dmp-expertise": frozenset({"legal-expertise", "PATADMIN"}),
    "dmp-emergency-opposition": frozenset({"ETREAT", "BTG", "bris_de_glace"}),
    "dmp-centre15-opposition": frozenset({"ETREAT", "centre_15"}),
    "dmp-post-mortem-opposition": frozenset(
        {"FAMRQT", "cause-of-death", "memory", "own-rights"}
    ),
}
# What else a permission may say, since the rules open nothing beyond it.
WITHIN = {
    ("dmp-attending-equivalent", "securityLabel"): "MASQUE_PS",
    ("dmp-cross-border", "class"): "60591-5",
}
UNDERSTOOD = frozenset({"type", "period", "actor", "action", "purpose", "id", "extension"})
ACTIONS = frozenset({"access", "collect"})  # of domain.md 6.2: to read, and to deposit
# Types that may name a CareTeam: its members, as it has them from one day to the next.
OF_TEAMS = frozenset({PRO_ACCESS, "dmp-pro-access-collected-by", "dmp-team-opposition"})
NAMES_NOBODY = (
    "a denial names all whom it denies by PS_IdNat or Struct_IdNat (a `dmp-team-opposition` also "
    "by a CareTeam of the record), is of type deny, and in force some time"
)
RECEIVES = "IRCP"  # v3-ParticipationType, information recipient: who gets to see


@dataclass(frozen=True, slots=True)
class Remark:
    """What is said in vain, or goes further than it says; `path` is FHIRPath."""

    text: str
    path: str


@dataclass(frozen=True, slots=True)
class Naming:
    """How the references of a consent are read: `who` people and houses, `team` care teams."""

    who: Who
    team: Team

    def whom(self, reference: Mapping[str, Any]) -> tuple[Member, ...] | None:
        """Those whom it names, as they can be callers; None where somebody cannot be known."""
        members = self.team(reference)
        if members is not None:
            return members
        names = self.who(reference)
        known = names and all(binds(name) for name in names)
        return tuple(Member(name) for name in names) if known else None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rules make of a consent; `refused`: why it cannot be honoured."""

    relations: tuple[Relation, ...] = ()
    remarks: tuple[Remark, ...] = ()
    refused: Remark | None = None


def types(consent: Resource) -> tuple[str, ...]:
    """All our codes of a Consent, each once."""
    return tuple(dict.fromkeys(
        str(coding.get("code", ""))
        for category in consent.get("category", ())
        for coding in category.get("coding", ())
        if coding.get("system") == CONSENT_TYPES
    ))  # fmt: skip


def consent_type(consent: Resource) -> str:
    """Our code of a Consent (`dmp-pro-access`…), or ""."""
    return next(iter(types(consent)), "")


def read(consent: Resource, who: Who, team: Team = no_team) -> Reading:
    """A Consent as its type of ours has it; one of another type says nothing. `team`: how those
    types that may name care teams read them.
    """
    code = consent_type(consent)
    if code and code not in CONSENTS and _denies(consent):
        text = f"the consent type `{code[:100]}` is not known: a denial of it would have no effect"
        return Reading(refused=Remark(text, "Consent.category"))
    if code not in CONSENTS:
        text = f"the consent type `{code[:100]}` is not known" if code else "this is no consent of"
        return Reading((), (Remark(
            f"{text}{'' if code else f' a type of `{CONSENT_TYPES}`'}: it is stored without effect",
            "Consent.category",
        ),))  # fmt: skip
    if code not in CONSENT_KINDS:
        return Reading((), tuple(_beside(consent, code)))
    if consent.get("status") != "active":
        return Reading()
    kind, wanted = CONSENT_KINDS[code]
    provision = consent.get("provision", {})
    if provision.get("type") != wanted and wanted == "deny":
        return Reading(refused=Remark(NAMES_NOBODY, "Consent.provision.actor"))
    if provision.get("type") != wanted:
        text = f"a `{code}` is a provision of type `{wanted}`: it is stored without effect"
        return Reading((), (Remark(text, "Consent.provision.type"),))
    naming = Naming(who, team if code in OF_TEAMS else no_team)
    if wanted == "deny":
        return _denial(consent, kind, provision, naming)
    return _permission(consent, kind, provision, naming)


def _denies(consent: Resource) -> bool:
    denies = consent.get("provision", {}).get("type") == "deny"
    return denies and consent.get("status") == "active"


def _beside(consent: Resource, code: str) -> Iterator[Remark]:
    """What the provision of a consent says that is told by its status alone (C1)."""
    for name in sorted(set(consent.get("provision", {})) - {"type", "period", "id"}):
        text = f"a `{code}` opens and denies nothing by `{name}`"
        yield Remark(text, f"Consent.provision.{name}")


def _permission(
    consent: Resource, kind: str, provision: Mapping[str, Any], naming: Naming
) -> Reading:
    remarks, denied = [*_narrower(consent, provision)], list[Relation]()
    since, until = in_force(provision.get("period"))
    for n, nested in enumerate(provision.get("provision", ())):
        found = exceptions(nested, (since, until), naming) if _may_except(consent) else None
        if found is None:
            place = f"Consent.provision.provision[{n}]"
            remarks.append(Remark("this exception cannot be honoured: nothing is opened", place))
        denied += found or []
    if remarks or is_modified(consent):
        return Reading((), tuple(remarks))
    opened = list[Relation]()
    for n, actor in enumerate(provision.get("actor", ())):
        people = naming.whom(actor.get("reference", {})) if receives(actor) else None
        opened += _relations(kind, people or (), (since, until))
        if not people:
            remarks.append(_nobody(n) if people is None else _no_member(n))
    if since >= until:
        remarks.append(Remark("this is no time: nothing is opened", "Consent.provision.period"))
    if not provision.get("actor"):
        remarks.append(Remark("nobody is named: nothing is opened", "Consent.provision"))
    return Reading((*opened, *denied), (*remarks, *_beyond(consent, provision)))


def _relations(
    kind: str, people: Iterable[Member], within: tuple[int, int]
) -> Iterator[Relation]:
    for one in people:
        since, until = max(one.since, within[0]), min(one.until, within[1])
        if since < until:
            yield Relation(one.actor, kind, since, until)


def _may_except(consent: Resource) -> bool:
    """Whether a permission may have exceptions: C2, which its holder declares for whom he names."""
    return consent_type(consent) == PRO_ACCESS


def exceptions(
    nested: Mapping[str, Any], within: tuple[int, int], naming: Naming
) -> list[Relation] | None:
    """Who is left out of a permission for treatment by a nested provision, which denies some of
    those it names; None where the rules cannot say it.
    """
    if nested.get("type") != "deny" or set(nested) - UNDERSTOOD:
        return None
    if not has_purpose(nested, TREATMENT) or not has_access(nested) or not nested.get("actor"):
        return None
    since, until = in_force(nested.get("period"))
    named = [naming.whom(actor.get("reference", {})) for actor in nested["actor"]]
    if None in named:
        return None
    times = max(since, within[0]), min(until, within[1])
    return [one for people in named for one in _relations("opposed", people or (), times)]


def _narrower(consent: Resource, provision: Mapping[str, Any]) -> Iterator[Remark]:
    """What makes a permission narrower than the rules can say."""
    code = consent_type(consent)
    for name in provision:
        if name not in UNDERSTOOD | {"provision"} and not _is_within(consent, name):
            text = f"`{name}` cannot be honoured in a `{code}`: nothing is opened"
            yield Remark(text, f"Consent.provision.{name}")
    if not has_access(provision):
        text = "no `action` is `access`: nothing is opened"
        yield Remark(text, "Consent.provision.action")
    if not has_purpose(provision, PURPOSES.get(code, TREATMENT)):
        text = f"no `purpose` is one of a `{code}`: nothing is opened"
        yield Remark(text, "Consent.provision.purpose")


def _is_within(consent: Resource, name: str) -> bool:
    only = WITHIN.get((consent_type(consent), name))
    said = consent["provision"][name]
    return only is not None and all(coding.get("code") == only for coding in said)


def _beyond(consent: Resource, provision: Mapping[str, Any]) -> Iterator[Remark]:
    """What is said beside what is honoured, and has no effect."""
    code = consent_type(consent)
    purposes = {c.get("code", "") for c in provision.get("purpose", ())}
    for purpose in sorted(purposes - PURPOSES.get(code, TREATMENT)):
        text = f"a `{code}` says nothing of the purpose `{purpose[:100]}`"
        yield Remark(text, "Consent.provision.purpose")
    for action in sorted(_actions(provision) - ACTIONS):
        text = f"no rule knows the action `{action[:100]}`"
        yield Remark(text, "Consent.provision.action")


def _denial(
    consent: Resource, kind: str, provision: Mapping[str, Any], naming: Naming
) -> Reading:
    code, remarks = consent_type(consent), list[Remark]()
    for name in sorted(set(provision) - UNDERSTOOD):
        text = f"a `{code}` is not narrowed by `{name}`: it denies all the same"
        remarks.append(Remark(text, f"Consent.provision.{name}"))
    if not has_purpose(provision, PURPOSES.get(code, TREATMENT)):
        text = f"a `{code}` is not limited to such a purpose: it denies all the same"
        remarks.append(Remark(text, "Consent.provision.purpose"))
    else:
        remarks += _beyond(consent, provision)
    times = in_force(provision.get("period"))
    actors = provision.get("actor", ())
    people = [naming.whom(one.get("reference", {})) for one in actors]
    for n, actor in enumerate(actors):
        remarks += [] if receives(actor) else [_whatever_role(n)]
        remarks += [] if people[n] or people[n] is None else [_no_member(n)]
    # Opposed to everybody, unless somebody is named. One that names whom nobody knows is refused;
    # what lies in the store from before denies as much as it can.
    known = None not in people and not _of_patients(kind, people)
    whom = [one for found in people for one in found or ()]
    if kind in OF_EVERYBODY and (not people or not known):
        whom = [Member(EVERYBODY)]
    bound = known and (people or whom) and times[0] < times[1]
    refused = None if bound else Remark(NAMES_NOBODY, "Consent.provision.actor")
    return Reading(tuple(_relations(kind, whom, times)), tuple(remarks), refused)


def _nobody(n: int) -> Remark:
    text = "names nobody known by PS_IdNat, Struct_IdNat or INS as `IRCP`: without effect"
    return Remark(f"this actor {text}", f"Consent.provision.actor[{n}]")


def _of_patients(kind: str, people: Iterable[tuple[Member, ...] | None]) -> bool:
    """Whether somebody is named by an INS whom a denial of this kind cannot concern: it is to those
    who treat, but for the one to heirs.
    """
    systems = {one.actor.partition("|")[0] for found in people for one in found or ()}
    return kind != "post_mortem_opposed" and not systems.isdisjoint(INS_SYSTEMS)


def _no_member(n: int) -> Remark:
    text = "this CareTeam has no member: it concerns nobody until it has"
    return Remark(text, f"Consent.provision.actor[{n}]")


def _whatever_role(n: int) -> Remark:
    text = "whoever is named is denied, whatever the role: `IRCP` says so"
    return Remark(text, f"Consent.provision.actor[{n}].role")


def receives(actor: Mapping[str, Any]) -> bool:
    """Whether an actor is the one who gets to see; who has another role is not let in."""
    codes = {coding.get("code") for coding in actor.get("role", {}).get("coding", ())}
    return RECEIVES in codes


def named(consent: Resource) -> Iterator[Mapping[str, Any]]:
    """The references to all whom a consent names, in its exceptions too."""
    waiting = [consent.get("provision", {})]
    while waiting:
        provision = waiting.pop()
        waiting += provision.get("provision", ())
        yield from (actor.get("reference", {}) for actor in provision.get("actor", ()))


def said_of(consent: Resource) -> dict[str, Any]:
    """What a consent says, whether it is in force or has been ended."""
    return {name: value for name, value in consent.items() if name not in ("id", "meta", "status")}


def is_modified(value: Any) -> bool:
    """Whether an extension we do not know changes what is said (there is none that we know).

    https://hl7.org/fhir/R4/extensibility.html#modifierExtension
    """
    if isinstance(value, Mapping):
        return "modifierExtension" in value or any(is_modified(item) for item in value.values())
    return isinstance(value, list) and any(is_modified(item) for item in value)


def has_access(provision: Mapping[str, Any]) -> bool:
    """Whether a provision is about access, among others."""
    codes = _actions(provision)
    return not codes or "access" in codes


def _actions(provision: Mapping[str, Any]) -> set[str]:
    actions = provision.get("action", ())
    return {coding.get("code", "") for action in actions for coding in action.get("coding", ())}


def has_purpose(provision: Mapping[str, Any], honoured: frozenset[str]) -> bool:
    """Whether a provision is about one of these purposes, among others."""
    codes = {coding.get("code") for coding in provision.get("purpose", ())}
    return not codes or bool(codes & honoured)
