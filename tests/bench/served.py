"""`python -m tests.bench.served`: the shapes of search over HTTP, at corpora of growing size.

Each shape is asked by one client, for its time alone, and by many at once, for as many as the
server can answer; policy and trace on. The corpora are there at once and asked in turns, so that
what else the machine does falls on each alike. Beside them what `tests.bench.search` counts: the
rows read, which should not grow where as much is found, with the plans kept; and a second server
over the largest corpus, without policy and trace, which tells what these cost.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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
NOTHING: Mapping[str, str] = {}
ROUNDS = 3  # of which the middle one counts


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
    alone, and of all at once; `free`: of all at once, without policy and trace, if it was asked.
    """

    found: int
    read: int
    alone: Measured
    together: Measured
    free: Measured | None = None

    @property
    def errors(self) -> int:
        return self.alone.errors + self.together.errors


Table = dict[str, dict[int, Figures]]  # by shape and patients


def main() -> None:
    options = _options(sys.argv[1:])
    try:
        for kind in options.databases:
            table = bench(kind, options)
            _say("\n" + "\n".join(markdown(table, options.patients, options.clients)))
    except (RuntimeError, postgres.NoPostgres) as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")


def bench(kind: str, options: Options) -> Table:
    """Load the corpora, start a server over each, and measure every shape."""
    table: Table = {}
    with ExitStack() as stack:
        sizes = {
            patients: stack.enter_context(loaded(kind, patients)) for patients in options.patients
        }
        free = stack.enter_context(sizes[options.patients[-1]].without_policy())
        before = {size: asker.server.memory() for size, asker in sizes.items()}
        for shape in SHAPES:
            first = sizes[options.patients[0]]
            if options.shapes in shape.name and is_offered(shape, first.house):
                table[shape.name] = _measured(kind, shape, sizes, free, options)
        for size, asker in sizes.items():
            now = asker.server.memory() / 1e6
            _say(f"memory of the server, {size:,}: {before[size] / 1e6:.0f} MB, at the end"
                 f" {now:.0f} MB")  # fmt: skip
    return table


def _measured(
    kind: str, shape: Shape, sizes: dict[int, "Asker"], free: "Asker", options: Options
) -> dict[int, Figures]:
    rounds: list[dict[int, tuple[Measured, Measured]]] = []
    frees: list[Measured] = []
    for _ in range(ROUNDS):
        rounds.append({size: asker.measured(shape, options) for size, asker in sizes.items()})
        frees += free.offered(shape, options)
    found: dict[int, Figures] = {}
    for size, asker in sizes.items():
        explained = measure(shape, asker.house, size, COUNTED)
        keep(options.plans / f"{kind}-{size}-served", shape, explained)
        alone, together = (_middle([one[size][n] for one in rounds]) for n in (0, 1))
        last = _middle(frees) if frees and size == options.patients[-1] else None
        found[size] = Figures(explained.found, explained.custom.read, alone, together, last)
        _say(f"{size:>7,} {_line(shape.name, found[size])}")
    return found


def _middle(rounds: Sequence[Measured]) -> Measured:
    """Of each figure the middle one; errors of all."""
    return Measured(
        answers=int(statistics.median(one.answers for one in rounds)),
        seconds=statistics.median(one.seconds for one in rounds),
        p50=statistics.median(one.p50 for one in rounds),
        p99=statistics.median(one.p99 for one in rounds),
        errors=sum(one.errors for one in rounds),
    )


@contextmanager
def loaded(kind: str, patients: int) -> Iterator["Asker"]:
    """A corpus of this size with a server over it."""
    with tempfile.TemporaryDirectory(prefix="fhir-bench-") as name:
        folder = Path(name)
        with database_of(kind, folder) as url:
            house = House(url)
            started = time.perf_counter()
            count = bulk.fill(house.database, patients)
            took = time.perf_counter() - started
            _say(f"{kind}, {patients:,} patients, {count:,} resources, loaded in {took:.0f} s")
            with _served(url, folder).running() as server:
                yield Asker(server, house, url, patients, folder)
            house.close()


class Asker:
    """Requests for records all over the corpus, each by a doctor of the record."""

    def __init__(
        self, server: Server, house: House, url: str, patients: int, folder: Path
    ) -> None:
        random = Random(patients)
        self.server, self.house, self.url, self.folder = server, house, url, folder
        self.patients = patients
        self.warm: set[str] = set()
        self.asked = [corpus.asked(random.randrange(patients)) for _ in range(RECORDS)]
        self.key, _ = development_keys(folder)
        self.bearers: dict[str, str] = {}

    def measured(self, shape: Shape, options: Options) -> tuple[Measured, Measured]:
        requests = [
            Request(f"/fhir/{shape.path(one)}", self.bearer(one.doctor)) for one in self.asked
        ]
        load = Load(self.server.base, "GET", requests, self.folder)
        if shape.name not in self.warm:
            load.measure(clients=options.clients, seconds=1)
            self.warm.add(shape.name)
        alone = load.measure(clients=1, seconds=options.seconds)
        return alone, load.measure(clients=options.clients, seconds=options.seconds)

    def offered(self, shape: Shape, options: Options) -> list[Measured]:
        """All at once; nothing where one answer takes too long: all that there is may be counted.
        """
        try:
            return [self.measured(shape, options)[1]]
        except (RuntimeError, TimeoutError):
            return []

    @contextmanager
    def without_policy(self) -> Iterator["Asker"]:
        """The same with a server that asks for no token and follows no rule."""
        off = {"FHIR_AUTH": "off", "FHIR_POLICY": "off"}
        with _served(self.url, self.folder, off).running() as server:
            yield Asker(server, self.house, self.url, self.patients, self.folder)

    def bearer(self, doctor: str) -> str:
        if doctor not in self.bearers:
            claims = Person("professional", doctor, "Dr Anne Exemple").claims(int(time.time()) - 1)
            token = sign(claims | {"aud": f"{self.server.base}/fhir"}, self.key)
            self.bearers[doctor] = f"Bearer {token}"
        return self.bearers[doctor]


def _served(url: str, folder: Path, more: Mapping[str, str] = NOTHING) -> Served:
    port = free_port()
    _, keys = development_keys(folder)
    environment = {
        "FHIR_DATABASE_URL": url,
        "FHIR_BASE_URL": f"http://{HOST}:{port}/fhir",
        **(more or {"FHIR_JWKS": str(keys)}),
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
        "| | " + " | ".join((*heads, "p50 grew", "policy costs", "errors")) + " |",
        "|---" * (len(patients) + 4) + "|",
    ]
    for name, sizes in table.items():
        cells = [_cell(sizes.get(size)) for size in patients]
        errors = sum(figures.errors for figures in sizes.values())
        last = costs(sizes.get(patients[-1]))
        cells = [name, *cells, grew(sizes, patients), last, f"{errors}"]
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


def costs(figures: Figures | None) -> str:
    """What part of the requests per second without them policy and trace take."""
    if figures is None or figures.free is None or not figures.free.rate:
        return ""
    return f"{1 - figures.together.rate / figures.free.rate:.0%} of {figures.free.rate:,.0f}"


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.served", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--patients", type=int, nargs="+", default=[1000, 8000])
    parser.add_argument("--seconds", type=int, default=1, help="of a figure in a round (default 1)")
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
