"""Scope → visible rows: the only file that names the table of resources to read from it.

A statement begins with `standing`: the caller's place in each record that the request names, or in
every record he has any relation to when it names none; one row a record, the relations as bits.
Every alias of the resources is joined with it, or needs no look at it (shared resources).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from fhir_server.policy.condition import ALWAYS, Condition, mentions, simplify
from fhir_server.policy.facts import (
    EVERYBODY,
    MAJORITY,
    NATURES,
    OF_EVERYBODY,
    YES,
    by_nature,
    nature_of,
)
from fhir_server.policy.labels import birth_of_age
from fhir_server.policy.rule import RuleSet
from fhir_server.policy.scope import ORDINARY, Scope, ordinarily, permitting
from fhir_server.search.parameters import parameters
from fhir_server.storage.condition import Names, row_fact, where

ALL = "1 = 1"  # of the rows of an alias that need no look at their record

# The one record a token with `person_id` is good for.
PERSON = "SELECT h.record FROM relation h WHERE h.kind = 'holder' AND h.actor = :person"


class Shape(NamedTuple):
    """What of a scope decides the text of SQL; everything else is a parameter."""

    rules: RuleSet
    known: frozenset[tuple[str, str]]
    me: int
    person: bool
    everything: bool
    postgres: bool


@dataclass(frozen=True, slots=True)
class Visible:
    """How one alias is made: `FROM {source} WHERE {where}`; `full` says in SQL whether the whole
    resource may be shown.
    """

    source: str
    where: str
    full: str
    rules: str


@dataclass(frozen=True, slots=True)
class Named:
    """The records a request is about: by INS (`system|value`), by Patient id, or by one resource of
    them.
    """

    identifiers: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    resource: tuple[str, str] | None = None

    def __bool__(self) -> bool:
        return bool(self.identifiers or self.patients or self.resource)

    @property
    def several(self) -> bool:
        """Whether more than one record may be meant."""
        return len(self.identifiers) + len(self.patients) > 1


@dataclass
class Rows:
    """The visible rows of one scope at one time, for one statement; `params` grows with it."""

    scope: Scope
    postgres: bool
    now: int
    adult_before: int
    named: Named = Named()
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        scope = self.scope
        self.shape = Shape(
            scope.rules,
            scope.facts,
            len(scope.me),
            bool(scope.person),
            scope.everything,
            self.postgres,
        )
        if not scope.everything:
            self.params |= times(self.now, self.adult_before)
            if scope.person:
                self.params["person"] = scope.person
            for n, identifier in enumerate(scope.me):
                self.params[f"me{n}"] = identifier
                self.params[f"own{n}"] = f"\n{identifier}\n"

    @property
    def confined(self) -> bool:
        """Whether only the named records are looked at; never when the scope is everything."""
        return bool(self.named) and not self.scope.everything

    def add(self, name: str, value: object) -> str:
        """A new parameter; its placeholder."""
        name = f"{name}{len(self.params)}"
        self.params[name] = value
        return f":{name}"

    def visible(self, alias: str, type_: str, *, minimal: bool = False) -> Visible:
        """The rows of `type_` this scope may see, as `alias`; `minimal`: Patients found by their
        exact identity. The type stands in SQL as it is, so that it must be one.
        """
        if not (type_.isascii() and type_.isalpha()):
            raise ValueError(f"not a type of resource: `{type_[:100]}`")
        return visible_rows(alias, type_, self.shape, minimal, self.confined)

    def holding(self, contained: str, types: tuple[str, ...]) -> str:
        """SQL that says that what holds this row of `contained` is of one of these types, and seen.
        """
        if self.scope.everything:  # of what is deleted there are no rows
            return ALL
        return holding(contained, types, self.shape, self.confined)

    def with_(self) -> list[str]:
        """The part every statement over visible rows begins with; none when the scope is
        everything.
        """
        if self.scope.everything:
            return []
        operator = ("actor", "operator") in self.shape.known
        return [f"standing AS MATERIALIZED ({self.standing(before=operator)})"]

    def standing(self, *, before: bool) -> str:
        """SELECT of record, state, born and held: the caller's relations in force now, as bits.

        `before`: records that are not open yet count too; for others they do not exist.
        """
        bound = PERSON if self.scope.person else ""
        named = self.named_records() if self.named else bound
        return standing(
            named, len(self.scope.me), self.postgres, before, asks_everybody(self.shape)
        )

    def named_records(self) -> str:
        """SELECT of the numbers of the records that the request names."""
        if self.named.resource:
            type_, id_ = self.named.resource
            self.params |= {"named_type": type_, "named_id": id_}
            return "SELECT n.record FROM resource n WHERE n.type = :named_type AND n.id = :named_id"
        parts = []
        if self.named.identifiers:
            inside = ", ".join(self.add("ins", value) for value in self.named.identifiers)
            parts.append(
                f"SELECT n.record FROM relation n WHERE n.actor IN ({inside}) AND n.kind = 'holder'"
            )
        if self.named.patients:
            inside = ", ".join(self.add("pat", value) for value in self.named.patients)
            parts.append(
                f"SELECT n.record FROM resource n WHERE n.type = 'Patient' AND n.id IN ({inside})"
            )
        return " UNION ".join(parts)

    def entry(self, type_: str) -> str:
        """SELECT of record, access (0 or 1) and rules of each named record that exists for this
        caller.
        """
        return entry(type_, self.shape)


def times(now: int, adult_before: int) -> dict[str, int]:
    """The parameters of conditions on times: now, and the births (ms) that make of age."""
    majority = birth_of_age(now, MAJORITY)
    return {"now": now, "adult_before": adult_before, "majority": majority}


@lru_cache(maxsize=1024)
def asks_everybody(shape: Shape) -> bool:
    """Whether what everybody is to a record (opposed, such as to break-glass) may count."""
    scope, known = _scope(shape), shape.known
    return any(
        mentions(when, OF_EVERYBODY)
        for nature in NATURES
        for when in (
            scope.of_nature(nature),
            *(left.when for left in permitting(shape.rules, known, nature)),
        )
    )


@lru_cache(maxsize=256)
def standing(named: str, me: int, postgres: bool, before: bool, everybody: bool = True) -> str:
    """See `Rows.standing`; `named` is SQL, "" for all records the caller has a relation to.
    `everybody`: the relations that concern everybody are his too.
    """
    held = "bit_or(x.bit)" if postgres else "sum(DISTINCT x.bit)"
    them = [f":me{n}" for n in range(me)] + ([f"'{EVERYBODY}'"] if everybody else [])
    inside = ", ".join(them) or "''"
    in_force = f"x.actor IN ({inside}) AND x.since <= :now AND x.until > :now"
    opened = "" if before else " AND k.state <> 'before'"
    if named:
        mine = f"SELECT {held} FROM relation x WHERE x.record = k.number AND {in_force}"
        return (
            f"SELECT k.number AS record, k.state, k.born, k.patient, COALESCE(({mine}), 0) AS held"
            f" FROM record k WHERE k.number IN ({named}){opened}"
        )
    return (
        "SELECT k.number AS record, k.state, k.born, y.held FROM record k JOIN (SELECT x.record, "
        f"{held} AS held"
        f" FROM relation x WHERE {in_force} GROUP BY x.record) y ON y.record = k.number WHERE 1 = "
        f"1{opened}"
    )


def _scope(shape: Shape) -> Scope:
    return Scope(shape.rules, dict(shape.known), ("",) * shape.me, "", shape.everything)


def _sql(condition: Condition, alias: str, nature: str, shape: Shape, names: Names) -> str:
    position = "strpos" if shape.postgres else "instr"
    return where(
        condition, row_fact(alias, nature=nature, me=shape.me, position=position, names=names)
    )


def _joined(alias: str, inner: bool, named: bool, postgres: bool) -> tuple[str, Names]:
    """How an alias is joined with its record and the caller's standing there."""
    if named or inner:
        # SQLite keeps the order of a CROSS JOIN: from the few records to their rows.
        join = "CROSS JOIN" if named and not postgres else "JOIN"
        source = f"standing {alias}_s {join} resource {alias} ON {alias}.record = {alias}_s.record"
        return source, Names(f"{alias}_s.state", f"{alias}_s.born", f"{alias}_s.held")
    source = (
        f"resource {alias} JOIN record {alias}_k ON {alias}_k.number = {alias}.record"
        f" LEFT JOIN standing {alias}_s ON {alias}_s.record = {alias}.record"
    )
    return source, Names(f"{alias}_k.state", f"{alias}_k.born", f"COALESCE({alias}_s.held, 0)")


