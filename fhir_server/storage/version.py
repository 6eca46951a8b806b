"""One version of a resource, as it lies."""

from dataclasses import dataclass
from typing import Any

from fhir_server.fhir.dates import instant
from fhir_server.storage.engine import Row

COLUMNS = (
    "pk",
    "record",
    "type",
    "id",
    "version",
    "updated",
    "deleted",
    "method",
    "media",
    "body",
    "data",
    "linked",
)


@dataclass(slots=True)
class Version:
    """`body` is the JSON text, "" when deleted; `data` the bytes of a Binary; `full` 0 for a
    Patient known by name only.
    """

    pk: int
    record: int
    type_: str
    id_: str
    version: int
    updated: int
    deleted: bool
    method: str
    media: str
    body: bytes
    data: bytes | None
    linked: bool
    full: bool = True
    rules: str = ""

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'

    @property
    def last_updated(self) -> str:
        return instant(self.updated)

    @property
    def address(self) -> str:
        return f"{self.type_}/{self.id_}"


def version(row: Row, *more: Any) -> Version:
    """From the columns of COLUMNS, then `full` and `rules` where they were asked for."""
    return Version(*row, *more)


def columns(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in COLUMNS)
