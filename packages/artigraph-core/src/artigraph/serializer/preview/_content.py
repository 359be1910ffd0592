"""Previews of bytes in any format: images, texts, and what is neither."""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable
from struct import Struct
from typing import BinaryIO, Literal

from artigraph.printable import bytes_text, count_text
from artigraph.serializer.preview._limited import LimitedFile
from artigraph.serializer.preview._plain import first_lines
from artigraph.serializer.preview._types import BytesPreview, ImagePreview, Preview, TextPreview

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
