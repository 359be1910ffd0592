"""The serializer of images."""

from __future__ import annotations

from typing import Any, BinaryIO

from PIL import Image, ImageChops

from artigraph.serializer._support.library import LibrarySerializer
from artigraph.serializer.pillow._png import from_png, palette_of, to_png
from artigraph.serializer.preview import Preview, preview_content


class ImageSerializer(LibrarySerializer[Image.Image, Preview]):
    """Stores images of Pillow as PNG files, which any program shows.

    A loaded image has the same mode, size, pixels, palette and `info`. EXIF data and color profiles are part of `info`.
    Each file is read back before it is stored.

    Refused: the modes that PNG changes (CMYK, YCbCr, LAB, HSV, I, F), and instances of subclasses, such as images that
    were opened from files. Store the `copy()` of such an image, or its file as a `File`.
    """

    name = "pillow-image"
    types: tuple[type[Any], ...] = (Image.Image,)

    def size_hint(self, value: Image.Image) -> int | None:
        """Return the bytes of the pixels."""
        if not isinstance(value, Image.Image):
            return None
        return value.width * value.height * len(value.getbands())

    def _to_bytes(self, value: Image.Image) -> bytes:
        """Return a PNG file."""
        return to_png(value)

    def _from_bytes(self, data: bytes) -> Image.Image:
        """Return the image of a PNG file, decoded."""
        return from_png(data)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> Preview:
        """Return the width and height. Decodes no pixels."""
        return preview_content(file, rows=rows, max_bytes=max_bytes)

    def equal(self, one: Image.Image, other: Image.Image) -> bool:
        """Say whether two images have one mode and size, and equal pixels, palette and info."""
        return type(one) is type(other) and bool(one == other)

    def describe_change(self, before: Image.Image, after: Image.Image) -> str:
        """Return one line on mode, size, the area in which pixels differ, palette and info."""
        parts: list[str] = []
        if before.mode != after.mode:
            parts.append(f"{before.mode} → {after.mode}")
        if before.size != after.size:
            parts.append("{}x{} → {}x{}".format(*before.size, *after.size))
        if not parts and before.tobytes() != after.tobytes():
            parts.append(_area(before, after))
        if palette_of(before) != palette_of(after):
            parts.append("another palette")
        keys = sorted({*map(str, before.info), *map(str, after.info)})
        parts += [f"info[{key!r:.60}] differs" for key in keys if before.info.get(key) != after.info.get(key)][:6]
        return "; ".join(parts) or "alike in mode, size and pixels"


def _area(before: Image.Image, after: Image.Image) -> str:
    """Return the text for the smallest area that contains all pixels that differ."""
    if before.mode == "I;16":  # which Pillow does not subtract
        return "pixels differ"
    boxes = [
        box
        for one, other in zip(before.split(), after.split(), strict=True)
        if (box := ImageChops.difference(one.convert("L"), other.convert("L")).getbbox()) is not None
    ]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    return f"pixels differ within {right - left}x{bottom - top} at ({left}, {top})"


image_serializer: ImageSerializer = ImageSerializer().register()
"""Serializes `PIL.Image.Image`."""
