"""The versions of one resource, of one type or of all, newest first: a page and its total, in one
statement.

https://hl7.org/fhir/R4/http.html#history

A version lies in `resource` while it is the current one and in `history` after. Past versions are
seen by whoever sees the current one; of a deleted document nothing is left but the deletion. The
order is by time, then by address and version: of what others write meanwhile nothing comes between
two pages, whichever table a version has moved to. The total is counted for the first page and goes
with the cursor.
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Callable

from fhir_server.fhir.dates import Interval
from fhir_server.policy.condition import NEVER
from fhir_server.policy.facts import SHARED, nature_of
from fhir_server.policy.redaction import LISTS
from fhir_server.storage.engine import Row, Session
from fhir_server.storage.read import is_professional
from fhir_server.storage.rows import Rows, Visible
from fhir_server.storage.version import Version, version
from profiles.definitions import r4

OF_NOBODY = f"d.record = {SHARED}"  # shared resources, by their index
SHOWN = ("deleted", "method", "media", "body", "data")
_FIELD = {"type": "type_", "id": "id_"}  # of a Version, where it is not named as in SQL


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which versions: of `type_` and `id_` ("": of all), those made at `since` (ms) or later, those
    that were current at some time in `at`, those named in `listed` (type, id, version; 0: all its
    versions).

    `asked`: path and parameters that had an effect, what the pages are of. `cursor`: as the client
    sent it, unchecked.
    """

    type_: str
    id_: str
    count: int
    asked: tuple[str, tuple[tuple[str, str], ...]]
    since: int | None = None
    at: Interval | None = None
    listed: tuple[tuple[str, str, int], ...] | None = None
    cursor: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """What the versions are sorted by, always downwards."""
        return ("version",) if self.id_ else ("updated", "type", "id", "version")


@dataclass(frozen=True, slots=True)
class Page:
    """`last`: the total and the sort values after which the next page begins; empty on the last."""

    total: int
    versions: list[Version]
    last: list[Any]


def page(session: Session, rows: Rows, wanted: Wanted, last: list[Any]) -> Page:
    """The page after `last`, the first when that is empty."""
    text = statement(rows, wanted, last)
    (total,), found = session.head_and_rows(text, rows.params, 1)
    matches = [row for row in found if row[0] is not None]
    versions = [_version(row) for row in matches[: wanted.count]]
    more = len(matches) > wanted.count > 0
    values = [getattr(versions[-1], _FIELD.get(key, key)) for key in wanted.keys] if more else []
    return Page(total, versions, [total, *values] if more else [])


def statement(rows: Rows, wanted: Wanted, last: list[Any]) -> str:
    """The SQL of a page; what it needs goes into `rows.params`."""
    parts, branches = rows.with_(), _branches(rows, wanted)
    if wanted.listed is not None:
        parts.append(f"listed AS ({_listed(rows, wanted.listed)})")
    if last:
        total = f"CAST({rows.add('total', last[0])} AS bigint)"
    else:
        total = " + ".join(f"(SELECT count(*) {branch.text})" for branch in branches)
    after = _after(rows, wanted.keys, last[1:]) if last else lambda branch: ""
    newest = " UNION ALL ".join(_newest(branch, wanted, after(branch)) for branch in branches)
    order = _order("p", wanted.keys)
    limit = f"ORDER BY {order} LIMIT {wanted.count + 1}"
    parts.append(f"page AS (SELECT p.* FROM ({newest}) p {limit})")
    shown = ", ".join(f"COALESCE(r.{name}, h.{name})" for name in SHOWN)
    return (
        f"WITH {', '.join(parts)} SELECT a.total, p.pk, p.record, p.type, p.id, p.version,"
        f" p.updated, {shown}, r.linked, p.full_, p.rules FROM (SELECT {total} AS total) a"
        " LEFT JOIN page p ON 1 = 1"
        " LEFT JOIN resource r ON p.past = 0 AND r.pk = p.pk"
        f" LEFT JOIN history h ON p.past = 1 AND h.pk = p.pk ORDER BY {order}"
    )


