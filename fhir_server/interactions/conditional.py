"""What a search finds as the subject of a write: none, one, or too many.

https://hl7.org/fhir/R4/http.html#ccreate, #cond-update, #cond-patch, #cond-delete; references by
search: https://hl7.org/fhir/R4/http.html#transaction

A condition is met by what its caller sees; a parameter that is not known is refused, since ignoring
it would widen what is met. One that says more than the identity of a resource is a search, which
the caller's token must cover: the answer tells whether it is met.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.auth.scopes import require
from fhir_server.fhir.http import Call
from fhir_server.fhir.outcome import (
    BadRequest,
    FhirError,
    NotFound,
    PreconditionFailed,
    Unprocessable,
)
from fhir_server.fhir.reference import Conditional, elements, parse, pointed
from fhir_server.interactions import touched
from fhir_server.interactions.context import Context
from fhir_server.interactions.own_documents import by_identifier
from fhir_server.interactions.search import named, parameters, read_query
from fhir_server.search.named import is_name
from fhir_server.search.parse import SILENT
from fhir_server.search.query import EVERYTHING, Query
from fhir_server.storage.checks import nothing_there
from fhir_server.storage.place import subject_by_ins
from fhir_server.storage.rows import Named
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Writing

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """A search that stands for the one resource it finds; `text` as the client wrote it. `own`: by
    the identifier of documents, among which are one's own without a right to read (TD3.1b).
    """

    text: str
    query: Query
    named: Named
    own: bool = False

    @property
    def name(self) -> str:
        """The same for two conditions that ask the same."""
        return f"condition {self.query.type_} {self.query.where!r}"


def read(type_: str, text: str, stored: Writing, context: Context) -> Condition:
    """A condition such as `identifier=a|b`, with or without `Type?` before it.

    BadRequest where it has no criterion, or a parameter or value that cannot be read; Forbidden for
    one that is a search, where the token covers none.
    """
    bare = text.removeprefix(type_).removeprefix("?")
    call = Call("GET", type_, bare, {"prefer": "handling=strict"})
    pairs = parameters(call)
    if not _is_name(pairs):
        require(context.subject, type_, "s")
    query = read_query(pairs, type_, call, context, stored)
    if query.where == EVERYTHING:
        raise BadRequest(
            f"a condition needs a criterion, as in `{type_}?identifier=…`: `{bare[:100]}` has none",
            code="required",
        )
    # What is found, whatever page or order was asked for.
    query = replace(query, count=1, cursor="", sort=(), ways=(), summary="", total="")
    own = by_identifier(type_, pairs)
    return Condition(text, query, named(pairs, type_, context), own)


def _is_name(pairs: list[tuple[str, str]]) -> bool:
    """Whether it names a resource by id or business identifier, as an address would."""
    asked = [pair for pair in pairs if pair[0] not in SILENT]
    return bool(asked) and all(is_name(*pair) for pair in asked)


def hold(conditions: Iterable[Condition], stored: Writing) -> None:
    """Wait for whoever else writes under these conditions: of two that would both create, the
    second finds what the first has made.
    """
    for name in sorted({condition.name for condition in conditions}):
        stored.lock(name)


def one(condition: Condition, stored: Writing) -> Version | None:
    """The resource that meets it, None when there is none; PreconditionFailed for several."""
    with stored.asking("identifier") if condition.own else nullcontext():
        found = stored.search(condition.query, condition.named)
    if found.total > 1:
        raise PreconditionFailed(
            f"{found.total} resources meet `{condition.text[:100]}`", code="multiple-matches"
        )
    return found.versions[0] if found.versions else None


def exactly_one(type_: str, text: str, stored: Writing, context: Context) -> Version:
    """NotFound for none, PreconditionFailed for several."""
    condition = read(type_, text, stored, context)
    hold([condition], stored)
    version = one(condition, stored)
    if version is None:
        raise NotFound("nothing meets the criterion")
    return version


def references(resource: Resource, *, base: str, policed: bool) -> Iterator[tuple[str, str]]:
    """The references by search in a resource: text and type, each once.

    With the policy on a subject named by INS is storage's: whose record it is is asked before
    anything may be read there.
    """
    left = subject_by_ins(resource) if policed else ""
    for text in dict.fromkeys(found["reference"] for found in elements(resource)):
        if "?" not in text or text == left:
            continue
        try:
            reference = parse(text, base=base)
        except ValueError:
            continue
        if isinstance(reference, Conditional):
            yield text, reference.type_


def resolved(resource: Resource, stored: Writing, context: Context) -> dict[str, Any] | None:
    """The resource with each reference by search replaced by the address of what it finds; None
    when it has none.

    Unprocessable when nothing is found, or there are too many, PreconditionFailed for several.
    """
    found = {}
    wanted = list(references(resource, base=context.base, policed=context.policed))
    if len(wanted) > context.settings.max_entries:
        raise too_many()
    for text, type_ in wanted:
        address = target(text, type_, stored, context)
        if address is None:
            raise nothing_found(text, resource, context)
        found[text] = address
    return pointed(resource, found) if found else None


def nothing_found(text: str, resource: Resource, context: Context) -> FhirError:
    """A reference by search that finds nothing, or nothing for this caller."""
    refusal, reference = nothing_there(text, resource), parse(text, base=context.base)
    if isinstance(reference, Conditional):
        named = touched.by_condition(reference.type_, reference.query, context)
        refusal.touched = tuple(named)
    return refusal


def too_many() -> FhirError:
    return Unprocessable("too many references by search", code="too-costly")


def target(text: str, type_: str, stored: Writing, context: Context) -> str | None:
    """The address of what a reference by search finds; None when there is none."""
    query = text.partition("?")[2]
    version = one(read(type_, query, stored, context), stored)
    return version.address if version else None
