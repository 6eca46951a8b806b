"""`python -m tests.bench.served`: the shapes of search over HTTP, at corpora of growing size.

Each shape is asked by one client, for its time alone, and by many at once, for as many as the
server can answer; policy and trace on. Beside them what `tests.bench.search` counts: the rows read,
which should not grow where as much is found, with the plans kept.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fhir_server.auth.development import development_keys, sign
from tests import postgres
from tests.bench import bulk, corpus
from tests.bench.load import Load, Measured, Request
from tests.bench.search import database_of, is_offered, keep, measure
from tests.bench.servers import HOST, Server, Served, free_port
from tests.bench.shapes import SHAPES, Shape
from tests.house import House, Person

RECORDS = 500  # that the requests of a shape name
COUNTED = 5  # requests in this process, of which the last is explained


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    databases: Sequence[str]
    patients: Sequence[int]
    seconds: int
    clients: int
    shapes: str
    plans: Path


@dataclass(frozen=True)
class Figures:
    """Of one shape at one size: matches of one request, rows read for it, times of one client
    alone, and of all at once.
    """

    found: int
    read: int
    alone: Measured
    together: Measured

    @property
    def errors(self) -> int:
        return self.alone.errors + self.together.errors


Table = dict[str, dict[int, Figures]]  # by shape and patients


def main() -> None:
    options = _options(sys.argv[1:])
    try:
        for kind in options.databases:
            table: Table = {}
            for patients in options.patients:
                with tempfile.TemporaryDirectory(prefix="fhir-bench-") as folder:
                    bench(kind, patients, Path(folder), options, table)
            _say("\n" + "\n".join(markdown(table, options.patients, options.clients)))
    except (RuntimeError, postgres.NoPostgres) as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")


def bench(kind: str, patients: int, folder: Path, options: Options, table: Table) -> None:
    """Load one corpus, start the server over it, and measure every shape."""
    with database_of(kind, folder) as url:
        house = House(url)
        started = time.perf_counter()
        count = bulk.fill(house.database, patients)
        took = time.perf_counter() - started
        _say(f"\n{kind}, {patients:,} patients, {count:,} resources, loaded in {took:.0f} s")
        served = _served(url, folder)
        with served.running() as server:
            asker = Asker(server, patients, folder)
            before = server.memory()
            for shape in SHAPES:
                if options.shapes in shape.name and is_offered(shape, house):
                    explained = measure(shape, house, patients, COUNTED)
                    keep(options.plans / f"{kind}-{patients}-served", shape, explained)
                    alone, together = asker.measured(shape, options)
                    figures = Figures(explained.found, explained.custom.read, alone, together)
                    table.setdefault(shape.name, {})[patients] = figures
                    _say(_line(shape.name, figures))
            _say(f"memory of the server: {before / 1e6:.0f} MB, at the end"
                 f" {server.memory() / 1e6:.0f} MB")  # fmt: skip
        house.close()


class Asker:
    """Requests for records all over the corpus, each by a doctor of the record."""

    def __init__(self, server: Server, patients: int, folder: Path) -> None:
        random = Random(patients)
        self.server, self.folder = server, folder
        self.asked = [corpus.asked(random.randrange(patients)) for _ in range(RECORDS)]
        self.key, _ = development_keys(folder)
        self.bearers: dict[str, str] = {}

    def measured(self, shape: Shape, options: Options) -> tuple[Measured, Measured]:
        requests = [
            Request(f"/fhir/{shape.path(one)}", self.bearer(one.doctor)) for one in self.asked
        ]
        load = Load(self.server.base, "GET", requests, self.folder)
        load.measure(clients=options.clients, seconds=1)
        alone = load.measure(clients=1, seconds=options.seconds)
        return alone, load.measure(clients=options.clients, seconds=options.seconds)

    def bearer(self, doctor: str) -> str:
        if doctor not in self.bearers:
            claims = Person("professional", doctor, "Dr Anne Exemple").claims(int(time.time()) - 1)
            token = sign(claims | {"aud": f"{self.server.base}/fhir"}, self.key)
            self.bearers[doctor] = f"Bearer {token}"
        return self.bearers[doctor]


def _served(url: str, folder: Path) -> Served:
    port = free_port()
    _, keys = development_keys(folder)
    environment = {
        "FHIR_DATABASE_URL": url,
        "FHIR_BASE_URL": f"http://{HOST}:{port}/fhir",
        "FHIR_JWKS": str(keys),
    }
    serve = ("-m", "fhir_server", "serve", "--host", HOST, "--port", str(port), "--workers", "2")
    return Served(serve, port, "/fhir/metadata", folder, environment)


def _line(name: str, figures: Figures) -> str:
    return (
        f"{name:<28}{figures.found:>8,} found{figures.read:>9,} read"
        f"{figures.alone.p50 * 1000:>9.2f} ms{figures.alone.p99 * 1000:>9.2f} ms alone"
        f"{figures.together.rate:>8,.0f}/s{figures.together.p99 * 1000:>9.1f} ms together"
        f"{figures.errors:>4} errors"
    )


def markdown(table: Table, patients: Sequence[int], clients: int) -> list[str]:
    """The lines of a table for people: of each size p50, p99, rows read and rate; how p50 grew."""
    heads = [f"{size:,}: p50 / p99 ms, read, {clients} clients/s" for size in patients]
    lines = [
        "| | " + " | ".join((*heads, "p50 grew", "errors")) + " |",
        "|---" * (len(patients) + 3) + "|",
    ]
    for name, sizes in table.items():
        cells = [_cell(sizes.get(size)) for size in patients]
        errors = sum(figures.errors for figures in sizes.values())
        cells = [name, *cells, grew(sizes, patients), f"{errors}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cell(figures: Figures | None) -> str:
    if figures is None:
        return "–"
    return (
        f"{figures.alone.p50 * 1000:.1f} / {figures.alone.p99 * 1000:.1f},"
        f" {figures.read:,}, {figures.together.rate:,.0f}"
    )


def grew(sizes: dict[int, Figures], patients: Sequence[int]) -> str:
    """p50 at the last size over that at the first, with the matches where these grew too."""
    first, last = sizes.get(patients[0]), sizes.get(patients[-1])
    if first is None or last is None or not first.alone.p50:
        return ""
    text = f"{last.alone.p50 / first.alone.p50:.1f}"
    more = last.found > 1.5 * max(first.found, 20)
    return f"{text} ({first.found:,} → {last.found:,} found)" if more else text


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.served", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--patients", type=int, nargs="+", default=[1000, 8000])
    parser.add_argument("--seconds", type=int, default=2, help="of each figure (default 2)")
    parser.add_argument("--clients", type=int, default=16, help="at once (default 16)")
    parser.add_argument("--shape", default="", help="only shapes whose name has this")
    parser.add_argument("--plans", type=Path, default=Path("build/plans"), help="where plans go")
    given = parser.parse_args(arguments)
    databases = ("postgresql", "sqlite") if given.database == "both" else (given.database,)
    return Options(
        databases, given.patients, given.seconds, given.clients, given.shape, given.plans
    )


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
