"""Functions whose calls are runs: `@tracked`."""

from artigraph.tracked.decorator import tracked
from artigraph.tracked.value import TrackedValue

__all__ = ["TrackedValue", "tracked"]
