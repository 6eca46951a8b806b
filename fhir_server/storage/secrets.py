"""Secrets that all workers share, made by the first migration."""

from fhir_server.storage.engine import Database


def cursor_key(database: Database) -> bytes:
    """The key that signs the cursors of pages."""
    rows = database.session().rows("SELECT value FROM secret WHERE name = 'cursor'", {})
    return bytes(rows[0][0])
