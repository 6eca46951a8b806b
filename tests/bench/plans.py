"""How a database does what a search asks of it: each statement with its plan and the rows read.

https://www.postgresql.org/docs/current/using-explain.html, https://www.sqlite.org/eqp.html
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fhir_server.storage.engine import Session

SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Bitmap Index Scan")
STEPS = 100  # of SQLite's machine: how fine its work is counted


@dataclass
class Plan:
    """`read`: rows that the scans of tables and indexes gave or threw away; of SQLite, which does
    not tell them, hundreds of steps of its machine. `buffers`: pages of 8 kB touched, PostgreSQL's.
    """

    read: int = 0
    buffers: int = 0
    texts: list[str] = field(default_factory=list)


@contextmanager
def statements(session: Session) -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
    """What is sent through `session` meanwhile."""
    sent: list[tuple[str, Mapping[str, Any]]] = []
    names = ("rows", "head_and_rows", "run")
    kept = {name: getattr(session, name) for name in names}

    def listening(name: str) -> Any:
        def send(sql: str, params: Mapping[str, Any], *more: Any) -> Any:
            given = dict(params)
            if "trace" in given:  # done once more, it needs an id of its own
                given["trace"] = f"{given['trace']}.again"
            sent.append((sql, given))
            return kept[name](sql, params, *more)

        return send

    for name in names:
        setattr(session, name, listening(name))
    try:
        yield sent
    finally:
        for name in names:
            delattr(session, name)


def explained(
    session: Session, sent: list[tuple[str, Mapping[str, Any]]], *, generic: bool = False
) -> Plan:
    """The plans of these statements, done once more and undone. `generic`: as PostgreSQL plans a
    prepared statement for whatever values.
    """
    plan = Plan()
    postgres = session.database.postgres
    if postgres:
        mode = "force_generic_plan" if generic else "force_custom_plan"
        session.driver.execute(f"SET plan_cache_mode = {mode}")
    for sql, params in sent:
        if sql.lstrip().startswith(("WITH", "SELECT")):
            (_of_postgres if postgres else _of_sqlite)(session, sql, params, plan)
    if postgres:
        session.driver.execute("SET plan_cache_mode = auto")
    return plan


def _of_postgres(session: Any, sql: str, params: Mapping[str, Any], plan: Plan) -> None:
    session.driver.execute("BEGIN")
    try:
        found = _explain(session, "FORMAT JSON", sql, params)
        text = found[0][0] if isinstance(found[0][0], str) else json.dumps(found[0][0])
        top = json.loads(text)[0]["Plan"]
        session.driver.execute("ROLLBACK")
        session.driver.execute("BEGIN")
        lines = _explain(session, "FORMAT TEXT", sql, params)
    finally:
        session.driver.execute("ROLLBACK")
    plan.read += _read(top)
    plan.buffers += top.get("Shared Hit Blocks", 0) + top.get("Shared Read Blocks", 0)
    plan.texts.append(f"{sql}\n\n" + "\n".join(row[0] for row in lines))


def _explain(session: Any, format_: str, sql: str, params: Mapping[str, Any]) -> Any:
    """Through a prepared statement, as the server sends it."""
    from fhir_server.storage.postgres import encoded, numbered

    text, names = numbered(sql)
    values = [encoded(params[name]) for name in names]
    types = [value[0] for value in values]
    pg = session.driver.pgconn
    pg.prepare(b"explained", text, types)
    literals = []
    for type_, value, binary in values:
        if value is None:
            literals.append("NULL")
        elif binary:
            literals.append(f"'\\x{value.hex()}'")
        else:
            literals.append("'" + value.decode().replace("'", "''") + "'")
    call = f"EXECUTE explained ({', '.join(literals)})" if literals else "EXECUTE explained"
    try:
        query = f"EXPLAIN (ANALYZE, BUFFERS, {format_}) {call}"
        return session.driver.execute(query).fetchall()
    finally:
        pg.exec_(b"DEALLOCATE explained")


def _read(node: Mapping[str, Any]) -> int:
    own = 0
    if node["Node Type"] in SCANS:
        names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        own = round(sum(node.get(name, 0) for name in names) * node.get("Actual Loops", 1))
    return own + sum(_read(child) for child in node.get("Plans", ()))


def _of_sqlite(session: Any, sql: str, params: Mapping[str, Any], plan: Plan) -> None:
    lines = session.driver.execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
    depth, shown = {0: -1}, []
    for id_, parent, _, text in lines:
        depth[id_] = depth.get(parent, -1) + 1
        shown.append("  " * depth[id_] + text)
    plan.texts.append(f"{sql}\n\n" + "\n".join(shown))
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    session.driver.set_progress_handler(count, STEPS)
    session.driver.execute(sql, params).fetchall()
    session.driver.set_progress_handler(session.late, 20_000)
    plan.read += steps[0]
