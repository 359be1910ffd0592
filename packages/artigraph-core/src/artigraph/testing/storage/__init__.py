"""What a storage promises, as tests: subclass `StorageConformance` and run it with pytest.

The contract is `artigraph.storage.Storage`, and what a storage may be able to do beyond that. Nothing but pytest is
needed; the tests run event loops of their own.
"""

from artigraph.testing.storage._conformance import StorageConformance
from artigraph.testing.storage._locations import HOSTILE_LOCATIONS

__all__ = ["HOSTILE_LOCATIONS", "StorageConformance"]