@dataclass(frozen=True, slots=True)
class _Branch:
    """Current versions (`alias` d) or past ones (h): `text` begins with FROM; `record` is where
    access was settled. `plus` keeps SQLite from walking down all times to find a few rows.
    """

    alias: str
    record: str
    seen: Visible
    text: str
    plus: str


def _newest(branch: _Branch, wanted: Wanted, after: str) -> str:
    """The first rows of one branch: each goes down its own index as far as the page needs."""
    alias, past = branch.alias, int(branch.alias == "h")
    columns = ", ".join(f"{alias}.{name}" for name in ("pk", "updated", "type", "id", "version"))
    order = f"{branch.plus}{_order(alias, wanted.keys)}"
    return (
        f"SELECT * FROM (SELECT {past} AS past, {columns}, {branch.record} AS record,"
        f" {branch.seen.full} AS full_, {branch.seen.rules} AS rules {branch.text}{after}"
        f" ORDER BY {order} LIMIT {wanted.count + 1}) {alias}_page"
    )


def _order(alias: str, keys: tuple[str, ...]) -> str:
    return ", ".join(f"{alias}.{key} DESC" for key in keys)


def _after(rows: Rows, keys: tuple[str, ...], last: list[Any]) -> Callable[[_Branch], str]:
    """SQL of a branch: strictly after `last`."""
    values = [rows.add("cur", value) for value in last]

    def after(branch: _Branch) -> str:
        columns = ", ".join(f"{branch.alias}.{key}" for key in keys)
        return f" AND ({branch.plus}{columns}) < ({', '.join(values)})"

    return after


def _branches(rows: Rows, wanted: Wanted) -> list[_Branch]:
    asked, found = _asked(rows, wanted), list[_Branch]()
    for seen in _visible(rows, wanted):
        few = not rows.postgres and (wanted.listed is not None or _is_of_few_records(seen))
        plus, seen = ("+", _from_the_few(seen)) if few else ("", seen)
        text = f"FROM {seen.source} WHERE {seen.where}{asked('d')}"
        record, past = _past(rows, wanted, seen, asked)
        found.append(_Branch("d", "d.record", seen, text, plus))
        found.append(_Branch("h", record, seen, past, plus))
    return found


def _past(
    rows: Rows, wanted: Wanted, seen: Visible, asked: Callable[..., str]
) -> tuple[str, str]:
    """The past versions of what is visible now: where their record stands, and FROM."""
    if rows.scope.everything:
        current = f"(SELECT d.updated FROM {seen.source} WHERE d.type = h.type AND d.id = h.id)"
        text = f"FROM history h WHERE 1 = 1{asked('h')}{_current_at(rows, wanted, current)}"
        return "h.record", text
    kept = f" AND NOT (d.deleted AND d.type IN ({_names('document')}))"
    if seen.full != "1":  # a Patient's minimum is what he is now
        kept += f" AND {seen.full} = 1"
    join = "CROSS JOIN" if "CROSS JOIN" in seen.source else "JOIN"
    text = (
        f"FROM {seen.source} {join} history h ON h.type = d.type AND h.id = d.id WHERE {seen.where}"
        f"{kept}{asked('d', whole=False)}{asked('h')}{_current_at(rows, wanted, 'd.updated')}"
    )
    return "d.record", text


def _current_at(rows: Rows, wanted: Wanted, current: str) -> str:
    """That a past version h was still current in the period: the next one came after it began."""
    if wanted.at is None:
        return ""
    next_ = (
        "COALESCE((SELECT n.updated FROM history n WHERE n.type = h.type AND n.id = h.id"
        f" AND n.version = h.version + 1), {current})"
    )
    begin = rows.add("from", wanted.at[0])
    return f" AND {next_} > CASE WHEN h.updated > {begin} THEN h.updated ELSE {begin} END"


