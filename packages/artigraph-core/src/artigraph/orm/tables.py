"""The tables in SQLAlchemy Core, which the library's own statements use.

`artigraph.orm` maps these tables for your own queries, and describes each column.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, SmallInteger, String, Table, UniqueConstraint

from artigraph.orm.metadata import has_partial_indexes, metadata
from artigraph.orm.types import Bytes, Id, ShortBytes, Text, UtcDateTime, Whole

SCHEMA_VERSION = "0003"
"""The migration to which the tables of this release correspond. Versions count upwards."""
LABEL_LENGTH = 255
"""The most code points of a label, and of the name of a model."""
ALIAS_LENGTH = 100
"""The most code points of an alias. Alias, label and model name are one key, whose size MySQL limits."""
SEARCH_KEY_LENGTH = 255
"""The most bytes of a search key. Longer ones are cut, and their matches are checked against the whole values."""
INLINE_LIMIT = 7 * 1024 * 1024
"""The most bytes of a value in a row.

MariaDB drops a connection that sends a packet of 16 MiB, and its driver writes two bytes for each escaped byte.
"""
SMALLEST_INLINE_LIMIT = 1024
"""The least `inline_limit`. A value up to this size is in its row, unless its field names a storage. Most are."""
CHUNK_SIZE = 8 * 1024 * 1024
"""The bytes of a chunk. Each chunk has a hash of its own, so that a ranged read can be checked."""
TOMBSTONE_SIZE = -1
"""The size in a tombstone: a row without an object, which prevents its location from being used again."""

_GOES_WITH_ITS_RUN = "CASCADE"
"""ON DELETE of rows that belong to a run. It cascades by one level, which every database can do."""

node_table: Table = Table(
    "artigraph_node",
    metadata,
    Column("node_id", Id, primary_key=True),
    Column("node_type", Text(16), nullable=False),
    Column("parent_id", Id, ForeignKey("artigraph_node.node_id")),
    Column("label", Text(LABEL_LENGTH)),
    Column("tree_root_id", Id),
    Column("position", Whole),
    Column("span", Whole),
    Column("model_name", Text(LABEL_LENGTH)),
    Column("model_version", Whole),
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
        info={"where": "blob_id IS NOT NULL"},  # used by databases with partial indexes
    ),
    *(
        Index(name, "node_id", info={"where": where, "only_partial": True}).ddl_if(callable_=has_partial_indexes)
        for name, where in (
            ("ix_artigraph_node_run", "run_status IS NOT NULL"),
            ("ix_artigraph_node_top_run", "run_status IS NOT NULL AND parent_id IS NULL"),
        )
    ),
)
blob_table: Table = Table(
    "artigraph_blob",
    metadata,
    Column("blob_id", Id, primary_key=True),
    Column("storage", Text(100), nullable=False),
    Column("location", Text(512), nullable=False),
    Column("size", Whole(BigInteger), nullable=False),
    Column("sha256", ShortBytes(32), nullable=False),
    Column("chunk_sha256", Bytes),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("storage", "sha256", "size"),
    UniqueConstraint("storage", "location"),
)
BLOB_KEY = "uq_artigraph_blob_storage_sha256_size"
"""The unique key of a content. Statements lock a blob's row through it."""
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
    Column("fsck_at", UtcDateTime),
    Column("fsck_problems", Whole(BigInteger)),
    Column("fsck_objects_read", Whole(BigInteger)),
)
version_table: Table = Table("artigraph_version", metadata, Column("version_num", String(32), primary_key=True))
"""Alembic's version table under a name of its own: every application on a database shares the default name."""
