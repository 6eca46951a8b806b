"""A database of an earlier schema is brought to the newest, with all that is in it."""

from collections.abc import Iterator

import pytest
import sqlalchemy

from fhir_server.storage import migrate
from fhir_server.storage.engine import Database
from tests.stores import create, update, versions, writing

# What each revision after the first has brought: indexes by table.
BROUGHT = {"0002": {"resource": {"resource_time"}, "history": {"history_updated", "history_time"}}}


@pytest.fixture
def first(database_url: str) -> Iterator[Database]:
    """A database with data, as the first schema had it."""
    found = Database(database_url)
    migrate.upgrade(found)
    create(found, "o", code="one")
    update(found, "o", code="two")
    session = found.session()
    for tables in BROUGHT.values():
        for names in tables.values():
            for name in names:
                session.run(f"DROP INDEX {name}", {})
    session.run("UPDATE alembic_version SET version_num = '0001'", {})
    yield found
    found.close()
    found.engine.dispose()


def indexes(database: Database, table: str) -> set[str | None]:
    return {index["name"] for index in sqlalchemy.inspect(database.engine).get_indexes(table)}


def test_an_old_schema_is_refused_until_it_is_upgraded(first: Database) -> None:
    with pytest.raises(migrate.SchemaError, match="0001"):
        migrate.check(first)
    assert migrate.upgrade(first) == migrate.newest()
    migrate.check(first)


def test_an_upgrade_brings_what_is_new_and_keeps_what_is_there(first: Database) -> None:
    migrate.upgrade(first)
    for tables in BROUGHT.values():
        for table, names in tables.items():
            assert names <= indexes(first, table)
    found = [version.version for version in versions(writing(first), "Observation", "o")]
    assert found == [2, 1]
