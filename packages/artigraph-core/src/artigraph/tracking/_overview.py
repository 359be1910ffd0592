"""List the functions with cached results, and clear these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import FunctionType
from typing import Any
from uuid import UUID

from artigraph.errors import TrackingError
from artigraph.printable import printable
from artigraph.tracking._ownership import name_of
from artigraph.tracking._sql import forget, functions


@dataclass(frozen=True, slots=True)
class CachedFunctionInfo:
    """What the cache has of one function."""

    function: str
    """The name of the function with its module."""
    results: int
    """Calls that were computed, and can serve later ones. The result of some may have been deleted."""
    hits: int
    """Calls that were served, also from results that are no longer there."""
    newest_run_id: UUID
    """The newest run that computed a result."""
    newest_at: datetime
    """When that run started, in UTC."""


@dataclass(frozen=True, slots=True)
class ClearReport:
    """What `clear_cache` forgot or, on a dry run, would forget."""

    dry_run: bool
    """Whether nothing was changed."""
    functions: tuple[CachedFunctionInfo, ...]
    """The functions, by name, as they were before."""
    results: int
    """How many results serve no call any more. Their runs and artifacts stay."""

    def render(self) -> str:
        """Return the report as text."""
        what = "Would forget" if self.dry_run else "Forgot"
        if not self.functions:
            return f"{what} nothing: there are no cached results."
        widest = max(len(printable(each.function)) for each in self.functions)
        lines = [f"  {printable(each.function):{widest}}  {_count(each.results)}" for each in self.functions]
        return "\n".join([f"{what}:", *lines, "The runs and artifacts stay."])


def _count(results: int) -> str:
    return "1 result" if results == 1 else f"{results:,} results"


async def cached_functions() -> list[CachedFunctionInfo]:
    """Return the functions that have cached results, by name.

    It takes three statements, however many results there are. They read an index, and one row for each function.
    """
    return [CachedFunctionInfo(*row) for row in await functions()]


async def clear_cache(function: str | Callable[..., object] | None = None, *, dry_run: bool = False) -> ClearReport:
    """Forget the results of one function, or of all, so that its next calls are computed. Runs and artifacts stay.

    It is one transaction. Explanations no longer compare calls with the forgotten ones.

    Args:
        function: the cached function itself, or its name with its module, as `cached_functions` returns it. By default
            all functions.
        dry_run: return the same report, and change nothing.

    Raises:
        TrackingError: `function` is no cached function.
    """
    name = function if function is None or isinstance(function, str) else _name(function)
    there = tuple(CachedFunctionInfo(*row) for row in await functions(name))
    count = sum(each.results for each in there) if dry_run else await forget(name)
    return ClearReport(dry_run, there, count)


def _name(function: Callable[..., object]) -> str:
    """Return the name of a cached function.

    Raises:
        TrackingError: it is not one.
    """
    plain: Any = getattr(function, "__func__", function)
    below: object = getattr(plain, "__wrapped__", None)
    if not hasattr(plain, "explain") or not isinstance(below, FunctionType):
        msg = f"{function!r:.100} is no cached function. Decorate it with @tracked(cache=True), or pass its name"
        raise TrackingError(msg)
    return name_of(below)
