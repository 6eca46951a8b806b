"""One version of a resource, as it lies."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
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


def settled(versions: Iterable[Version]) -> list[tuple[int, str]]:
    """The records these are of, each with all the rules that opened something of it."""
    return united((one.record, one.rules) for one in versions)


def united(*told: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Records and rules, each record once with the rules of all."""
    found: dict[int, set[str]] = {}
    for record, rules in chain(*told):
        found.setdefault(record, set()).update(rules.split())
    return [(record, " ".join(sorted(rules))) for record, rules in sorted(found.items())]


def version(row: Row, *more: Any) -> Version:
    """From the columns of COLUMNS, then `full` and `rules` where they were asked for."""
    return Version(*row, *more)


def columns(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in COLUMNS)