@lru_cache(maxsize=4096)
def visible_rows(alias: str, type_: str, shape: Shape, minimal: bool, named: bool) -> Visible:
    scope, nature = _scope(shape), nature_of(type_)
    condition = scope.condition(type_)
    operator = ("actor", "operator") in shape.known
    if condition == ALWAYS and _is_of_all_records(scope, type_, shape):
        names = "".join(f"{left.name} " for left in scope.permits(type_))
        return Visible(f"resource {alias}", ALL, "1", f"'{names}'")
    # A token for one person: `standing` has his record alone.
    bound = shape.person and nature != "shared"
    inner = (bound or scope.needs_relation(type_)) and not minimal
    source, names_ = _joined(alias, inner, named, shape.postgres)
    seen = _seen(alias, type_, shape, names_, named)
    if not (inner or named or operator):  # `standing` has left these out already
        seen = f"({seen} AND {names_.state} <> 'before')"
    rules = _rules(scope, alias, type_, shape, names_)
    within = _within_person(alias, nature, shape)
    if minimal:
        exists = f"{names_.state} IN ('open', 'closed', 'deceased')"
        full = f"CASE WHEN {seen} THEN 1 ELSE 0 END"
        # Who is shown the minimum by no rule is told of none that a denial has overruled.
        told = f"CASE WHEN {seen} THEN {rules} ELSE '' END"
        return Visible(source, f"({seen} OR {exists}){within}", full, told)
    return Visible(source, seen + within, "1", rules)


