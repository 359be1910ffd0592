"""The sync twin of `artigraph.tracking`."""

from __future__ import annotations

from collections.abc import Callable

import artigraph.tracking as async_tracking
from artigraph.identifiers import NodeId
from artigraph.portal import wait_for
from artigraph.tracking import (
    Cache,
    CachedCoroutineFunction,
    CachedFunction,
    CachedFunctionInfo,
    CacheExplanation,
    ClearReport,
    TrackedValue,
    TrackingWarning,
    tracked,
)

__all__ = [
    "Cache",
    "CacheExplanation",
    "CachedCoroutineFunction",
    "CachedFunction",
    "CachedFunctionInfo",
    "ClearReport",
    "TrackedValue",
    "TrackingWarning",
    "cached_functions",
    "clear_cache",
    "explain_run",
    "tracked",
]


def explain_run(run: NodeId) -> CacheExplanation | None:
    """Explain why a run of a cached function was served, or why it was computed.

    The run is compared with the nearest earlier one of its function. None means that the run has no key: its function
    is not cached, or the key was cleared. Or its result can serve no call: the run failed, an argument or the result
    could not be stored, or `ARTIGRAPH_CACHE` was off.

    Raises:
        InvalidNodeIdError: `run` denotes no node.
    """
    return wait_for(async_tracking.explain_run(run))


def cached_functions() -> list[CachedFunctionInfo]:
    """Return the functions that have cached results, by name.

    It takes three statements, however many results there are. They read an index, and one row for each function.
    """
    return wait_for(async_tracking.cached_functions())


def clear_cache(function: str | Callable[..., object] | None = None, *, dry_run: bool = False) -> ClearReport:
    """Forget the results of one function, or of all, so that its next calls are computed. Runs and artifacts stay.

    It is one transaction. Explanations no longer compare calls with the forgotten ones.

    Args:
        function: the cached function itself, or its name with its module, as `cached_functions` returns it. By default
            all functions.
        dry_run: return the same report, and change nothing.

    Raises:
        TrackingError: `function` is no cached function.
    """
    return wait_for(async_tracking.clear_cache(function, dry_run=dry_run))
