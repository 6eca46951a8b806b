"""What more the rules know of a row: the type of a document of which a rule speaks, and whether it
has been replaced; and what stored resources say of people that nobody asked before.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from fhir_server.policy.matrix import kind_of
from fhir_server.storage.content import byte_addresses
from fhir_server.storage.migrations.lying import do, relate, resources

revision = "0005"
down_revision = "0004"

NEW_COLUMNS: tuple[sa.Column[Any], ...] = (
    sa.Column("superseded", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("kind", sa.Text(), nullable=False, server_default="none"),
)


def upgrade() -> None:
    for column in NEW_COLUMNS:
        op.add_column("resource", column)
    for id_, _, document in resources("DocumentReference"):
        facts = {"superseded": document.get("status") == "superseded", "kind": kind_of(document)}
        for type_, target in (("DocumentReference", id_), *byte_addresses(document, "")):
            do(
                "UPDATE resource SET superseded = :superseded, kind = :kind"
                " WHERE type = :type AND id = :id",
                type=type_, id=target, **facts,
            )  # fmt: skip
    for type_ in ("Consent", "RelatedPerson"):
        for id_, record, resource in resources(type_):
            relate(f"{type_}/{id_}", record, resource)