def _seen(alias: str, type_: str, shape: Shape, names: Names, named: bool) -> str:
    """What the rules say of a row, its record and the caller's standing there."""
    nature = nature_of(type_)
    seen = _sql(_scope(shape).condition(type_), alias, nature, shape, names)
    if nature == "list":
        seen = f"({seen} AND {_leads_to_visible(alias, shape, named)})"
    if nature == "trace" and ("actor", "representative") in shape.known:
        seen = f"({seen} AND {_tells_no_secret(alias)})"
    return seen


def _within_person(alias: str, nature: str, shape: Shape) -> str:
    bound = shape.person and nature != "shared"
    return f" AND {alias}.record IN ({PERSON})" if bound else ""


@lru_cache(maxsize=256)
def holding(contained: str, types: tuple[str, ...], shape: Shape, named: bool) -> str:
    """See `Rows.holding`; one look at the holder, whatever its nature, as `visible_rows` has it."""
    holder, scope, tests = f"{contained}_h", _scope(shape), list[str]()
    source, names = _joined(holder, False, False, shape.postgres)
    in_record = f" AND {holder}_s.record IS NOT NULL" if named else ""
    if ("actor", "operator") not in shape.known:
        in_record += f" AND {names.state} <> 'before'"
    for group in by_nature(types):
        inside = ", ".join(f"'{type_}'" for type_ in group)
        test = f"{holder}.type IN ({inside})"
        if not (scope.condition(group[0]) == ALWAYS and _is_of_all_records(scope, group[0], shape)):
            seen = _seen(holder, group[0], shape, names, named)
            test += f" AND {seen}{in_record}{_within_person(holder, nature_of(group[0]), shape)}"
        tests.append(f"({test})")
    return (
        f"EXISTS (SELECT 1 FROM {source} WHERE {holder}.pk = {contained}.container"
        f" AND NOT {holder}.deleted AND ({' OR '.join(tests) or '1 = 0'}))"
    )


