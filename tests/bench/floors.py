"""What the same machine answers when there is next to nothing to do: two WSGI applications.

`constant` answers 4 kB of JSON; `stored` a body by its id, with one SELECT and nobody's rights.
https://peps.python.org/pep-3333/
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import psycopg
import sqlalchemy

DATABASE = "FLOOR_DATABASE"  # the SQLAlchemy URL that `stored` reads
CONSTANT = b'{"resourceType":"Basic","text":"' + b"x" * 4062 + b'"}'
CREATE = "CREATE TABLE floor (id TEXT PRIMARY KEY, body {bytes} NOT NULL)"
INSERT = "INSERT INTO floor VALUES ({mark}, {mark})"
SELECT = "SELECT body FROM floor WHERE id = {mark}"

Start = Callable[[str, list[tuple[str, str]]], object]
_thread = threading.local()


def constant(_environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    return _answer(start, "200 OK", CONSTANT)


def stored(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    select: Callable[[str], Sequence[Any] | None] | None = getattr(_thread, "select", None)
    if select is None:  # a connection for each thread, no pool
        select = _thread.select = _reader(os.environ[DATABASE])
    row = select(environ["PATH_INFO"].rpartition("/")[2])
    return _answer(start, "200 OK", row[0]) if row else _answer(start, "404 Not Found", b"{}")


def _answer(start: Start, status: str, body: bytes) -> Iterable[bytes]:
    headers = [("Content-Type", "application/fhir+json"), ("Content-Length", str(len(body)))]
    start(status, headers)
    return (body,)


def _reader(url: str) -> Callable[[str], Sequence[Any] | None]:
    connection = connect(url)
    if isinstance(connection, sqlite3.Connection):
        sql = SELECT.format(mark="?")
        return lambda id_: connection.execute(sql, (id_,)).fetchone()
    cursor, query = connection.cursor(binary=True), SELECT.format(mark="%s").encode()
    return lambda id_: cursor.execute(query, (id_,), prepare=True).fetchone()


def connect(url: str) -> "sqlite3.Connection | psycopg.Connection":
    parsed = sqlalchemy.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return sqlite3.connect(parsed.database or "", isolation_level=None)
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def fill(url: str, bodies: Sequence[bytes]) -> list[str]:
    """Make the table of `stored`; the ids, in the order of `bodies`."""
    rows = [(f"{number:08}", body) for number, body in enumerate(bodies)]
    connection = connect(url)
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(CREATE.format(bytes="BLOB"))
        connection.execute("BEGIN")
        connection.executemany(INSERT.format(mark="?"), rows)
        connection.execute("COMMIT")
    else:
        connection.execute(CREATE.format(bytes="BYTEA").encode())
        with connection.cursor() as cursor:
            cursor.executemany(INSERT.format(mark="%s").encode(), rows)
        connection.execute("ANALYZE floor")
    connection.close()
    return [id_ for id_, _ in rows]
