"""Does a resource meet a criterion: the reader in memory, for tests and subscriptions.

https://hl7.org/fhir/R4/search.html

It reads the same tree and the same rows as storage does in SQL, and the two must agree.
"""

from collections.abc import Callable, Iterable
from math import inf, nextafter
from typing import NamedTuple, assert_never

from fhir_server.search.extract import Index
from fhir_server.search.query import (
    OF_WHOLE,
    AllOf,
    AnyOf,
    Asked,
    Criterion,
    DateIs,
    HasKey,
    IdIs,
    Leads,
    LedBy,
    Not,
    Nothing,
    NumberIs,
    SpanIs,
    StringIs,
    UpdatedIs,
    holds,
)


class Found(NamedTuple):
    """Its rows, its id, its meta.lastUpdated in ms since 1970 UTC; what it is in, if anything."""

    rows: Index
    id_: str
    updated: int
    whole: Index | None = None


Follow = Callable[[str, str], Found | None]  # type and id: the resource, if it may be seen
# resources of a type, stored or within others, that refer by a parameter to a type and id
Leading = Callable[[str, int, str, str], Iterable[Found]]


def nobody(type_: str, parameter: int, target: str, id_: str) -> Iterable[Found]:
    return ()


def matches(
    criterion: Criterion,
    resource_index: Index,
    *,
    id_: str,
    updated: int,
    follow: Follow,
    leading: Leading = nobody,
) -> bool:
    """Say whether the resource of `resource_index` meets `criterion`; `updated` in ms since 1970
    UTC.
    """
    return _meets(criterion, Found(resource_index, id_, updated), follow, leading)


def _meets(criterion: Criterion, it: Found, follow: Follow, leading: Leading) -> bool:
    index, id_, updated, _ = it
    match criterion:
        case HasKey(keys):
            return not index.keys.isdisjoint(keys)
        case StringIs():
            return _string_is(criterion, index)
        case DateIs(parameter, prefix, low, high):
            return any(
                holds(prefix, row[1:], (low, high)) for row in index.dates if row[0] == parameter
            )
        case NumberIs(parameter, prefix, low, high):
            return any(
                holds(prefix, row[1:], (low, high)) for row in index.numbers if row[0] == parameter
            )
        case SpanIs():
            return _spans(criterion, index)
        case IdIs(ids):
            return id_ in ids
        case UpdatedIs(prefix, low, high):
            return holds(prefix, (updated, updated + 1), (low, high))
        case Leads():
            return _leads(criterion, it, follow, leading)
        case LedBy(type_, parameter, target, to, inside):
            others = leading(type_, parameter, target, id_)
            return any(_meets(inside if o.whole else to, o, follow, leading) for o in others)
        case AllOf(parts):
            return all(_meets(part, it, follow, leading) for part in parts)
        case AnyOf(parts):
            return any(_meets(part, it, follow, leading) for part in parts)
        case Not(part):
            return not _meets(part, it, follow, leading)
        case Nothing():
            return False
        case _:
            assert_never(criterion)


def _spans(asked: SpanIs, index: Index) -> bool:
    spans = [row[1:] for row in index.numbers if row[0] == asked.parameter]
    return any(_at(asked.begins, low) and _at(asked.ends, high) for low, high in spans)


def _at(asked: Asked, number: float) -> bool:
    prefix, low, high = asked
    return holds(prefix, (number, nextafter(number, inf)), (low, high))


def _string_is(asked: StringIs, index: Index) -> bool:
    of_whole = asked.how in OF_WHOLE
    return any(
        _text_is(asked, value)
        for parameter, value, whole in index.strings
        if parameter == asked.parameter and (whole or not of_whole)
    )


def _text_is(asked: StringIs, value: str) -> bool:
    match asked.how:
        case "starts":
            return value.startswith(asked.texts)
        case "contains":
            return any(text in value for text in asked.texts)
        case "ends":
            return value.endswith(asked.texts)
        case "is":
            return value in asked.texts
        case "other":
            return value not in asked.texts


def _leads(asked: Leads, it: Found, follow: Follow, leading: Leading) -> bool:
    for parameter, type_, id_ in it.rows.references:
        if parameter == asked.parameter and type_ in asked.types:
            target = follow(type_, id_)
            if target is not None and _meets(asked.to, target, follow, leading):
                return True
    whole = it.whole or it.rows
    beside = [whole.contained[n] for of, n in it.rows.inward if of == asked.parameter]
    return asked.inside is not None and any(
        _meets(asked.inside, Found(one.rows, "", 0, whole), follow, leading)
        for one in beside
        if one.type_ in asked.types
    )
