"""What a write does, in the words of the rules: the acts it consists of, from the old and the new
content.

Design, `domain.md` 4.6 (what PATCH may change) and `contract.md` section 7. Anything a write would
change beyond its acts is refused with 405: what no rule speaks of cannot be done.
"""

from dataclasses import dataclass
from typing import Any, Mapping

from fhir_server.fhir.outcome import NotAllowed, Unprocessable
from fhir_server.policy.consents import consent_type, types
from fhir_server.policy.facts import CONSENTS, nature_of
from fhir_server.policy.labels import (
    ARCHIVED,
    CONFIDENTIALITY,
    MASKED,
    SECRET,
    VEILED,
    flags,
    unknown_label,
)
from fhir_server.policy.life import EARLY_DELETION, extension, objects
from fhir_server.policy.relations import CLOSING
from fhir_server.policy.subject import HOLDER_SIDE, Subject

Resource = Mapping[str, Any]

# The types of documents that a holder writes himself (TRE_A05 and LOINC), R.1111-42 1° c.
HOLDER_TYPES = frozenset(
    {"EXPPAT_1", "EXPPAT_2", "EXPPAT_3", "74465-6"} | {f"DOCPAT{n:02}" for n in range(1, 10)}
)
REIMBURSEMENT = "REMB"
DELETED = "entered-in-error"
COLLECTED = "dmp-pro-access-collected-by"  # C2b
OBJECTION = "dmp-existence-objection"  # C1 that is `rejected`
SERVERS = frozenset({"versionId", "lastUpdated"})  # of meta: no content of the client's


@dataclass(frozen=True, slots=True)
class Act:
    """An action of the rules and the fact `asks` that goes with it."""

    action: str
    asks: str = "other"


def creation(new: Resource, subject: Subject) -> tuple[Act, ...]:
    """The acts of creating `new`; NotAllowed or Unprocessable where no rule could ever permit it.
    """
    type_ = new["resourceType"]
    match nature_of(type_):
        case "shared":
            return (Act("publish"),)
        case "patient" | "relative":
            return (Act("administer"),)
        case "team":
            return (Act("team", "write"),)
        case "consent":
            asks = _declared(new)
            # For another; whoever may change it later did this.
            return (Act("declare", "collecting" if asks == COLLECTED else asks),)
        case "trace":
            raise NotAllowed("traces are written by the server alone")
        case "document" if type_ == "DocumentReference":
            return (Act("deposit", _deposited(new, subject)),)
        case "clinical" if type_ == "Task" and subject.actor in HOLDER_SIDE:
            return (Act("deposit", "request"),)  # to the author of a document, or the operator
        case "list" if subject.actor in HOLDER_SIDE:
            return (Act("deposit", "patient-document"),)  # the submission set of his own documents
        case "list" if subject.actor == "operator":
            return (Act("deposit", "reimbursement"),)  # likewise
        case _:
            return (Act("deposit"),)


def _deposited(document: Resource, subject: Subject) -> str:
    codes = {coding.get("code") for coding in document.get("type", {}).get("coding", ())}
    if subject.actor in HOLDER_SIDE and codes and codes <= HOLDER_TYPES:
        return "patient-document"
    return "reimbursement" if REIMBURSEMENT in codes else "other"


def _declared(consent: Resource) -> str:
    type_ = consent_type(consent)
    if len(types(consent)) > 1:
        raise Unprocessable(
            f"a consent has one type, not `{'` and `'.join(types(consent))[:200]}`",
            code="business-rule",
            expression="Consent.category",
        )
    if type_ in ("dmp-mask", "dmp-minor-secret"):
        label = MASKED if type_ == "dmp-mask" else SECRET
        raise Unprocessable(
            f"`{type_}` is a view of labels: put `{label}` into `securityLabel` of the document "
            "instead",
            code="business-rule",
            expression="Consent.category",
        )
    return OBJECTION if objects(consent) else type_ if type_ in CONSENTS else "unknown"


def change(old: Resource, new: Resource, *, veils_later: bool = False) -> tuple[Act, ...]:
    """The acts of putting `new` in place of `old`; none when nothing changes. `veils_later`: a
    document may be hidden from its holder after its deposit too.
    """
    match nature_of(old["resourceType"]):
        case "shared":
            return (Act("publish"),)
        case "patient":
            return (Act("administer", _life_change(old, new)),)
        case "relative":
            return (Act("administer"),)
        case "team":
            return _team_change(old, new)
        case "consent":
            if consent_type(old) != consent_type(new) or old.get("patient") != new.get("patient"):
                raise Unprocessable(
                    "a consent keeps its type and its patient", code="business-rule"
                )
            return (Act("declare", _declared(new)),)
        case "document" if old["resourceType"] == "DocumentReference":
            return _document_change(old, new, veils_later)
        case "clinical":
            return (Act("supersede"),)
        case _:
            raise NotAllowed(f"a {old['resourceType']} is not changed once it is stored")


