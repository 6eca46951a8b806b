"""Create or upgrade the schema.

https://alembic.sqlalchemy.org/en/latest/api/
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from fhir_server.storage.engine import Database

HERE = Path(__file__).parent / "migrations"


class SchemaError(Exception):
    """The schema is missing, old, newer than this program, or the database cannot be reached."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    return config


def newest() -> str:
    """The revision this program needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "there is at least one migration"
    return head


def current(database: Database) -> str | None:
    """The revision of the database; None when it is empty. SchemaError when it cannot be reached.
    """
    try:
        with database.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as problem:
        raise SchemaError(
            f"the database cannot be reached: {str(problem.orig).splitlines()[0]}"
        ) from problem


def upgrade(database: Database) -> str:
    """Bring the schema to the newest revision, in one transaction; the revision."""
    current(database)
    config = _config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return newest()


def check(database: Database) -> None:
    """SchemaError unless the schema is the one this program needs."""
    found, needed = current(database), newest()
    if found != needed:
        raise SchemaError(
            f"the database has schema {found or 'none'}, this program needs {needed}: run "
            "`fhir-server migrate`"
        )
