"""One database for all tests of a file: each makes what it needs, under identities of its own.

https://docs.pytest.org/en/stable/how-to/fixtures.html#fixture-scopes
"""

from collections.abc import Iterator

import pytest

from mappings.identifiers import ins_key
from tests import postgres
from tests.house import House


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database; the file's tests run once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('shared') / 'test.db'}"
        return
    url = postgres.postgres_url("shared")
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="module")
def plain(shared_url: str) -> Iterator[House]:
    """The plain FHIR server: no tokens, no rules."""
    house = House(shared_url, auth="off", policy="off")
    yield house
    house.close()


@pytest.fixture(scope="module")
def house(shared_url: str) -> Iterator[House]:
    """The server with tokens and the rules in force."""
    house = House(shared_url)
    yield house
    house.close()


_given: list[str] = []


def new_ins() -> str:
    """An INS with a valid key that no other test of this run has."""
    thousands, rest = divmod(len(_given), 1000)
    number = f"1850475{125 + thousands:03}{rest:03}"
    _given.append(number)
    return number + ins_key(number)


def rows(house: House, *tables: str) -> dict[str, int]:
    """How many rows these tables have."""
    session = house.database.session()
    return {table: session.rows(f"SELECT count(*) FROM {table}", {})[0][0] for table in tables}
