"""What clocks make due, and the lease of the job that does it.

A row of `due` is made with the resource that starts its clock (`source`), and goes with it. The
clocks of what lies there already: documents still hidden from their holders, closed records.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEN_YEARS, TWO_WEEKS = 3653 * 86_400_000, 14 * 86_400_000


def upgrade() -> None:
    op.create_table(
        "due",
        sa.Column("source", sa.Text(), primary_key=True),  # Type/id
        sa.Column("kind", sa.Text(), primary_key=True),  # of `policy.life`
        sa.Column("record", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("due_at", "due", ["at", "source", "kind"])
    op.create_index("due_record", "due", ["record"])
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.execute("INSERT INTO lease (name, holder, until) VALUES ('jobs', '', 0)")
    # What stands in no record is looked through when one is destroyed.
    nobody = sa.text("record = 0")
    op.create_index(
        "trail_nobody", "trail", ["id"], sqlite_where=nobody, postgresql_where=nobody
    )
    hidden = "FROM resource d WHERE d.type = 'DocumentReference' AND d.veiled_until > 0"
    fill = "INSERT INTO due (source, kind, record, at) SELECT 'DocumentReference/' || d.id, "
    op.execute(f"{fill}'release', d.record, d.veiled_until {hidden} AND NOT d.deleted")
    # The deposit is a month before its release: 14 days before that nobody is told too early.
    told = f"d.veiled_until - {TWO_WEEKS}"
    op.execute(f"{fill}'notice', d.record, {told} {hidden} AND NOT d.deleted")
    op.execute(
        f"INSERT INTO due (source, kind, record, at) SELECT 'Patient/' || d.id, 'purge', d.record, "
        f"d.updated + {TEN_YEARS} FROM resource d JOIN record k ON k.number = d.record"
        " WHERE d.type = 'Patient' AND k.state IN ('closed', 'deceased')"
    )
