"""Find the documents of a patient: without dates the most recent one, a summary if there is any.

https://hl7.org/fhir/uv/ipa/STU1.1/OperationDefinition-docref.html

It is a search that names a patient, and ends like one (contract 7): what is found are stored
documents, since none is made on demand here.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fhir_server.fhir.dates import EARLIEST, LATEST, interval
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest
from fhir_server.interactions.context import Context
from fhir_server.interactions.operations.arguments import Arguments, cuts
from fhir_server.interactions.operations.table import COUNT
from fhir_server.interactions.page import entries, links, page
from fhir_server.interactions.routes import Route
from fhir_server.search import keys
from fhir_server.search.compartment import cared
from fhir_server.search.parameters import parameters
from fhir_server.search.parse import CURSOR
from fhir_server.search.query import AllOf, Criterion, HasKey, Nothing, Query, Sort
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Writing

TYPE = "DocumentReference"
LOINC = "http://loinc.org"
SUMMARIES = tuple((LOINC, code) for code in ("60591-5", "34133-9"))

Codes = tuple[tuple[str, str], ...]


def docref(call: Call, stored: Writing, route: Route, context: Context, given: Arguments) -> Reply:
    """A searchset of current DocumentReferences, the newest first."""
    named = Named(patients=(str(given.one("patient")),))
    latest = not (given.one("start") or given.one("end"))
    query = _query(given, _codes(given), call, context)
    if latest:
        query = replace(query, count=1, cursor="")
        if not given.all("type"):
            summary = _query(given, SUMMARIES, call, context)
            if stored.search(replace(summary, count=1, cursor=""), named).versions:
                query = replace(summary, count=1, cursor="")
    note = context.note(call, "operation", TYPE, detail=(("operation", "$docref"),))
    found = stored.search(query, named, note)
    if latest:
        found = replace(found, total=len(found.versions), last=[])
    shown = entries(found.versions, stored, context)
    to_others = links(found, query.asked, query.cursor, stored, context, at=f"{TYPE}/$docref")
    return page("searchset", shown, to_others, context, total=found.total)


def _query(given: Arguments, codes: Codes, call: Call, context: Context) -> Query:
    used = tuple(
        (name, _text(value)) for name, values in given.values.items() for value in values
    )
    date = parameters(TYPE)["date"].number
    return Query(
        type_=TYPE,
        where=AllOf(tuple(_criteria(given, codes))),
        sort=(Sort("date", "date", date, True),),
        count=_count(given, context),
        total="",
        summary="",
        elements=(),
        cursor=call.parameter(CURSOR),
        used=used + cuts(call),
        ignored=(),
    )


def _count(given: Arguments, context: Context) -> int:
    count = given.one(COUNT)
    if count is not None and count < 1:
        raise BadRequest(f"`{COUNT}`: `{count}` is less than one", code="value")
    most = context.settings.max_page
    return min(context.settings.page_size if count is None else count, most)


def _criteria(given: Arguments, codes: Codes) -> list[Criterion]:
    def has(code: str, kind: keys.Kind, *values: tuple[str, ...]) -> HasKey:
        number = parameters(TYPE)[code].number
        return HasKey(tuple(keys.key(number, kind, *value) for value in values))

    current = parameters(TYPE)["status"].systems["current"]
    found: list[Criterion] = [
        has("subject", "reference", (f"Patient/{given.one('patient')}",)),
        has("status", "coding", (current, "current")),
    ]
    if codes:
        with_system = has("type", "coding", *((s, c) for s, c in codes if s)).keys
        without = has("type", "code", *((c,) for s, c in codes if not s)).keys
        found.append(HasKey(with_system + without))
    start, end = given.one("start"), given.one("end")
    if start or end:
        low = interval(start)[0] if start else EARLIEST
        high = interval(end)[1] if end else LATEST
        if high <= low:
            raise BadRequest(f"`end`: `{end}` is before `{start}`", code="value")
        found.append(cared((TYPE,), low, high))
    if profiles := given.all("profile"):
        by_format = has("format", "code", *((p,) for p in profiles)).keys
        found.append(HasKey(by_format + has("_profile", "uri", *((p,) for p in profiles)).keys))
    if given.one("on-demand"):
        found.append(Nothing())
    return found


def _codes(given: Arguments) -> Codes:
    """The codings asked for; BadRequest for a type that has none."""
    for type_ in given.all("type"):
        if not _codings([type_]):
            raise BadRequest("`type` needs a code", code="required")
    return _codings(given.all("type"))


def _codings(concepts: Sequence[dict[str, Any]]) -> Codes:
    return tuple(
        (coding.get("system", ""), coding["code"])
        for concept in concepts
        for coding in concept.get("coding", ())
        if coding.get("code")
    )


def _text(value: Any) -> str:
    """A value as an address writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        [(system, code), *_] = _codings([value])
        return f"{system}|{code}" if system else code
    return str(value)
