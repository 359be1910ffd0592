"""Results of a call as a table: a row for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeGuard

from artigraph.html._elements import Element, Part, first_of, muted, table
from artigraph.html._render import attempt
from artigraph.printable import count_text

_ROWS, _COLUMNS = 50, 12
"""The most rows and columns of a table of results."""


class SupportsCells(Protocol):
    """An object that may be a row of a table of results."""

    def _artigraph_cells(self) -> Mapping[str, Part]:
        """Return the cells by the names of their columns. It loads nothing."""
        ...


def has_cells(value: object) -> TypeGuard[SupportsCells]:
    """Return whether a value may be a row of a table of results."""
    return hasattr(type(value), "_artigraph_cells")


def results(items: Sequence[SupportsCells]) -> Element:
    """Return a table of the first results. Its columns are those of these results, in the order of their appearance."""
    several = len({type(item) for item in items[:_ROWS]}) > 1
    found = [_cells_of(item, several=several) for item in items[:_ROWS]]
    columns = list(dict.fromkeys(name for cells in found for name in cells))
    shown = columns[:_COLUMNS]
    rows = ([muted(str(index)), *(cells.get(name, "") for name in shown)] for index, cells in enumerate(found))
    count = count_text(len(items), "result")
    if len(columns) > len(shown):
        count += f", {len(columns) - len(shown):,} columns are not shown"
    return Element("div", [table(first_of(rows, _ROWS, len(items)), head=["", *shown], wraps=False), muted(count)])


def _cells_of(item: SupportsCells, *, several: bool) -> Mapping[str, Part]:
    cells: dict[str, Part] = {"class": type(item).__qualname__.rpartition(".")[2]} if several else {}

    def fill() -> Part:
        cells.update(item._artigraph_cells())  # pyright: ignore[reportPrivateUsage]
        return ""

    note = attempt(fill)
    return cells if note == "" else {**cells, "": note}
