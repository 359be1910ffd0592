"""Previews of content that is text or an image, and of plain values, with files that are read in part."""

from __future__ import annotations

import codecs
import io
import re
import struct
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from struct import Struct
from typing import Any, BinaryIO, Literal

from artigraph.errors import DeserializationError
from artigraph.printable import bytes_text, count_text, one_line
from artigraph.raw_file import RawFile
from artigraph.serializer.codec import StoredStruct, decode_class_free
from artigraph.serializer.preview._cells import Cells, encodable
from artigraph.serializer.preview._types import BytesPreview, ImagePreview, Preview, TextPreview

# Files that are read in part ------------------------------------------------------------------------------------------


class LimitedFile(RawFile):
    """Another file, of which at most `max_bytes` are read. Bytes that are read twice count twice.

    A read beyond that fails with an OSError before any byte of it is read, and sets `exceeded`. So the code that makes
    a preview lets a library read from it, and falls back to a summary if `exceeded` is set. Closing it does not close
    the other file.
    """

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        super().__init__(file.seek(0, io.SEEK_END))
        self._file = file
        self.left: int = max(max_bytes, 0)
        """How many more bytes can be read."""
        self.exceeded: bool = False
        """Whether a read was refused."""

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, fewer only at the end of the file.

        Raises:
            OSError: they are more than can still be read.
        """
        left = max(self._size - self._position, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > self.left:
            self.exceeded = True
            msg = f"{wanted} bytes are more than the {self.left} that may still be read"
            raise OSError(msg)
        if not wanted:
            return b""
        self.left -= wanted
        self._file.seek(self._position)
        parts: list[bytes] = []
        while wanted and (part := self._file.read(wanted)):
            parts.append(part)
            wanted -= len(part)
            self._position += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: Any, /) -> int:
        into = memoryview(buffer).cast("B")
        data = self.read(len(into))
        into[: len(data)] = data
        return len(data)

    def read_at(self, start: int, size: int) -> bytes:
        """Move to a position and return the bytes there, fewer only at the end of the file.

        Raises:
            OSError: the file may not be read that far, because `max_bytes` were read in all.
        """
        self.seek(start)
        return self.read(size)


# Plain values ---------------------------------------------------------------------------------------------------------


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


_HEAD = 2**16
"""How many bytes are read of a file that is not a JPEG."""
_LINE = 16
"""Bytes that take the place of a line."""
_MOST_HEX = 4096
_CONTROLS = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f]")
"""What no text has. Tabs, line feeds, form feeds and carriage returns are in texts."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def preview_content(file: BinaryIO, *, rows: int, max_bytes: int) -> Preview:
    """Return an image's format and size, or the first lines of a text, or the first bytes of anything else.

    The format is found by the first bytes. A text is UTF-8 without control characters, or begins with a byte order mark
    of UTF-8, UTF-16 or UTF-32.
    """
    limited = LimitedFile(file, max_bytes)
    size = limited.size
    head = limited.read(min(size, _HEAD, limited.left))
    image = _image_of(head, limited)
    if image is not None:
        return image
    text = _text_of(head, complete=len(head) == size)
    if text is not None:
        shown, cut = first_lines(text[0], rows)
        cut = cut or len(head) < size
        lines = "" if cut else f", {count_text(len(text[0].splitlines()), 'line')}"
        return TextPreview(f"text ({text[1]}), {bytes_text(size)}{lines}", cut, shown, text[1], size)
    shown_bytes = head[: min(max(rows, 0) * _LINE, _MOST_HEX)]
    return BytesPreview(bytes_text(size), len(shown_bytes) < size, shown_bytes.hex(" "), size)


def _text_of(head: bytes, *, complete: bool) -> tuple[str, str] | None:
    """Return the text that the bytes begin with, and its encoding, or None if they are no text."""
    encoding = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), "utf-8")
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head, final=complete)
    except UnicodeDecodeError:
        return None
    return None if not text or _CONTROLS.search(text) else (text, encoding)


Format = Literal["png", "jpeg", "gif", "webp"]
Size = tuple[int, int]


def _image_of(head: bytes, limited: LimitedFile) -> ImagePreview | None:
    for kind, starts, size_of in _FORMATS:
        if head.startswith(starts):
            try:
                found = _jpeg_size(limited) if size_of is None else size_of(head)
            except struct.error:  # it is too short
                return None
            if found is None or not all(found):
                return None
            width, height = found
            summary = f"{kind.upper()} image, {width} x {height} pixels, {bytes_text(limited.size)}"
            return ImagePreview(summary, cut=True, format=kind, width=width, height=height, size=limited.size)
    return None


_PNG, _GIF, _WEBP = Struct(">12x4sII"), Struct("<6sHH"), Struct("<8x4s4s4x10s")
"""What is read at the beginning of an image: of PNG and WebP, the first chunk's name and content, too."""


def _png_size(head: bytes) -> Size | None:
    name, width, height = _PNG.unpack_from(head)
    return (width, height) if name == b"IHDR" else None


def _gif_size(head: bytes) -> Size | None:
    version, width, height = _GIF.unpack_from(head)
    return (width, height) if version in (b"GIF87a", b"GIF89a") else None


def _webp_size(head: bytes) -> Size | None:
    """Return the size from the first chunk: a lossy image, a lossless one, or the header of an extended file."""
    form, kind, start = _WEBP.unpack_from(head)
    if form != b"WEBP":
        return None
    if kind == b"VP8 " and start[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(start[6:8], "little") & 0x3FFF, int.from_bytes(start[8:10], "little") & 0x3FFF
    if kind == b"VP8L" and start[:1] == b"\x2f":
        bits = int.from_bytes(start[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(start[4:7], "little") + 1, int.from_bytes(start[7:10], "little") + 1
    return None


_SIZE_MARKERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""The markers of JPEG whose segment has the size of the image."""
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
"""The markers that no segment follows."""
_END_MARKERS = frozenset({0xD9, 0xDA})
"""The end, and the beginning of the pixels."""
_FILL = 0xFF
_MOST_SEGMENTS = 500
_SEGMENT = Struct(">BBHxHH")
"""A mark, the marker, and the length of its segment. The segment of some markers begins with height and width."""


def _jpeg_size(limited: LimitedFile) -> Size | None:
    """Return the size of a JPEG. It is behind the metadata, whose segments are skipped."""
    position = 2
    for _ in range(_MOST_SEGMENTS):
        if limited.left < _SEGMENT.size:
            return None
        mark, marker, length, height, width = _SEGMENT.unpack_from(limited.read_at(position, _SEGMENT.size))
        if mark != _FILL or marker in _END_MARKERS:
            return None
        if marker in _SIZE_MARKERS:
            return width, height
        position += 1 if marker == _FILL else 2 if marker in _BARE_MARKERS else 2 + length
    return None


_FORMATS: tuple[tuple[Format, bytes, Callable[[bytes], Size | None] | None], ...] = (
    ("png", b"\x89PNG\r\n\x1a\n", _png_size),
    ("jpeg", b"\xff\xd8\xff", None),
    ("gif", b"GIF8", _gif_size),
    ("webp", b"RIFF", _webp_size),
)
"""Each format with the bytes that it begins with, and how the size is found in them."""
