"""What a view is made of: elements, texts and markup, as plain values.

A view is made lazily: children may come from a generator, and what does not fit is never made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")

_LINE = "1px solid color-mix(in srgb,currentColor 20%,transparent)"
"""A line that is visible on light and dark backgrounds."""
STYLE = (
    ".artigraph-view{line-height:1.4;max-width:100%;overflow-x:auto;font-variant-numeric:tabular-nums}"
    ".artigraph-view summary{cursor:pointer}"
    f".artigraph-view .ag-in{{margin:2px 0 4px 4px;padding-left:12px;border-left:{_LINE}}}"
    ".artigraph-view .ag-t{border-collapse:collapse;margin:0;font-size:inherit}"
    ".artigraph-view .ag-t>*>tr>*{text-align:left;vertical-align:top;padding:2px 16px 2px 0}"
    ".artigraph-view .ag-t>*>tr>th{font-weight:600}"
    f".artigraph-view .ag-t>thead>tr>*{{border-bottom:{_LINE}}}"
    ".artigraph-view .ag-t .ag-t>*>tr{background:none}"
    ".artigraph-view .ag-r>*>tr>*{white-space:nowrap}"
    ".artigraph-view .ag-c{font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere}"
    ".artigraph-view .ag-r .ag-c{white-space:pre}"
    ".artigraph-view .ag-m{opacity:.65}"
    f".artigraph-view .ag-b{{display:block;opacity:.6;border-bottom:{_LINE}}}"
)
"""The styles of a view. Each begins with the class of its outermost element, so it applies nowhere else."""
_BARS_WIDTH, _BARS_HEIGHT = 160, 28


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML that is already escaped. If it does not fit, all of it is left out."""

    html: str


@dataclass(frozen=True, slots=True)
class Element:
    """An element of HTML."""

    tag: str
    children: Iterable[Part] = ()
    attributes: str = ""
    """The attributes as markup. They are constants of the library, never data."""
    title: str = ""
    """Text that is shown when the pointer rests on the element."""
    budget: int | None = None
    """The most bytes that the element takes. None if only the elements around it limit it."""


Part = str | Element | Markup
"""A text, which is escaped when it is rendered; an element; or markup."""
View = Callable[[], Part]
"""Makes a part. It may raise: see `attempt`."""


def element(tag: str, *children: Part, style: str = "", title: str = "") -> Element:
    """Return an element of a class of `STYLE`."""
    return Element(tag, children, f' class="{style}"' if style else "", title)


def muted(text: str) -> Element:
    """Return text that stands back."""
    return element("span", text, style="ag-m")


def code(text: str, *, title: str = "") -> Element:
    """Return text in letters of one width, such as a value or an id. It keeps its spaces and breaks anywhere."""
    return element("span", text, style="ag-c", title=title)


def identifier(node_id: UUID) -> Element:
    """Return the end of an id, which is random, with all of it where the pointer rests."""
    text = str(node_id)
    return code(f"…{text[-8:]}", title=text)


def joined(*parts: Part) -> Element:
    """Return parts in one line."""
    return Element("span", parts)


def heading(name: str, *notes: Part) -> Element:
    """Return the first line of a view: a name, and notes about it."""
    return Element("span", [element("b", name), *(part for note in notes for part in (" ", note))])


def details(summary: Part, *children: Part, opened: bool = False) -> Element:
    """Return an element that shows a summary, and the rest on a click."""
    body = element("div", *children, style="ag-in")
    return Element("details", [element("summary", summary), body], " open" if opened else "")


def table(rows: Iterable[Sequence[Part] | Element], *, head: Sequence[str] = (), wraps: bool = True) -> Element:
    """Return a table. A row is a sequence of cells, or an element of its own (see `first_of`).

    Without `wraps`, each row is one line, and a table that is too wide is scrolled.
    """
    top = [Element("thead", [Element("tr", [element("th" if name else "td", name) for name in head])])] if head else []
    body = Element("tbody", (row if isinstance(row, Element) else _row(row) for row in rows))
    return Element("table", [*top, body], f' class="ag-t{"" if wraps else " ag-r"}"')


def pairs(rows: Iterable[tuple[str, Part] | Element]) -> Element:
    """Return a table of names and values."""
    return table(row if isinstance(row, Element) else _pair(*row) for row in rows)


def first_of(rows: Iterable[T], most: int, total: int) -> Iterator[T | Element]:
    """Yield the first `most` rows of a table, and one that says how many of the `total` are left out."""
    yield from islice(rows, most)
    if total > most:
        yield Element("tr", [Element("td", [muted(f"and {total - most:,} more")], ' colspan="99"')])


def within(budget: int, *parts: Part) -> Element:
    """Return parts that take at most this many bytes together, whatever room is left."""
    return Element("div", parts, budget=budget)


def bars(counts: Sequence[int], title: str) -> Element:
    """Return a small bar chart of counts."""
    width, most = _BARS_WIDTH / max(1, len(counts)), max(counts, default=0) or 1

    def bar(index: int, count: int) -> Markup:
        height = count / most * (_BARS_HEIGHT - 1)
        place = f'x="{index * width:.1f}" y="{_BARS_HEIGHT - height:.1f}"'
        return Markup(f'<rect {place} width="{width - 1:.1f}" height="{height:.1f}"/>')

    size = f'width="{_BARS_WIDTH}" height="{_BARS_HEIGHT}" viewBox="0 0 {_BARS_WIDTH} {_BARS_HEIGHT}"'
    shown = [bar(index, count) for index, count in enumerate(counts) if count]
    attributes = f' {size} fill="currentColor" role="img" class="ag-b"'
    return Element("svg", [Element("title", [title]), *shown], attributes)


def _row(cells: Sequence[Part]) -> Element:
    return Element("tr", [element("td", cell) for cell in cells])


def _pair(name: str, value: Part) -> Element:
    return Element("tr", [element("th", name), element("td", value)])
