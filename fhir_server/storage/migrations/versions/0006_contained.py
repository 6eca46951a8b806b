"""What resources contain: each contained resource that is searched, by a row number below 0.

`container` is the row number of the resource it is in. `reindex` gives older resources their rows.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    on_postgres = op.get_bind().dialect.name == "postgresql"
    keys: sa.Column[Any] = sa.Column("keys", ARRAY(sa.BigInteger()), nullable=False)
    op.create_table(
        "contained",
        sa.Column("pk", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True,
                  autoincrement=False),
        sa.Column("container", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        *([keys] if on_postgres else []),
    )  # fmt: skip
    op.create_index("contained_container", "contained", ["container"])
    op.create_index("contained_type", "contained", ["type"])
    if on_postgres:
        op.create_index(
            "contained_keys",
            "contained",
            ["keys"],
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        )
