"""The tables of the first house.

`record` is in every table of patient data and never null: the holder's internal number, 0 for
shared resources, -1 for what belongs to a person but to no record (only without policy). Times are
milliseconds since 1970 UTC.

PostgreSQL keeps the search keys of a resource in one array with a GIN index; SQLite, which has no
arrays, one row a key (design, `libraries.md` 6.2 and 6.3).
"""

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0001"
down_revision = None

# SQLite counts up only an INTEGER PRIMARY KEY.
Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def column(name: str, type_: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)


def resource_columns() -> list[sa.Column[Any]]:
    return [
        column("record", sa.BigInteger()),
        column("type", sa.Text()),
        column("id", sa.Text()),
        column("version", sa.Integer()),
        column("updated", sa.BigInteger()),
        column("deleted", sa.Boolean()),
        column("method", sa.Text()),  # POST, PUT, PATCH or DELETE, which made this version
        column("media", sa.Text()),  # content type of a Binary, or ""
        column("body", sa.LargeBinary()),  # the JSON text; of a deleted version ""
        sa.Column("data", sa.LargeBinary()),  # the bytes of a Binary
    ]


def upgrade() -> None:
    records()
    resources()
    index_rows()
    trail()
    op.create_table(
        "secret", sa.Column("name", sa.Text(), primary_key=True), column("value", sa.LargeBinary())
    )
    op.execute(
        "INSERT INTO record (number, state, born, patient) VALUES (0, 'shared', 0, ''), (-1, "
        "'unplaced', 0, '')"
    )
    cursor_key = sa.text("INSERT INTO secret (name, value) VALUES ('cursor', :value)")
    op.get_bind().execute(cursor_key, {"value": secrets.token_bytes(32)})


def records() -> None:
    op.create_table(
        "record",
        sa.Column("number", Serial, primary_key=True),
        column("state", sa.Text()),
        column("born", sa.BigInteger()),  # of the holder
        column("patient", sa.Text()),  # id of the Patient
    )
    op.create_table(
        "relation",
        column("record", sa.BigInteger()),
        column("actor", sa.Text()),
        column("kind", sa.Text()),
        column("bit", sa.Integer()),  # of the kind, for `storage.condition.BITS`
        column("since", sa.BigInteger()),
        column("until", sa.BigInteger()),
        column("source", sa.Text()),  # Type/id of the resource that says so
    )
    op.create_index("relation_actor", "relation", ["actor", "kind", "record"])
    op.create_index("relation_record", "relation", ["record", "actor"])
    op.create_index("relation_source", "relation", ["source"])


def resources() -> None:
    on_postgres = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "resource",
        sa.Column("pk", Serial, primary_key=True),
        *resource_columns(),
        column("masked", sa.Boolean()),
        column("veiled_until", sa.BigInteger()),  # 0: visible to the holder
        column("veiled_representatives", sa.Boolean()),
        column(
            "owners", sa.Text()
        ),  # identifiers system|value, one a line, a newline first and last
        column("linked", sa.Boolean()),  # has references that may lead to hidden rows
        *([column("keys", ARRAY(sa.BigInteger()))] if on_postgres else []),
        sa.UniqueConstraint("type", "id", name="resource_address"),
    )
    op.create_index("resource_record", "resource", ["record", "type", "updated"])
    op.create_index("resource_updated", "resource", ["type", "updated"])
    traces = sa.text("type = 'AuditEvent'")
    op.create_index(
        "resource_agent", "resource", ["owners"], sqlite_where=traces, postgresql_where=traces
    )
    if on_postgres:
        op.create_index(
            "resource_keys",
            "resource",
            ["keys"],
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        )
    else:
        op.execute(
            "CREATE TABLE key (hash INTEGER NOT NULL, pk INTEGER NOT NULL, PRIMARY KEY (hash, "
            "pk)) WITHOUT ROWID"
        )
        op.create_index("key_pk", "key", ["pk"])
    op.create_table(
        "history",
        sa.Column("pk", Serial, primary_key=True),
        *resource_columns(),
        sa.UniqueConstraint("type", "id", "version", name="history_address"),
    )


def index_rows() -> None:
    """What is not compared exactly: strings, dates, numbers; references for chains; tokens for
    sorting.
    """
    interval: dict[str, sa.types.TypeEngine[Any]] = {
        "moment": sa.BigInteger(),
        "number": sa.Float(53),
    }
    values = {
        "string": [column("value", sa.Text()), column("exact", sa.Text())],
        **{name: [column("low", type_), column("high", type_)] for name, type_ in interval.items()},
        "reference": [column("target_type", sa.Text()), column("target_id", sa.Text())],
        "token": [column("value", sa.Text())],
    }
    for name, columns in values.items():
        op.create_table(
            name, column("pk", sa.BigInteger()), column("parameter", sa.BigInteger()), *columns
        )
        op.create_index(f"{name}_pk", name, ["pk", "parameter"])
    op.create_index(
        "string_value",
        "string",
        ["parameter", "value"],
        postgresql_ops={"value": "text_pattern_ops"},
    )
    for name in interval:
        op.create_index(f"{name}_low", name, ["parameter", "low"])
    op.create_index("reference_target", "reference", ["target_type", "target_id", "parameter"])


def trail() -> None:
    """Appended in the transaction of the answer; `pending` until somebody searches and it becomes
    an AuditEvent row.
    """
    op.create_table(
        "trail",
        sa.Column("id", sa.Text(), primary_key=True),  # of the AuditEvent; begins with the time
        column("record", sa.BigInteger()),
        column("at", sa.BigInteger()),
        column("agent", sa.Text()),
        column("rules", sa.Text()),
        column("note", sa.LargeBinary()),
        column("pending", sa.Boolean()),
    )
    pending = sa.text("pending")
    op.create_index(
        "trail_pending", "trail", ["record"], sqlite_where=pending, postgresql_where=pending
    )
