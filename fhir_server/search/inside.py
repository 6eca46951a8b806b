"""A search of contained resources: what it can ask.

https://hl7.org/fhir/R4/search.html#contained

A contained resource has no address of its own: nothing leads to it but what it is in, and its id
may be that of a stranger. So it is searched by what it says itself.
"""

from collections.abc import Iterable, Sequence

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.includes import is_include
from fhir_server.search.keys import CONTAINED, number
from fhir_server.search.query import (
    AllOf,
    AnyOf,
    Criterion,
    IdIs,
    Leads,
    LedBy,
    Not,
    Nothing,
    UpdatedIs,
)
from fhir_server.search.registry import Offer

Pair = tuple[str, str]


def is_wanted(type_: str, pairs: Sequence[Pair], offer: Offer, *, inside: bool) -> str:
    """`true` or `both` where contained resources are asked for, else "". BadRequest where they
    cannot be: not `inside`, or not all that is stored is indexed by them yet.
    """
    asked = [value for name, value in pairs if name == CONTAINED and value]
    if not asked or asked[-1] not in ("true", "both"):
        return ""
    if not inside:
        raise _not_done(asked[-1], "contained resources are found by a search of one type alone")
    if not offer.has(number(type_, CONTAINED)):
        raise _not_done(asked[-1], "what is stored must be indexed first (`reindex`)")
    return asked[-1]


def check(parts: Iterable[Criterion], used: Sequence[Pair]) -> None:
    """BadRequest for what is not done together with contained resources."""
    value = dict(used)[CONTAINED]
    if any(name == "_sort" for name, _ in used):
        raise _not_done(value, "not with `_sort`")
    if include := next((name for name, _ in used if is_include(name)), ""):
        raise _not_done(value, f"not with `{include[:100]}`")
    if dict(used).get("_containedType") == "contained":
        raise _not_done(value, "`_containedType=contained` is not done, only `container`")
    if any(_leads_elsewhere(part) for part in parts):
        raise _not_done(value, "not with chains, `_has`, `_list` or `_lastUpdated`")


def within(criterion: Criterion) -> Criterion:
    """What a criterion of a type asks of such a resource within another, which has no address and
    no time of its own: its id is known there alone.
    """
    match criterion:
        case AllOf(parts):
            return AllOf(tuple(within(part) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(within(part) for part in parts))
        case Not(part):
            return Not(within(part))
        case IdIs() | UpdatedIs() | LedBy():
            return Nothing()
    return criterion


def _leads_elsewhere(criterion: Criterion) -> bool:
    match criterion:
        case AllOf(parts) | AnyOf(parts):
            return any(_leads_elsewhere(part) for part in parts)
        case Not(part):
            return _leads_elsewhere(part)
    return isinstance(criterion, Leads | LedBy | UpdatedIs)


def _not_done(value: str, why: str) -> BadRequest:
    return BadRequest(f"`{CONTAINED}` `{value}`: {why}", code="not-supported")
