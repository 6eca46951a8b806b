"""Does a resource meet a criterion: the reader in memory, for tests and subscriptions.

https://hl7.org/fhir/R4/search.html

It reads the same tree and the same rows as storage does in SQL, and the two must agree.
"""

from collections.abc import Callable, Iterable
from math import inf, nextafter
from typing import assert_never

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

Found = tuple[Index, str, int]  # its rows, its id, its meta.lastUpdated in ms since 1970 UTC
Follow = Callable[[str, str], Found | None]  # type and id: the resource, if it may be seen
# resources of a type that refer by a parameter to a type and id
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
    return _meets(criterion, (resource_index, id_, updated), follow, leading)


def _meets(criterion: Criterion, it: Found, follow: Follow, leading: Leading) -> bool:
    index, id_, updated = it
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
            return _leads(criterion, index, follow, leading)
        case LedBy(type_, parameter, target, to):
            others = leading(type_, parameter, target, id_)
            return any(_meets(to, other, follow, leading) for other in others)
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


def _leads(asked: Leads, index: Index, follow: Follow, leading: Leading) -> bool:
    for parameter, type_, id_ in index.references:
        if parameter == asked.parameter and type_ in asked.types:
            target = follow(type_, id_)
            if target is not None and _meets(asked.to, target, follow, leading):
                return True
    return False
