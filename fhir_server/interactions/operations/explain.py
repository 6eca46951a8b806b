"""`$explain-access`: who may read a document, by which rules; asked by its holder or the operator.

The same facts and the same decision as a read has (`policy.decide`), in words of two languages. A
holder asks of what he sees alone; nothing of the document is shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.auth.scopes import grants
from fhir_server.fhir import json_format
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, Forbidden, NotFound
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations.arguments import Arguments
from fhir_server.interactions.routes import Route
from fhir_server.policy.admission import admission
from fhir_server.policy.condition import ALWAYS, simplify
from fhir_server.policy.facts import subject_facts
from fhir_server.policy.matrix import PROFESSION_OID
from fhir_server.policy.relations import OWN_BASE
from fhir_server.policy.rule import DENY, PERMIT, REFUSE, REPORT, RuleSet
from fhir_server.policy.scope import Scope
from fhir_server.policy.subject import ACTORS, Coded, Subject
from fhir_server.policy.writes import Act
from fhir_server.storage.engine import Session
from fhir_server.storage.opened import NO_ACCESS, Opened
from fhir_server.storage.read import facts_of
from fhir_server.storage.repository import Repository
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Writing

TYPE = "DocumentReference"
HEALTH_PROFESSIONS = f"urn:oid:{PROFESSION_OID}"  # of a role without a system
PERMITTED, REFUSED, GONE = "permitted", "refused", "gone"
# What settles an access without being one of the rules, in English and in French.
OTHERS = {
    "off": (
        "the rules are off: everybody may read everything",
        "les règles sont désactivées : chacun peut tout lire",
    ),
    "no-rule-permits": (
        "what no rule permits is refused",
        "ce qu'aucune règle ne permet est refusé",
    ),
    "scope": (
        f"the scopes of the token do not cover reading `{TYPE}`",
        f"la portée du jeton ne couvre pas la lecture de `{TYPE}`",
    ),
    "person_id": (
        "the token is good for the record of another patient alone",
        "le jeton ne vaut que pour le dossier d'un autre patient",
    ),
    "record": (
        "the record is not opened yet, or its patient opposes it: it is answered as unknown",
        "le dossier n'est pas encore ouvert, ou son titulaire s'y oppose : il est traité comme"
        " inconnu",
    ),
    "deleted": ("the document is deleted: 410", "le document est supprimé : 410"),
}
EFFECTS = {PERMIT: "permits", DENY: "denies", REFUSE: "refuses", REPORT: "reports"}
NEEDS_PERSON = ("bris_de_glace", "centre_15")  # the record of `person_id` alone (contract 7)


@dataclass(frozen=True)
class Explained:
    """How a read ends, the rules (or `OTHERS`) that settled it, the facts looked at; `text`: the
    refusal's own.
    """

    outcome: str
    settled: tuple[str, ...]
    facts: Mapping[str, str]
    text: str = ""


@dataclass(frozen=True)
class Reason:
    """What settled an access: a rule or one of `OTHERS`; `effect` and `source` are a rule's."""

    name: str
    effect: str
    english: str
    french: str
    source: str


def explained(opened: Opened, subject: Subject, document: str) -> Explained:
    """How a read of `DocumentReference/{document}` by `subject` would end, in the order of a
    request: scopes, admission, then the decision. NotFound when there is no such document.
    """
    check_exists(opened.session, document)
    rules = opened.house.rules
    asked = dict(subject_facts(subject, action="read"))
    if rules is None:
        return Explained(PERMITTED, ("off",), asked)
    if not grants(subject, TYPE, "r"):
        return Explained(REFUSED, ("scope",), asked)
    scope = Scope.of(subject, rules, asked)
    refusal = admission(subject, scope, type_=TYPE, consults=True, by_identifier=False)
    if refusal:
        settled = _met(refusal.rule.split(), rules, asked)
        return Explained(REFUSED, settled or (refusal.rule,), asked, refusal.text)
    theirs = Repository(opened.session, opened.house, subject, scope, opened.moment)
    return _decided(theirs, asked, document)


def check_exists(session: Session, document: str) -> None:
    """NotFound unless there is, or was, such a document."""
    try:
        facts_of(session, TYPE, document)
    except IndexError:
        raise NotFound(f"there is no `{TYPE}/{document}`") from None


def _met(names: Sequence[str], rules: RuleSet, facts: Mapping[str, str]) -> tuple[str, ...]:
    """Those of these rules that hold by the facts of the caller alone."""
    return tuple(
        rule.name for rule in rules.rules
        if rule.name in names and simplify(rule.when, {**facts, "nature": "document"}) == ALWAYS
    )  # fmt: skip


def _decided(theirs: Repository, asked: Mapping[str, str], document: str) -> Explained:
    named, act = Named(resource=(TYPE, document)), Act("read")
    try:
        theirs.check_age()
        standing = theirs.standing(named)
    except Forbidden as refusal:
        return Explained(REFUSED, (refusal.rule,), asked)
    if standing is None:
        return Explained(REFUSED, ("record",), asked)
    row = theirs.row_facts(TYPE, facts_of(theirs.session, TYPE, document))
    decision = theirs.decision(act, standing, row)
    facts = {**asked, **standing.facts(), **row.facts()}
    if decision.permitted and not theirs.visible([(TYPE, document)]):
        return Explained(GONE, (*decision.reasons, "deleted"), facts)
    return Explained(PERMITTED if decision.permitted else REFUSED, decision.reasons, facts)


