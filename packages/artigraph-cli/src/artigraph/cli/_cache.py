"""The documents of `artigraph cache`, and their texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from artigraph.cli._records import all_filled, filled
from artigraph.printable import printable
from artigraph.tracking import CachedFunctionInfo, CacheExplanation, ClearReport
from artigraph.view import Document, Page, Record


@dataclass(frozen=True, slots=True)
class CachedFunctionItem(Record):
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
class CachedFunctionsPage(Page[CachedFunctionItem]):
    """All functions that have cached results, by name."""

    schema: ClassVar[str] = "artigraph.cached-functions/1"


@dataclass(frozen=True, slots=True)
class CacheExplanationDocument(Document):
    """Why a run was served from the cache, or why it was computed."""

    schema: ClassVar[str] = "artigraph.cache-explanation/1"

    run_id: UUID
    outcome: Literal["hit", "miss", "uncached"]
    """Uncached is a run whose result was never kept for later calls, or was cleared."""
    function: str | None
    """The name of the function with its module."""
    other_run_id: UUID | None
    """The run that served it or, if it was computed, the nearest earlier run of its function."""
    differences: tuple[str, ...]
    """What differs from the nearest earlier run, a sentence each."""
    equal: tuple[str, ...]
    """What is equal to it, such as `code` and the names of arguments."""
    not_followed: tuple[str, ...]
    """What the code refers to and could not be followed. A change of it is not noticed."""


@dataclass(frozen=True, slots=True)
class CacheClearDocument(Document):
    """Which results the cache forgot or, on a dry run, would forget."""

    schema: ClassVar[str] = "artigraph.cache-clear/1"

    dry_run: bool
    """Whether nothing was changed."""
    results: int
    """How many results serve no call any more. Their runs and artifacts stay."""
    functions: tuple[CachedFunctionItem, ...]
    """The functions, as they were before."""


def functions_page(functions: Iterable[CachedFunctionInfo]) -> CachedFunctionsPage:
    """Return a list of cached functions as a document."""
    return CachedFunctionsPage(all_filled(CachedFunctionItem, functions), None)


def clear_document(report: ClearReport) -> CacheClearDocument:
    """Return which results were forgotten as a document."""
    return filled(CacheClearDocument, report)


def explanation_document(run_id: UUID, found: CacheExplanation | None) -> CacheExplanationDocument:
    """Return the explanation of a run as a document."""
    if found is None:
        return CacheExplanationDocument(run_id, "uncached", None, None, (), (), ())
    outcome = "hit" if found.is_hit else "miss"
    return filled(CacheExplanationDocument, found, run_id=run_id, outcome=outcome, other_run_id=found.run_id)


def explanation_lines(run_id: UUID, found: CacheExplanation | None) -> list[str]:
    """Return the explanation of a run in lines of printable text."""
    if found is None:
        return [
            f"uncached: run {run_id} is of no cached function, or it has no result that was kept for later calls",
            "It may have failed, its values could not be stored, the cache was off, or the result was cleared.",
        ]
    return [printable(line) for line in str(found).split("\n")]
