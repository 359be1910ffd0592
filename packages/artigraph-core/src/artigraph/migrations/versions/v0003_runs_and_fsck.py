"""Indexes of the runs alone, on databases with partial indexes, and the outcome of the last fsck.

What they are for is in docs/design/schema.md.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from artigraph.orm.types import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_artigraph_node_run": "run_status IS NOT NULL",
    "ix_artigraph_node_top_run": "run_status IS NOT NULL AND parent_id IS NULL",
}
_COLUMNS = {"fsck_at": UtcDateTime, "fsck_problems": sa.BigInteger, "fsck_objects_read": sa.BigInteger}


def upgrade() -> None:
    """Add the indexes, which take a scan of the nodes each, and columns to the only row of the store."""
    for name, condition in _INDEXES.items() if _has_partial_indexes() else ():
        where = sa.text(condition)
        op.create_index(name, "artigraph_node", ["node_id"], sqlite_where=where, postgresql_where=where)
    for name, type_ in _COLUMNS.items():
        op.add_column("artigraph_store", sa.Column(name, type_))


def downgrade() -> None:
    """Drop the columns and the indexes."""
    for name in reversed(_COLUMNS):
        op.drop_column("artigraph_store", name)
    for name in _INDEXES if _has_partial_indexes() else ():
        op.drop_index(name, "artigraph_node")


def _has_partial_indexes() -> bool:
    return op.get_bind().dialect.name in ("sqlite", "postgresql")
