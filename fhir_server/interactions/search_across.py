"""Search several types at once: all that `_type` names, or all there are, or all of a compartment.

https://hl7.org/fhir/R4/http.html#vsearch

A parameter must be one of every type that is searched (R4: common parameters); the order is that of
type and id. Traces (AuditEvent) are looked at when `_type` names them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_server.auth.scopes import grants
from fhir_server.fhir.headers import prefer
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, NotFound, insufficient_scope
from fhir_server.interactions.context import Context
from fhir_server.interactions.included import admitted, told
from fhir_server.interactions.page import ONLY_WHEN_NAMED, links, page
from fhir_server.interactions.routes import Route
from fhir_server.interactions.search import (
    check_compartment,
    named,
    parameters,
    read_query,
    search,
)
from fhir_server.policy.facts import nature_of
from fhir_server.search.compartment import compartment_types, members
from fhir_server.search.criteria import MAX_COMPARED, check_compared
from fhir_server.search.parse import TYPE
from fhir_server.search.query import AllOf, AnyOf, Criterion, HasKey, Nothing, Query, compared
from fhir_server.storage.across import Part
from fhir_server.storage.find import Found
from fhir_server.storage.rows import Named
from fhir_server.storage.writing import Writing
from profiles.definitions import r4

MOST_BRANCHES = 200  # of one UNION; SQLite takes 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of all types: the query of each, and what the answer says of it."""

    queries: dict[str, Query]
    used: tuple[tuple[str, str], ...]

    @property
    def one(self) -> Query:
        """Any of them: page and total are the same for all."""
        return next(iter(self.queries.values()))


def search_across(call: Call, stored: Writing, route: Route, context: Context) -> Reply:
    """A searchset of several types."""
    pairs = parameters(call)
    if route.within:
        check_compartment(route, stored, context)
    wanted = _types(pairs, route, context)
    if len(wanted) == 1 and not route.within:
        return _search_one(call, pairs, wanted[0], stored, context)
    asked = _read(wanted, pairs, call, context, stored)
    about = _about(pairs, wanted, route, context)
    note = context.note(call, route.code)
    place = "/".join((*route.within, "*")) if route.within else ""
    found = _found(asked, about, route, place, stored, context)
    stored.note_withheld(note, about, [record for record, _ in found.records])
    stored.note(note, found.records or [(0, "")])
    shown = told(found, asked.one.warned, stored, context)
    to_others = links(found, (place, asked.used), asked.one.cursor, stored, context)
    total = None if asked.one.total == "none" else found.total
    return page("searchset", shown, to_others, context, total=total)


def _search_one(
    call: Call, pairs: list[tuple[str, str]], type_: str, stored: Writing, context: Context
) -> Reply:
    """The search of one type: what is asked there is asked here."""
    rest = [pair for pair in pairs if pair[0] != TYPE]
    inner = replace(call, read={"parameters": rest})
    return search(inner, stored, Route("search-type", type_), context)


def _found(
    asked: Asked, about: Named, route: Route, place: str, stored: Writing, context: Context
) -> Found:
    try:
        return stored.across(
            _parts(asked, route, context),
            about,
            count=asked.one.count,
            asked=(place, asked.used),
            cursor=asked.one.cursor,
            ways=admitted(asked.one.ways, stored, context),
        )
    except NotFound:
        if route.within:
            raise
        return Found(None, [], 0, [], [])  # that he searched for a patient who is none is no secret


def _types(pairs: Sequence[tuple[str, str]], route: Route, context: Context) -> tuple[str, ...]:
    """The types to search, those the token covers, none when none that is named is offered;
    BadRequest for a name of no type, Forbidden when the token covers none.
    """
    offered = compartment_types(route.within[0]) if route.within else r4().resources
    wanted = [name.strip() for key, value in pairs if key == TYPE for name in value.split(",")]
    for name in filter(None, wanted):
        if not r4().is_resource(name):
            raise BadRequest(f"`{TYPE}`: `{name[:100]}` is no resource type", code="value")
    traces = ONLY_WHEN_NAMED if context.policed else frozenset()
    types = [t for t in offered if t in wanted or not (any(wanted) or t in traces)]
    covered = tuple(type_ for type_ in types if grants(context.subject, type_, "s"))
    if types and not covered:
        raise insufficient_scope("a search of these types")
    return covered


