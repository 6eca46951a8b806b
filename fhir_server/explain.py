"""`fhir-server explain`: may the bearer of a token read a document, and which rules settle it.

Nothing of the document is shown, and nothing is noted: it is the operator's question, not an
access. `$explain-access` answers the same over HTTP (`interactions.operations.explain`).
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from fhir_server.interactions.operations.explain import (
    OTHERS,
    PERMITTED,
    TYPE,
    Explained,
    check_exists,
    explained,
    reasons,
)
from fhir_server.policy.facts import (
    RECORD_FACTS,
    RELATIONS,
    ROW_FACTS,
    SUBJECT_FACTS,
    subject_facts,
)
from fhir_server.policy.labels import birth_of_age
from fhir_server.policy.rule import RuleSet
from fhir_server.policy.scope import Scope
from fhir_server.policy.subject import Subject
from fhir_server.serve import Services
from fhir_server.storage.opened import Moment, Opened

Language = Literal["en", "fr"]
WORDS = {
    "en": {
        "may": "may read", "may not": "may not read", "settled": "settled by",
        "permits": "permits", "denies": "denies", "refuses": "refuses", "reports": "reports",
        "colon": ":",
        "facts": ("facts of the request", "facts of the record", "facts of the document"),
        "permitted": "permitted", "refused": "refused", "gone": "gone",
    },
    "fr": {
        "may": "peut lire", "may not": "ne peut pas lire", "settled": "d'après",
        "permits": "permet", "denies": "interdit", "refuses": "refuse", "reports": "signale",
        "colon": " :",
        "facts": ("faits de la demande", "faits du dossier", "faits du document"),
        "permitted": "permis", "refused": "refusé", "gone": "supprimé",
    },
}  # fmt: skip
FACTS = (SUBJECT_FACTS, (*RECORD_FACTS, *RELATIONS), ROW_FACTS)


def explanation(
    services: Services, bearer: str, document: str, language: Language = "en"
) -> str:
    """The decision on reading `DocumentReference/{document}`, its rules, its facts, line by line.

    Unauthorized for a token that is not good, NotFound when there is no such document.
    """
    rules = services.house.rules
    if services.verifier is None or rules is None:
        check_exists(services.database.session(), document)
        off = "FHIR_AUTH" if services.verifier is None else "FHIR_POLICY"
        return f"{WORDS[language]['permitted']}: {off}=off, {OTHERS['off'][language == 'fr']}"
    subject = services.verifier.verify(f"Bearer {bearer}", services.clock() // 1000)
    found = explained(_opened(services, subject, rules), subject, document)
    return "\n".join(_lines(found, subject, rules, document, language))


def _opened(services: Services, subject: Subject, rules: RuleSet) -> Opened:
    """The store as the bearer of the token would find it."""
    now = services.clock()
    moment = Moment(now, birth_of_age(now, services.settings.minor_access_age), "", "")
    scope = Scope.of(subject, rules, subject_facts(subject, action="read"))
    return Opened(services.database.session(), services.house, subject, scope, moment)


def _lines(
    found: Explained, subject: Subject, rules: RuleSet, document: str, language: Language
) -> Iterable[str]:
    words = WORDS[language]
    who = f"{subject.name or subject.identifier} ({subject.actor})"
    may = words["may" if found.outcome == PERMITTED else "may not"]
    yield f"{words[found.outcome]}{words['colon']} {who} {may} {TYPE}/{document}"
    yield from ("", str(words["settled"]))
    for reason in reasons(found, rules):
        text = reason.french if language == "fr" else reason.english
        effect = f" {words[reason.effect]}" if reason.effect in words else reason.effect
        source = f" ({reason.source})" if reason.source else ""
        yield f"  {reason.name}{effect}{words['colon']} {text}{source}"
    for title, names in zip(words["facts"], FACTS, strict=True):
        yield from _facts(title, names, found.facts)


def _facts(title: str, names: Iterable[str], facts: Mapping[str, str]) -> list[str]:
    known = [f"  {name}: {facts[name] or '-'}" for name in names if name in facts]
    return ["", title, *known] if known else []
