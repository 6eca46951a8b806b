"""The running servers that all clients ask: `fhir-server serve` in processes of its own."""

from collections.abc import Iterator

import pytest

from tests import postgres
from tests.journeys.over_http import OverHttp, served


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def base(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a server without tokens and rules, on each kind of database."""
    folder, on_sqlite = tmp_path_factory.mktemp("plain"), request.param == "sqlite"
    url = f"sqlite:///{folder / 'test.db'}" if on_sqlite else postgres.postgres_url("clients")
    with served(url, folder, FHIR_AUTH="off", FHIR_POLICY="off") as house:
        yield house.base
    if not on_sqlite:
        postgres.drop_database(url)


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OverHttp]:
    """A server with tokens and the rules in force."""
    folder = tmp_path_factory.mktemp("guarded")
    with served(f"sqlite:///{folder / 'test.db'}", folder) as house:
        yield house
