"""What commands print: tables for a terminal, tab-separated lines for a pipe, or documents of JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import click

Form = Literal["text", "json", "jsonl"]
Row = Mapping[str, Any]

_GAP = 2
"""The spaces between two columns."""
_WIDEST = 48
"""The most characters of a cell in a table of more than one column."""
_ELLIPSIS = "…"
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. A pipe gets the value of the row, a terminal what `show` makes of it."""

    name: str
    """The key of the value in the row, and the title."""
    show: Callable[[Any], str] | None = None
    """Returns a value for people."""
    right: bool = False
    """Whether the cells are aligned to the right, as numbers are."""
    keep: int = 0
    """How late the column is dropped when the terminal is too narrow. Among equals, the last one is dropped first."""
    style: str = ""
    """The style of its cells, in the terms of rich."""
    styles: Mapping[str, str] = field(default_factory=dict[str, str])
    """The style of cells with a certain value, instead of `style`."""

    def value(self, row: Row) -> Any:
        """Return the value of a row, or None."""
        return row.get(self.name)

    def style_of(self, row: Row) -> str:
        """Return the style of the cell of a row."""
        value = self.value(row)
        return self.styles.get(value, self.style) if isinstance(value, str) else self.style


class Output:
    """Prints what a command returns, in the form that the caller asked for."""

    def __init__(self, form: Form = "text", width: int | None = None, *, has_columns: bool = False) -> None:
        self.form: Form = form
        self._ways: str = "--columns, --width or --json" if has_columns else "--width or --json"
        self.is_terminal: bool = sys.stdout.isatty()
        self._width = width

    @property
    def width(self) -> int:
        """The columns of the terminal: `--width`, else the variable COLUMNS, else what the terminal says."""
        import shutil

        return self._width or shutil.get_terminal_size().columns

    @property
    def draws(self) -> bool:
        """Whether people read it: on a terminal, or where `--width` asks for that."""
        return self.form == "text" and (self.is_terminal or self._width is not None)

    # Documents --------------------------------------------------------------------------------------------------------

    def document(self, document: Mapping[str, Any]) -> None:
        """Print a document as JSON, or with `--jsonl` each item of its data on a line of its own."""
        if self.form == "json":
            click.echo(json_text(document, indent=2 if self.is_terminal else None))
            return
        items = _items(document["data"])
        for item in [document["data"]] if items is None else items:
            click.echo(json_text(item))

    def table(self, document: Mapping[str, Any], rows: Sequence[Row], columns: Sequence[Column], empty: str) -> None:
        """Print a document, or its rows as a table. Without rows, a terminal gets the sentence `empty`."""
        if self.form != "text":
            self.document(document)
        elif not self.draws:
            self._lines(
                [[column.name for column in columns], *([_plain(c.value(row)) for c in columns] for row in rows)]
            )
        elif not rows:
            click.echo(empty)
        else:
            self._table(rows, columns)
            if document.get("next") is not None:
                self.note(f"There are more. Add --after {document['next']}")

    def text(self, document: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Print a document, or these lines of text, which must be printable."""
        if self.form != "text":
            self.document(document)
            return
        for line in lines:
            click.echo(line)

    def pages(self, document: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Print what `text` does, by the pager if a terminal has fewer lines. The variable PAGER names the pager."""
        import shutil

        shown = list(lines) if self.form == "text" else []
        count = sum(line.count("\n") + 1 for line in shown)
        if self.is_terminal and count >= shutil.get_terminal_size().lines:
            click.echo_via_pager("\n".join(shown))  # which adds a line feed
        else:
            self.text(document, shown)

    def note(self, text: str) -> None:
        """Print a remark for people. A pipe and a document get none."""
        if self.draws:
            click.echo(self._styled(text, "dim"))

    def remark(self, text: str) -> None:
        """Print a remark that nobody should miss: for people a note, beside a pipe on stderr. A document has none."""
        if self.form == "text" and not self.draws:
            click.echo(text, err=True)
        self.note(text)

    # Tables ---------------------------------------------------------------------------------------------------------

    def _lines(self, rows: Iterable[Sequence[str]]) -> None:
        for row in rows:
            click.echo("\t".join(row))

    def _table(self, rows: Sequence[Row], columns: Sequence[Column]) -> None:
        from rich.cells import cell_len, set_cell_size
        from rich.text import Text

        shown = [[_for_people(column, row) for column in columns] for row in rows]
        widths = [max(map(cell_len, (c.name, *(row[i] for row in shown)))) for i, c in enumerate(columns)]
        kept = _that_fit(columns, [min(width, _WIDEST) for width in widths], self.width)
        last = [index for index in kept if not columns[index].right]
        free = self.width - sum(min(widths[index], _WIDEST) + _GAP for index in kept) + _GAP
        limits = {index: min(widths[index], _WIDEST) for index in kept}
        if last:  # the last text may take what is left
            limits[last[-1]] = min(widths[last[-1]], max(limits[last[-1]] + free, 1))
        elif free < 0:
            limits[kept[-1]] += free
        console = self._console()
        for row, cells in zip((None, *rows), ([column.name for column in columns], *shown), strict=True):
            line = Text()
            for index in kept:
                limit, cell = max(limits[index], 1), cells[index]
                if cell_len(cell) > limit:
                    cell = set_cell_size(cell, limit - 1) + _ELLIPSIS
                spaces = " " * (limit - cell_len(cell))
                ends = index == kept[-1]
                cell = spaces + cell if columns[index].right else cell if ends else cell + spaces
                line.append(cell, "bold" if row is None else columns[index].style_of(row))
                line.append("" if ends else " " * _GAP)
            console.print(line, soft_wrap=True)
        hidden = [column.name for index, column in enumerate(columns) if index not in kept]
        if hidden:
            some = "1 column does" if len(hidden) == 1 else f"{len(hidden)} columns do"
            self.note(f"{some} not fit: {', '.join(hidden)}. Use {self._ways}")

    def _styled(self, text: str, style: str) -> str:
        if not self.is_terminal or "NO_COLOR" in os.environ:
            return text
        return click.style(text, **{style: True})

    def _console(self) -> Any:
        from rich.console import Console

        # Below Jupyter, rich would show each line by itself, in colors that are hard to read on a dark page.
        return Console(
            file=sys.stdout, width=self.width, highlight=False, markup=False, emoji=False, force_jupyter=False
        )


def _that_fit(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Return the indexes of the columns that fit. The least important ones are dropped, but never all."""
    kept = list(range(len(columns)))
    while len(kept) > 1 and sum(widths[index] + _GAP for index in kept) - _GAP > width:
        kept.remove(min(kept, key=lambda index: (columns[index].keep, -index)))
    return kept


def _for_people(column: Column, row: Row) -> str:
    from artigraph.printable import printable

    value = column.value(row)
    return printable(column.show(value)) if column.show is not None and value is not None else _plain(value)


def _plain(value: Any) -> str:
    """Return the text of a value of a document for a line: a scalar as it is, a container as JSON."""
    from artigraph.printable import printable

    if value is None:
        return ""
    if isinstance(value, str):
        return printable(value)
    items = _items(value)
    if items is not None and all(isinstance(item, str) for item in items):
        return printable(",".join(items))
    return printable(json_text(value))


def _items(value: Any) -> Sequence[Any] | None:
    """Return the items of a list. Anything else is no list, and gives None."""
    items: Sequence[Any] = value
    return items if type(value) is list else None


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON with all characters escaped that a terminal would interpret."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    if text.isascii():
        return text
    return "".join(sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text)


# For people ---------------------------------------------------------------------------------------------------------


def moment(text: str) -> str:
    """Return a time of a document to the second: "2026-11-01 12:00:05", in UTC."""
    return text[:19].replace("T", " ")


def duration(seconds: float) -> str:
    """Return seconds as "0.25 s", "4 min 05 s" or "2 h 03 min"."""
    if seconds < _MINUTE:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, of_hour = divmod(minutes, _MINUTE)
    return f"{hours:,} h {of_hour:02d} min" if hours else f"{minutes} min {rest:02d} s"


def size(number: int) -> str:
    """Return a number of bytes: "1 byte", "2.5 MiB"."""
    from artigraph.printable import bytes_text

    return bytes_text(number)
