"""Progress on the terminal. And deletions: the plan is printed first, and carried out after a question."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TaskID, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from artigraph.cli._command import confirm
from artigraph.cli._output import Output
from artigraph.maintenance import Progress
from artigraph.view import Document

# Progress -------------------------------------------------------------------------------------------------------------


@contextmanager
def progress(output: Output) -> Generator[Callable[[Progress], None] | None]:
    """Show the stages of an operation while a block runs. Nothing is shown without a terminal, or beside JSON."""
    if output.form != "text" or not sys.stderr.isatty():
        yield None
        return
    tasks: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, transient=True, console=Console(stderr=True)) as bars:

        def show(step: Progress) -> None:
            if step.stage not in tasks:
                tasks[step.stage] = bars.add_task(step.stage, total=step.total)
            bars.update(tasks[step.stage], completed=step.done, total=step.total)

        yield show


@contextmanager
def bytes_progress(output: Output, title: str, total: int | None) -> Generator[Callable[[int], None]]:
    """Show how many bytes are done while a block runs. The function that it yields takes the bytes of each step."""
    if output.form != "text" or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, transient=True, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=total)
        yield lambda count: bars.advance(task, count)


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
