"""What all commands have in common: their options, the store, and questions before something is deleted."""

from __future__ import annotations

import functools
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import click

from artigraph.cli._exit_codes import ExitCode
from artigraph.cli._output import Output

Work: TypeAlias = Callable[..., Coroutine[Any, Any, ExitCode | None]]


class RefusedError(click.ClickException):
    """The command needs a consent that it did not get. Nothing was changed."""

    exit_code = ExitCode.REFUSED


def store_command(
    within: click.Group | None = None,
    name: str | None = None,
    *,
    storages: bool = False,
    creates: bool = False,
    examines: bool = False,
    writes: bool = False,
) -> Callable[[Work], click.Command]:
    """Return a decorator that makes a command of an async function, which then runs with the store set.

    The function takes the `Output`, and the parameters of its click decorators by name.

    Args:
        within: the group of the command, if it is no command of the program.
        name: the name of the command, if it is not that of the function.
        storages: whether the command reads or removes objects, so that it needs the storages of `artigraph.toml`.
        creates: whether the command works without a store, because it creates one.
        examines: whether the command also runs where there is no store, to say so.
        writes: whether the command changes something. It then reads from the primary, since a read replica may lag.
    """

    def decorate(function: Work) -> click.Command:
        @click.option("--json", "form", flag_value="json", help="Print a document of JSON, and errors as JSON too.")
        @click.option("--jsonl", "form", flag_value="jsonl", help="Print one line of JSON for each row.")
        @click.option("--width", type=click.IntRange(20, 1000), help="Print a table of this width, also into a pipe.")
        @click.option(
            "--config",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Read this file instead of artigraph.toml in the working directory.",
        )
        @functools.wraps(function)
        def run(*, form: Any, width: int | None, config: Path | None, **parameters: Any) -> ExitCode:
            from artigraph.cli._session import run_in_store

            width = click.get_current_context().obj if width is None else width
            output = Output(form or "text", width, has_columns="columns" in parameters)
            work = functools.partial(function, output, **parameters)
            code = run_in_store(work, config, storages=storages, creates=creates, examines=examines, writes=writes)
            return code or ExitCode.OK

        settings = {"help_option_names": ["-h", "--help"]}
        command = click.command(name or function.__name__, context_settings=settings)(run)
        if within is not None:
            within.add_command(command)
        return command

    return decorate


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is deleted, unless `--yes` was given.

    Raises:
        RefusedError: the answer is no, or there is no terminal on which to ask.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        msg = "Nothing was changed. There is no terminal on which to ask: add --yes to do it"
        raise RefusedError(msg)
    with _interruptible():
        agreed = click.confirm(question, err=True)
    if not agreed:
        msg = "Nothing was changed"
        raise RefusedError(msg)


@contextmanager
def _interruptible() -> Generator[None]:
    """Let Ctrl+C end a question. The event loop that runs below it would cancel its task only after the answer."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
