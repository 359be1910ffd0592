"""Functions whose calls are runs: `@tracked`."""

from artigraph.tracking.call import TrackingWarning
from artigraph.tracking.decorator import tracked
from artigraph.tracking.value import TrackedValue

__all__ = ["TrackedValue", "TrackingWarning", "tracked"]
