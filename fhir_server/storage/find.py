"""Search: criteria, visible rows, exact total and one page, in one statement.

https://hl7.org/fhir/R4/search.html

The statement's parts: `standing` (see `rows`), `entry` to the named records, `matched` rows, the
`page` of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fhir_server.policy.facts import nature_of
from fhir_server.policy.subject import INS_SYSTEMS
from fhir_server.search.includes import is_include
from fhir_server.search.keys import key, number
from fhir_server.search.parse import RESULT
from fhir_server.search.query import AllOf, HasKey, Query, Sort
from fhir_server.search.terms import plain, split
from fhir_server.storage.compile import Compiler, by_criterion, driver
from fhir_server.storage.engine import Row, Session
from fhir_server.storage.outline import Outline, Remembered
from fhir_server.storage.read import is_professional
from fhir_server.storage.rows import ALL, Rows, Visible
from fhir_server.storage.version import Version, settled
from mappings.identifiers import normal

# What a key is sorted by, and what stands for a missing value (those come last in either
# direction).
_NO = "''"
_KEYS = {
    "date": ("SELECT {f}(v.{c}) FROM moment v WHERE v.pk = d.pk AND v.parameter = {p}", "0"),
    "string": ("SELECT {f}(v.value{o}) FROM string v WHERE v.pk = d.pk AND v.parameter = {p}"
               " AND v.whole = 1", _NO),
    "number": ("SELECT {f}(v.{c}) FROM number v WHERE v.pk = d.pk AND v.parameter = {p}", "0"),
    "token": ("SELECT {f}(v.value{o}) FROM token v WHERE v.pk = d.pk AND v.parameter = {p}", _NO),
    "reference": (
        "SELECT {f}((v.target_type || '/' || v.target_id){o}) FROM reference v"
        " WHERE v.pk = d.pk AND v.parameter = {p}",
        _NO,
    ),
}


# What an answer needs of each match, in this order; an empty page is told by its missing row
# number.
SHOWN = ("record", "id", "version", "updated", "method", "media", "body", "linked")


@dataclass(slots=True)
class Found:
    """What a search found. `access`: None when no record that exists was named, else whether the
    caller has any right there. `records`: the named records, or those on the page, each with the
    rules that opened it. `last`: the sort values after which the next page begins, empty on the
    last page. `included` comes with the page, and `cut` says that not all of it could.
    """

    access: bool | None
    records: list[tuple[int, str]]
    total: int
    versions: list[Version]
    last: list[Any]
    included: list[Version] = field(default_factory=list)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Key:
    """One sort column: its SQL in `matched`, and whether it goes down."""

    sql: str
    descending: bool


def _keys(sorts: tuple[Sort, ...], rows: Rows) -> list[_Key]:
    found: list[_Key] = []
    for sort in sorts or (Sort("_lastUpdated", "updated", 0, True),):
        if sort.kind in ("id", "updated"):
            found.append(_Key(f"d.{sort.kind}", sort.descending))
            continue
        inner, empty = _KEYS[sort.kind]
        value = (
            "("
            + inner.format(
                f="max" if sort.descending else "min",
                c="high" if sort.descending and sort.kind == "date" else "low",
                p=rows.add("par", sort.parameter),
                o=' COLLATE "C"' if rows.postgres else "",  # by letters, whatever the locale
            )
            + ")"
        )
        found.append(_Key(f"CASE WHEN {value} IS NULL THEN 1 ELSE 0 END", False))
        found.append(_Key(f"COALESCE({value}, {empty})", sort.descending))
    return [*found, _Key("d.id", False)]


def _after(keys: list[_Key], last: list[Any], rows: Rows) -> str:
    """SQL over `matched` m: strictly after the row whose sort values are `last`."""
    steps: list[str] = []
    equal: list[str] = []
    bound = ""
    for n, (column, value) in enumerate(zip(keys, last, strict=True)):
        placeholder = rows.add("cur", value)
        if n == 0:  # says nothing new, but lets an index in this order begin here
            bound = f"m.k0 {'<=' if column.descending else '>='} {placeholder} AND "
        steps.append(
            " AND ".join([*equal, f"m.k{n} {'<' if column.descending else '>'} {placeholder}"])
        )
        equal.append(f"m.k{n} = {placeholder}")
    return bound + "(" + " OR ".join(f"({step})" for step in steps) + ")"


def is_by_identity(query: Query, rows: Rows) -> bool:
    """Whether a professional searches Patient by exact INS alone: then everybody's minimum is
    visible.
    """
    if query.type_ != "Patient" or not is_professional(rows.shape):
        return False
    only_keys = isinstance(query.where, HasKey) or (
        isinstance(query.where, AllOf)
        and all(isinstance(part, HasKey) for part in query.where.parts)
    )
    asked = (name for name, _ in query.used)
    names = {name for name in asked if name not in RESULT and not is_include(name)}
    exact = rows.named.identifiers and all(
        i.split("|")[0] in INS_SYSTEMS for i in rows.named.identifiers
    )
    return bool(only_keys and names == {"identifier"} and exact)


def identity_keys(
    rows: Rows, type_: str, used: Iterable[tuple[str, str]] = ()
) -> frozenset[int]:
    """The keys of the exact INS that is named: by them a chain from `type_` passes through a
    Patient its caller has no other right to see. What belongs to a record tells whose it is; of
    shared resources, and at the end of longer chains (among the parameters `used`), professionals
    alone may learn so.
    """
    known = is_professional(rows.shape)
    if not (known or nature_of(type_) != "shared"):
        return frozenset()
    named = [*rows.named.identifiers, *(_at_the_end(used) if known else ())]
    found: set[int] = set()
    for identifier in named:
        system, _, value = identifier.partition("|")
        if system in INS_SYSTEMS and value.isalnum():
            found.add(key(number("Patient", "identifier"), "coding", system, value))
    return frozenset(found)


def _at_the_end(used: Iterable[tuple[str, str]]) -> Iterator[str]:
    """`system|value` of the identifiers that chains ask for."""
    for name, value in used:
        if name.endswith(".identifier"):
            for part in split(value, ","):
                system, _, text = plain(part).partition("|")
                yield "|".join(normal(system, text))


_texts: Remembered[tuple[str, int]] = Remembered()


def prepared(query: Query, rows: Rows, last: list[Any], *, traced: bool) -> tuple[str, int]:
    """As `statement`, but a text is made once for all searches that differ in values alone.

    Their criteria have one outline, their scopes one `Shape`.
    """
    known = identity_keys(rows, query.type_, query.used)
    outline, named = Outline(rows.postgres, known), rows.named
    where = None if named.resource else outline.of(query.where)
    if where is None:
        return statement(query, rows, last, traced=traced)
    inside = () if rows.scope.everything else (*named.identifiers, *named.patients)
    key = (
        (query.type_, where, query.sort, query.count, query.total == "none"),
        (rows.shape, len(named.identifiers), len(named.patients), is_by_identity(query, rows)),
        (len(last), traced),
    )
    return _texts.get(
        key,
        lambda: statement(query, rows, last, traced=traced),
        rows.params,
        (outline.values, [*inside, *last]),
    )


def statement(query: Query, rows: Rows, last: list[Any], *, traced: bool) -> tuple[str, int]:
    """The SQL of a search, and how many sort columns it has; `traced` appends the note in it
    (PostgreSQL). The values are added to `rows`: those of the criteria, of the sort keys, of what
    is named and of where the page begins, in this order.
    """
    type_ = query.type_
    minimal = is_by_identity(query, rows)
    seen = rows.visible("d", type_, minimal=minimal)
    criteria = Compiler(rows, identity_keys(rows, type_, query.used)).where(query.where, "d")
    source, of_type = _begin(seen, query, rows)
    # A Patient known by his identity alone is not sorted by what is hidden of him.
    keys = _keys(() if minimal else query.sort, rows)
    parts = rows.with_()
    if rows.confined:
        parts.append(f"entry AS MATERIALIZED ({rows.entry(type_)})")
    rules = "''" if rows.confined else seen.rules  # of a named record `standing` knows them
    sort_columns = ", ".join(f"{key.sql} AS k{n}" for n, key in enumerate(keys))
    parts.append(
        f"matched AS (SELECT d.pk, d.record, {seen.full} AS full_, {rules} AS rules, "
        f"{sort_columns} FROM {source}"
        f" WHERE {of_type} AND NOT d.deleted AND {seen.where} AND {criteria})"
    )
    order = ", ".join(f"m.k{n} {'DESC' if key.descending else 'ASC'}" for n, key in enumerate(keys))
    after = f" WHERE {_after(keys, last, rows)}" if last else ""
    parts.append(
        f"page AS (SELECT m.* FROM matched m{after} ORDER BY {order} LIMIT {query.count + 1})"
    )
    if traced:
        parts.append(f"shown AS (SELECT m.* FROM page m ORDER BY {order} LIMIT {query.count})")
        parts.append(_noted(_told(type_, rows, minimal)))
    joined = "string_agg" if rows.postgres else "group_concat"
    standing = (
        f"SELECT max(access) AS access, {joined}(CASE WHEN {_disclosed(minimal)} THEN"
        " record || ':' || rules END, ';') AS records FROM entry"
        if rows.confined
        else "SELECT 1 AS access, '' AS records"
    )
    wanted = ", ".join(f"r.{name}" for name in (*SHOWN, *(["data"] if type_ == "Binary" else [])))
    ks = ", ".join(f"m.k{n}" for n in range(len(keys)))
    text = (
        f"WITH {', '.join(parts)} SELECT a.access, a.records, {_total(query)} AS total,"
        f" r.pk, {wanted}, m.full_, m.rules, {ks} FROM ({standing}) a LEFT JOIN page m ON 1 = 1"
        f" LEFT JOIN resource r ON r.pk = m.pk ORDER BY {order}"
    )
    return text, len(keys)


def _begin(seen: Visible, query: Query, rows: Rows) -> tuple[str, str]:
    """Where the rows of a search come from, and that they are of its type."""
    of_type, leads = f"d.type = '{query.type_}'", driver(query.where)
    if rows.postgres and isinstance(leads, HasKey) and seen.where == ALL and query.total != "none":
        # Each match is counted, and its key is of this type's alone: a list of all rows of the
        # type, which PostgreSQL would make to meet that of the key, tells nothing.
        return seen.source, f"({of_type}) IS TRUE"
    if rows.postgres or rows.confined or leads is None:
        return seen.source, of_type
    return by_criterion(seen.source, "d"), f"+{of_type}"


def _total(query: Query) -> str:
    """How many match. Where nobody wants to know, the page alone is read, and no more for it than
    it needs.
    """
    return "0" if query.total == "none" else "(SELECT count(*) FROM matched)"


def _disclosed(minimal: bool) -> str:
    """Of which named records something is told: those the caller has a right in, and with
    `minimal` every one, since that there is a Patient is told.
    """
    return "1 = 1" if minimal else "access = 1"


def _told(type_: str, rows: Rows, minimal: bool) -> str:
    """SELECT of the records a note goes to, with rules: each named record of which something is
    told, else each on the page; 0 when nothing is found. Empty when the caller is to be refused.
    """
    if not rows.confined:
        return (
            "SELECT record, string_agg(DISTINCT rules, ' ') AS rules FROM shown GROUP BY record"
            " UNION ALL SELECT 0, '' WHERE NOT EXISTS (SELECT 1 FROM shown)"
        )
    told = f"SELECT record, rules FROM entry WHERE {_disclosed(minimal)}"
    if not is_professional(rows.shape):
        return told
    # A professional's search of an unknown patient, or of a Patient by more than his identity,
    # finds nothing and is not refused (`repository._check_access`).
    known = f"entry WHERE {_disclosed(minimal)}" if type_ == "Patient" else "entry"
    return f"{told} UNION ALL SELECT 0, '' WHERE NOT EXISTS (SELECT 1 FROM {known})"


def _noted(which: str) -> str:
    """The note of a search, in its statement (PostgreSQL)."""
    return (
        "noted AS (INSERT INTO trail (id, record, at, agent, rules, note, pending)"
        " SELECT CASE WHEN w.n = 1 THEN :trace ELSE :trace || '.' || w.n END, w.record, :at, "
        ":agent, w.rules, :note, true"
        f" FROM (SELECT record, rules, row_number() OVER (ORDER BY record) AS n FROM ({which}) v) "
        "w)"
    )


def find(
    session: Session, rows: Rows, query: Query, last: list[Any], trace: dict[str, object] | None
) -> Found:
    """Run a search; `trace` as in `read.read_row`."""
    text, width = prepared(query, rows, last, traced=trace is not None)
    # Whether to go by the caller's records or by what is asked: the values tell.
    anew = not (rows.confined or rows.scope.everything)
    params = rows.params | (trace or {})
    (access, named, total), found = session.head_and_rows(text, params, 3, anew)
    matches = [row for row in found if row[0] is not None]
    page = matches[: query.count]
    versions = [_version(query.type_, row) for row in page]
    records = (
        named_records(named)
        if rows.confined
        else settled(versions)
    )
    more = len(matches) > query.count and query.count > 0
    return Found(
        access=None if rows.confined and access is None else bool(access),
        records=records,
        total=total,
        versions=versions,
        last=list(page[-1][-width:]) if more else [],
    )


def _version(type_: str, row: Row) -> Version:
    pk, record, id_, version, updated, method, media, body, linked = row[:9]
    data, *more = row[9:] if type_ == "Binary" else (None, *row[9:])
    return Version(
        pk,
        record,
        type_,
        id_,
        version,
        updated,
        False,
        method,
        media,
        body,
        data,
        linked,
        bool(more[0]),
        more[1],
    )


def named_records(text: str | None) -> list[tuple[int, str]]:
    pairs = (part.partition(":") for part in (text or "").split(";") if part)
    return [(int(record), rules) for record, _, rules in pairs]
