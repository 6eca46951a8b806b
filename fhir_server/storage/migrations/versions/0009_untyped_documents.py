"""A document without a type counts as one of each type, with its bytes and what speaks of it."""

import re
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from fhir_server.policy.matrix import MIXED, kind_of
from fhir_server.storage.content import content_of

revision = "0009"
down_revision = "0008"

# At whatever address this server was when it took the document.
_BYTES = re.compile(r"(?:.*/)?Binary/([A-Za-z0-9.-]{1,64})")
_UNTYPED = (
    "SELECT id, record, body FROM resource"
    " WHERE type = 'DocumentReference' AND kind IN ('none', 'mixed') AND NOT deleted"
)
_SPEAKING = (
    "SELECT DISTINCT r.type, r.id, r.record FROM reference f JOIN resource r ON r.pk = f.pk"
    " WHERE r.type = 'Provenance' AND f.target_type = :type AND f.target_id = :id"
)
_MARK = (
    "UPDATE resource SET kind = :kind WHERE type = :type AND id = :id AND record = :record"
)


def upgrade() -> None:
    for type_, id_, record in [*untyped()]:
        speaking = op.get_bind().execute(sa.text(_SPEAKING), {"type": type_, "id": id_}).all()
        for found in ((type_, id_, record), *speaking):
            where = dict(zip(("type", "id", "record"), found, strict=True))
            op.get_bind().execute(sa.text(_MARK), where | {"kind": MIXED})


def untyped() -> Iterator[tuple[str, str, int]]:
    """Type, id and record of documents without a type, and of their bytes."""
    for id_, record, body in op.get_bind().execute(sa.text(_UNTYPED)).all():
        document = content_of(bytes(body))
        if kind_of(document) != MIXED:
            continue
        yield "DocumentReference", id_, record
        for content in document.get("content", ()):
            if found := _BYTES.fullmatch(content.get("attachment", {}).get("url", "")):
                yield "Binary", found[1], record
