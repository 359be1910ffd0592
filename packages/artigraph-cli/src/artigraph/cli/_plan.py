"""Deletions: the plan is printed first, and carried out after a question."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from artigraph.cli._command import confirm
from artigraph.cli._output import Output
from artigraph.cli._progress import progress
from artigraph.view import Document


class _Report(Protocol):
    def render(self) -> str: ...


R = TypeVar("R", bound=_Report)


async def delete_by_plan(
    output: Output,
    work: Callable[..., Awaitable[R]],
    document: Callable[[R], Document],
    *,
    is_empty: Callable[[R], bool],
    dry_run: bool,
    yes: bool,
    question: str = "Delete this?",
) -> None:
    """Print what would be deleted, ask, delete it, and print what was deleted. With `yes` it only does the latter two.

    Args:
        output: prints the reports.
        work: makes a report. It takes `dry_run` and `progress`.
        document: returns a report as a document.
        is_empty: whether a plan deletes nothing, so that there is no question.
        dry_run: whether to print the plan only.
        yes: whether to delete without a question.
        question: what to ask.

    Raises:
        RefusedError: the answer is no, or there is no terminal on which to ask.
    """
    for is_plan in (True, False) if dry_run or not yes else (False,):
        with progress(output) as show:
            report = await work(dry_run=is_plan, progress=show)
        output.text(document(report).to_dict(), report.render().split("\n"))
        if is_plan:
            if dry_run or is_empty(report):
                return
            confirm(question, yes=yes)
