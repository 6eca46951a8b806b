"""A query string into a Query.

https://hl7.org/fhir/R4/search.html

What is not known is ignored and named in `Query.ignored`, or refused when handling is strict; a
modifier that is not done is always refused, and so is a value that cannot be read.
"""

from collections.abc import Sequence

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.criteria import Criteria, all_of, check_compared
from fhir_server.search.filter import FILTER
from fhir_server.search.filtered import filtered
from fhir_server.search.includes import is_include, too_many, way
from fhir_server.search.inside import check, is_wanted
from fhir_server.search.query import (
    EVERYTHING,
    Criterion,
    Query,
    Sort,
    SortKind,
    Way,
    compared,
)
from fhir_server.search.registry import DEFINED, Offer
from fhir_server.search.terms import (
    Asked,
    Covers,
    check_text,
    everything,
    page_count,
    refuse_modifier,
    refuse_value,
)
from fhir_server.search.types.uri import address_number

Pair = tuple[str, str]

CURSOR = "_cursor"
CHOICES = {
    "_total": ("none", "estimate", "accurate"),
    "_summary": ("true", "text", "data", "count", "false"),
    "_contained": ("true", "both", "false"),
    "_containedType": ("container", "contained"),
}
SILENT = (
    "_format",
    "_pretty",
    CURSOR,
)  # of the answer's form, or of the page: no part of the question
RESULT = ("_sort", "_count", "_elements", *CHOICES)
TYPE = "_type"  # of a search of several types
UNMODIFIED = (*RESULT, *SILENT, TYPE)

MAX_SORTS = 20
_SORTABLE: dict[str, SortKind] = {
    "date": "date", "string": "string", "number": "number", "quantity": "number", "token": "token",
    "reference": "reference", "uri": "string",
}  # fmt: skip


def parse(
    type_: str,
    pairs: Sequence[Pair],
    *,
    base: str,
    now: int,
    page_size: int,
    max_page: int,
    strict: bool = False,
    offer: Offer = DEFINED,
    inside: bool = False,
    covers: Covers = everything,
) -> Query:
    """Read the parameters of a search of `type_`, decoded, in the order of the request.

    `base`: this server's address. `now`: ms since 1970 UTC. `offer`: the parameters there are.
    `inside`: whether contained resources can be searched here. `covers`: what the token covers.
    Forbidden for a chain to types it does not cover. BadRequest with code `not-supported` for what
    is not done, `value` for a value that cannot be read; `too-costly` for too much.
    """
    wanted = is_wanted(type_, pairs, offer, inside=inside)
    offer = offer.defined() if wanted else offer
    reader = _Reader(type_, Asked(base, now, offer, covers=covers), max_page)
    reader.take_all(pairs)
    _check(reader, strict)
    if wanted:
        check(reader.parts, reader.used)
    count = min(page_size, max_page) if reader.count is None else reader.count
    check_compared(compared(where := all_of(reader.parts) if reader.parts else EVERYTHING))
    return Query(
        type_=type_,
        where=where,
        sort=tuple(reader.sort),
        count=0 if reader.choices.get("_summary") == "count" else count,
        total=reader.choices.get("_total", ""),
        summary="count" if count == 0 else reader.choices.get("_summary", ""),
        elements=tuple(reader.elements),
        cursor=reader.cursor,
        used=tuple(reader.used),
        ignored=tuple(reader.ignored),
        ways=tuple(dict.fromkeys(reader.ways)),
        contained=wanted,
        untyped=tuple(reader.untyped),
    )


def _check(reader: "_Reader", strict: bool) -> None:
    if strict and reader.ignored:
        names = ", ".join(f"`{name[:100]}`" for name in reader.ignored)
        raise BadRequest(f"not supported: {names}", code="not-supported")
    if reader.ways and reader.choices.get("_summary") == "text":
        raise BadRequest("`_summary=text` and includes exclude each other", code="invalid")


