"""Where references lead within one whole: to what a resource contains, to the entries of a Bundle.

`inward`: `pk` is the row that refers, of a resource or of one within it, `target` the row in
`contained` that it leads to. `contained.entry` is 1 for the entries of Bundles, and what these
contain: nobody's search of contained resources meets them. `reindex` gives older resources theirs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column(
        "contained", sa.Column("entry", sa.SmallInteger(), nullable=False, server_default="0")
    )
    names = ("pk", "parameter", "target")
    op.create_table("inward", *(sa.Column(n, sa.BigInteger(), nullable=False) for n in names))
    op.create_index("inward_pk", "inward", ["pk", "parameter"])
    op.create_index("inward_target", "inward", ["target", "parameter"])
