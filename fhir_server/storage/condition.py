"""The second reader of the rules: a policy condition as SQL over a row, its record and the caller's
relations to it.

Every fact is NOT NULL, so that SQL and `policy.condition.holds` never disagree over an unknown.
"""

from typing import Callable, NamedTuple, assert_never

from fhir_server.policy.condition import AllOf, AnyOf, Condition, Is, Not, OneOf
from fhir_server.policy.facts import RELATIONS, YES, ownership

# The caller's relations to a record are the sum of these.
BITS = {relation: 1 << n for n, relation in enumerate(RELATIONS)}

# A fact and one of its values to SQL that is true, false, never null.
Fact = Callable[[str, str], str]


def where(condition: Condition, fact: Fact) -> str:
    """`condition` as SQL."""
    match condition:
        case Is(name, value):
            return fact(name, value)
        case OneOf(name, values):
            return _joined(" OR ", [fact(name, value) for value in sorted(values)], "1 = 0")
        case AllOf(parts):
            return _joined(" AND ", [where(part, fact) for part in parts], "1 = 1")
        case AnyOf(parts):
            return _joined(" OR ", [where(part, fact) for part in parts], "1 = 0")
        case Not(part):
            return f"NOT {where(part, fact)}"
        case _:
            assert_never(condition)


def _joined(word: str, parts: list[str], empty: str) -> str:
    return f"({word.join(parts)})" if parts else f"({empty})"


class Names(NamedTuple):
    """Where SQL finds the state of the record, the birth of its holder, and the caller's relations
    as bits.
    """

    state: str
    born: str
    held: str


def row_fact(alias: str, *, nature: str, me: int, position: str, names: Names) -> Fact:
    """How the facts of row `alias` are read; `me`: how many identifiers the caller has; `position`:
    strpos or instr.
    """

    def own() -> str:
        if nature == "trace":
            return f"{alias}.owners = :own0"
        lines = " OR ".join(f"{position}({alias}.owners, :own{n}) > 0" for n in range(me))
        return f"({names.held} & {BITS[ownership(nature)]} <> 0 AND ({lines or '1 = 0'}))"

    true = {
        **{relation: f"{names.held} & {bit} <> 0" for relation, bit in BITS.items()},
        "of_age": f"{names.born} <= :adult_before",
        "masked": f"{alias}.masked",
        "minor": f"{names.born} > :majority",
        "veiled_holder": f"{alias}.veiled_until > :now",
        "veiled_representatives": f"{alias}.veiled_representatives",
        "superseded": f"{alias}.superseded",
    }
    words = {"state": names.state, "kind": f"{alias}.kind"}

    def fact(name: str, value: str) -> str:
        if name in words:
            return f"{words[name]} = '{_literal(value)}'"
        test = own() if name == "own" else true[name]
        return f"({test})" if value == YES else f"(NOT ({test}))"

    return fact


def _literal(value: str) -> str:
    """A value of our own tables, safe to stand in SQL; anything else is a fault of the rules."""
    if not value.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"not a plain word: `{value}`")
    return value
