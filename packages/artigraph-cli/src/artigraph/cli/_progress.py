"""Progress of long commands, on the terminal of the errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TaskID, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from artigraph.cli._output import Output
from artigraph.maintenance import Progress


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
