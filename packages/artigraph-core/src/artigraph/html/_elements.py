"""What a view is made of: elements, texts and markup, as plain values. And how it is written, within a budget of bytes.

A view is made lazily: children may come from a generator, and what does not fit is never made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Protocol, TypeGuard, TypeVar
from uuid import UUID

from artigraph.errors import STOPPING, class_name
from artigraph.printable import bytes_text, count_text, printable

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


# Writing a view -------------------------------------------------------------------------------------------------------


BUDGET = 50_000
"""The most bytes of a view in UTF-8."""

_TEXT = 2_000
"""The most characters of one text."""
_MESSAGE = 200
"""The most characters of the message of an error."""
_CUT = '<div class="ag-m">The rest is left out, because it is too long.</div>'
_ROOT = f'<div class="artigraph-view"><style>{STYLE}</style>', "</div>"
_IN_TABLE = ("table", "thead", "tbody")


@dataclass(slots=True)
class _Open:
    """An element that is being written."""

    tag: str
    children: Iterator[Part]
    closing: str
    limit: int
    """The number of bytes of the whole view up to which it may grow."""
    is_limited: bool
    """Whether it has a budget of its own, so that what follows it may go on if it is too long."""


def render(*parts: Part) -> str:
    """Return parts as HTML of at most `BUDGET` bytes. It is well-formed wherever it is cut.

    It never raises: where making a part fails, a note says so.
    """
    written = [_ROOT[0]]
    size = sum(map(len, _ROOT)) + len(_CUT)
    stack = [_Open("div", iter(parts), _ROOT[1], BUDGET, is_limited=True)]
    while stack:
        top = stack[-1]
        part = _next_of(top)
        if part is None:
            written.append(stack.pop().closing)
            size -= len(_CUT) if top.is_limited else 0
            continue
        opening, closing = _markup_of(part)
        limited = isinstance(part, Element) and part.budget is not None
        added = _bytes(opening) + len(closing) + (len(_CUT) if limited else 0)
        if size + added > top.limit and isinstance(part, Markup):
            note = muted(f"{bytes_text(_bytes(part.html))} of HTML are left out")
            opening, closing = "".join(_whole(note)), ""
            added = _bytes(opening)
        if size + added > top.limit:
            while stack:
                top = stack.pop()
                written.append(top.closing)
                if top.is_limited:
                    break
            written.append(_CUT)  # the room for it was reserved
            continue
        written.append(opening)
        if isinstance(part, Element):
            limit = top.limit if part.budget is None else min(top.limit, size + part.budget)
            stack.append(_Open(part.tag, iter(part.children), closing, limit, is_limited=limited))
        size += added
    return "".join(written)


def attempt(make: View) -> Part:
    """Return the part that a function makes, or a note that it failed. The code of a value may raise anything."""
    try:
        return make()
    except STOPPING:
        raise
    except BaseException as error:
        return _note(error)


def _note(error: BaseException) -> Element:
    try:
        message = str(error)[:_MESSAGE]
    except STOPPING:
        raise
    except BaseException:  # an error of a user whose own text fails
        message = ""
    text = f"{class_name(type(error))}{f': {message}' if message else ''}"
    return element("i", f"This could not be shown ({text})", style="ag-m")


def _next_of(place: _Open) -> Part | None:
    """Return the next child, None if there is no other, or a note in a valid element if making the child fails."""
    try:
        return next(place.children, None)
    except STOPPING:
        raise
    except BaseException as error:
        place.children = iter(())
        note: Element = _note(error)
        if place.tag in (*_IN_TABLE, "tr"):
            note = Element("td", [note])
        return Element("tr", [note]) if place.tag in _IN_TABLE else note


def _markup_of(part: Part) -> tuple[str, str]:
    """Return what is written before the children of a part, and after them."""
    if isinstance(part, Markup):
        return part.html, ""
    if isinstance(part, Element):
        title = f' title="{_escaped(part.title)}"' if part.title else ""
        return f"<{part.tag}{part.attributes}{title}>", f"</{part.tag}>"
    return _escaped(part), ""


def _escaped(text: str) -> str:
    if len(text) <= _TEXT:
        return escape(printable(text))
    return escape(printable(text[: _TEXT - 1])) + "\N{HORIZONTAL ELLIPSIS}"


def _whole(part: Element) -> Iterator[str]:
    opening, closing = _markup_of(part)
    yield opening
    for child in part.children:
        yield from _whole(child) if isinstance(child, Element) else _markup_of(child)
    yield closing


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


# Results of queries ---------------------------------------------------------------------------------------------------


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
