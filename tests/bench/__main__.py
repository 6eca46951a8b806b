"""`make bench`: requests per second of the whole server, policy and trace on, beside two floors.

The floors are measured on the same machine minutes before: a machine differs from day to day, the
ratio to its floors much less. Design, `libraries.md` 5 and 6.6.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy

from tests import postgres
from tests.bench import floors
from tests.bench.load import Load, Measured, Request, wrk
from tests.bench.record import Records, deposit, ins
from tests.bench.servers import HOST, Served, floor, free_port, run
from tests.house import ANNE

CONSTANT, STORED = "floor: constant 4 kB", "floor: stored body"
HEAD = ("", "clients", "requests/s", "p50 ms", "p99 ms", "errors", "of constant", "of stored")
WARM_UP = 1  # seconds


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    databases: Sequence[str]
    seconds: int
    patients: int
    documents: int
    clients: Sequence[int]
    floors: bool


def main() -> None:
    options = _options(sys.argv[1:])
    try:
        for database in options.databases:
            with tempfile.TemporaryDirectory(prefix="fhir-bench-") as folder:
                bench(database, Path(folder), options)
    except (RuntimeError, postgres.NoPostgres) as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")


def bench(database: str, folder: Path, options: Options) -> None:
    """Measure and print the floors, then the server, on one kind of database."""
    with _databases(database, folder) as (floor_url, url, version):
        table = Table()
        _say(f"{version}, {options.patients} patients with {options.documents} documents each;")
        _say(f"2 workers, {os.cpu_count()} processors, {options.seconds} s a figure, load from "
             f"{'wrk' if wrk() else 'our own client'}")  # fmt: skip
        _say(table.head())
        measure_floors(table, floor_url, folder, options)
        if not options.floors:
            measure_server(table, url, folder, options)
    _say("")


def measure_floors(table: "Table", url: str, folder: Path, options: Options) -> None:
    count = options.patients * options.documents
    bodies = [deposit(ANNE, ins(n), n)[:4096].encode() for n in range(options.patients)]
    ids = floors.fill(url, [bodies[n % len(bodies)] for n in range(count)])
    with floor("constant", folder).running() as server:
        _measure(table, CONSTANT, Load(server.base, "GET", [Request("/")], folder), options)
    with floor("stored", folder, **{floors.DATABASE: url}).running() as server:
        requests = [Request(f"/{id_}") for id_ in ids]
        _measure(table, STORED, Load(server.base, "GET", requests, folder), options)


def measure_server(table: "Table", url: str, folder: Path, options: Options) -> None:
    port = free_port()
    base = f"http://{HOST}:{port}/fhir"
    records = Records(base, folder)
    environment = {
        "FHIR_DATABASE_URL": url,
        "FHIR_BASE_URL": base,
        "FHIR_JWKS": str(records.keys),
    }
    run(("-m", "fhir_server", "migrate"), environment)
    serve = ("-m", "fhir_server", "serve", "--host", HOST, "--port", str(port), "--workers", "2")
    served = Served(serve, port, "/fhir/metadata", folder, environment)
    with served.running() as server:
        empty = server.memory()
        deposits = records.load(patients=options.patients, documents=options.documents)
        for operation in records.operations():
            load = Load(server.base, operation.method, operation.requests, folder)
            _measure(table, operation.name, load, options)
        _say(
            f"start to the first answer {server.first_answer:.2f} s; memory {_mb(empty)} MB then,"
            f" {_mb(server.memory())} MB at the end; loaded at {deposits:.0f} deposits/s"
        )


def _measure(table: "Table", name: str, load: Load, options: Options) -> None:
    load.measure(clients=max(options.clients), seconds=WARM_UP)
    for clients in options.clients:
        measured = load.measure(clients=clients, seconds=options.seconds)
        _say(table.line(name, clients, measured))


class Table:
    """Lines of figures; those of the floors are remembered for the ratios."""

    def __init__(self) -> None:
        self.floors: dict[tuple[str, int], float] = {}

    def head(self) -> str:
        return _columns(HEAD)

    def line(self, name: str, clients: int, measured: Measured) -> str:
        if name in (CONSTANT, STORED):
            self.floors[name, clients] = measured.rate
        ratios = (self._ratio(floor, clients, measured.rate) for floor in (CONSTANT, STORED))
        return _columns((
            name, f"{clients}", f"{measured.rate:,.0f}", f"{measured.p50 * 1000:.2f}",
            f"{measured.p99 * 1000:.2f}", f"{measured.errors}", *ratios,
        ))  # fmt: skip

    def _ratio(self, name: str, clients: int, rate: float) -> str:
        known = self.floors.get((name, clients))
        return f"{rate / known:.3f}" if known else ""


def _columns(cells: Sequence[str]) -> str:
    return f"{cells[0]:<24}" + "".join(f"{cell:>12}" for cell in cells[1:])


@contextmanager
def _databases(kind: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    """The URLs of two new databases, for the floor and for the server; and what they are."""
    if kind == "sqlite":
        version = sqlalchemy.create_engine("sqlite://").dialect.dbapi
        name = f"SQLite {version.sqlite_version}" if version else "SQLite"
        yield f"sqlite:///{folder}/floor.db", f"sqlite:///{folder}/server.db", name
        return
    with postgres.server() as url:
        engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            version = connection.execute(sqlalchemy.text("SHOW server_version")).scalar_one()
            connection.execute(sqlalchemy.text("CREATE DATABASE server"))
        engine.dispose()
        parsed = sqlalchemy.make_url(url).set(database="server")
        own = parsed.render_as_string(hide_password=False)
        yield url, own, f"PostgreSQL {version} (unix socket, fsync on)"


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--seconds", type=int, default=5, help="of each figure (default 5)")
    parser.add_argument("--patients", type=int, default=500, help="records (default 500)")
    parser.add_argument("--documents", type=int, default=5, help="in each record (default 5)")
    parser.add_argument(
        "--clients", type=_numbers, default=(1, 16, 64), help="at once (default 1,16,64)"
    )
    parser.add_argument("--floors", action="store_true", help="the floors alone")
    given = parser.parse_args(arguments)
    both = given.database == "both"
    return Options(
        databases=("sqlite", "postgresql") if both else (given.database,),
        seconds=given.seconds,
        patients=given.patients,
        documents=given.documents,
        clients=given.clients,
        floors=given.floors,
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(","))


def _mb(size: int) -> int:
    return round(size / 1_000_000)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