def _asked(rows: Rows, wanted: Wanted) -> Callable[..., str]:
    """SQL over an alias: what was asked of a version; not `whole`: of a resource alone."""
    # The type stands there as it is, so that partial indexes are used; `Rows.visible` checks it.
    placed = [f" AND {{0}}.type = '{wanted.type_}'"] if wanted.type_ else []
    if wanted.id_:
        placed.append(f" AND {{0}}.id = {rows.add('of', wanted.id_)}")
    told = []
    if wanted.since is not None:
        told.append(f" AND {{0}}.updated >= {rows.add('since', wanted.since)}")
    if wanted.at is not None:
        told.append(f" AND {{0}}.updated < {rows.add('until', wanted.at[1])}")
    if wanted.listed is not None:
        told.append(
            " AND ({0}.type, {0}.id) IN (SELECT l.type, l.id FROM listed l) AND EXISTS (SELECT 1"
            " FROM listed l WHERE l.type = {0}.type AND l.id = {0}.id AND l.version IN"
            " (0, {0}.version))"
        )

    def asked(alias: str, *, whole: bool = True) -> str:
        return "".join([*placed, *(told if whole else [])]).format(alias)

    return asked


def _listed(rows: Rows, listed: tuple[tuple[str, str, int], ...]) -> str:
    """SELECT of type, id and version."""
    if not rows.postgres:
        text = rows.add("listed", json.dumps(listed))
        parts = ("type", "id", "version")
        columns = ", ".join(f"json_extract(value, '$[{n}]') AS {p}" for n, p in enumerate(parts))
        return f"SELECT {columns} FROM json_each({text})"
    types, ids, versions = (rows.add("listed", [one[n] for one in listed]) for n in range(3))
    return (
        f"SELECT * FROM unnest(CAST({types} AS text[]), CAST({ids} AS text[]),"
        f" CAST({versions} AS bigint[])) AS v(type, id, version)"
    )


def _visible(rows: Rows, wanted: Wanted) -> list[Visible]:
    """The visible rows of one type; or of all, those with the same source in one."""
    if wanted.type_ or rows.scope.everything:
        type_ = wanted.type_ or "Basic"
        named = bool(wanted.id_) and type_ == "Patient" and is_professional(rows.shape)
        return [rows.visible("d", type_, minimal=named)]
    found: dict[str, list[tuple[str, Visible]]] = {}
    for nature, types in _by_nature().items():
        # The trail is read by type: each page of this would write more of it.
        if nature != "trace" and rows.scope.of_nature(nature) != NEVER:
            seen = rows.visible("d", types[0])
            found.setdefault(seen.source, []).append((nature, seen))
    return [_together(source, parts, rows.postgres) for source, parts in found.items()]


def _together(source: str, parts: list[tuple[str, Visible]], postgres: bool) -> Visible:
    """The plus keeps SQLite from gathering all rows of these types: it walks down the times."""
    alone = [nature for nature, _ in parts] == ["shared"]
    plus = "" if postgres or alone else "+"
    cases = [(f"{plus}d.type IN ({_names(nature)})", seen) for nature, seen in parts]
    where = " OR ".join(f"({of_nature} AND {seen.where})" for of_nature, seen in cases)
    rules = " ".join(f"WHEN {of_nature} THEN {seen.rules}" for of_nature, seen in cases)
    where = f"{OF_NOBODY} AND ({where})" if alone else f"({where})"
    return Visible(source, where, "1", f"CASE {rules} ELSE '' END")


def _is_of_few_records(seen: Visible) -> bool:
    """Whether it begins with the caller's records, or is of no record at all."""
    return seen.source.startswith("standing") or seen.where.startswith(OF_NOBODY)


def _from_the_few(seen: Visible) -> Visible:
    """For SQLite, which keeps the order of a CROSS JOIN: from the caller's records to their rows,
    not from all rows to his records.
    """
    if "CROSS JOIN" in seen.source or "LEFT JOIN" in seen.source:
        return seen
    return replace(seen, source=seen.source.replace(" JOIN ", " CROSS JOIN "))


@cache
def _names(nature: str) -> str:
    """The types of a nature, as SQL has them."""
    return ", ".join(f"'{type_}'" for type_ in _by_nature()[nature])


@cache
def _by_nature() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for type_ in sorted(r4().resources):
        found.setdefault(nature_of(type_), []).append(type_)
    return found


def _version(row: Row) -> Version:
    *columns, linked, full, rules = row
    # Whether a past one leads to documents is not stored: it is looked at where it may.
    may_lead = columns[2] in LISTS if linked is None else bool(linked)
    return version(columns, may_lead, bool(full), rules)
