"""The tables as SQLAlchemy Core sees them: what the library's own statements are built on.

What each column means is said in `artigraph.orm.classes`, which maps these tables for queries of one's own.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from artigraph.orm.metadata import metadata
from artigraph.orm.types import Bytes, Id, ShortBytes, Text, UtcDateTime

__all__ = [
    "ALIAS_LENGTH",
    "CHUNK_SIZE",
    "INLINE_LIMIT",
    "LABEL_LENGTH",
    "SCHEMA_VERSION",
    "SEARCH_KEY_LENGTH",
    "SMALLEST_INLINE_LIMIT",
    "TOMBSTONE_SIZE",
    "alias_table",
    "blob_table",
    "lease_table",
    "link_table",
    "node_table",
    "run_value_table",
    "store_table",
    "version_table",
]

SCHEMA_VERSION = "0002"
"""The migration that the tables of this release correspond to; versions count upwards."""
LABEL_LENGTH = 255
"""The most code points of a label, and of the name of a model."""
ALIAS_LENGTH = 100
"""The most code points of an alias: with a label and the name of a model it is one key, which MySQL limits."""
SEARCH_KEY_LENGTH = 255
"""The most bytes of a search key; longer ones are cut, and what they find is checked again."""
INLINE_LIMIT = 7 * 1024 * 1024
"""The most bytes of a value in a row: MariaDB drops a connection that sends a packet of 16 MiB, and its driver writes
two bytes for each one that it escapes."""
SMALLEST_INLINE_LIMIT = 1024
"""The bytes of a value up to which it stands in its row whatever is set: most values are, and nobody need ask."""
CHUNK_SIZE = 8 * 1024 * 1024
"""Bytes of a chunk that is hashed by itself, so that a ranged read can be checked."""
TOMBSTONE_SIZE = -1
"""The size in a row that stands for no object but keeps its location from being used: `gc` removed what was there."""

_GOES_WITH_ITS_RUN = "CASCADE"
"""One level deep, which every database can do; a run's rows here never outlive it."""

node_table: Table = Table(
    "artigraph_node",
    metadata,
    Column("node_id", Id, primary_key=True),
    Column("node_type", Text(16), nullable=False),
    Column("parent_id", Id, ForeignKey("artigraph_node.node_id")),
    Column("label", Text(LABEL_LENGTH)),
    Column("tree_root_id", Id),
    Column("position", Integer),
    Column("span", Integer),
    Column("model_name", Text(LABEL_LENGTH)),
    Column("model_version", Integer),
    Column("serializer", Text(100)),
    Column("value", Bytes),
    Column("blob_id", Id, ForeignKey("artigraph_blob.blob_id")),
    Column("search_key", ShortBytes(SEARCH_KEY_LENGTH)),
    Column("run_name", Text(LABEL_LENGTH)),
    Column("run_status", Text(16)),
    Column("run_started_at", UtcDateTime),
    Column("run_ended_at", UtcDateTime),
    Column("run_error_type", Text(255)),
    Column("run_error_message", Text(4000)),
    UniqueConstraint("parent_id", "label"),
    UniqueConstraint("tree_root_id", "position"),
    Index("ix_artigraph_node_search", "node_type", "model_name", "label", "search_key"),
    Index(
        "ix_artigraph_node_blob_id",
        "blob_id",
        info={"where": "blob_id IS NOT NULL"},  # where a database has partial indexes
    ),
)
blob_table: Table = Table(
    "artigraph_blob",
    metadata,
    Column("blob_id", Id, primary_key=True),
    Column("storage", Text(100), nullable=False),
    Column("location", Text(512), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", ShortBytes(32), nullable=False),
    Column("chunk_sha256", Bytes),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("storage", "sha256", "size"),
    UniqueConstraint("storage", "location"),
)
link_table: Table = Table(
    "artigraph_link",
    metadata,
    Column("source_id", Id, ForeignKey("artigraph_node.node_id"), primary_key=True),
    Column("target_id", Id, ForeignKey("artigraph_node.node_id"), primary_key=True),
    Column("kind", Text(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "target_id", "source_id"),
)
run_value_table: Table = Table(
    "artigraph_run_value",
    metadata,
    Column("run_id", Id, ForeignKey("artigraph_node.node_id", ondelete=_GOES_WITH_ITS_RUN), primary_key=True),
    Column("kind", Text(16), primary_key=True),
    Column("name", Text(LABEL_LENGTH), primary_key=True),
    Column("value", Bytes, nullable=False),
    Column("search_key", ShortBytes(SEARCH_KEY_LENGTH)),
    Index("ix_artigraph_run_value_search", "kind", "name", "search_key"),
)
lease_table: Table = Table(
    "artigraph_lease",
    metadata,
    Column("run_id", Id, ForeignKey("artigraph_node.node_id", ondelete=_GOES_WITH_ITS_RUN), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Index("ix_artigraph_lease_expires_at", "expires_at"),
)
alias_table: Table = Table(
    "artigraph_alias",
    metadata,
    Column("model_name", Text(LABEL_LENGTH), primary_key=True),
    Column("label", Text(LABEL_LENGTH), primary_key=True),
    Column("alias", Text(ALIAS_LENGTH), primary_key=True),
    Column("node_id", Id, ForeignKey("artigraph_node.node_id"), nullable=False),
    Column("moved_at", UtcDateTime, nullable=False),
    Index("ix_artigraph_alias_node_id", "node_id"),
)
store_table: Table = Table(
    "artigraph_store",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("store_id", Id, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
version_table: Table = Table("artigraph_version", metadata, Column("version_num", String(32), primary_key=True))
"""Alembic's version table, under a name of its own (its default name is shared by every application on a database)."""
