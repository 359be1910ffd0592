"""Names, tags, parameters and leases of runs; the order of versions, and aliases.

What they are for is in docs/design/schema.md.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from artigraph.orm.types import Bytes, Id, ShortBytes, Text, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
}

_node = sa.table(
    "artigraph_node", sa.column("node_id"), sa.column("node_type"), sa.column("tree_root_id"), sa.column("search_key")
)
_is_artifact = (_node.c.node_type == "model") & (_node.c.tree_root_id == _node.c.node_id)


def upgrade() -> None:
    """Add a column to the nodes, make three tables, and give artifacts their place in the index of keys."""
    op.add_column("artigraph_node", sa.Column("run_name", Text(255)))
    op.create_table(
        "artigraph_run_value",
        sa.Column("run_id", Id, _run("fk_artigraph_run_value_run_id"), primary_key=True),
        sa.Column("kind", Text(16), primary_key=True),
        sa.Column("name", Text(255), primary_key=True),
        sa.Column("value", Bytes, nullable=False),
        sa.Column("search_key", ShortBytes(255)),
        **_OPTIONS,
    )
    op.create_index("ix_artigraph_run_value_search", "artigraph_run_value", ["kind", "name", "search_key"])
    op.create_table(
        "artigraph_lease",
        sa.Column("run_id", Id, _run("fk_artigraph_lease_run_id"), primary_key=True),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        **_OPTIONS,
    )
    op.create_index("ix_artigraph_lease_expires_at", "artigraph_lease", ["expires_at"])
    op.create_table(
        "artigraph_alias",
        sa.Column("model_name", Text(255), primary_key=True),
        sa.Column("label", Text(255), primary_key=True),
        sa.Column("alias", Text(100), primary_key=True),
        sa.Column(
            "node_id",
            Id,
            sa.ForeignKey("artigraph_node.node_id", name="fk_artigraph_alias_node_id"),
            nullable=False,
        ),
        sa.Column("moved_at", UtcDateTime, nullable=False),
        **_OPTIONS,
    )
    op.create_index("ix_artigraph_alias_node_id", "artigraph_alias", ["node_id"])
    node_id: Any = _node.c.node_id
    as_bytes = sa.func.uuid_send(node_id) if op.get_bind().dialect.name == "postgresql" else node_id
    op.execute(sa.update(_node).where(_is_artifact).values(search_key=as_bytes))


def _run(name: str) -> sa.ForeignKey:
    return sa.ForeignKey("artigraph_node.node_id", name=name, ondelete="CASCADE")


def downgrade() -> None:
    """Drop the tables and the column, with all that is in them."""
    for table in ("artigraph_alias", "artigraph_lease", "artigraph_run_value"):
        op.drop_table(table)
    op.execute(sa.update(_node).where((_node.c.node_type == "run") | _is_artifact).values(search_key=None))
    op.drop_column("artigraph_node", "run_name")
