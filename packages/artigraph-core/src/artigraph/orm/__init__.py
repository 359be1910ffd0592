"""Artigraph's tables and mapped classes, for your own queries with your own session."""

from typing import TYPE_CHECKING

from artigraph.lazy_import import deferred
from artigraph.orm.tables import (
    ALIAS_LENGTH,
    CHUNK_SIZE,
    INLINE_LIMIT,
    LABEL_LENGTH,
    SCHEMA_VERSION,
    SEARCH_KEY_LENGTH,
    SMALLEST_INLINE_LIMIT,
    TOMBSTONE_SIZE,
    alias_table,
    blob_table,
    lease_table,
    link_table,
    node_table,
    run_value_table,
    store_table,
    version_table,
)

if TYPE_CHECKING:
    from artigraph.orm._classes import (
        Alias,
        Base,
        Blob,
        ContainerNode,
        Lease,
        Link,
        ModelNode,
        NodeRow,
        RunNode,
        RunValue,
        Store,
        ValueNode,
    )
else:
    __getattr__, __dir__ = deferred(
        __name__,
        {
            "_classes": "Alias Base Blob ContainerNode Lease Link ModelNode NodeRow RunNode RunValue Store ValueNode",
        },
    )

__all__: list[str] = ["ALIAS_LENGTH", "CHUNK_SIZE", "INLINE_LIMIT", "LABEL_LENGTH", "SCHEMA_VERSION"]
__all__ += ["SEARCH_KEY_LENGTH", "SMALLEST_INLINE_LIMIT", "TOMBSTONE_SIZE", "Alias", "Base", "Blob", "ContainerNode"]
__all__ += ["Lease", "Link", "ModelNode", "NodeRow", "RunNode", "RunValue", "Store", "ValueNode"]
__all__ += ["alias_table", "blob_table", "lease_table", "link_table", "node_table", "run_value_table", "store_table"]
__all__ += ["version_table"]
