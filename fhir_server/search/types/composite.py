"""Composite parameters: values that are to be of the same element.

https://hl7.org/fhir/R4/search.html#composite

Of an element that may be there several times, what the second component has stands in the index
under a number that each key of the first makes (`keys.beside`): so a pair costs no column, and is
asked for like a value. The two ends of an element, of which a third component tells the whole, are
one number: from the first to the second.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from fhir_server.search.keys import beside, common
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import (
    AllOf,
    AnyOf,
    Criterion,
    DateIs,
    HasKey,
    Nothing,
    NumberIs,
    SpanIs,
    StringIs,
)
from fhir_server.search.rows import Items, Rows
from fhir_server.search.terms import Asked, plain, refuse_modifier, refuse_value, split
from fhir_server.search.types import date, number, quantity, reference, string, token, uri

Read = Callable[[Parameter, Items, Rows], None]
Ask = Callable[[Parameter, str, Sequence[str], Asked], Criterion]  # modifier, values still escaped

READ: Mapping[str, Read] = MappingProxyType({
    "token": token.read, "date": date.read, "string": string.read, "reference": reference.read,
    "uri": uri.read, "number": number.read, "quantity": quantity.read,
})  # fmt: skip
ASK: Mapping[str, Ask] = MappingProxyType({
    "token": token.ask, "date": date.ask, "string": string.ask, "reference": reference.ask,
    "uri": uri.ask, "number": number.ask, "quantity": quantity.ask,
})  # fmt: skip


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """What stands beside each key of the first component, of each element."""
    if _has_ends(parameter):
        return _read_ends(parameter, items, rows)
    first, second = parameter.parts
    for _, element in items:
        names, values = first.select(element), second.select(element)
        if not (names and values):
            continue
        rows.keys.add(parameter.present)
        side = Rows(rows.base)
        READ[second.type](second, values, side)
        for one in _names(first, names, rows.base):
            rows.keys.update([beside(one, other) for other in side.keys])
            rows.numbers += [(beside(one, of), low, high) for of, low, high in side.numbers]
            rows.dates += [(beside(one, of), start, end) for of, start, end in side.dates]
            if second.type == "string":
                rows.strings += [(beside(one, of), text, whole) for of, text, whole in side.strings]


def _has_ends(parameter: Parameter) -> bool:
    return parameter.paired and len(parameter.parts) == 3


def _read_ends(parameter: Parameter, items: Items, rows: Rows) -> None:
    _, first, last = parameter.parts
    for _, element in items:
        for _, begins in first.select(element):
            for _, ends in last.select(element):
                rows.keys.add(parameter.present)
                span = number.approximate(begins), number.approximate(ends)
                rows.numbers.append((parameter.number, *span))


def _names(first: Parameter, items: Items, base: str) -> Iterator[int]:
    """The keys by which the first component may be asked for; not of a system alone."""
    if first.type != "token":
        side = Rows(base)
        READ[first.type](first, items, side)
        yield from side.keys
        return
    for type_, value in items:
        if type_ == "string":
            yield token.folded_key(first.number, value)
            continue
        for system, code in token.codings(type_, value):
            if code:
                yield common(first.number, "code", code)
                yield common(first.number, "coding", system, code)


def ask(parameter: Parameter, modifier: str, values: Sequence[str], asked: Asked) -> Criterion:
    """`a$b`, one of the values."""
    if modifier:
        refuse_modifier(parameter.code, modifier)
    ways = parameter.ways or (parameter,)
    parts = tuple(_is(way, value, asked) for value in values for way in ways)
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def _is(parameter: Parameter, value: str, asked: Asked) -> Criterion:
    pieces = split(value, "$")
    if len(pieces) != len(parameter.parts) or "" in pieces:
        refuse_value(parameter.code, value)
    if _has_ends(parameter):
        return _spans(parameter, pieces, asked)
    each = [
        ASK[part.type](part, "", (piece,), asked)
        for part, piece in zip(parameter.parts, pieces, strict=True)
    ]
    if not parameter.paired:
        return AllOf(tuple(each))
    first, second = each
    if pieces[0].endswith("|") or not isinstance(first, HasKey):
        refuse_value(parameter.code, value)
    return AnyOf(tuple(_beside(one, second) for one in first.keys))


def _spans(parameter: Parameter, pieces: Sequence[str], asked: Asked) -> Criterion:
    whole, first, last = parameter.parts
    ends = (
        number.asked_interval(part.code, piece, plain(piece))
        for part, piece in zip((first, last), pieces[1:], strict=True)
    )
    of_whole = ASK[whole.type](whole, "", (pieces[0],), asked)
    return AllOf((of_whole, SpanIs(parameter.number, *ends)))


def _beside(one: int, asked: Criterion) -> Criterion:
    """`asked` of what stands in the same element as this key."""
    match asked:
        case HasKey(keys):
            return HasKey(tuple(beside(one, other) for other in keys))
        case NumberIs(of, prefix, low, high):
            return NumberIs(beside(one, of), prefix, low, high)
        case DateIs(of, prefix, start, end):
            return DateIs(beside(one, of), prefix, start, end)
        case StringIs(of, how, texts):
            return StringIs(beside(one, of), how, texts)
        case AnyOf(parts):
            return AnyOf(tuple(_beside(one, part) for part in parts))
    return Nothing()


def has_value(parameter: Parameter) -> Criterion:
    """There is an element with all components."""
    if parameter.ways:
        return AnyOf(tuple(has_value(way) for way in parameter.ways))
    if parameter.paired:
        element, whole = HasKey((parameter.present,)), HasKey((parameter.parts[0].present,))
        return AllOf((element, whole)) if _has_ends(parameter) else element
    return AllOf(tuple(HasKey((part.present,)) for part in parameter.parts))
