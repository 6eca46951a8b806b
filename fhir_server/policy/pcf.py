"""Consents of IHE PCF (basic, intermediate) in the words of the rules, or why they have none.

https://profiles.ihe.net/ITI/PCF/content.html. What such a consent permits or denies somebody by
name is said by the relations of C2, C3, C4, C5, C10 and C12; its overarching policy is the law in
force here, whatever address `policy` has. What the rules cannot say is refused: a consent that is
stored here as one of PCF's has the effect that it says.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fhir_server.fhir.reference import DOCUMENTS
from fhir_server.policy.consents import (
    TREATMENT,
    UNDERSTOOD,
    Reading,
    Remark,
    consent_type,
    is_modified,
    receives,
)
from fhir_server.policy.facts import EVERYBODY
from fhir_server.policy.people import binds
from fhir_server.policy.relation import Relation, Resource, Who, in_force
from profiles.links import type_of

PROFILE = "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consent"
ROOT = "Consent.provision"
Provision = Mapping[str, Any]

# What denying a purpose is called by the rules; treatment is denied by name alone. An emergency is
# none of it: who opposes that says so (L.1111-17).
DENIED = {
    **dict.fromkeys(TREATMENT, ("opposed",)),
    **dict.fromkeys(("BTG", "bris_de_glace"), ("emergency_opposed",)),
    "ETREAT": ("emergency_opposed", "centre15_opposed"),
    "centre_15": ("centre15_opposed",),
    **dict.fromkeys(
        ("FAMRQT", "cause-of-death", "memory", "own-rights"), ("post_mortem_opposed",)
    ),
    # No rule opens anything for these.
    **dict.fromkeys(("HPAYMT", "HOPERAT", "HRESCH", "HMARKT", "COVERAGE"), ()),
}
ALL_OF_SOMEBODY = ("blocked", "emergency_opposed", "centre15_opposed")
LABEL = "put `MASQUE_PS` into `securityLabel` of the document instead"
SINGLE = f"a consent hides or opens no single document: {LABEL}"
CLOSE = (
    "nobody's treatment can be denied to everybody: close the record (`Patient.active`), or name "
    "whom you deny"
)


class _Unsaid(Exception):
    """The rules cannot say this."""

    def __init__(self, text: str, path: str) -> None:
        self.remark = Remark(text, path)
        super().__init__(text)


def is_pcf(consent: Resource) -> bool:
    """Whether a consent is one of PCF's and none of our types."""
    profiles = consent.get("meta", {}).get("profile", ())
    return not consent_type(consent) and any(str(one).startswith(PROFILE) for one in profiles)


def read(consent: Resource, who: Who) -> Reading:
    """A consent of PCF as relations and remarks, or refused."""
    if consent.get("status") != "active" or is_modified(consent):
        return Reading()
    try:
        return _read(consent.get("provision", {}), who)
    except _Unsaid as reason:
        return Reading(refused=reason.remark)


def _read(root: Provision, who: Who) -> Reading:
    _check_names(root, ROOT)
    if root.get("type") not in ("permit", "deny"):
        raise _Unsaid("a consent of PCF permits or denies", f"{ROOT}.type")
    nested = [(one, f"{ROOT}.provision[{n}]") for n, one in enumerate(root.get("provision", ()))]
    for one, path in nested:
        _check_names(one, path)
        if "provision" in one or one.get("type") in (root["type"], None):
            raise _Unsaid("an exception is of the other type, and has none itself", path)
    if root["type"] == "deny":
        return Reading(tuple(_denial(root, nested, who)))
    denied = [relation for one, path in nested for relation in _exception(root, one, path, who)]
    opened, remarks = _permission(root, who)
    return Reading((*opened, *denied), tuple(remarks))


def _check_names(provision: Provision, path: str) -> None:
    for one in provision.get("data", ()):
        if type_of(str(one.get("reference", {}).get("reference", ""))) in DOCUMENTS:
            raise _Unsaid(SINGLE, f"{path}.data")
    for name in sorted(set(provision) - UNDERSTOOD - {"provision"}):
        raise _Unsaid(f"no rule can be narrowed by `{name}`", f"{path}.{name}")
    if "action" in provision:
        raise _Unsaid("a consent of PCF says nothing of actions", f"{path}.action")


