"""`_include` and `_revinclude`: which references are followed from what was found, and to what.

https://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import Iterable

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import Way
from fhir_server.search.registry import DEFINED, Offer
from fhir_server.search.terms import refuse_modifier, refuse_value
from profiles.definitions import r4

NAMES = ("_include", "_revinclude")
# `:recurse` is what STU3 called `:iterate`.
MODIFIERS = ("", "iterate", "recurse")
ANY = "*"

MAX_INCLUDES = 50  # of one search
MAX_INCLUDED = 1_000  # resources included on one page
MAX_ROUNDS = 10  # how often `:iterate` goes on from what was included


def is_include(name: str) -> bool:
    return name.partition(":")[0] in NAMES


def way(name: str, value: str, offer: Offer = DEFINED) -> Way | None:
    """What `name=value` follows, `value` not empty; None when there is no such type, or no such
    parameter of type reference, or it never leads to the type named.

    BadRequest for a modifier other than `:iterate`, and for a value that is neither `*` nor
    `Type:parameter` nor `Type:parameter:Type`.
    """
    code, _, modifier = name.partition(":")
    if modifier not in MODIFIERS:
        refuse_modifier(code, modifier)
    reverse, again = code == "_revinclude", modifier != ""
    if value == ANY:
        return Way(reverse, again, (), "", r4().resources)
    source, *rest = value.split(":")
    if len(rest) not in (1, 2) or not all((source, *rest)):
        refuse_value(code, value)
    target = rest[1] if len(rest) == 2 else ""
    found = _led(source, rest[0], target, offer)
    if not found:
        return None
    numbers = tuple(parameter.number for parameter in found)
    if reverse:
        return Way(True, again, numbers, target, (source,))
    return Way(False, again, numbers, source, (target,) if target else _targets(found))


def too_many(ways: Iterable[Way]) -> None:
    """BadRequest where there are more than a search may have."""
    if len(tuple(ways)) > MAX_INCLUDES:
        raise BadRequest(f"a search has at most {MAX_INCLUDES} includes", code="too-costly")


def _led(source: str, code: str, target: str, offer: Offer) -> tuple[Parameter, ...]:
    if not r4().is_resource(source) or (target and not r4().is_resource(target)):
        return ()
    one = offer.find(source, code)
    found = references(source, offer) if code == ANY else (one,) if one else ()
    return tuple(
        parameter
        for parameter in found
        if parameter.type == "reference" and (not target or target in _targets((parameter,)))
    )


def _targets(found: Iterable[Parameter]) -> tuple[str, ...]:
    types = {type_ for parameter in found for type_ in parameter.targets or r4().resources}
    return tuple(sorted(types))


def references(type_: str, offer: Offer = DEFINED) -> tuple[Parameter, ...]:
    """The parameters of a type by which references are followed."""
    return tuple(found for found in offer.all(type_).values() if found.type == "reference")


def reverse_values(offer: Offer = DEFINED) -> dict[str, tuple[str, ...]]:
    """The values of `_revinclude` that bring something to each type, as `Type:parameter`."""
    found: dict[str, list[str]] = {type_: [] for type_ in r4().resources}
    for source in r4().resources:
        for parameter in references(source, offer):
            for target in _targets((parameter,)):
                found[target].append(f"{source}:{parameter.code}")
    return {type_: tuple(values) for type_, values in found.items()}
