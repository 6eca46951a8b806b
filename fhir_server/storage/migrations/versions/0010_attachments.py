"""Where the bytes of a document lie, as rows: until now the spelling of their address said so.

What lies there gets its rows, and bytes the facts of their document, which they lost where the
address of the server had changed meanwhile. Addresses before `/Binary/id` of a Binary that is here
are those the server has had: references under them become relative, and so do those of the bytes,
so that they lead to the same under any.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

BATCH = 500
FACTS = (
    "record", "owners", "masked", "veiled_until", "veiled_representatives", "superseded", "kind",
)  # fmt: skip
ID = r"[A-Za-z0-9.-]{1,64}"
BINARY = re.compile(rf"(?:(.*)/)?Binary/({ID})")


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("document", "type", "id"),
    )
    op.create_index("attachment_bytes", "attachment", ["type", "id"])
    bases = set[str]()
    for document, record, made, body in documents():
        for base, id_ in attached(body):
            if is_its_own(id_, record, made):
                put(document, id_)
                bases |= {base} - {""}
    for base in sorted(bases):
        for table in ("resource", "history"):
            move(table, base)


def run(text: str, **params: Any) -> list[Any]:
    return list(op.get_bind().execute(sa.text(text), params))


def is_its_own(binary: str, record: int, made: int) -> bool:
    """Whether this Binary was deposited with a document of that record, at that time; of what lies
    in no record, whether it is there.
    """
    text = "SELECT record, updated FROM resource WHERE type = 'Binary' AND id = :id"
    return any(
        of == record and (of <= 0 or at == made or first("Binary", binary) == made)
        for of, at in run(text, id=binary)
    )


def first(type_: str, id_: str) -> int:
    """When a resource that has changed was stored; 0 for one that has not."""
    text = "SELECT updated FROM history WHERE type = :type AND id = :id AND version = 1"
    return next((int(row[0]) for row in run(text, type=type_, id=id_)), 0)


def documents() -> Iterator[tuple[str, int, int, bytes]]:
    """Id, record, time of deposit and content of each document, of a deleted one the last it had.
    """
    last = ""
    while rows := run(
        "SELECT d.id, d.record, d.updated, CASE WHEN d.deleted THEN h.body ELSE d.body END"
        " FROM resource d"
        " LEFT JOIN history h ON h.type = d.type AND h.id = d.id AND h.version = d.version - 1"
        f" WHERE d.type = 'DocumentReference' AND d.id > :last ORDER BY d.id LIMIT {BATCH}",
        last=last,
    ):
        for id_, record, updated, body in rows:
            made = first("DocumentReference", id_) or updated
            yield id_, record, made, bytes(body or b"")
        last = rows[-1][0]


def attached(body: bytes) -> Iterator[tuple[str, str]]:
    """Base and id of each Binary that a document says its bytes are in."""
    for content in json.loads(body or b"{}").get("content", ()):
        if found := BINARY.fullmatch(content.get("attachment", {}).get("url", "")):
            yield found[1] or "", found[2]


def put(document: str, id_: str) -> None:
    known = "SELECT 1 FROM attachment WHERE document = :document AND id = :id"
    if run(known, document=document, id=id_):
        return
    text = "INSERT INTO attachment (document, type, id) VALUES (:document, 'Binary', :id)"
    op.get_bind().execute(sa.text(text), {"document": document, "id": id_})
    of = "(SELECT d.{0} FROM resource d WHERE d.type = 'DocumentReference' AND d.id = :document)"
    facts = ", ".join(f"{name} = {of.format(name)}" for name in FACTS)
    text = f"UPDATE resource SET {facts} WHERE type = 'Binary' AND id = :id"
    op.get_bind().execute(sa.text(text), {"document": document, "id": id_})


def move(table: str, base: str) -> None:
    """Make what stands under this base relative, in every content but that of Bundles."""
    own = re.escape(base.encode())
    address = rb'/(?=[A-Z][A-Za-z]+/%b(?:/_history/%b)?")' % ((ID.encode(),) * 2)
    reference = re.compile(rb'("reference"\s*:\s*")' + own + address)
    url = re.compile(rb'("url")\s*:\s*(")' + own + rb'/(?=(?:Binary|Bundle)/%b")' % ID.encode())
    position = "position(:base IN body)" if on_postgres() else "instr(body, :base)"
    key = "pk" if table == "resource" else "type, id, version"
    names = key.split(", ")
    where = " AND ".join(f"{name} = :{name}" for name in names)
    change = sa.text(f"UPDATE {table} SET body = :body WHERE {where}")
    found = run(
        f"SELECT {key}, type AS kind FROM {table} WHERE type <> 'Bundle' AND {position} > 0",
        base=base.encode(),
    )
    for row in found:
        *values, kind = row
        at = dict(zip(names, values, strict=True))
        here = rb"\1:\2" if kind == "DocumentReference" else rb"\1:\2./"
        body = bytes(run(f"SELECT body FROM {table} WHERE {where}", **at)[0][0])
        moved = url.sub(here, reference.sub(rb"\1", body))
        if moved != body:
            op.get_bind().execute(change, at | {"body": moved})


def on_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"
