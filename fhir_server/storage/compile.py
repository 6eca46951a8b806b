"""Query tree × visible rows → WHERE: every alias it makes comes from `rows`.

`search.match` reads the same tree over the same rows in memory; the two must agree.
"""

from typing import assert_never

from fhir_server.search.query import (
    AllOf,
    AnyOf,
    Criterion,
    DateIs,
    HasKey,
    IdIs,
    Leads,
    LedBy,
    Not,
    Nothing,
    NumberIs,
    Prefix,
    StringIs,
    UpdatedIs,
)
from fhir_server.storage.rows import Rows

# {low} and {high} bound a value, {from_} and {to} what is asked: `query.holds`, as SQL.
INTERVAL: dict[Prefix, str] = {
    "eq": "{low} >= {from_} AND {high} <= {to}",
    "ne": "({low} < {from_} OR {high} > {to})",
    "gt": "{high} > {to}",
    "lt": "{low} < {from_}",
    "ge": "({high} > {to} OR {low} >= {from_})",
    "le": "({low} < {from_} OR {high} <= {to})",
    "sa": "{low} >= {to}",
    "eb": "{high} <= {from_}",
    "ap": "{low} < {to} AND {high} > {from_}",
}
GROUP = 50
LAST = "\U0010ffff"  # sorts after every text that begins alike


def joined(word: str, texts: list[str]) -> str:
    """The texts as one, "" for none; in groups, since SQLite nests a row of a thousand ORs as deep.
    """
    while len(texts) > GROUP:
        groups = [texts[n : n + GROUP] for n in range(0, len(texts), GROUP)]
        texts = [f"({word.join(group)})" for group in groups]
    return texts[0] if len(texts) == 1 else f"({word.join(texts)})" if texts else ""


class Compiler:
    """WHERE clauses for one statement; `narrow` when the rows are few (one record), so that they
    are probed one by one.
    """

    def __init__(self, rows: Rows, identity: frozenset[int] = frozenset()) -> None:
        """`identity`: the keys by which everybody may know the Patients that are named (an exact
        INS, for professionals).
        """
        self.rows, self.identity = rows, identity
        self.narrow = rows.confined
        self.aliases = 0

    def where(self, criterion: Criterion, alias: str) -> str:
        match criterion:
            case HasKey(keys):
                return self._has_key(keys, alias)
            case StringIs(parameter, how, texts):
                tests = joined(" OR ", [self._text(how, text) for text in texts])
                return self._among("string", alias, parameter, tests)
            case DateIs(parameter, prefix, low, high):
                return self._among("moment", alias, parameter, self._interval(prefix, low, high))
            case NumberIs(parameter, prefix, low, high):
                return self._among("number", alias, parameter, self._interval(prefix, low, high))
            case IdIs(ids):
                return f"{alias}.id IN ({', '.join(self.rows.add('id', id_) for id_ in ids)})"
            case UpdatedIs(prefix, low, high):
                bounds = {"low": f"{alias}.updated", "high": f"({alias}.updated + 1)"}
                return self._bounded(prefix, low, high, bounds)
            case Leads(parameter, types, to):
                return self._leads(parameter, types, to, alias)
            case LedBy():
                return self._led_by(criterion, alias)
            case AllOf(parts):
                return self._joined(" AND ", parts, alias) or "1 = 1"
            case AnyOf(parts):
                return self._joined(" OR ", parts, alias) or "1 = 0"
            case Not(part):
                return f"NOT ({self.where(part, alias)})"
            case Nothing():
                return "1 = 0"
            case _:
                assert_never(criterion)

    def _joined(self, word: str, parts: tuple[Criterion, ...], alias: str) -> str:
        return joined(word, [self.where(part, alias) for part in parts])

    def _has_key(self, keys: tuple[int, ...], alias: str) -> str:
        if self.rows.postgres:
            operator = "@>" if len(keys) == 1 else "&&"
            return f"{alias}.keys {operator} CAST({self.rows.add('keys', list(keys))} AS bigint[])"
        hashes = ", ".join(self.rows.add("key", key) for key in keys)
        if self.narrow:
            return f"EXISTS (SELECT 1 FROM key WHERE hash IN ({hashes}) AND pk = {alias}.pk)"
        return f"{alias}.pk IN (SELECT pk FROM key WHERE hash IN ({hashes}))"

    def _among(self, table: str, alias: str, parameter: int, test: str) -> str:
        number = self.rows.add("par", parameter)
        if self.narrow:
            # The plus keeps SQLite from walking all values of a parameter for each row.
            plus = "" if self.rows.postgres else "+"
            row = f"v.pk = {alias}.pk AND {plus}v.parameter = {number}"
            return f"EXISTS (SELECT 1 FROM {table} v WHERE {row} AND {test})"
        return f"{alias}.pk IN (SELECT v.pk FROM {table} v WHERE v.parameter = {number} AND {test})"

    def _text(self, how: str, text: str) -> str:
        if how == "contains":
            position = "strpos" if self.rows.postgres else "instr"
            return f"{position}(v.value, {self.rows.add('text', text)}) > 0"
        at_least, below = ("~>=~", "~<~") if self.rows.postgres else (">=", "<")
        low, high = self.rows.add("text", text), self.rows.add("text", text + LAST)
        return f"(v.value {at_least} {low} AND v.value {below} {high})"

    def _interval(self, prefix: Prefix, low: float, high: float) -> str:
        return self._bounded(prefix, low, high, {"low": "v.low", "high": "v.high"})

    def _bounded(self, prefix: Prefix, low: float, high: float, bounds: dict[str, str]) -> str:
        asked = {"from_": self.rows.add("low", low), "to": self.rows.add("high", high)}
        return INTERVAL[prefix].format(**bounds, **asked)

    def _alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    def _leads(self, parameter: int, types: tuple[str, ...], to: Criterion, alias: str) -> str:
        number = self.rows.add("par", parameter)
        steps = []
        for type_ in types:
            target = self._alias()
            known = type_ == "Patient" and isinstance(to, HasKey) and set(to.keys) <= self.identity
            seen = self.rows.visible(target, type_, minimal=known)
            inner = self.where(to, target)
            # SQLite keeps this order: from the target, of which there are few, to who refers to it.
            then = "," if self.rows.postgres else " CROSS JOIN"
            steps.append(
                f"{alias}.pk IN (SELECT {target}_f.pk FROM {seen.source}{then} reference {target}_f"
                f" WHERE {target}.type = '{type_}' AND NOT {target}.deleted AND {seen.where} AND "
                f"{inner}"
                f" AND {target}_f.target_type = '{type_}' AND {target}_f.target_id = {target}.id"
                f" AND {target}_f.parameter = {number})"
            )
        return joined(" OR ", steps) or "1 = 0"

    def _led_by(self, asked: LedBy, alias: str) -> str:
        number, source = self.rows.add("par", asked.parameter), self._alias()
        seen = self.rows.visible(source, asked.type_)
        inner = self.where(asked.to, source)
        return (
            f"{alias}.id IN (SELECT {source}_f.target_id FROM {seen.source}, reference {source}_f"
            f" WHERE {source}.type = '{asked.type_}' AND NOT {source}.deleted AND {seen.where} "
            f"AND {inner}"
            f" AND {source}_f.pk = {source}.pk AND {source}_f.parameter = {number} AND "
            f"{source}_f.target_type = '{asked.target}')"
        )
