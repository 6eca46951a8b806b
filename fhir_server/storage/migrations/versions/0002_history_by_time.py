"""Indexes for the history of a type and of everything, newest first.

Times only grow, so that a new row goes to the end of each. The tables `resource` and `history` have
(type, id, version) already.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("resource_time", "resource", ["updated"])
    op.create_index("history_updated", "history", ["type", "updated"])
    op.create_index("history_time", "history", ["updated"])