def _read(
    types: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    call: Call,
    context: Context,
    stored: Writing,
) -> Asked:
    """The query of each type; BadRequest for a parameter that some of them have and others not."""
    rest = [pair for pair in pairs if pair[0] != TYPE]
    if len(types) * sum(value.count(",") + 1 for _, value in rest) > MAX_COMPARED:
        raise BadRequest("too many values for so many types", code="too-costly")
    lenient = Call(call.method, call.path, call.query, {**call.headers, "prefer": ""}, call.body)
    queries, values = dict[str, Query](), 0
    for type_ in types:
        queries[type_] = read_query(rest, type_, lenient, context, stored)
        values += compared(queries[type_].where)
        check_compared(values)
    if not queries:
        nothing = replace(read_query(rest, "Basic", lenient, context, stored), where=Nothing())
        queries = {"Basic": nothing}
    unknown = [set(query.ignored) for query in queries.values()]
    some, every = set[str]().union(*unknown), unknown[0].intersection(*unknown)
    if some - every:
        raise BadRequest(
            f"`{min(some - every)[:100]}` is not a parameter of all types that are searched",
            code="not-supported",
        )
    sorts = {f"_sort={sort.code}" for query in queries.values() for sort in query.sort}
    if (every | sorts) and prefer(call).get("handling") == "strict":
        raise BadRequest(f"not supported: `{min(every | sorts)[:100]}`", code="not-supported")
    ignored = tuple(sorted(every | sorts))
    queries = {type_: replace(query, ignored=ignored) for type_, query in queries.items()}
    named_types = tuple(pair for pair in pairs if pair[0] == TYPE and pair[1])
    used = next(iter(queries.values())).used
    return Asked(queries, named_types + tuple(pair for pair in used if pair[0] != "_sort"))


def _about(
    pairs: list[tuple[str, str]], types: Sequence[str], route: Route, context: Context
) -> Named:
    if route.within and route.within[0] == "Patient":
        return Named(resource=route.within)
    return named(pairs, types[0] if len(types) == 1 else "", context)


def _parts(asked: Asked, route: Route, context: Context) -> list[Part]:
    """Types that are seen by the same rules together, where what is asked of them can be one."""
    whole = context.policed and route.within is not None and route.within[0] == "Patient"
    together: dict[tuple[str, int], list[tuple[str, Criterion]]] = {}
    for type_, query in asked.queries.items():
        where = query.where
        if route.within and not whole:
            of, id_ = route.within
            where = AllOf((members((type_,), id_, of), where))
        group = (nature_of(type_), 0)
        while group in together and merged(together[group][0][1], where) is None:
            group = (group[0], group[1] + 1)
        if group in together:
            both = merged(together[group][0][1], where)
            assert both is not None
            together[group] = [(name, both) for name, _ in together[group]] + [(type_, both)]
        else:
            together[group] = [(type_, where)]
    if len(together) > MOST_BRANCHES:
        raise BadRequest("too many types at once: name some with `_type`", code="too-costly")
    return [Part(tuple(name for name, _ in one), one[0][1]) for one in together.values()]


def merged(one: Criterion, other: Criterion) -> Criterion | None:
    """What is asked of two types as one criterion for the rows of both, None where that would ask
    something else: the key of a type's parameter is on no row of another type.
    """
    if one == other:
        return one
    match one, other:
        case HasKey(first), HasKey(second):
            return HasKey(tuple(dict.fromkeys((*first, *second))))
        case AllOf(first), AllOf(second) if len(first) == len(second):
            return _all(AllOf, [merged(a, b) for a, b in zip(first, second, strict=True)])
        case AnyOf(first), AnyOf(second) if len(first) == len(second):
            return _all(AnyOf, [merged(a, b) for a, b in zip(first, second, strict=True)])
    return None


def _all(
    kind: type[AllOf] | type[AnyOf], parts: Sequence[Criterion | None]
) -> Criterion | None:
    found = tuple(part for part in parts if part is not None)
    return kind(found) if len(found) == len(parts) else None
