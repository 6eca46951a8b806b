"""Which schema the database has, and which this program needs.

Apart from `migrate`, since every worker asks and only one command upgrades: Alembic stays unloaded.
"""

from pathlib import Path

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from fhir_server.storage.engine import Database

VERSIONS = Path(__file__).parent / "migrations" / "versions"


class SchemaError(Exception):
    """The schema is missing, old, newer than this program, or the database cannot be reached."""


def newest() -> str:
    """The revision this program needs: the last of the numbered files."""
    return max(path.name.split("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


def current(database: Database) -> str | None:
    """Its revision, None when it is empty; SchemaError when it cannot be reached."""
    try:
        with database.engine.connect() as connection:
            if not sqlalchemy.inspect(connection).has_table("alembic_version"):
                return None
            query = sqlalchemy.text("SELECT version_num FROM alembic_version")
            revision: str | None = connection.execute(query).scalar()
            return revision
    except DBAPIError as problem:
        reason = (str(problem.orig) or type(problem.orig).__name__).splitlines()[0]
        raise SchemaError(f"the database cannot be reached: {reason}") from problem


def check(database: Database) -> None:
    """SchemaError unless the schema is the one this program needs."""
    found, needed = current(database), newest()
    if found != needed:
        has = f"the database has schema {found or 'none'}, this program needs {needed}"
        raise SchemaError(f"{has}: run `fhir-server migrate`")
