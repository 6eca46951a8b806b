"""The database of the tests that share one: once on SQLite, once on PostgreSQL."""

from tests.interactions.shared import shared_url as shared_url
