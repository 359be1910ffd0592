"""Previews of plain values, which the codec writes as JSON."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, BinaryIO

from artigraph.errors import DeserializationError
from artigraph.printable import bytes_text, count_text, one_line
from artigraph.serializer.codec import StoredStruct, decode_class_free
from artigraph.serializer.preview._cells import Cells, encodable
from artigraph.serializer.preview._limited import LimitedFile
from artigraph.serializer.preview._types import TextPreview

_EXPANSION = 32
"""How many times the memory of its JSON a value may take: `[[],[],...]` takes 24 times as much."""
_WIDTH = 88
"""The most characters of a container in one line."""
_LONGEST_LINE = 500
_LONGEST_TEXT = 2**14
_SUMMARY = 100


def preview_plain(
    file: BinaryIO, *, rows: int, max_bytes: int, types: tuple[type[Any], ...] = (object,)
) -> TextPreview:
    """Return a value that the codec of plain values wrote as text of at most `rows` lines.

    Enums, named tuples and dataclasses are shown by the names of their classes, which are not imported. If the value
    might take more than `max_bytes` in memory, the text is the beginning of its JSON.

    Raises:
        DeserializationError: the bytes do not encode a value, or one of another type than `types`.
    """
    limited = LimitedFile(file, max_bytes)
    size = limited.size
    if size * _EXPANSION > max_bytes:
        return _beginning(limited, rows)
    value = decode_class_free(limited.read())
    if not isinstance(value, types):
        msg = f"A {type(value).__name__} is stored where {', '.join(cls.__name__ for cls in types)} is expected"
        raise DeserializationError(msg)
    if isinstance(value, str):
        text, cut = first_lines(value, rows)
        cells = Cells(_SUMMARY)
        return TextPreview(one_line(cells.show(value)), cut, text, None, size)
    lines, cut = _lines_of(value, max(rows, 0))
    return TextPreview(one_line(_summary_of(value)), cut, "\n".join(lines), None, size)


def first_lines(text: str, rows: int) -> tuple[str, bool]:
    """Return the first lines of a text, not more than fit into a preview, and whether some of it is left out."""
    shown = text[:_LONGEST_TEXT]
    lines = shown.split("\n", max(rows, 0))[: max(rows, 0)]
    found = "\n".join(lines)
    return encodable(found), len(found) < len(text)


def _beginning(limited: LimitedFile, rows: int) -> TextPreview:
    size = limited.size
    data = limited.read(min(size, limited.left, 4 * _LONGEST_TEXT))
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data, final=len(data) == size)
    except UnicodeDecodeError as error:
        msg = f"The stored bytes are not a value that this serializer wrote: {error}"
        raise DeserializationError(msg) from error
    shown, cut = first_lines(text, rows)
    return TextPreview(f"a plain value of {bytes_text(size)}", cut or len(data) < size, shown, "utf-8", size)


def _summary_of(value: object) -> str:
    held: Any = value
    if isinstance(value, StoredStruct):
        return f"{value.class_name} with {count_text(len(value.fields), 'field')}"
    if isinstance(value, (list, tuple, AbstractSet, Mapping)):
        return f"{type(held).__name__} of {count_text(len(held), 'item')}"
    return Cells(_SUMMARY).show(value)


def _lines_of(value: object, rows: int) -> tuple[list[str], bool]:
    """Return a value as lines, and whether some of it is left out: in one line, or with a line for each item."""
    if not rows:
        return [], True
    whole = Cells(_WIDTH)
    text = whole.show(value)
    items = _items_of(value)
    if not whole.cut or items is None:
        whole = Cells(_LONGEST_LINE)
        return [whole.show(value)], whole.cut
    cells = Cells(_LONGEST_LINE)
    start, pairs, end = items
    shown = pairs[: max(rows - 2, 0)]
    lines = [
        start,
        *(f"    {name}{cells.show(item)}," for name, item in shown),
        end if len(shown) == len(pairs) else "…",
    ]
    if rows < 3:  # noqa: PLR2004 (no room for an item between the brackets)
        return [text], True
    return lines, cells.cut or len(shown) < len(pairs)


def _items_of(value: object) -> tuple[str, list[tuple[str, object]], str] | None:
    """Return the items of a container, each with the text before it, and what encloses them. None for other values."""
    held: Any = value
    if isinstance(value, StoredStruct):
        return f"{value.class_name}(", [(f"{name}=", item) for name, item in value.fields.items()], ")"
    if isinstance(value, Mapping):
        return "{", [(f"{Cells().show(key)}: ", item) for key, item in held.items()], "}"
    if isinstance(value, list):
        return "[", [("", item) for item in held], "]"
    if isinstance(value, tuple):
        return "(", [("", item) for item in held], ")"
    if isinstance(value, AbstractSet):
        return "{", [("", item) for item in held], "}"
    return None
