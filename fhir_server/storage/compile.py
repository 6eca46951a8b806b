"""Query tree × visible rows → WHERE: every alias it makes comes from `rows`.

`search.match` reads the same tree over the same rows in memory; the two must agree.
"""

from typing import TypeGuard, assert_never

from fhir_server.search.query import (
    OF_WHOLE,
    AllOf,
    AnyOf,
    Asked,
    Criterion,
    DateIs,
    HasKey,
    How,
    IdIs,
    Leads,
    LedBy,
    Not,
    Nothing,
    NumberIs,
    Prefix,
    SpanIs,
    StringIs,
    UpdatedIs,
)
from fhir_server.storage.indexed import KEY
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
# The same of a moment, one millisecond long, so that an index of moments can be gone by.
MOMENT: dict[Prefix, str] = {
    "eq": "{at} >= {from_} AND {at} < {to}",
    "ne": "({at} < {from_} OR {at} >= {to})",
    "gt": "{at} >= {to}",
    "lt": "{at} < {from_}",
    "ge": "{at} >= {from_}",
    "le": "{at} < {to}",
    "sa": "{at} >= {to}",
    "eb": "{at} < {from_}",
    "ap": "{at} >= {from_} AND {at} < {to}",
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


# What tells the rows it is met by, the ones that usually tell fewest first.
DRIVERS = (HasKey, Leads, StringIs, NumberIs, SpanIs, DateIs)


def driver(criterion: Criterion) -> Criterion | None:
    """The criterion whose rows SQLite, which knows no statistics, shall go by; None when none
    tells its rows.
    """
    parts = criterion.parts if isinstance(criterion, AllOf) else (criterion,)
    found = [driver(part) if isinstance(part, AllOf) else part for part in parts]
    by_kind = (part for kind in DRIVERS for part in found if _drives(part, kind))
    return next(by_kind, None)


def _drives(part: Criterion | None, kind: type[Criterion]) -> bool:
    return isinstance(part, kind) or (kind is Leads and part is not None and is_led(part))


def is_led(criterion: Criterion) -> TypeGuard[AnyOf]:
    """Whether it is one step of a chain, through several types."""
    match criterion:
        case AnyOf((_, *_) as parts):
            return all(isinstance(part, Leads) for part in parts)
    return False


def by_criterion(source: str, alias: str) -> str:
    """`source` in the order in which SQLite is to go: from the rows that a criterion tells to their
    records. A plus before the column of the type keeps it from walking all of a type.
    """
    standing, joined_, _ = source.partition(f" JOIN resource {alias} ON ")
    if joined_:
        return f"resource {alias} CROSS JOIN {standing} ON {alias}_s.record = {alias}.record"
    return source.replace(f"resource {alias} JOIN", f"resource {alias} CROSS JOIN")


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
        self.steps = 0  # of the chain that is read

    def where(self, criterion: Criterion, alias: str) -> str:
        match criterion:
            case HasKey(keys):
                return self._has_key(keys, alias)
            case StringIs():
                return self._string_is(criterion, alias)
            case DateIs(parameter, prefix, low, high):
                return self._among("moment", alias, parameter, self._interval(prefix, low, high))
            case NumberIs(parameter, prefix, low, high):
                return self._among("number", alias, parameter, self._interval(prefix, low, high))
            case SpanIs(parameter, begins, ends):
                tests = f"{self._at('v.low', begins)} AND {self._at('v.high', ends)}"
                return self._among("number", alias, parameter, tests)
            case IdIs(ids):
                return f"{alias}.id IN ({', '.join(self.rows.add('id', id_) for id_ in ids)})"
            case UpdatedIs(prefix, low, high):
                return self._bounded(MOMENT[prefix], low, high, {"at": f"{alias}.updated"})
            case Leads():
                return self._led((criterion,), alias)
            case AnyOf() if is_led(criterion):
                return self._led(criterion.parts, alias)
            case LedBy():
                return self._led_by(criterion, alias)
            case AllOf(parts):
                return self._all(parts, alias)
            case AnyOf(parts):
                return self._joined(" OR ", parts, alias) or "1 = 0"
            case Not(part):
                # Those that do not meet it are never told by a list: each row is asked.
                return f"NOT ({self._asked_of_each(part, alias)})"
            case Nothing():
                return "1 = 0"
            case _:
                assert_never(criterion)

    def _joined(self, word: str, parts: tuple[Criterion, ...], alias: str) -> str:
        return joined(word, [self.where(part, alias) for part in parts])

    def _all(self, parts: tuple[Criterion, ...], alias: str) -> str:
        """All of them; in SQLite one gives the rows and the others are asked of each, rather than
        all giving lists, of which the longest counts.
        """
        leads = None if self.rows.postgres or self.narrow else driver(AllOf(parts))
        if leads is None:
            return self._joined(" AND ", parts, alias) or "1 = 1"
        texts = []
        for part in parts:
            first = part is leads or driver(part) is leads
            read = self.where if first else self._asked_of_each
            texts.append(read(part, alias))
        return joined(" AND ", texts)

    def _asked_of_each(self, part: Criterion, alias: str) -> str:
        return self._with(True, part, alias)

    def _with(self, narrow: bool, part: Criterion, alias: str) -> str:
        before, self.narrow = self.narrow, narrow
        text = self.where(part, alias)
        self.narrow = before
        return text

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

    def _string_is(self, asked: StringIs, alias: str) -> str:
        word = " AND " if asked.how == "other" else " OR "
        tests = joined(word, [self._text(asked.how, text) for text in asked.texts])
        if asked.how in OF_WHOLE:
            tests = f"{tests} AND v.whole = 1"
        return self._among("string", alias, asked.parameter, tests)

    def _text(self, how: How, text: str) -> str:
        """What is kept of a text is gone by, and all of it compared (`indexed.KEY`)."""
        match how:
            case "contains":
                position = "strpos" if self.rows.postgres else "instr"
                return f"{position}(v.value || v.rest, {self.rows.add('text', text)}) > 0"
            case "is" | "other":
                value, rest = self.rows.add("text", text[:KEY]), self.rows.add("rest", text[KEY:])
                same = f"(v.value = {value} AND v.rest = {rest})"
                return same if how == "is" else f"NOT {same}"
            case "ends":
                last = "right({}, {})" if self.rows.postgres else "substr({}, -{})"
                end = last.format("v.value || v.rest", len(text))
                return f"{end} = {self.rows.add('text', text)}"
        if len(text) > KEY:
            value, rest = self.rows.add("text", text[:KEY]), self.rows.add("rest", text[KEY:])
            begins = f"substr(v.rest, 1, {len(text) - KEY}) = {rest}"
            return f"(v.value = {value} AND {begins})"
        at_least, below = ("~>=~", "~<~") if self.rows.postgres else (">=", "<")
        low, high = self.rows.add("text", text), self.rows.add("text", text + LAST)
        return f"(v.value {at_least} {low} AND v.value {below} {high})"

    def _interval(self, prefix: Prefix, low: float, high: float) -> str:
        return self._bounded(INTERVAL[prefix], low, high, {"low": "v.low", "high": "v.high"})

    def _at(self, column: str, asked: Asked) -> str:
        """A number without an interval is compared like a moment."""
        prefix, low, high = asked
        return self._bounded(MOMENT[prefix], low, high, {"at": column})

    def _bounded(self, text: str, low: float, high: float, columns: dict[str, str]) -> str:
        asked = {"from_": self.rows.add("low", low), "to": self.rows.add("high", high)}
        return text.format(**columns, **asked)

    def _alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    @property
    def _then(self) -> str:
        """Between two tables: SQLite takes them in this order."""
        return "," if self.rows.postgres else " CROSS JOIN"

    def _of_target(self, to: Criterion, alias: str, *, narrow: bool | None = None) -> str:
        """What is asked of the other end of a reference, of which the criterion tells the rows."""
        self.steps += 1
        text = self._with(self.rows.confined if narrow is None else narrow, to, alias)
        self.steps -= 1
        return text

    def _once(self, select: str, alias: str) -> str:
        """A step of a chain, of one column. From the second on PostgreSQL is to take it once: where
        it has no statistics it goes through all steps for each row of the one before.
        """
        if not (self.rows.postgres and self.steps):
            return select
        return f"WITH {alias}_o (k) AS MATERIALIZED ({select}) SELECT k FROM {alias}_o"

    def _from(self, source: str, alias: str, to: Criterion) -> tuple[str, str]:
        """Where the rows at the other end come from, and what stands before their type."""
        if self.rows.postgres or self.rows.confined or driver(to) is None:
            return source, ""
        return by_criterion(source, alias), "+"

    def _led(self, parts: tuple[Criterion, ...], alias: str) -> str:
        """A step of a chain through one type or several: one list of rows that lead to what is
        asked. Where rows are few, what stands in the same whole is looked at from each.
        """
        narrow, selects, tests = self.narrow, list[str](), list[str]()
        name = f"t{self.aliases + 1}"  # of the first
        for part in parts:
            assert isinstance(part, Leads)  # as `is_led` says
            number = self.rows.add("par", part.parameter)
            for type_ in part.types:
                selects.append(self._to_stored(type_, part.to, number))
                if part.inside not in (None, Nothing()):
                    found = self._to_inside(type_, part.inside, number, alias if narrow else "")
                    (tests if narrow else selects).append(found)
        list_ = self._once(" UNION ALL ".join(selects), name)
        return joined(" OR ", [f"{alias}.pk IN ({list_})", *(f"EXISTS ({t})" for t in tests)])

    def _to_stored(self, type_: str, to: Criterion, number: str) -> str:
        """SELECT of the rows that lead to a stored resource which is seen and meets `to`."""
        target = self._alias()
        known = type_ == "Patient" and isinstance(to, HasKey) and set(to.keys) <= self.identity
        seen = self.rows.visible(target, type_, minimal=known)
        inner = self._of_target(to, target)
        source, walked = self._from(seen.source, target, to)
        # SQLite keeps this order: from the target, of which there are few, to who refers to it.
        return (
            f"SELECT {target}_f.pk FROM {source}{self._then} reference {target}_f"
            f" WHERE {walked}{target}.type = '{type_}' AND NOT {target}.deleted"
            f" AND {seen.where} AND {inner}"
            f" AND {target}_f.target_type = '{type_}' AND {target}_f.target_id = {target}.id"
            f" AND {target}_f.parameter = {number}"
        )

    def _to_inside(self, type_: str, asked: Criterion, number: str, of: str) -> str:
        """SELECT of the rows, or of the row `of`, that lead to a resource in the same whole: who
        sees the one sees the other.
        """
        target = self._alias()
        inner = self._of_target(asked, target, narrow=bool(of))
        way, contained = f"inward {target}_f", f"contained {target}"
        source = f"{way}{self._then} {contained}" if of else f"{contained}{self._then} {way}"
        plus = "" if self.rows.postgres or driver(asked) is None else "+"
        row = f" AND {target}_f.pk = {of}.pk" if of else ""
        return (
            f"SELECT {target}_f.pk FROM {source} WHERE {plus}{target}.type = '{type_}' AND {inner}"
            f" AND {target}_f.target = {target}.pk AND {target}_f.parameter = {number}{row}"
        )

    def _led_by(self, asked: LedBy, alias: str) -> str:
        number, source = self.rows.add("par", asked.parameter), self._alias()
        seen = self.rows.visible(source, asked.type_)
        inner = self._of_target(asked.to, source)
        from_, walked = self._from(seen.source, source, asked.to)
        leads = f"{source}_f.parameter = {number} AND {source}_f.target_type = '{asked.target}'"
        select = (  # from the few that meet it
            f"SELECT {source}_f.target_id FROM {from_}{self._then} reference {source}_f"
            f" WHERE {walked}{source}.type = '{asked.type_}' AND NOT {source}.deleted"
            f" AND {seen.where} AND {inner} AND {source}_f.pk = {source}.pk AND {leads}"
        )
        if asked.inside == Nothing():
            return f"{alias}.id IN ({self._once(select, source)})"
        narrow = self.narrow
        inside = self._by_inside(asked, number, alias if narrow else "")
        if narrow:
            return f"({alias}.id IN ({self._once(select, source)}) OR EXISTS ({inside}))"
        return f"{alias}.id IN ({self._once(f'{select} UNION ALL {inside}', source)})"

    def _by_inside(self, asked: LedBy, number: str, to: str) -> str:
        """SELECT of the ids, or of the one of `to`, that a resource within another leads to, where
        that other is seen.
        """
        source = self._alias()
        inner = self._of_target(asked.inside, source, narrow=bool(to))
        way, contained = f"reference {source}_f", f"contained {source}"
        from_ = f"{way}{self._then} {contained}" if to else f"{contained}{self._then} {way}"
        plus = "" if self.rows.postgres or driver(asked.inside) is None else "+"
        row = f" AND {source}_f.target_id = {to}.id" if to else ""
        return (
            f"SELECT {source}_f.target_id FROM {from_} WHERE {plus}{source}.type = '{asked.type_}'"
            f" AND {inner} AND {source}_f.pk = {source}.pk AND {source}_f.parameter = {number}"
            f" AND {source}_f.target_type = '{asked.target}'{row}"
            f" AND {self.rows.holding(source, asked.wholes)}"
        )
