"""Scope → visible rows: the only file that names the table of resources to read from it.

A statement has up to three parts in its WITH: `named`, the records the request is about; `rel`, the caller's relations to
them (or to all records, when none is named), one row a record; and what the caller of this module adds.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from fhir_server.policy.condition import ALWAYS, AllOf, AnyOf, Condition, Is, simplify
from fhir_server.policy.facts import NO, RELATIONS, YES, nature_of
from fhir_server.policy.rules import RuleSet
from fhir_server.policy.scope import Scope
from fhir_server.search.parameters import parameters
from fhir_server.storage.condition import row_fact, where

ORDINARY = {"masked": NO, "veiled_holder": NO, "veiled_representatives": NO}


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
    """How one alias is made: `FROM {source} WHERE {where}`; `full` says in SQL whether the whole resource may be shown."""

    source: str
    where: str
    full: str
    rules: str


@dataclass(frozen=True, slots=True)
class Named:
    """The records a request is about: by INS (`system|value`), by Patient id, or by one resource of them."""

    identifiers: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    resource: tuple[str, str] | None = None

    def __bool__(self) -> bool:
        return bool(self.identifiers or self.patients or self.resource)


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
            scope.rules, frozenset(scope.known.items()), len(scope.me), bool(scope.person), scope.everything, self.postgres
        )
        if not scope.everything:
            self.params |= {"now": self.now, "adult_before": self.adult_before}
            if scope.person:
                self.params["person"] = scope.person
            for n, identifier in enumerate(scope.me):
                self.params[f"me{n}"] = identifier
                self.params[f"own{n}"] = f"\n{identifier}\n"

    def add(self, name: str, value: object) -> str:
        """A new parameter; its placeholder."""
        name = f"{name}{len(self.params)}"
        self.params[name] = value
        return f":{name}"

    def visible(self, alias: str, type_: str, *, minimal: bool = False) -> Visible:
        """The rows of `type_` this scope may see, as `alias`; `minimal`: Patients found by their exact identity."""
        return visible_rows(alias, type_, self.shape, minimal)

    def with_(self) -> list[str]:
        """The parts every statement over visible rows begins with."""
        parts = [f"named AS {self._materialized()}({self._named()})"] if self.named else []
        if not self.scope.everything:
            parts.append(f"rel AS {self._materialized()}({relations(self.shape.me, bool(self.named))})")
        return parts

    def _materialized(self) -> str:
        return "MATERIALIZED " if self.postgres else ""

    def _named(self) -> str:
        if self.named.resource:
            type_, id_ = self.named.resource
            self.params |= {"named_type": type_, "named_id": id_}
            return "SELECT n.record FROM resource n WHERE n.type = :named_type AND n.id = :named_id"
        parts = []
        if self.named.identifiers:
            inside = ", ".join(self.add("ins", value) for value in self.named.identifiers)
            parts.append(f"SELECT DISTINCT n.record FROM relation n WHERE n.actor IN ({inside}) AND n.kind = 'holder'")
        if self.named.patients:
            inside = ", ".join(self.add("pat", value) for value in self.named.patients)
            parts.append(f"SELECT n.record FROM resource n WHERE n.type = 'Patient' AND n.id IN ({inside})")
        return " UNION ".join(parts)

    def standing(self, type_: str) -> str:
        """SELECT of record, access (0 or 1) and rules of each named record that exists for this caller."""
        return standing(type_, self.shape)


@lru_cache(maxsize=64)
def relations(me: int, named: bool) -> str:
    """The caller's relations in force now, one row a record, one column a kind."""
    columns = ", ".join(f"max(CASE WHEN x.kind = '{kind}' THEN 1 ELSE 0 END) AS {kind}" for kind in RELATIONS)
    inside = ", ".join(f":me{n}" for n in range(me)) or "''"
    within = " AND x.record IN (SELECT record FROM named)" if named else ""
    return (
        f"SELECT x.record, {columns} FROM relation x WHERE x.actor IN ({inside})"
        f" AND x.since <= :now AND x.until > :now{within} GROUP BY x.record"
    )


def _scope(shape: Shape) -> Scope:
    return Scope(shape.rules, dict(shape.known), ("",) * shape.me, "", shape.everything)


