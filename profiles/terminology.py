"""What R4 publishes of code systems and value sets: which code is above which, and which are in it.

https://hl7.org/fhir/R4/codesystem.html#hierarchy, https://hl7.org/fhir/R4/valueset.html
"""

from collections.abc import Mapping
from functools import cache
from typing import Literal

import msgspec

from profiles.definitions import HERE, r4

Parents = Mapping[str, frozenset[str]]  # code → the codes right above it


def family(system: str, code: str, way: Literal["above", "below"]) -> frozenset[str] | None:
    """The code and all that are above (or below) it; None when no code of this system is known to
    be above another.
    """
    known = (_parents() if way == "above" else _children()).get(system)
    if known is None:
        return None
    found, waiting = {code}, [code]
    while waiting:
        new = known.get(waiting.pop(), frozenset()) - found
        found |= new
        waiting += new
    return frozenset(found)


def codes_of(value_set: str) -> Mapping[str, tuple[str, ...]] | None:
    """The codes of a value set of R4 by their system, those that elements must take first; None
    when R4 does not list them (or there is no such value set).
    """
    return r4().codes.get(value_set) or _value_sets().get(value_set)


@cache
def _value_sets() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Read when first asked for."""
    text = (HERE / "value_sets.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, dict[str, tuple[str, ...]]])


@cache
def _parents() -> Mapping[str, Parents]:
    text = (HERE / "hierarchies.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, dict[str, frozenset[str]]])


@cache
def _children() -> Mapping[str, Parents]:
    return {system: _turned(parents) for system, parents in _parents().items()}


def _turned(parents: Parents) -> Parents:
    found: dict[str, set[str]] = {}
    for code, above in parents.items():
        for one in above:
            found.setdefault(one, set()).add(code)
    return {code: frozenset(below) for code, below in found.items()}
