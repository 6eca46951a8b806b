"""`python -m tests.bench.search`: searches over invented corpora of growing size, and their plans.

Each shape of search is asked in this process, policy and trace on and off, for records all over
the corpus. A search that finds as much in a larger corpus should read as much: `read` tells what
a machine that does other work too cannot blur.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests import postgres
from tests.bench import bulk, corpus, plans
from tests.bench.shapes import SHAPES, Shape
from tests.house import House, Person

HEAD = ("found", "p50 ms", "p99 ms", "errors", "read", "generic", "pages")


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    databases: Sequence[str]
    patients: Sequence[int]
    times: int
    shapes: str
    plans: Path


@dataclass(frozen=True)
class Figures:
    """Of one shape: seconds of each request, the matches of the last, what it cost."""

    seconds: Sequence[float]
    found: int
    errors: int
    custom: plans.Plan
    generic: plans.Plan


def main() -> None:
    options = _options(sys.argv[1:])
    try:
        for database in options.databases:
            for patients in options.patients:
                with tempfile.TemporaryDirectory(prefix="fhir-bench-") as folder:
                    bench(database, patients, Path(folder), options)
    except postgres.NoPostgres as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")


def bench(kind: str, patients: int, folder: Path, options: Options) -> None:
    """Load one corpus, then measure every shape with and without the rules."""
    with database_of(kind, folder) as url:
        house, plain = House(url), House(url, auth="off", policy="off")
        started = time.perf_counter()
        count = bulk.fill(house.database, patients)
        took = time.perf_counter() - started
        _say(f"\n{kind}, {patients:,} patients, {count:,} resources, loaded in {took:.0f} s")
        for name, server in (("policy on", house), ("policy off", plain)):
            _say(f"{name:<28}" + "".join(f"{cell:>10}" for cell in HEAD))
            for shape in SHAPES:
                if options.shapes not in shape.name:
                    continue
                if not is_offered(shape, server):
                    _say(f"{shape.name:<28}  not offered by this server yet")
                    continue
                figures = measure(shape, server, patients, options.times)
                _say(_line(shape, figures))
                keep(options.plans / f"{kind}-{patients}-{name.replace(' ', '-')}", shape, figures)
        house.close()
        plain.close()


def measure(shape: Shape, server: House, patients: int, times: int) -> Figures:
    random, seconds, errors, found = Random(shape.name), [], 0, 0
    asked = [corpus.asked(random.randrange(patients)) for _ in range(times + 3)]
    for n, one in enumerate(asked):
        who = doctor(one, server)
        started = time.perf_counter()
        answer = server.get(shape.path(one), who)
        if n >= 3:  # the first ones compile
            seconds.append(time.perf_counter() - started)
        errors += answer.status != 200
        body = answer.json
        found = body.get("total", len(body.get("entry", ())))
        if answer.status != 200 and errors == 1:
            _say(f"{shape.name}: {answer.status} {answer.body[:300]!r}")
    session = server.database.session()
    with plans.statements(session) as sent:
        server.get(shape.path(asked[-1]), doctor(asked[-1], server))
    custom = plans.explained(session, sent)
    generic = plans.explained(session, sent, generic=True)
    return Figures(seconds, found, errors, custom, generic)


def doctor(one: corpus.Asked, server: House) -> Person | None:
    if server.settings.auth == "off":
        return None
    return Person("professional", one.doctor, "Dr Anne Exemple", "")


def is_offered(shape: Shape, server: House) -> bool:
    """Whether this server reads every parameter of the shape."""
    one = corpus.asked(0)
    answer = server.get(shape.path(one), doctor(one, server), prefer="handling=strict")
    return not shape.late or answer.status == 200


def _line(shape: Shape, figures: Figures) -> str:
    ordered = sorted(figures.seconds)
    cells = (
        f"{figures.found:,}",
        f"{statistics.median(ordered) * 1000:.2f}",
        f"{ordered[int(len(ordered) * 0.99)] * 1000:.2f}",
        f"{figures.errors}",
        f"{figures.custom.read:,}",
        f"{figures.generic.read:,}",
        f"{figures.custom.buffers:,}",
    )
    return f"{shape.name:<28}" + "".join(f"{cell:>10}" for cell in cells)


def keep(folder: Path, shape: Shape, figures: Figures) -> None:
    """The plans, one file a shape."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "-" for c in shape.name)
    texts = [*figures.custom.texts, "-- generic --", *figures.generic.texts]
    (folder / f"{name}.txt").write_text("\n\n".join(texts) + "\n")


@contextmanager
def database_of(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of one kind."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/bench.db"
        return
    with postgres.server() as url:
        yield url


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--patients", type=int, nargs="+", default=[1000, 8000])
    parser.add_argument("--times", type=int, default=40, help="requests of a shape (default 40)")
    parser.add_argument("--shape", default="", help="only shapes whose name has this")
    parser.add_argument("--plans", type=Path, default=Path("build/plans"), help="where plans go")
    given = parser.parse_args(arguments)
    both = given.database == "both"
    databases = ("sqlite", "postgresql") if both else (given.database,)
    return Options(databases, given.patients, given.times, given.shape, given.plans)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