def reasons(found: Explained, rules: RuleSet | None) -> Iterator[Reason]:
    """What settled it, in words."""
    known = {rule.name: rule for rule in rules.rules} if rules else {}
    for name in found.settled:
        if rule := known.get(name):
            effect = EFFECTS.get(rule.effect, rule.effect)
            yield Reason(name, effect, rule.says, rule.dit, rule.source)
        else:
            english, french = OTHERS.get(name, (found.text, found.text))
            yield Reason(name, "", found.text or english, french, "")


def explain_access(
    call: Call, stored: Writing, route: Route, context: Context, given: Arguments
) -> Reply:
    """200 with Parameters; 404 where the caller might not read the document itself and is not the
    operator, 403 for anybody else than its holder and the operator.
    """
    named = Named(resource=(TYPE, route.id_))
    record, rules = _let_in(stored, named, route.id_)
    found = explained(stored, _subject(given, stored, context), route.id_)
    detail = (("operation", f"${route.operation.code}"),) if route.operation else ()
    note = context.note(call, "operation", TYPE, route.id_, detail=detail)
    stored.note(note, [(record, rules)])
    return Reply(200, json_format.write(_parameters(found, stored.house.rules)))


def _let_in(stored: Writing, named: Named, id_: str) -> tuple[int, str]:
    """The record of the document and the rules by which the caller may ask."""
    check_exists(stored.session, id_)
    if stored.house.rules is None:
        return stored.read(TYPE, id_).record, ""
    seen = stored.visible([(TYPE, id_)], deleted=True)
    try:
        standing = stored.standing(named)
    except Forbidden as of_another:  # his token is for one patient: the rest is not there for him
        rule, record = of_another.rule, of_another.record
        raise NotFound(f"there is no `{TYPE}/{id_}`", rule=rule, record=record) from None
    if standing is None:
        raise NotFound(f"there is no `{TYPE}/{id_}`")
    row = stored.row_facts(TYPE, facts_of(stored.session, TYPE, id_))
    decision = stored.decision(Act("explain"), standing, row)
    if decision.permitted:
        return standing.record, " ".join(decision.reasons)
    rule = " ".join(decision.reasons)
    if seen:
        raise Forbidden(NO_ACCESS, rule=rule, record=standing.record)
    raise NotFound(f"there is no `{TYPE}/{id_}`", rule=rule, record=standing.record)


def _subject(given: Arguments, stored: Writing, context: Context) -> Subject:
    """Whom the question is about: the caller, or who the parameters name."""
    who = given.one("who")
    if who is None:
        others = [name for name in given.values if given.values[name]]
        if others:
            raise BadRequest(f"`{others[0]}` says something of `who`, which is missing",
                             code="required")  # fmt: skip
        return context.subject
    actor = str(given.one("actor") or "professional")
    if actor not in ACTORS:
        raise BadRequest(f"`{actor[:100]}` is no actor: {', '.join(ACTORS)}", code="value")
    if "|" not in who:
        raise BadRequest(f"`who` is `system|value`, not `{who[:100]}`", code="value")
    role = str(given.one("role") or "")
    purpose = str(given.one("purpose") or "normal")
    asked = Subject(
        actor, str(who), organization=str(given.one("organization") or ""),
        roles=(Coded(*([HEALTH_PROFESSIONS, *role.split("|", 1)][-2:])),) if role else (),
        purpose=purpose, reason=str(given.one("reason") or ""),
        sector=str(given.one("sector") or ""),
    )  # fmt: skip
    return replace(asked, person=_holder(stored, context)) if purpose in NEEDS_PERSON else asked


def _holder(stored: Writing, context: Context) -> str:
    """The holder a token for an emergency would name: him who asks, or nobody for the operator."""
    return context.subject.identifier if context.subject.actor == "holder" else ""


def _parameters(found: Explained, rules: RuleSet | None) -> dict[str, Any]:
    parameter: list[dict[str, Any]] = [{"name": "outcome", "valueCode": found.outcome}]
    parameter += [{"name": "rule", "part": list(_parts(reason))} for reason in
                  reasons(found, rules)]  # fmt: skip
    parameter += [
        {"name": "fact", "part": [
            {"name": "name", "valueCode": name}, {"name": "value", "valueString": value},
        ]}
        for name, value in found.facts.items() if value
    ]  # fmt: skip
    return {"resourceType": "Parameters", "parameter": parameter}


def _parts(reason: Reason) -> Iterator[dict[str, str]]:
    yield {"name": "id", "valueCode": reason.name.partition(" ")[0]}
    if reason.effect:
        yield {"name": "policy", "valueUri": f"{OWN_BASE}rule/{reason.name}"}
        yield {"name": "effect", "valueCode": reason.effect}
    yield {"name": "en", "valueString": reason.english or reason.name}
    yield {"name": "fr", "valueString": reason.french or reason.english or reason.name}
    if reason.source:
        yield {"name": "source", "valueString": reason.source}
