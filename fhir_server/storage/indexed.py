"""The rows of an index as they lie in the tables: of a resource, and of what it contains.

A contained resource has a row number of its own, below 0, under which the tables of values hold its
rows like those of any other; `contained` says what it is, and in what. Nobody's search of what
stands by itself meets these numbers.
https://hl7.org/fhir/R4/search.html#contained
"""

from collections.abc import Iterable
from typing import Any

from fhir_server.search.extract import Index
from fhir_server.storage.engine import Session

# Characters of a string that are gone by: PostgreSQL's index takes no longer ones. The rest of the
# text stands beside them, and is compared too.
KEY = 200
INDEX = {
    "string": ("parameter", "value", "rest", "whole"),
    "moment": ("parameter", "low", "high"),
    "number": ("parameter", "low", "high"),
    "reference": ("parameter", "target_type", "target_id"),
    "token": ("parameter", "value"),
}
_ARRAY = {
    "parameter": "bigint",
    "value": "text",
    "rest": "text",
    "whole": "smallint",
    "target_type": "text",
    "target_id": "text",
}


def _array_type(table: str, column: str) -> str:
    return _ARRAY.get(column, "bigint" if table == "moment" else "double precision")


def index_parts(new: str) -> Iterable[str]:
    """PostgreSQL: one part of a WITH for each index table, fed by arrays."""
    for table, columns in INDEX.items():
        arrays = ", ".join(
            f"CAST(:{table}_{column} AS {_array_type(table, column)}[])" for column in columns
        )
        names = ", ".join(columns)
        yield (
            f"i_{table} AS (INSERT INTO {table} (pk, {names}) SELECT {new}.pk, v.* FROM {new}, "
            f"unnest({arrays}) AS v({names}))"
        )


def index_columns(index: Index) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "string": [(p, text[:KEY], text[KEY:], int(whole)) for p, text, whole in index.strings],
        "moment": list(index.dates),
        "number": list(index.numbers),
        "reference": list(index.references),
        "token": list(index.tokens),
    }


def arrays(index: Index) -> dict[str, Any]:
    params: dict[str, Any] = {"keys": list(index.keys)}
    for table, rows in index_columns(index).items():
        for position, column in enumerate(INDEX[table]):
            params[f"{table}_{column}"] = [row[position] for row in rows]
    return params


def put_rows(session: Session, pk: int, index: Index) -> None:
    """SQLite: the rows of an index, for a row that has none."""
    session.many(
        "INSERT INTO key (hash, pk) VALUES (:hash, :pk)",
        [{"hash": h, "pk": pk} for h in index.keys],
    )
    for table, rows in index_columns(index).items():
        if rows:
            columns = INDEX[table]
            names = ", ".join(f":{column}" for column in columns)
            text = f"INSERT INTO {table} (pk, {', '.join(columns)}) VALUES (:pk, {names})"
            session.many(text, [dict(zip(columns, row, strict=True)) | {"pk": pk} for row in rows])


SHARE = 65_536  # row numbers below 0 that one container may give; MOST contained resources
MOST = SHARE - 1
LITE_CONTAINED = (
    "INSERT INTO contained (pk, container, type, id, entry)"
    " VALUES (:pk, :container, :type, :id, :entry)"
)
PG_CONTAINED = (
    "WITH new AS (INSERT INTO contained (pk, container, type, id, entry, keys)"
    " VALUES (:pk, :container, :type, :id, :entry, CAST(:keys AS bigint[])) RETURNING pk),"
    f" {', '.join(index_parts('new'))} SELECT pk FROM new"
)


PG_INWARD = (
    "INSERT INTO inward (pk, parameter, target)"
    " SELECT * FROM unnest(CAST(:pk AS bigint[]), CAST(:parameter AS bigint[]),"
    " CAST(:target AS bigint[]))"
)
LITE_INWARD = "INSERT INTO inward (pk, parameter, target) VALUES (:pk, :parameter, :target)"


def put_contained(session: Session, container: int, index: Index) -> None:
    """The rows of what a resource contains, where it has none of these yet."""
    rows = [(container, *led) for led in index.inward]
    for number, (type_, id_, inner, entry) in enumerate(index.contained[:MOST]):
        pk = _inner_pk(container, number)
        rows += [(pk, *led) for led in inner.inward]
        row = {"pk": pk, "container": container, "type": type_, "id": id_, "entry": int(entry)}
        if session.database.postgres:
            session.run(PG_CONTAINED, row | arrays(inner))
        else:
            session.run(LITE_CONTAINED, row)
            put_rows(session, pk, inner)
    _put_inward(session, container, rows)


def _inner_pk(container: int, number: int) -> int:
    return -(container * SHARE + number)


def _put_inward(session: Session, container: int, rows: list[tuple[int, int, int]]) -> None:
    """Row, parameter, and the number of what it leads to within the same whole."""
    made = [(pk, of, _inner_pk(container, number)) for pk, of, number in rows if number < MOST]
    names = ("pk", "parameter", "target")
    if made and session.database.postgres:
        session.run(PG_INWARD, dict(zip(names, map(list, zip(*made)), strict=True)))
    elif made:
        session.many(LITE_INWARD, [dict(zip(names, row, strict=True)) for row in made])


def take_contained(session: Session, container: int) -> None:
    """Nothing is known any more of what this resource contains."""
    numbers = {"low": -(container * SHARE + MOST), "high": -(container * SHARE)}
    tables = (*INDEX, "contained") if session.database.postgres else (*INDEX, "key", "contained")
    for table in tables:
        session.run(f"DELETE FROM {table} WHERE pk >= :low AND pk <= :high", numbers)
    session.run("DELETE FROM inward WHERE target >= :low AND target <= :high", numbers)
