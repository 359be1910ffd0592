"""Tracked functions: each call of a function that is decorated with `@tracked` is recorded as a run."""

from artigraph.tracking._call import TrackedValue, TrackingWarning
from artigraph.tracking._decorator import tracked

__all__ = ["TrackedValue", "TrackingWarning", "tracked"]