def _sql(condition: Condition, alias: str, nature: str, shape: Shape) -> str:
    position = "strpos" if shape.postgres else "instr"
    return where(condition, row_fact(alias, nature=nature, me=shape.me, position=position))


@lru_cache(maxsize=4096)
def visible_rows(alias: str, type_: str, shape: Shape, minimal: bool) -> Visible:
    scope, nature = _scope(shape), nature_of(type_)
    condition = scope.condition(type_)
    if condition == ALWAYS:
        return Visible(f"resource {alias}", "1 = 1", "1", _rules(scope, alias, type_, shape))
    seen = _sql(condition, alias, nature, shape)
    within = f" AND {alias}.record IN ({PERSON})" if shape.person and nature != "shared" else ""
    inner = scope.needs_relation(type_) and not minimal
    source = (
        f"resource {alias} JOIN record {alias}_k ON {alias}_k.number = {alias}.record"
        f" {'JOIN' if inner else 'LEFT JOIN'} rel {alias}_s ON {alias}_s.record = {alias}.record"
    )
    if nature == "list":
        seen = f"({seen} AND {_leads_to_visible(alias, shape)})"
    rules = _rules(scope, alias, type_, shape)
    if minimal:
        exists = f"{alias}_k.state IN ('open', 'closed', 'deceased')"
        return Visible(source, f"({seen} OR {exists}){within}", f"CASE WHEN {seen} THEN 1 ELSE 0 END", rules)
    return Visible(source, seen + within, "1", rules)


def _leads_to_visible(alias: str, shape: Shape) -> str:
    """A list that holds hidden documents alone is hidden; an empty one is not."""
    item = parameters("List")["item"].number
    target = visible_rows(f"{alias}_i", "DocumentReference", shape, False)
    holds = f"{alias}_f.pk = {alias}.pk AND {alias}_f.parameter = {item} AND {alias}_f.target_type = 'DocumentReference'"
    return (
        f"(NOT EXISTS (SELECT 1 FROM reference {alias}_f WHERE {holds})"
        f" OR EXISTS (SELECT 1 FROM {target.source}, reference {alias}_f WHERE {holds}"
        f" AND {alias}_i.type = 'DocumentReference' AND {alias}_i.id = {alias}_f.target_id AND {target.where}))"
    )


def _rules(scope: Scope, alias: str, type_: str, shape: Shape) -> str:
    """SQL text of the names of the permitting rules that hold, each followed by a space."""
    parts = []
    for left in scope.permits(type_):
        if left.when == ALWAYS:
            parts.append(f"'{left.name} '")
        else:
            parts.append(f"CASE WHEN {_sql(left.when, alias, nature_of(type_), shape)} THEN '{left.name} ' ELSE '' END")
    return " || ".join(parts) or "''"


@lru_cache(maxsize=1024)
def standing(type_: str, shape: Shape) -> str:
    """Of each named record: has the caller any right in it, and by which rules."""
    scope = _scope(shape)
    if scope.everything:
        return "SELECT k.number AS record, 1 AS access, '' AS rules FROM named n JOIN record k ON k.number = n.record"
    access = _sql(scope.access(type_), "d", "record", shape)
    if shape.person:
        access = f"({access} AND d_k.number IN ({PERSON}))"
    rules = []
    for left in scope.permits(type_):
        if type_ == "AuditEvent":  # one's own traces are in every record
            rules.append(f"CASE WHEN {_sql(simplify(left.when, ORDINARY | {'own': YES}), 'd', 'record', shape)}"
                         f" THEN '{left.name} ' ELSE '' END")
            continue
        when = simplify(AnyOf((
            simplify(left.when, ORDINARY | {"own": NO}),
            AllOf((Is("author", YES), simplify(left.when, ORDINARY | {"own": YES}))),
        )), {})
        rules.append(f"CASE WHEN {_sql(when, 'd', 'record', shape)} THEN '{left.name} ' ELSE '' END")
    unopened = "" if ("actor", "operator") in shape.known else " WHERE d_k.state <> 'before'"
    return (
        f"SELECT d_k.number AS record, CASE WHEN {access} THEN 1 ELSE 0 END AS access, {' || '.join(rules) or repr('')} AS rules"
        f" FROM named n JOIN record d_k ON d_k.number = n.record LEFT JOIN rel d_s ON d_s.record = d_k.number{unopened}"
    )
