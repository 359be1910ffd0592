"""Artigraph's tables, for queries with a session of one's own."""

from artigraph.orm.alias import ALIAS_LENGTH, Alias
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
from artigraph.orm.run import Lease, RunValue
from artigraph.orm.store import SCHEMA_VERSION, Store, version_table
from artigraph.orm.tables import alias_table, blob_table, lease_table, link_table, node_table, run_value_table

__all__ = [
    "ALIAS_LENGTH",
    "CHUNK_SIZE",
    "INLINE_LIMIT",
    "LABEL_LENGTH",
    "SCHEMA_VERSION",
    "SEARCH_KEY_LENGTH",
    "SMALLEST_INLINE_LIMIT",
    "TOMBSTONE_SIZE",
    "Alias",
    "Base",
    "Blob",
    "ContainerNode",
    "Lease",
    "Link",
    "ModelNode",
    "Node",
    "RunNode",
    "RunValue",
    "Store",
    "ValueNode",
    "alias_table",
    "blob_table",
    "lease_table",
    "link_table",
    "node_table",
    "run_value_table",
    "version_table",
]
