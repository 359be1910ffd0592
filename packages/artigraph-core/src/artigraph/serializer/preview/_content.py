"""Previews of bytes in any format: images, texts, and what is neither."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import BinaryIO, Literal

from artigraph.serializer.preview._limited import LimitedFile
from artigraph.serializer.preview._plain import first_lines
from artigraph.serializer.preview._text import bytes_text, count_text
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
            found = _jpeg_size(limited) if size_of is None else size_of(head)
            if found is None or not all(found):
                return None
            width, height = found
            summary = f"{kind.upper()} image, {width} x {height} pixels, {bytes_text(limited.size)}"
            return ImagePreview(summary, cut=True, format=kind, width=width, height=height, size=limited.size)
    return None


def _png_size(head: bytes) -> Size | None:
    if head[12:16] != b"IHDR" or len(head) < 24:  # noqa: PLR2004
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _gif_size(head: bytes) -> Size | None:
    if head[:6] not in (b"GIF87a", b"GIF89a") or len(head) < 10:  # noqa: PLR2004
        return None
    return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")


def _webp_size(head: bytes) -> Size | None:
    """Return the size from the first chunk: a lossy image, a lossless one, or the header of an extended file."""
    if head[8:12] != b"WEBP" or len(head) < 30:  # noqa: PLR2004
        return None
    kind, start = head[12:16], head[20:30]
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
_MOST_SEGMENTS = 500


def _jpeg_size(limited: LimitedFile) -> Size | None:
    """Return the size of a JPEG. It is behind the metadata, whose segments are skipped."""
    position = 2
    for _ in range(_MOST_SEGMENTS):
        if limited.left < 9:  # noqa: PLR2004
            return None
        segment = limited.read_at(position, 9)
        if len(segment) < 4 or segment[0] != 0xFF or segment[1] in _END_MARKERS:  # noqa: PLR2004
            return None
        if segment[1] in _SIZE_MARKERS:
            found = int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big")
            return found if len(segment) == 9 else None  # noqa: PLR2004
        if segment[1] == 0xFF:  # a byte that fills up  # noqa: PLR2004
            position += 1
        elif segment[1] in _BARE_MARKERS:
            position += 2
        else:
            position += 2 + int.from_bytes(segment[2:4], "big")
    return None


_FORMATS: tuple[tuple[Format, bytes, Callable[[bytes], Size | None] | None], ...] = (
    ("png", b"\x89PNG\r\n\x1a\n", _png_size),
    ("jpeg", b"\xff\xd8\xff", None),
    ("gif", b"GIF8", _gif_size),
    ("webp", b"RIFF", _webp_size),
)
"""Each format with the bytes that it begins with, and how the size is found in them."""
