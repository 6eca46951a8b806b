"""What lies in the database while it is upgraded, and what it says of people, read anew."""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from fhir_server.policy.relations import relations_of
from fhir_server.storage.condition import BITS
from fhir_server.storage.content import content_of
from fhir_server.storage.place import who
from fhir_server.storage.teams import team

RELATION = (
    "INSERT INTO relation (record, actor, kind, bit, since, until, source)"
    " VALUES (:record, :actor, :kind, :bit, :since, :until, :source)"
)


class Lying:
    """For those who read it with a session."""

    def rows(self, text: str, params: Mapping[str, Any]) -> list[Any]:
        return [tuple(row) for row in op.get_bind().execute(sa.text(text), params)]


def do(text: str, **params: object) -> None:
    op.get_bind().execute(sa.text(text), params)


def resources(type_: str) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Id, record and content of all of this type that are not deleted."""
    found = "SELECT id, record, body FROM resource WHERE type = :type AND NOT deleted"
    for id_, record, body in Lying().rows(found, {"type": type_}):
        yield id_, record, content_of(bytes(body)) | {"resourceType": type_}


def relate(source: str, record: int, resource: dict[str, Any]) -> None:
    """Put what `resource` says of people in place of what was read from it before."""
    do("DELETE FROM relation WHERE source = :source", source=source)
    lying: Any = Lying()  # it only reads
    people = who(lying, resource, base="")
    teams = team(lying, resource, record, base="")
    for said in relations_of(resource, people, teams):
        do(
            RELATION, record=record, actor=said.actor, kind=said.kind, bit=BITS[said.kind],
            since=said.since, until=said.until, source=source,
        )  # fmt: skip
