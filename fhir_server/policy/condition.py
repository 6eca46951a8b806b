"""Conditions on facts: a small closed language with two readers, `holds` here and SQL in
`storage.condition`.

Facts are texts and never missing: an unknown one is an error, not a silent no.
"""

from dataclasses import dataclass
from typing import Mapping, assert_never


@dataclass(frozen=True, slots=True)
class Is:
    fact: str
    value: str


@dataclass(frozen=True, slots=True)
class OneOf:
    fact: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Condition"


Condition = Is | OneOf | AllOf | AnyOf | Not

ALWAYS: Condition = AllOf(())
NEVER: Condition = AnyOf(())


def holds(condition: Condition, facts: Mapping[str, str]) -> bool:
    """Say whether `facts` meet `condition`; a missing fact is a KeyError, never a silent no."""
    match condition:
        case Is(fact, value):
            return facts[fact] == value
        case OneOf(fact, values):
            return facts[fact] in values
        case AllOf(parts):
            return all(holds(part, facts) for part in parts)
        case AnyOf(parts):
            return any(holds(part, facts) for part in parts)
        case Not(part):
            return not holds(part, facts)
        case _:
            assert_never(condition)


def simplify(condition: Condition, known: Mapping[str, str]) -> Condition:
    """What is left of `condition` once the facts in `known` are; ALWAYS or NEVER when nothing is.
    """
    match condition:
        case Is(fact, value):
            return condition if fact not in known else _constant(known[fact] == value)
        case OneOf(fact, values):
            return condition if fact not in known else _constant(known[fact] in values)
        case AllOf(parts):
            left = [simplify(part, known) for part in parts]
            if NEVER in left:
                return NEVER
            kept = tuple(part for part in left if part != ALWAYS)
            return kept[0] if len(kept) == 1 else AllOf(kept)
        case AnyOf(parts):
            left = [simplify(part, known) for part in parts]
            if ALWAYS in left:
                return ALWAYS
            kept = tuple(part for part in left if part != NEVER)
            return kept[0] if len(kept) == 1 else AnyOf(kept)
        case Not(part):
            inner = simplify(part, known)
            if inner in (ALWAYS, NEVER):
                return _constant(inner == NEVER)
            return Not(inner)
        case _:
            assert_never(condition)


def mentions(condition: Condition, facts: frozenset[str]) -> bool:
    """Whether one of these facts decides."""
    match condition:
        case Is(fact) | OneOf(fact):
            return fact in facts
        case AllOf(parts) | AnyOf(parts):
            return any(mentions(part, facts) for part in parts)
        case Not(part):
            return mentions(part, facts)
        case _:
            assert_never(condition)


def _constant(value: bool) -> Condition:
    return ALWAYS if value else NEVER
