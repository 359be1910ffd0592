"""Tests of what a storage promises: subclass `StorageConformance` and run it with pytest.

They test the contract `artigraph.storage.Storage` and the optional abilities. They need only pytest, and run their own
event loops.
"""

from artigraph.testing.storage._conformance import StorageConformance
from artigraph.testing.storage._locations import HOSTILE_LOCATIONS

__all__ = ["HOSTILE_LOCATIONS", "StorageConformance"]
