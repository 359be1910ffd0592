"""Places for the bytes of large values."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)

from artigraph.storage.abilities import (
    StoredEntry,
    SupportsFiles,
    SupportsListing,
    SupportsRanges,
    SupportsStreams,
    SupportsTidying,
)
from artigraph.storage.base import Storage, get_storage_by_name, register_storage
from artigraph.storage.keys import check_key, check_prefix, new_key
from artigraph.storage.memory import MemoryStorage

__all__ = [
    "MemoryStorage",
    "Storage",
    "StoredEntry",
    "SupportsFiles",
    "SupportsListing",
    "SupportsRanges",
    "SupportsStreams",
    "SupportsTidying",
    "check_key",
    "check_prefix",
    "get_storage_by_name",
    "new_key",
    "register_storage",
]
