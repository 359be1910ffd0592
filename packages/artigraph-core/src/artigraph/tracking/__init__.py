"""Tracked functions: each call of a function that is decorated with `@tracked` is recorded as a run."""

from artigraph.tracking._decorator import CachedCoroutineFunction, CachedFunction, tracked
from artigraph.tracking._explain import (
    CachedFunctionInfo,
    CacheExplanation,
    ClearReport,
    cached_functions,
    clear_cache,
    explain_run,
)
from artigraph.tracking._options import Cache, TrackedValue, TrackingWarning

__all__ = ["Cache", "CacheExplanation", "CachedCoroutineFunction", "CachedFunction", "CachedFunctionInfo"]
__all__ += ["ClearReport", "TrackedValue", "TrackingWarning", "cached_functions", "clear_cache", "explain_run"]
__all__ += ["tracked"]
