"""Connections, one a thread, and everything that differs between SQLite and PostgreSQL.

SQLAlchemy knows URLs, dialects and schema; statements go to the driver as one SQL text with
`:names`, since that is three times faster than its expression language (design, `libraries.md`
6.1).
"""

import fcntl
import math
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Iterator, Mapping, Sequence

import sqlalchemy
from sqlalchemy.pool import NullPool

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.registry import NOTHING_STORED, Registry
from fhir_server.storage.postgres import Contended, Statements, TooSlow, first_row, rows_of
from fhir_server.storage.queue import Queue, free

Params = Mapping[str, Any]
Row = Sequence[Any]
Parted = tuple[Row, list[Row]]

STEPS = 20_000  # of SQLite's machine, about a millisecond: how often it looks at the time


class StorageBusy(Exception):
    """What was asked took longer than the time limit, and was ended."""


class StorageConflict(Exception):
    """The database ended the statement: two transactions stood in each other's way."""


class Session:
    """One thread's connection, in autocommit until `transaction`."""

    def __init__(self, database: "Database") -> None:
        self.database = database
        self.fairy = database.engine.raw_connection()
        self.driver: Any = self.fairy.driver_connection
        self.open, self.begun, self.until = False, False, math.inf  # by the monotonic clock
        self.registry = database.registry  # as this thread last heard: `storage.parameters`
        self.lock = open(database.lock_path, "w") if database.lock_path else None

    def rows(self, sql: str, params: Params) -> list[Row]:
        raise NotImplementedError

    def head_and_rows(self, sql: str, params: Params, head: int, anew: bool = False) -> Parted:
        """The first `head` columns, which are the same in each row, once; and the others of every
        row. `anew`: the right plan depends on the values (PostgreSQL).
        """
        raise NotImplementedError

    def run(self, sql: str, params: Params) -> int:
        """Execute; the number of rows touched."""
        raise NotImplementedError

    def many(self, sql: str, params: Sequence[Params]) -> None:
        raise NotImplementedError

    def begin(self) -> None:
        raise NotImplementedError

    def end(self, word: str) -> None:
        """`COMMIT` or `ROLLBACK`."""
        raise NotImplementedError

    def limited(self) -> "_Limited":
        """Within, the statements together have the time limit of the database; StorageBusy then."""
        return _Limited(self)

    def give_time(self) -> None:
        self.until = monotonic() + self.database.timeout

    def late(self) -> bool:
        return monotonic() > self.until

    def command(self, word: str) -> None:
        """A statement about transactions, whatever the time."""
        raise NotImplementedError

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction; an inner one is part of the outer. It begins with its first statement,
        so that nobody waits while a body is read.
        """
        if self.open:
            yield
            return
        self.open = True
        try:
            yield
        except BaseException:
            self._close("ROLLBACK")
            raise
        self._close("COMMIT")

    def _close(self, word: str) -> None:
        begun, self.open, self.begun = self.begun, False, False
        if begun:
            self.end(word)

    def ready(self) -> None:
        """Before every statement: begin the transaction that it is the first of; StorageBusy when
        it is too late for one.
        """
        if self.late():
            raise StorageBusy("no time is left")
        if self.open and not self.begun:
            self.begin()
            self.begun = True

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What is done within is undone alone when it fails; only inside `transaction`."""
        self.run("SAVEPOINT entry", {})
        try:
            yield
        except BaseException:
            self.command("ROLLBACK TO SAVEPOINT entry")
            raise
        self.command("RELEASE SAVEPOINT entry")

    def close(self) -> None:
        self.fairy.close()
        if self.lock:
            self.lock.close()


class _Limited:
    """See `Session.limited`; around every request, and so no generator."""

    __slots__ = ("session",)

    def __init__(self, session: Session) -> None:
        self.session = session

    def __enter__(self) -> None:
        self.session.give_time()

    def __exit__(self, *_: object) -> None:
        self.session.until = math.inf


class SqliteSession(Session):
    """SQLite: every transaction is a writer (each leaves a trace), one at a time, queued by a lock
    of the kernel.

    SQLite's own waiting sleeps up to a second; a file lock wakes the next at once.
    """

    def __init__(self, database: "Database") -> None:
        super().__init__(database)
        self.driver.isolation_level = None
        waits = f"busy_timeout={int(database.timeout * 1000)}"  # for other programs
        for pragma in ("journal_mode=WAL", "synchronous=FULL", waits, "cache_size=-16000"):
            self.driver.execute(f"PRAGMA {pragma}")
        self.driver.set_progress_handler(self.late, STEPS)

    def rows(self, sql: str, params: Params) -> list[Row]:
        self.ready()
        try:
            return self.driver.execute(sql, params).fetchall()  # type: ignore[no-any-return]
        except sqlite3.OperationalError as problem:
            _check_time(problem)
            _check_size(problem)
            raise

    def head_and_rows(self, sql: str, params: Params, head: int, anew: bool = False) -> Parted:
        found = self.rows(sql, params)
        return found[0][:head], [row[head:] for row in found]

    def run(self, sql: str, params: Params) -> int:
        self.ready()
        try:
            return self.driver.execute(sql, params).rowcount  # type: ignore[no-any-return]
        except sqlite3.OperationalError as problem:
            _check_time(problem)
            raise

    def many(self, sql: str, params: Sequence[Params]) -> None:
        self.ready()
        try:
            self.driver.executemany(sql, params)
        except sqlite3.OperationalError as problem:
            _check_time(problem)
            raise

    def begin(self) -> None:
        self._wait()
        try:
            self.driver.execute("BEGIN IMMEDIATE")
        except BaseException as late:
            self._unlock()
            _check_time(late)
            raise

    def _wait(self) -> None:
        """Queue for the lock; StorageBusy when others hold it (`load`, a whole file) too long."""
        if self.lock and not free(self.lock):
            queue = Queue(self.lock)
            queue.start()
            if not queue.served.wait(min(self.until - monotonic(), threading.TIMEOUT_MAX)):
                self.lock = open(self.lock.name, "w")
                queue.leave()
                raise StorageBusy("others were writing all the time")

    def command(self, word: str) -> None:
        # What SQLite interrupted it may have rolled back already.
        if self.driver.in_transaction or not word.startswith("ROLLBACK"):
            self.driver.execute(word)

    def end(self, word: str) -> None:
        try:
            self.command(word)
        except BaseException:
            if self.driver.in_transaction:
                self.driver.execute("ROLLBACK")
            raise
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self.lock:
            fcntl.flock(self.lock, fcntl.LOCK_UN)


