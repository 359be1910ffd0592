"""Artigraph's tables, for queries with a session of one's own."""

from artigraph.orm.base import Base
from artigraph.orm.blob import CHUNK_SIZE, TOMBSTONE_SIZE, Blob
from artigraph.orm.link import Link
from artigraph.orm.node import (
    INLINE_LIMIT,
    LABEL_LENGTH,
    SEARCH_KEY_LENGTH,
    SMALLEST_INLINE_LIMIT,
    ContainerNode,
    ModelNode,
    Node,
    RunNode,
    ValueNode,
)
from artigraph.orm.store import SCHEMA_VERSION, Store, version_table
from artigraph.orm.tables import blob_table, link_table, node_table

__all__ = [
    "CHUNK_SIZE",
    "INLINE_LIMIT",
    "LABEL_LENGTH",
    "SCHEMA_VERSION",
    "SEARCH_KEY_LENGTH",
    "SMALLEST_INLINE_LIMIT",
    "TOMBSTONE_SIZE",
    "Base",
    "Blob",
    "ContainerNode",
    "Link",
    "ModelNode",
    "Node",
    "RunNode",
    "Store",
    "ValueNode",
    "blob_table",
    "link_table",
    "node_table",
    "version_table",
]