def _permission(root: Provision, who: Who) -> tuple[list[Relation], list[Remark]]:
    """Who may see for treatment; for emergencies the law lets everybody who treats."""
    purposes = _purposes(root)
    if purposes and not purposes & {*TREATMENT, "BTG", "ETREAT", "bris_de_glace", "centre_15"}:
        first = min(purposes)
        raise _Unsaid(f"no rule opens a record for `{first[:100]}`", f"{ROOT}.purpose")
    remarks = [
        Remark(f"no rule opens a record for `{purpose[:100]}`", f"{ROOT}.purpose")
        for purpose in sorted(purposes - set(DENIED) | {p for p in purposes if not DENIED.get(p)})
    ]
    if not root.get("actor"):
        text = "nobody is named: nothing is opened beyond what the law opens to the care team"
        return [], [*remarks, Remark(text, ROOT)]
    whom = _named(root, ROOT, who, opens=True)
    if purposes and not purposes & TREATMENT:
        return [], [*remarks, Remark("nothing is opened beyond the law", f"{ROOT}.purpose")]
    since, until = in_force(root.get("period"))
    return [Relation(actor, "consented", since, until) for actor in whom], remarks


def _exception(root: Provision, nested: Provision, path: str, who: Who) -> list[Relation]:
    """What a permission leaves out: within its people, purposes and time."""
    within = {name: root[name] for name in ("actor", "purpose") if name in root}
    denied = within | dict(nested)
    return _denied(denied, path, who, _overlap(root, nested))


def _denial(
    root: Provision, nested: Iterable[tuple[Provision, str]], who: Who
) -> list[Relation]:
    """Whom a denial shuts out; its exceptions can be purposes, for everybody it denies."""
    spared = set[str]()
    for one, path in nested:
        purposes = _purposes(one)
        if "actor" in one or "period" in one or not purposes:
            raise _Unsaid("an exception from a denial can be of purposes alone", path)
        spared |= {kind for purpose in purposes for kind in _kinds(purpose, path)}
    return _denied(root, ROOT, who, in_force(root.get("period")), frozenset(spared))


def _denied(
    provision: Provision,
    path: str,
    who: Who,
    times: tuple[int, int],
    spared: frozenset[str] = frozenset(),
) -> list[Relation]:
    whom = _named(provision, path, who, opens=False) if provision.get("actor") else [EVERYBODY]
    purposes = _purposes(provision)
    kinds = {kind for purpose in purposes for kind in _kinds(purpose, f"{path}.purpose")}
    kinds = kinds if purposes else {*ALL_OF_SOMEBODY}
    if "blocked" in kinds and spared:  # a block leaves no emergency: the rest is said one by one
        kinds = {"opposed", *ALL_OF_SOMEBODY} - {"blocked"}
    kinds -= spared
    if whom == [EVERYBODY] and kinds & {"opposed", "blocked"}:
        raise _Unsaid(CLOSE, path)
    return [Relation(actor, kind, *times) for actor in whom for kind in sorted(kinds)]


def _kinds(purpose: str, path: str) -> tuple[str, ...]:
    if purpose not in DENIED:
        raise _Unsaid(f"no rule denies `{purpose[:100]}`", path)
    return DENIED[purpose]


def _purposes(provision: Provision) -> frozenset[str]:
    return frozenset(str(coding.get("code", "")) for coding in provision.get("purpose", ()))


def _named(provision: Provision, path: str, who: Who, *, opens: bool) -> list[str]:
    found = list[str]()
    for n, actor in enumerate(provision["actor"]):
        names = who(actor.get("reference", {}))
        bound = all(binds(name) for name in names)
        if not names or not bound or (opens and not receives(actor)):
            text = "names nobody known by PS_IdNat or Struct_IdNat as `IRCP`"
            raise _Unsaid(f"this actor {text}", f"{path}.actor[{n}]")
        found += names
    return found


def _overlap(one: Provision, other: Provision) -> tuple[int, int]:
    (since, until), (begins, ends) = in_force(one.get("period")), in_force(other.get("period"))
    return max(since, begins), min(until, ends)
