"""Search several types at once: criteria × visible rows, one page in the order of type and id.

https://hl7.org/fhir/R4/http.html#vsearch

Types of one nature (`policy.facts.nature_of`) are seen by the same rules: each nature is one SELECT
of a UNION. The order does not change with updates, so that paging misses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.search.query import AllOf, AnyOf, Criterion, IdIs, Not, Nothing, UpdatedIs
from fhir_server.storage.compile import Compiler
from fhir_server.storage.engine import Session
from fhir_server.storage.find import Found, identity_keys, named_records
from fhir_server.storage.read import is_professional
from fhir_server.storage.rows import Rows
from fhir_server.storage.version import columns, settled, version

PLACE = "(CASE WHEN m.type = 'Patient' THEN 0 ELSE 1 END)"  # a Patient comes before what is his


@dataclass(frozen=True, slots=True)
class Part:
    """Types of one nature and what is asked of them, or of a resource of type `inside` that they
    contain.
    """

    types: tuple[str, ...]
    where: Criterion
    inside: str = ""


def find_across(
    session: Session, rows: Rows, parts: Sequence[Part], last: list[Any], count: int
) -> Found:
    """One page after the row whose sort values are `last`; of a named record also the access to it.
    A Patient of a named record is shown to any professional, `full` or his minimum (contract 7).
    """
    text = _statement(rows, parts, last, count)
    (access, records, total), found = session.head_and_rows(text, rows.params, 3)
    matches = [row for row in found if row[0] is not None]
    page = matches[:count]
    versions = [version(row[:-3]) for row in page]
    return Found(
        access=None if rows.confined and access is None else bool(access),
        records=named_records(records)
        if rows.confined
        else settled(versions),
        total=total,
        versions=versions,
        last=list(page[-1][-3:]) if len(matches) > count > 0 else [],
    )


def _statement(rows: Rows, parts: Sequence[Part], last: list[Any], count: int) -> str:
    # What contains a match may be one itself.
    union = " UNION " if any(part.inside for part in parts) else " UNION ALL "
    branches = union.join(_branch(rows, part) for part in parts)
    with_ = rows.with_()
    if rows.confined:
        with_.append(f"entry AS MATERIALIZED ({rows.entry('Patient')})")
    after = ""
    if last:
        values = ", ".join(rows.add("cur", value) for value in last)
        after = f" WHERE ({PLACE}, m.type, m.id) > ({values})"
    with_ += [
        f"matched AS ({branches})",
        f"page AS (SELECT m.*, {PLACE} AS place FROM matched m{after}"
        f" ORDER BY place, m.type, m.id LIMIT {count + 1})",
    ]
    joined = "string_agg" if rows.postgres else "group_concat"
    head = "SELECT 1 AS access, '' AS records"
    if rows.confined:
        told = "CASE WHEN access = 1 THEN record || ':' || rules END"
        head = f"SELECT max(access) AS access, {joined}({told}, ';') AS records FROM entry"
    return (
        f"WITH {', '.join(with_)} SELECT a.access, a.records, (SELECT count(*) FROM matched) AS"
        f" total, {columns('r')}, m.full_, m.rules, m.place, m.type, m.id FROM ({head}) a"
        " LEFT JOIN page m ON 1 = 1 LEFT JOIN resource r ON r.pk = m.pk"
        " ORDER BY m.place, m.type, m.id"
    )


def _branch(rows: Rows, part: Part) -> str:
    known = part.types == ("Patient",) and rows.confined and is_professional(rows.shape)
    # Else it would tell what is hidden of him.
    minimal = known and not part.inside and _asks_nothing(part.where)
    seen = rows.visible("d", part.types[0], minimal=minimal)
    identity = frozenset[int]() if part.inside else identity_keys(rows, part.types[0])
    asked, plus = Compiler(rows, identity).where(part.where, "c" if part.inside else "d"), ""
    if part.inside:
        contained = f"SELECT c.container FROM contained c WHERE c.type = '{part.inside}'"
        contained += " AND c.entry = 0"
        asked = f"d.pk IN ({contained} AND {asked})"
        plus = "" if rows.postgres else "+"  # SQLite goes from what is contained
    inside = ", ".join(f"'{type_}'" for type_ in part.types)
    rules = "''" if rows.confined else seen.rules
    return (
        f"SELECT d.pk, d.type, d.id, {seen.full} AS full_, {rules} AS rules FROM {seen.source}"
        f" WHERE {plus}d.type IN ({inside}) AND NOT d.deleted AND {seen.where} AND {asked}"
    )


def _asks_nothing(where: Criterion) -> bool:
    """Whether a criterion is about the address and the time of a resource alone."""
    match where:
        case AllOf(parts) | AnyOf(parts):
            return all(_asks_nothing(part) for part in parts)
        case Not(part):
            return _asks_nothing(part)
    return isinstance(where, IdIs | UpdatedIs | Nothing)