class _Reader:
    """Takes one parameter after the other; of `_count`, `_total` and `_summary` the last holds."""

    def __init__(self, type_: str, asked: Asked, max_page: int) -> None:
        self.type_, self.max_page, self.offer = type_, max_page, asked.offer
        self.untyped = asked.untyped
        self.criteria = Criteria(asked)
        self.parts: list[Criterion] = []
        self.sort: list[Sort] = []
        self.count: int | None = None
        self.choices: dict[str, str] = {}
        self.elements: list[str] = []
        self.ways: list[Way] = []
        self.cursor = ""
        self.used: list[Pair] = []
        self.ignored: list[str] = []

    def take_all(self, pairs: Sequence[Pair]) -> None:
        for name, value in pairs:
            check_text(name + value)
            self.take(name, value)

    def take(self, name: str, value: str) -> None:
        if value == "":
            return
        if name == CURSOR:
            self.cursor = value
        elif name in RESULT:
            self.take_result(name, value)
        elif is_include(name):
            self.take_include(name, value)
        elif name not in SILENT:
            self.take_criterion(name, value)

    def take_criterion(self, name: str, value: str) -> None:
        code, _, modifier = name.partition(":")
        if code == "_query":
            raise BadRequest(f"there is no query `{value[:100]}`", code="not-supported")
        if modifier and code in UNMODIFIED:
            refuse_modifier(code, modifier)
        if code == FILTER:
            self.take_filter(name, value)
            return
        if value.strip(",") == "":
            return
        self.criteria.count(name, value)
        criterion = self.criteria.read(self.type_, name, value)
        if criterion is None:
            self.ignored.append(name)
        else:
            self.parts.append(criterion)
            self.used.append((name, value))

    def take_filter(self, name: str, value: str) -> None:
        if name != FILTER:
            refuse_modifier(FILTER, name.partition(":")[2])
        self.parts.append(filtered(self.type_, value, self.criteria))
        self.used.append((name, value))

    def take_result(self, name: str, value: str) -> None:
        match name:
            case "_sort":
                self.take_sort(value)
            case "_count":
                self.take_count(value)
            case "_elements":
                self.elements += [
                    element.strip() for element in value.split(",") if element.strip()
                ]
                self.used.append((name, value))
            case _ if value in CHOICES[name]:
                self.choices[name] = value
                self.use_last(name, value)
            case _:
                refuse_value(name, value)

    def take_include(self, name: str, value: str) -> None:
        found = way(name, value, self.offer)
        if found is None:
            self.ignored.append(f"{name}={value}")
            return
        self.ways.append(found)
        too_many(self.ways)
        self.used.append((name, value))

    def take_count(self, value: str) -> None:
        self.count = page_count(value, self.max_page)
        self.use_last("_count", str(self.count))

    def use_last(self, name: str, value: str) -> None:
        self.used = [pair for pair in self.used if pair[0] != name] + [(name, value)]

    def take_sort(self, value: str) -> None:
        kept = []
        keys = value.split(",")
        if len(self.sort) + len(keys) > MAX_SORTS:
            raise BadRequest(f"a search is sorted by {MAX_SORTS} keys at most", code="too-costly")
        for key in keys:
            sort = _sort(self.type_, key, self.offer)
            if sort is None:
                self.ignored.append(f"_sort={key}")
            else:
                self.sort.append(sort)
                kept.append(key)
        if kept:
            self.used.append(("_sort", ",".join(kept)))


def _sort(type_: str, key: str, offer: Offer) -> Sort | None:
    code, descending = key.removeprefix("-"), key.startswith("-")
    if code == "_id":
        return Sort(code, "id", 0, descending)
    if code == "_lastUpdated":
        return Sort(code, "updated", 0, descending)
    parameter = offer.find(type_, code)
    if parameter is None or parameter.type not in _SORTABLE:
        return None
    if parameter.type == "uri" or parameter.canonical:
        return Sort(code, "string", address_number(parameter), descending)
    return Sort(code, _SORTABLE[parameter.type], parameter.number, descending)
