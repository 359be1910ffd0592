"""The extension for IPython and Jupyter: `%load_ext artigraph`."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

import artigraph.html as html
from artigraph.errors import MissingDependencyError

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

_SEVERAL = 50
"""As many first items of a list decide whether it is shown as a table."""
_MAGIC = "artigraph"
_WIDTH = 100
"""The columns of a table that the magic prints. A cell of a notebook shows about as many."""


def load_ipython_extension(shell: Any) -> None:
    """Show lists of results as tables, and add the magic `%artigraph`, which calls the command line.

        %load_ext artigraph
        await select(Report).all()      # a table
        %artigraph ls --runs

    Args:
        shell: the running `InteractiveShell`.
    """
    formatter = shell.display_formatter.formatters["text/html"]
    before = formatter.for_type(list)
    if not isinstance(before, _Lists):
        formatter.for_type(list, _Lists(before))
    shell.register_magic_function(run_command, "line", _MAGIC)


def unload_ipython_extension(shell: Any) -> None:
    """Show lists as before, and remove the magic.

    Args:
        shell: the running `InteractiveShell`.
    """
    formatter = shell.display_formatter.formatters["text/html"]
    shown = formatter.for_type(list)
    if isinstance(shown, _Lists):
        formatter.pop(list)
        if shown.before is not None:
            formatter.for_type(list, shown.before)
    shell.magics_manager.magics["line"].pop(_MAGIC, None)


def run_command(line: str) -> None:
    """Call the command line with the words of a line, `ls --runs` say. What it prints is the output of the cell.

    The store is that of the command line, so not one that a cell has set.

    Raises:
        MissingDependencyError: the command line is not installed.
    """
    if find_spec("artigraph.cli") is None:
        msg = "%artigraph calls the command line, which is not installed: pip install artigraph-cli"
        raise MissingDependencyError(msg)
    main: Callable[..., int] = import_module("artigraph.cli").main
    # In a thread, because the command line starts an event loop, and a notebook runs one in this thread.
    with ThreadPoolExecutor(1, "artigraph-magic") as pool:
        pool.submit(main, shlex.split(line), width=_WIDTH).result()


class _Lists:
    """Shows a list of results as a table. Other lists are shown as before."""

    def __init__(self, before: Callable[[object], str | None] | None) -> None:
        self.before = before

    def __call__(self, shown: object) -> str | None:
        own: Callable[[object], str | None] | None = getattr(type(shown), "_repr_html_", None)
        if own is not None:  # a subclass with a view of its own, such as `Loaded`
            return own(shown)
        items = cast("list[Any]", shown)
        if items and all(map(html.has_cells, items[:_SEVERAL])):
            return html.render(html.attempt(lambda: html.results(items)))
        return None if self.before is None else self.before(shown)
