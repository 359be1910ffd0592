"""Indexes of the runs alone, on databases with partial indexes.

What they are for is in docs/design/schema.md.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_artigraph_node_run": "run_status IS NOT NULL",
    "ix_artigraph_node_top_run": "run_status IS NOT NULL AND parent_id IS NULL",
}


def upgrade() -> None:
    """Add the indexes, which take a scan of the nodes each."""
    for name, condition in _INDEXES.items() if _has_partial_indexes() else ():
        where = sa.text(condition)
        op.create_index(name, "artigraph_node", ["node_id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop the indexes."""
    for name in _INDEXES if _has_partial_indexes() else ():
        op.drop_index(name, "artigraph_node")


def _has_partial_indexes() -> bool:
    return op.get_bind().dialect.name in ("sqlite", "postgresql")
