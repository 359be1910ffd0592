"""Write a view as HTML, within a budget of bytes, whatever the values in it do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from artigraph.errors import STOPPING, class_name
from artigraph.html._elements import STYLE, Element, Markup, Part, View, element, muted
from artigraph.printable import bytes_text, printable

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
