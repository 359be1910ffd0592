"""Functions whose calls are runs: `@tracked`."""

from artigraph.tracking.decorator import tracked
from artigraph.tracking.value import TrackedValue

__all__ = ["TrackedValue", "tracked"]
