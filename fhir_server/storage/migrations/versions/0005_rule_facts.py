"""What more the rules know of a row: the type of a document of which a rule speaks, and whether it
has been replaced; and what stored resources say of people that nobody asked before.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from fhir_server.policy.matrix import kind_of
from fhir_server.policy.relations import relations_of
from fhir_server.storage.condition import BITS
from fhir_server.storage.content import byte_addresses, content_of
from fhir_server.storage.place import who

revision = "0005"
down_revision = "0004"

NEW_COLUMNS: tuple[sa.Column[Any], ...] = (
    sa.Column("superseded", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("kind", sa.Text(), nullable=False, server_default="none"),
)
RELATION = (
    "INSERT INTO relation (record, actor, kind, bit, since, until, source)"
    " VALUES (:record, :actor, :kind, :bit, :since, :until, :source)"
)


class Lying:
    """What lies in the database, for those who read it with a session."""

    def rows(self, text: str, params: Mapping[str, Any]) -> list[Any]:
        return [tuple(row) for row in op.get_bind().execute(sa.text(text), params)]


def upgrade() -> None:
    for column in NEW_COLUMNS:
        op.add_column("resource", column)
    for id_, _, document in resources("DocumentReference"):
        facts = {"superseded": document.get("status") == "superseded", "kind": kind_of(document)}
        for type_, target in (("DocumentReference", id_), *byte_addresses(document, "")):
            op.get_bind().execute(
                sa.text(
                    "UPDATE resource SET superseded = :superseded, kind = :kind"
                    " WHERE type = :type AND id = :id"
                ),
                facts | {"type": type_, "id": target},
            )
    for type_ in ("Consent", "RelatedPerson"):
        for id_, record, resource in resources(type_):
            relate(f"{type_}/{id_}", record, resource)


def resources(type_: str) -> Iterator[tuple[str, int, dict[str, Any]]]:
    found = "SELECT id, record, body FROM resource WHERE type = :type AND NOT deleted"
    for id_, record, body in Lying().rows(found, {"type": type_}):
        yield id_, record, content_of(bytes(body)) | {"resourceType": type_}


def relate(source: str, record: int, resource: dict[str, Any]) -> None:
    op.get_bind().execute(
        sa.text("DELETE FROM relation WHERE source = :source"), {"source": source}
    )
    # It only reads.
    people = who(Lying(), resource, base="")  # type: ignore[arg-type]
    for said in relations_of(resource, people):
        op.get_bind().execute(
            sa.text(RELATION),
            {
                "record": record, "actor": said.actor, "kind": said.kind, "bit": BITS[said.kind],
                "since": said.since, "until": said.until, "source": source,
            },
        )  # fmt: skip
