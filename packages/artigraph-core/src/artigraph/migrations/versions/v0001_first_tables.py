"""The first tables.

What they are for is in docs/design/schema.md. The column types are those of `artigraph.orm.types`, which never change
what they make; a column that must change gets a new type.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from artigraph.db import utc_now
from artigraph.identifiers import new_id
from artigraph.orm.types import Bytes, Id, ShortBytes, Text, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
}


def upgrade() -> None:
    """Make the tables, and give the database its identity."""
    op.create_table(
        "artigraph_store",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("store_id", Id, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        **_OPTIONS,
    )
    op.create_table(
        "artigraph_blob",
        sa.Column("blob_id", Id, primary_key=True),
        sa.Column("storage", Text(100), nullable=False),
        sa.Column("location", Text(512), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", ShortBytes(32), nullable=False),
        sa.Column("chunk_sha256", Bytes),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("storage", "sha256", "size", name="uq_artigraph_blob_storage_sha256_size"),
        sa.UniqueConstraint("storage", "location", name="uq_artigraph_blob_storage_location"),
        **_OPTIONS,
    )
    op.create_table(
        "artigraph_node",
        sa.Column("node_id", Id, primary_key=True),
        sa.Column("node_type", Text(16), nullable=False),
        sa.Column("parent_id", Id, sa.ForeignKey("artigraph_node.node_id", name="fk_artigraph_node_parent_id")),
        sa.Column("label", Text(255)),
        sa.Column("tree_root_id", Id),
        sa.Column("position", sa.Integer),
        sa.Column("span", sa.Integer),
        sa.Column("model_name", Text(255)),
        sa.Column("model_version", sa.Integer),
        sa.Column("serializer", Text(100)),
        sa.Column("value", Bytes),
        sa.Column("blob_id", Id, sa.ForeignKey("artigraph_blob.blob_id", name="fk_artigraph_node_blob_id")),
        sa.Column("search_key", ShortBytes(255)),
        sa.Column("run_status", Text(16)),
        sa.Column("run_started_at", UtcDateTime),
        sa.Column("run_ended_at", UtcDateTime),
        sa.Column("run_error_type", Text(255)),
        sa.Column("run_error_message", Text(4000)),
        sa.UniqueConstraint("parent_id", "label", name="uq_artigraph_node_parent_id_label"),
        sa.UniqueConstraint("tree_root_id", "position", name="uq_artigraph_node_tree_root_id_position"),
        **_OPTIONS,
    )
    op.create_index("ix_artigraph_node_search", "artigraph_node", ["node_type", "model_name", "label", "search_key"])
    op.create_index(
        "ix_artigraph_node_blob_id",
        "artigraph_node",
        ["blob_id"],
        sqlite_where=sa.text("blob_id IS NOT NULL"),
        postgresql_where=sa.text("blob_id IS NOT NULL"),
    )
    op.create_table(
        "artigraph_link",
        sa.Column(
            "source_id",
            Id,
            sa.ForeignKey("artigraph_node.node_id", name="fk_artigraph_link_source_id"),
            primary_key=True,
        ),
        sa.Column(
            "target_id",
            Id,
            sa.ForeignKey("artigraph_node.node_id", name="fk_artigraph_link_target_id"),
            primary_key=True,
        ),
        sa.Column("kind", Text(16), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        **_OPTIONS,
    )
    op.create_index("ix_artigraph_link_target_id_source_id", "artigraph_link", ["target_id", "source_id"])
    store = sa.table("artigraph_store", sa.column("id"), sa.column("store_id", Id), sa.column("created_at"))
    op.get_bind().execute(sa.insert(store).values(id=1, store_id=new_id(), created_at=utc_now()))


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    for table in ("artigraph_link", "artigraph_node", "artigraph_blob", "artigraph_store"):
        op.drop_table(table)
