"""What a search includes: as far as the token covers it, marked as such.

https://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import Iterable, Sequence

from fhir_server.auth.scopes import grants
from fhir_server.fhir import json_format
from fhir_server.fhir.bundle import Entry
from fhir_server.fhir.outcome import Forbidden, Issue, operation_outcome
from fhir_server.interactions.context import Context
from fhir_server.interactions.page import ONLY_WHEN_NAMED, entries
from fhir_server.policy.admission import admission
from fhir_server.search.includes import MAX_INCLUDED, MAX_ROUNDS
from fhir_server.search.query import Way
from fhir_server.storage.find import Found
from fhir_server.storage.writing import Writing


def admitted(ways: Sequence[Way], stored: Writing, context: Context) -> tuple[Way, ...]:
    """The ways, bringing only types that the token covers. Forbidden when they could bring what
    this caller may not consult (contract 7, Status).
    """
    if not ways:
        return ()
    types = {type_ for way in ways for type_ in way.types}
    covered = {t for t in types if any(grants(context.subject, t, letter) for letter in "rs")}
    check_consults(covered, stored, context)
    return tuple(_named(way, context).only(covered) for way in ways)


def check_consults(types: Iterable[str], stored: Writing, context: Context) -> None:
    """Forbidden when this caller may not consult one of these types."""
    for type_ in sorted(types) if context.policed else ():
        refusal = admission(
            context.subject, stored.scope, type_=type_, consults=True, by_identifier=False
        )
        if refusal:
            raise Forbidden(refusal.text, code=refusal.code, rule=refusal.rule)


def _named(way: Way, context: Context) -> Way:
    """Under the policy traces are brought where they are named, as `_type` does."""
    if way.numbers or not context.policed:
        return way
    return way.only(type_ for type_ in way.types if type_ not in ONLY_WHEN_NAMED)


def told(
    found: Found, ignored: Iterable[str], stored: Writing, context: Context
) -> list[Entry]:
    """The matches, what is included with them, and warnings: of each parameter that was `ignored`,
    and when not all is included.
    """
    made = entries(found.versions, stored, context)
    made += entries(found.included, stored, context, mode="include")
    warnings = [_ignored(name) for name in ignored]
    if found.cut:
        text = (
            f"not all is included: at most {MAX_INCLUDED} resources with a page, and"
            f" {MAX_ROUNDS} steps of `:iterate`"
        )
        warnings.append(Issue("too-costly", text, severity="warning"))
    if warnings:
        outcome = json_format.write(operation_outcome(*warnings))
        made.append(Entry("", outcome, {"search": {"mode": "outcome"}}))
    return made


def _ignored(name: str) -> Issue:
    text = f"`{name[:100]}` is not known here, and was ignored"
    return Issue("not-supported", text, severity="warning")
