"""PostgreSQL through libpq's own calls: prepared once a connection, values as text or bytes,
results as binary.

psycopg's cursor costs 45 µs of Python a statement, a tenth of what a read may take; its connection,
and its errors, stay in use. https://www.postgresql.org/docs/current/libpq-exec.html
"""

import re
import struct
from functools import lru_cache
from typing import Any, Callable, Mapping, Sequence

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus

_NAME = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")
# The type each kind of value is declared as: int8, bool, text, bytea, float8 and arrays of them.
BOOL, BYTEA, INT8, TEXT, FLOAT8 = 16, 17, 20, 25, 701
ARRAYS = {INT8: 1016, TEXT: 1009, FLOAT8: 1022}
FORGET_AFTER = 400  # prepared statements of one connection


# Two transactions wait for each other, or saw each other's rows change: one of them must go.
CONTENDED = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)


class Contended(Exception):
    """The server ended the statement because another transaction stands in its way."""


class TooSlow(Exception):
    """The server ended the statement at its time limit."""


@lru_cache(maxsize=8192)
def numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """`:name` → `$1`, and the names in order."""
    names: list[str] = []

    def place(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    text = _NAME.sub(place, sql)
    return text.encode(), tuple(names)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _array(values: Sequence[Any]) -> tuple[int, bytes]:
    if not values or isinstance(values[0], int):
        return ARRAYS[INT8], f"{{{','.join(map(str, values))}}}".encode()
    if isinstance(values[0], float):
        return ARRAYS[FLOAT8], f"{{{','.join(map(repr, values))}}}".encode()
    return ARRAYS[TEXT], f"{{{','.join(map(_quoted, values))}}}".encode()


def encoded(value: Any) -> tuple[int, bytes | None, int]:
    """The type, the value and whether it is binary (1)."""
    kind = type(value)
    if kind is str:
        return TEXT, value.encode(), 0
    if kind is int:
        return INT8, b"%d" % value, 0
    if kind is bool:
        return BOOL, b"t" if value else b"f", 0
    if kind is bytes:
        return BYTEA, value, 1
    if kind is float:
        return FLOAT8, repr(value).encode(), 0
    if value is None:
        return 0, None, 0
    if kind is list:
        return *_array(value), 0
    raise TypeError(f"no column for a {kind.__name__}")


def _int(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


DECODE: dict[int, Callable[[bytes], Any]] = {
    16: lambda data: data == b"\x01",
    17: bytes,
    20: _int,
    21: _int,
    23: _int,
    26: _int,
    25: bytes.decode,
    1043: bytes.decode,
    19: bytes.decode,
    705: bytes.decode,
    701: lambda data: struct.unpack(">d", data)[0],
    2278: lambda data: None,  # void
}


class Statements:
    """The prepared statements of one connection."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.pgconn = connection.pgconn
        self.names: dict[tuple[str, tuple[int, ...]], bytes] = {}

    def execute(self, sql: str, params: Mapping[str, Any], anew: bool = False) -> Any:
        """Run; the libpq result. TooSlow at the time limit, psycopg's errors for everything else.

        `anew`: planned for these values. A prepared statement soon has one plan for all, which
        looks for a frequent code as if it were a rare one.
        """
        text, names = numbered(sql)
        values = [encoded(params[name]) for name in names]
        types = tuple(value[0] for value in values)
        data: Any = [value[1] for value in values]
        binary = [value[2] for value in values]
        if anew:
            result = self.pgconn.exec_params(text, data, types, binary, 1)
        else:
            name = self.names.get((sql, types)) or self._prepare(sql, text, types)
            result = self.pgconn.exec_prepared(name, data, binary, 1)
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            self._fail(result)
        return result

    def _prepare(self, sql: str, text: bytes, types: tuple[int, ...]) -> bytes:
        if len(self.names) >= FORGET_AFTER:
            self.pgconn.exec_(b"DEALLOCATE ALL")
            self.names.clear()
        name = b"s%d" % len(self.names)
        result = self.pgconn.prepare(name, text, types)
        if result.status != ExecStatus.COMMAND_OK:
            self._fail(result)
        self.names[sql, types] = name
        return name

    def command(self, text: str) -> None:
        """One without parameters or rows, such as BEGIN."""
        result = self.pgconn.exec_(text.encode())
        if result.status != ExecStatus.COMMAND_OK:
            self._fail(result)

    def _fail(self, result: Any) -> None:
        error = errors.error_from_result(result)
        if isinstance(error, errors.QueryCanceled):
            raise TooSlow(str(error)) from error
        if isinstance(error, CONTENDED):
            raise Contended(str(error)) from error
        raise error


def rows_of(result: Any, start: int = 0) -> list[tuple[Any, ...]]:
    """The rows of a binary result, from column `start` on."""
    columns = [(n, DECODE[result.ftype(n)]) for n in range(start, result.nfields)]
    get = result.get_value
    found = []
    for row in range(result.ntuples):
        cells = []
        for n, decode in columns:
            value = get(row, n)
            cells.append(None if value is None else decode(value))
        found.append(tuple(cells))
    return found


def first_row(result: Any, stop: int) -> tuple[Any, ...]:
    """The first row's columns before `stop`."""
    cells = (result.get_value(0, n) for n in range(stop))
    return tuple(None if c is None else DECODE[result.ftype(n)](c) for n, c in enumerate(cells))