def _differing(old: Resource, new: Resource) -> set[str]:
    found = {name for name in {*old, *new} - {"id", "meta"} if old.get(name) != new.get(name)}
    meta = _meta(new)
    return found | {"meta"} if meta and meta != _meta(old) else found


def _meta(resource: Resource) -> dict[str, Any]:
    return {
        name: value for name, value in resource.get("meta", {}).items() if name not in SERVERS
    }


def _life_change(old: Resource, new: Resource) -> str:
    """`closing`, also for a reopening, or `early-deletion`, when nothing else of a Patient changes.
    """
    others = _differing(old, new) - {"active", "extension"}
    if others or _others(old, CLOSING, EARLY_DELETION) != _others(new, CLOSING, EARLY_DELETION):
        return "other"
    begins, ends = (extension(one, EARLY_DELETION) is not None for one in (new, old))
    return "early-deletion" if begins and not ends else "closing"


def _others(resource: Resource, *urls: str) -> list[Any]:
    return [one for one in resource.get("extension", ()) if one.get("url") not in urls]


def _team_change(old: Resource, new: Resource) -> tuple[Act, ...]:
    """Members added, members taken out or the team ended; `write` for anything else. A member whose
    entry changes is taken out and added.
    """
    differing = _differing(old, new)
    if not differing:
        return ()
    before, after = old.get("participant", []), new.get("participant", [])
    added = len(after) > len(before) or any(member not in before for member in after)
    taken = len(after) < len(before) or any(member not in after for member in before)
    ended = "status" in differing and new.get("status") == "inactive"
    known = differing - {"participant", "status"} == set() and ("status" in differing) == ended
    if not known or ("participant" in differing and not (added or taken)):
        return (Act("team", "write"),)
    acts = (("add-member", added), ("remove-member", taken or ended))
    return tuple(Act("team", asks) for asks, is_done in acts if is_done)


def _document_change(old: Resource, new: Resource, veils_later: bool) -> tuple[Act, ...]:
    """Status, labels and the archive mark: the three elements that may change (405 for any other).
    """
    if _differing(old, new) - {"status", "securityLabel", "extension"} or _others(
        old, ARCHIVED
    ) != _others(new, ARCHIVED):
        raise NotAllowed(
            "only `status`, `securityLabel` and the extension isArchived of a document can be "
            "changed"
        )
    acts: list[Act] = []
    if old.get("extension") != new.get("extension"):
        acts.append(Act("archive"))
    if old["status"] != new["status"]:
        acts.append(Act("remove" if new["status"] == DELETED else "supersede"))
    acts += _label_change(old, new, veils_later)
    return tuple(acts)


def _label_change(old: Resource, new: Resource, veils_later: bool) -> list[Act]:
    before, after = flags(old), flags(new)
    added, taken = after - before, before - after
    if old.get("securityLabel") != new.get("securityLabel") and (problem := unknown_label(new)):
        raise Unprocessable(
            problem, code="code-invalid", expression="DocumentReference.securityLabel"
        )
    if VEILED in added and not veils_later:
        raise Unprocessable(
            f"`{VEILED}` can be set when a document is deposited, not later",
            code="business-rule",
            expression="DocumentReference.securityLabel",
        )
    acts = []
    if MASKED in added | taken:
        acts.append(Act("mask" if MASKED in added else "unmask"))
    if VEILED in added | taken:
        acts.append(Act("veil" if VEILED in added else "reveal"))
    if SECRET in added | taken:
        acts.append(Act("secrecy"))
    if _levels(old) != _levels(new) or _texts(old) != _texts(new):
        acts.append(Act("relabel"))
    return acts


def _texts(document: Resource) -> list[str]:
    """What labels say in words, which readers are shown like the codes."""
    return sorted(label["text"] for label in document.get("securityLabel", ()) if "text" in label)


def _levels(document: Resource) -> set[str]:
    return {
        coding.get("code", "")
        for label in document.get("securityLabel", ())
        for coding in label.get("coding", ())
        if coding.get("system") in CONFIDENTIALITY
    }


def removal(old: Resource) -> tuple[Act, ...]:
    """The acts of DELETE."""
    match nature_of(old["resourceType"]):
        case "shared":
            return (Act("publish"),)
        case "consent":
            return (Act("declare", _declared(old)),)
        case "team":
            return (Act("team", "write"),)
        case "relative":
            return (Act("administer"),)
        case "clinical":
            return (Act("remove"),)
        case "document" if old["resourceType"] == "DocumentReference":
            return (Act("remove"),)
        case _:
            raise NotAllowed(f"a {old['resourceType']} is not deleted")
