"""Strings are compared whole: `value` has what an index can hold of one, `rest` what comes after.

`whole` is 0 for a part of a name, and for another spelling, which are found but are no value.
`reindex` gives older resources what was cut.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

NEW_COLUMNS: tuple[sa.Column[Any], ...] = (
    sa.Column("rest", sa.Text(), nullable=False, server_default=""),
    sa.Column("whole", sa.SmallInteger(), nullable=False, server_default="1"),
)


def upgrade() -> None:
    op.drop_column("string", "exact")
    for column in NEW_COLUMNS:
        op.add_column("string", column)
