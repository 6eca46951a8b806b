"""What the index is made with: the operator's search parameters, and how far a reindex has come.

`indexing` is one row. `generation` is another with each change of what is indexed or searched by;
`made_with` is what all rows were indexed with (`search.registry.made_with`), "" where nobody knows;
`goal` what the reindex that goes on will leave. `phase`: begun, walking, done; a walk is at row
`position` of `last`, and has done `done` of `total`.

`parameter`: `body` is the SearchParameter `id` as it was when its reindex began. `state`: indexing
(every write has rows of it, older ones are given them), active (searched by), retired (changed or
gone since), leaving (the reindex that goes on takes its rows away).
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "parameter",
        sa.Column("number", Serial, primary_key=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    numbers = ("generation", "position", "last", "total", "done")
    op.create_table(
        "indexing",
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in numbers),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("phase", "made_with", "goal")),
    )
    # What lies here already was indexed by a program that did not say with what.
    op.execute(
        "INSERT INTO indexing (generation, position, last, total, done, phase, made_with, goal)"
        " SELECT CASE WHEN EXISTS (SELECT 1 FROM resource) THEN 1 ELSE 0 END, 0, 0, 0, 0, 'done',"
        " '', ''"
    )
