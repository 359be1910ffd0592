"""Storages, which keep the bytes of large values."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)

from artigraph.storage._abilities import (
    StoredEntry,
    SupportsFiles,
    SupportsListing,
    SupportsRanges,
    SupportsStreams,
    SupportsTidying,
)
from artigraph.storage._memory import MemoryStorage
from artigraph.storage._shared import Pieces, ProcessLocal, check_seconds, check_whole
from artigraph.storage.base import Storage, check_key, check_prefix, get_storage_by_name, new_key, register_storage
from artigraph.storage.from_url import storage_from_url

__all__: list[str] = ["MemoryStorage", "Pieces", "ProcessLocal", "Storage", "StoredEntry", "SupportsFiles"]
__all__ += ["SupportsListing", "SupportsRanges", "SupportsStreams", "SupportsTidying"]
__all__ += ["check_key", "check_prefix", "check_seconds", "check_whole"]
__all__ += ["get_storage_by_name", "new_key", "register_storage"]
__all__ += ["storage_from_url"]
