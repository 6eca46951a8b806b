"""What every test has: databases, a clock that stands still, no network, and the rules of a run.

https://docs.pytest.org/en/stable/reference/reference.html#hooks
"""

import ipaddress
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from fhir_server.storage import migrate
from fhir_server.storage.engine import Database
from tests import postgres
from tests.corpus import CORPUS
from tests.fuzz import scale

IN_CI = os.environ.get("CI") == "true"

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if IN_CI else "here")


def pytest_configure(config: pytest.Config) -> None:
    if not _is_worker(config):
        postgres.begin_session()
    sys.addaudithook(_no_network)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config):
        postgres.end_session()


def pytest_sessionstart(session: pytest.Session) -> None:
    if CORPUS is None and IN_CI and not _is_worker(session.config):
        pytest.exit("no corpus (FHIR_TEST_CORPUS): in CI its tests are not skipped", returncode=1)


def pytest_report_header() -> list[str]:
    return [
        f"corpus: {CORPUS}" if CORPUS else "corpus: none, its tests are skipped",
        f"fuzz: {scale.CASES} cases, seed {scale.SEED} (FHIR_TEST_FUZZ, FHIR_TEST_FUZZ_SEED)",
    ]


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")  # a process of pytest-xdist


def _no_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse connections beyond this machine, whichever library of Python's sockets makes them."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if not _is_local(host):
        raise RuntimeError(f"a test may not reach `{host}`: only this machine")


def _is_local(host: str | bytes | None) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database; the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    url = postgres.postgres_url("test")
    yield url
    postgres.drop_database(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """One of them, with its schema and nothing in it."""
    found = Database(database_url)
    migrate.upgrade(found)
    yield found
    found.close()
    found.engine.dispose()


@pytest.fixture
def other(database: Database, database_url: str) -> Iterator[Database]:
    """The same database, as another process would open it."""
    found = Database(database_url)
    yield found
    found.close()
    found.engine.dispose()


@dataclass
class Clock:
    """Call it for the time, in milliseconds since 1970; it stands still but for `forward`."""

    milliseconds: int = 1_710_237_600_000  # 2024-03-12T10:00:00Z

    def __call__(self) -> int:
        return self.milliseconds

    def forward(self, *, seconds: float = 0, days: float = 0) -> None:
        self.milliseconds += round((seconds + days * 86_400) * 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()
