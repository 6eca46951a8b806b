"""Create or upgrade the schema.

https://alembic.sqlalchemy.org/en/latest/api/
"""

import sqlalchemy
from alembic import command
from alembic.config import Config

from fhir_server.search.registry import made_with
from fhir_server.storage.engine import Database
from fhir_server.storage.schema import VERSIONS, SchemaError, check, current, newest

__all__ = ["SchemaError", "check", "current", "newest", "upgrade"]


def upgrade(database: Database) -> str:
    """Bring the schema to the newest revision, in one transaction; the revision.

    SchemaError when the database cannot be reached.
    """
    current(database)
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        # Where nothing is stored everything is indexed.
        fresh = "UPDATE indexing SET made_with = :made WHERE NOT EXISTS (SELECT 1 FROM resource)"
        connection.execute(sqlalchemy.text(fresh), {"made": made_with()})
    return newest()
