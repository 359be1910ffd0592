"""What the stores of schema version 0003 hold: the same as those of 0002, since the version adds no rows.

The classes and values are never changed, since they say what is in tests/data/stores/0003.
"""

from __future__ import annotations

from tests.stores.release_0002 import INLINE_LIMIT, check, fill

__all__ = ["INLINE_LIMIT", "STORAGE", "check", "fill"]

STORAGE = "store-0003"
"""The name of the storage that holds the objects."""