def _is_of_all_records(scope: Scope, type_: str, shape: Shape) -> bool:
    """Whether rows need no look at their record: not its opening, not `person_id`, not a rule's
    name.
    """
    nature, operator = nature_of(type_), ("actor", "operator") in shape.known
    # A list hangs on its documents too.
    anywhere = nature == "shared" or (operator and not shape.person and nature != "list")
    named = all(left.when == ALWAYS for left in scope.permits(type_))
    return scope.everything or (anywhere and named)


def _leads_to_visible(alias: str, shape: Shape, named: bool) -> str:
    """A list that holds hidden documents alone is hidden; an empty one is not."""
    item = parameters("List")["item"].number
    target = visible_rows(f"{alias}_i", "DocumentReference", shape, False, named)
    of_list = f"{alias}_f.pk = {alias}.pk AND {alias}_f.parameter = {item}"
    holds = f"{of_list} AND {alias}_f.target_type = 'DocumentReference'"
    return (
        f"(NOT EXISTS (SELECT 1 FROM reference {alias}_f WHERE {holds})"
        f" OR EXISTS (SELECT 1 FROM reference {alias}_f WHERE {holds}"
        # One in the other, so that SQLite goes from the entries to the documents.
        f" AND EXISTS (SELECT 1 FROM {target.source} WHERE {alias}_i.type = 'DocumentReference'"
        f" AND {alias}_i.id = {alias}_f.target_id AND {target.where})))"
    )


def _tells_no_secret(alias: str) -> str:
    """A trace is hidden from representatives with what the minor keeps secret (R051): a document,
    its bytes, what speaks of it.
    """
    return (
        f"NOT EXISTS (SELECT 1 FROM reference {alias}_f JOIN resource {alias}_i"
        f" ON {alias}_i.type = {alias}_f.target_type AND {alias}_i.id = {alias}_f.target_id"
        f" WHERE {alias}_f.pk = {alias}.pk AND {alias}_i.veiled_representatives)"
    )


def _rules(scope: Scope, alias: str, type_: str, shape: Shape, names: Names) -> str:
    """SQL text of the names of the permitting rules that hold, each followed by a space."""
    return _texts(
        [
            (left.name, left.when == ALWAYS, _sql(left.when, alias, nature_of(type_), shape, names))
            for left in scope.permits(type_)
        ]
    )


def _texts(rules: list[tuple[str, bool, str]]) -> str:
    parts = [
        f"'{name} '" if always else f"CASE WHEN {when} THEN '{name} ' ELSE '' END"
        for name, always, when in rules
    ]
    return " || ".join(parts) or "''"


@lru_cache(maxsize=1024)
def entry(type_: str, shape: Shape) -> str:
    """Of each record in `standing`: has the caller any right in it, and by which rules."""
    scope, names = _scope(shape), Names("d_s.state", "d_s.born", "d_s.held")
    access = _sql(scope.access(type_), "d", "record", shape, names)
    if shape.person:
        access = f"({access} AND d_s.record IN ({PERSON}))"
    rules = [
        (left.name, False, _sql(_of_record(left.when, type_), "d", "record", shape, names))
        for left in scope.permits(type_)
    ]
    return (
        f"SELECT d_s.record, CASE WHEN {access} THEN 1 ELSE 0 END AS access,"
        f" CASE WHEN {access} THEN {_texts(rules)} ELSE '' END AS rules FROM standing d_s"
    )


def _of_record(when: Condition, type_: str) -> Condition:
    """A rule's condition asked of a record as a whole: of an ordinary row, or of an own one if
    there are any.
    """
    if type_ == "AuditEvent":  # of one's own traces there are always some
        return simplify(when, ORDINARY[0] | {"own": YES})
    return ordinarily(when)