def _check_time(problem: BaseException) -> None:
    """StorageBusy when SQLite was interrupted, or waited too long for another program."""
    code: int = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY):
        raise StorageBusy(str(problem)) from problem


# What SQLite says of a statement that is too much for it: its parser goes a hundred brackets deep.
TOO_MUCH = ("parser stack overflow", "Expression tree is too large", "too many SQL variables")


def _check_size(problem: BaseException) -> None:
    """BadRequest when SQLite cannot read a statement as large or as deep as a search made it."""
    if str(problem).startswith(TOO_MUCH):
        text = "the search has more chains and brackets in each other than this database can read"
        raise BadRequest(text, code="too-costly") from problem


class PostgresSession(Session):
    """PostgreSQL: see `postgres` for how statements are sent."""

    def __init__(self, database: "Database") -> None:
        super().__init__(database)
        self.driver.autocommit = True
        self.statements = Statements(self.driver)
        self._allow(database.timeout)
        self.statements.command("SET jit = off")
        # Pages are in memory or on flash: a look-up costs little more than the next page. With the
        # default, 4, whole tables are read where the index has the few rows of a panel.
        self.statements.command("SET random_page_cost = 1.1")

    def _allow(self, seconds: float) -> None:
        """The time of one statement, for those that follow."""
        self.statements.command(f"SET statement_timeout = {max(int(seconds * 1000), 1)}")
        self.allowed = seconds

    def give_time(self) -> None:
        if self.allowed != self.database.timeout:  # less time was left to the request before
            self._allow(self.database.timeout)
        super().give_time()

    def rows(self, sql: str, params: Params) -> list[Row]:
        return list(rows_of(self._execute(sql, params)))

    def head_and_rows(self, sql: str, params: Params, head: int, anew: bool = False) -> Parted:
        result = self._execute(sql, params, anew)
        return first_row(result, head), list(rows_of(result, head))

    def run(self, sql: str, params: Params) -> int:
        return self._execute(sql, params).command_tuples or 0

    def many(self, sql: str, params: Sequence[Params]) -> None:
        for each in params:
            self._execute(sql, each)

    def begin(self) -> None:
        self.statements.command("BEGIN")

    def command(self, word: str) -> None:
        self.statements.command(word)

    def end(self, word: str) -> None:
        self.statements.command(word)

    def _execute(self, sql: str, params: Params, anew: bool = False) -> Any:
        self.ready()
        left = self.until - monotonic()
        try:
            if left < 0.9 * self.allowed:  # a tenth is not worth a statement of its own
                self._allow(left)
            return self.statements.execute(sql, params, anew)
        except TooSlow as late:
            raise StorageBusy(str(late)) from late
        except Contended as clash:
            raise StorageConflict(str(clash)) from clash


class Database:
    """A database by its SQLAlchemy URL; `timeout` in seconds ends any one statement."""

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self.engine = sqlalchemy.create_engine(url, poolclass=NullPool)
        self.dialect = self.engine.dialect.name
        if self.dialect not in ("sqlite", "postgresql"):
            raise ValueError(f"only SQLite and PostgreSQL are supported, not `{self.dialect}`")
        self.timeout = timeout
        self.registry: Registry = NOTHING_STORED  # what a new session begins with
        name = self.engine.url.database if self.dialect == "sqlite" else None
        self.lock_path = Path(f"{name}.lock") if name and name != ":memory:" else None
        self._local = threading.local()

    @property
    def postgres(self) -> bool:
        return self.dialect == "postgresql"

    def session(self) -> Session:
        """This thread's connection, made anew when it was lost."""
        session: Session | None = getattr(self._local, "session", None)
        if session is None or (self.postgres and session.driver.broken):
            session = PostgresSession(self) if self.postgres else SqliteSession(self)
            self._local.session = session
        return session

    def close(self) -> None:
        """Close this thread's connection."""
        session: Session | None = getattr(self._local, "session", None)
        if session is not None:
            session.close()
            del self._local.session
