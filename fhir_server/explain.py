"""`fhir-server explain`: may the bearer of a token read a document, and which rules settle it.

The same facts and the same decision as a read has (`policy.decide`), in words; nothing of the
document is shown, and nothing is noted: it is the operator's question, not an access.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fhir_server.auth.scopes import grants
from fhir_server.fhir.outcome import Forbidden, NotFound
from fhir_server.policy.admission import admission
from fhir_server.policy.condition import ALWAYS, simplify
from fhir_server.policy.facts import (
    RECORD_FACTS,
    RELATIONS,
    ROW_FACTS,
    SUBJECT_FACTS,
    subject_facts,
)
from fhir_server.policy.labels import birth_of_age
from fhir_server.policy.rule import DENY, PERMIT, REFUSE, REPORT, RuleSet
from fhir_server.policy.scope import Scope
from fhir_server.policy.subject import Subject
from fhir_server.policy.writes import Act
from fhir_server.serve import Services
from fhir_server.storage.opened import Moment
from fhir_server.storage.read import facts_of
from fhir_server.storage.repository import Repository
from fhir_server.storage.rows import Named

TYPE = "DocumentReference"
PERMITTED, REFUSED = "permitted", "refused"
EFFECTS = {PERMIT: "permits", DENY: "denies", REFUSE: "refuses", REPORT: "reports"}
# What settles an access without being one of the rules.
OTHERS = {
    "no-rule-permits": "what no rule permits is refused",
    "scope": f"the scopes of the token do not cover reading `{TYPE}`",
    "person_id": "the token is good for the record of another patient alone",
    "record": "the record is not opened yet, or its patient opposes it: it is answered as unknown",
    "deleted": "the document is deleted: 410",
}


@dataclass(frozen=True)
class Explained:
    """How a read ends, what settled it, the facts looked at; `text`: the refusal's own."""

    outcome: str
    settled: tuple[str, ...]
    facts: Mapping[str, str]
    text: str = ""


def explanation(services: Services, bearer: str, document: str) -> str:
    """The decision on reading `DocumentReference/{document}`, its rules, its facts, line by line.

    Unauthorized for a token that is not good, NotFound when there is no such document.
    """
    rules = services.house.rules
    if services.verifier is None or rules is None:
        _check_exists(services, document)
        off = "FHIR_AUTH" if services.verifier is None else "FHIR_POLICY"
        return f"{PERMITTED}: {off}=off, everybody may read everything"
    subject = services.verifier.verify(f"Bearer {bearer}", services.clock() // 1000)
    explained = _explained(services, subject, rules, document)
    who = f"{subject.name or subject.identifier} ({subject.actor})"
    may = "may read" if explained.outcome == PERMITTED else "may not read"
    lines = [f"{explained.outcome}: {who} {may} {TYPE}/{document}", "", "settled by"]
    lines += [_sentence(name, rules, explained.text) for name in explained.settled]
    for title, names in (
        ("of the request", SUBJECT_FACTS), ("of the record", (*RECORD_FACTS, *RELATIONS)),
        ("of the document", ROW_FACTS),
    ):  # fmt: skip
        lines += _facts(title, names, explained.facts)
    return "\n".join(lines)


def _check_exists(services: Services, document: str) -> None:
    try:
        facts_of(services.database.session(), TYPE, document)
    except IndexError:
        raise NotFound(f"there is no `{TYPE}/{document[:100]}`") from None


def _explained(services: Services, subject: Subject, rules: RuleSet, document: str) -> Explained:
    """In the order of a request: scopes, admission, then the decision on the document."""
    _check_exists(services, document)
    asked = subject_facts(subject, action="read")
    scope = Scope.of(subject, rules, asked)
    if not grants(subject, TYPE, "r"):
        return Explained(REFUSED, ("scope",), asked)
    refusal = admission(subject, scope, type_=TYPE, consults=True, by_identifier=False)
    if refusal:
        settled = _met(refusal.rule.split(), rules, asked)
        return Explained(REFUSED, settled or (refusal.rule,), asked, refusal.text)
    now = services.clock()
    adult_before = birth_of_age(now, services.settings.minor_access_age)
    moment = Moment(now, adult_before, "", "")
    session = services.database.session()
    stored = Repository(session, services.house, subject, scope, moment)
    return _decided(stored, asked, document)


def _met(names: Sequence[str], rules: RuleSet, facts: Mapping[str, str]) -> tuple[str, ...]:
    """Those of these rules that hold by the facts of the caller alone."""
    return tuple(
        rule.name for rule in rules.rules
        if rule.name in names and simplify(rule.when, {**facts, "nature": "document"}) == ALWAYS
    )  # fmt: skip


def _decided(stored: Repository, asked: Mapping[str, str], document: str) -> Explained:
    named, act = Named(resource=(TYPE, document)), Act("read")
    try:
        standing = stored.standing(named)
    except Forbidden as refusal:
        return Explained(REFUSED, (refusal.rule,), asked)
    if standing is None:
        return Explained(REFUSED, ("record",), asked)
    row = stored.row_facts(TYPE, facts_of(stored.session, TYPE, document))
    decision = stored.decision(act, standing, row)
    facts = {**asked, **standing.facts(), **row.facts()}
    if decision.permitted and not stored.visible([(TYPE, document)]):
        return Explained("gone", (*decision.reasons, "deleted"), facts)
    return Explained(PERMITTED if decision.permitted else REFUSED, decision.reasons, facts)


def _sentence(name: str, rules: RuleSet, text: str) -> str:
    for rule in rules.rules:
        if rule.name == name:
            return f"  {name} {EFFECTS[rule.effect]}: {rule.says} ({rule.source})"
    return f"  {name}: {text or OTHERS.get(name, '')}"


def _facts(title: str, names: Iterable[str], facts: Mapping[str, str]) -> list[str]:
    known = [f"  {name}: {facts[name] or '-'}" for name in names if name in facts]
    return ["", f"facts {title}", *known] if known else []
