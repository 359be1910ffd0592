"""Write images as PNG files, and read them."""

from __future__ import annotations

import io
from threading import Lock
from typing import Any, cast

from PIL import Image, PngImagePlugin

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.library import class_of
from artigraph.serializer.json import json_serializer

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
"""The modes whose pixels PNG keeps."""

_INFO = b"arTI"
"""The chunk with `image.info`. By the case of its letters it is optional and private, and copied by no editor."""

_loading = Lock()
"""Held while an image is loaded: its first load changes the palette in steps, which another thread would see."""


def to_png(image: Image.Image) -> bytes:
    """Return a PNG file, after it was read back and compared.

    Raises:
        SerializationError: the image would not load exactly.
    """
    _check(image)
    with _loading:
        image.load()
    chunks = PngImagePlugin.PngInfo()
    try:
        chunks.add(_INFO, json_serializer.serialize(dict(image.info)))
    except SerializationError as error:
        msg = f"The info of this image cannot be stored exactly; remove what you do not need from image.info. {error}"
        raise SerializationError(msg) from error
    target = io.BytesIO()
    # A copy, because `save` keeps its options in the image: two threads must not save the same one.
    image.copy().save(target, "PNG", pnginfo=chunks)
    data = target.getvalue()
    changed = _difference(image, from_png(data))
    if changed is not None:
        msg = f"PNG would change {changed} of this image; store image.convert('RGBA'), or its file as a File."
        raise SerializationError(msg)
    return data


def from_png(data: bytes | bytearray | memoryview) -> Image.Image:
    """Return the image of a PNG file.

    Raises:
        DeserializationError: `to_png` did not write it. Broken bytes raise the errors of Pillow.
    """
    with Image.open(io.BytesIO(data), formats=["PNG"]) as opened:
        # Kept by the plugin, so that chunks of other programs are not lost.
        chunks = cast("Any", opened).private_chunks
        found = [chunk[1] for chunk in chunks if chunk[0] == _INFO]
        if len(found) != 1 or opened.mode not in MODES:
            msg = "These bytes are not a stored image: another program wrote this PNG."
            raise DeserializationError(msg)
        info: Any = json_serializer.deserialize(found[0])
        image = opened.copy()
    if type(info) is not dict:
        msg = "These bytes are not a stored image: its info is no dict."
        raise DeserializationError(msg)
    image.info = info
    return image


def _check(image: Image.Image) -> None:
    if type(image) is not Image.Image:
        if isinstance(image, Image.Image):
            remedy = "store image.copy() to keep its pixels and info, or its file as a File to keep its bytes"
            msg = f"A {class_of(image)} is an image that was opened from a file, or a subclass; {remedy}."
        else:
            msg = f"A {class_of(image)} is no PIL.Image.Image; make one, or name another serializer."
        raise SerializationError(msg)
    if image.mode not in MODES:
        msg = (
            f"PNG does not keep the pixels of an image of mode {image.mode!r}; convert it (image.convert('RGB')), or "
            "store numpy.asarray(image)."
        )
        raise SerializationError(msg)


def _difference(image: Image.Image, back: Image.Image) -> str | None:
    """Return what differs between an image and the one that was read back, or None."""
    parts: dict[str, tuple[object, object]] = {
        "the mode": (image.mode, back.mode),
        "the size": (image.size, back.size),
        "the palette": (palette_of(image), palette_of(back)),
        "the pixels": (image.tobytes(), back.tobytes()),
        "the colors": (_colors_of(image), _colors_of(back)),
        "the info": (json_serializer.serialize(dict(image.info)), json_serializer.serialize(dict(back.info))),
        "the EXIF data (write image.getexif().tobytes() to image.info['exif'])": (
            _exif_of(image),
            _exif_of(back),
        ),
    }
    return next((name for name, (one, other) in parts.items() if one != other), None)


def _exif_of(image: Image.Image) -> object:
    """Return the EXIF data, with the tables inside of it: of the camera, of the place, and of compatibility."""
    exif = image.getexif()
    return dict(exif), [_table_of(exif, tag) for tag in (0x8769, 0x8825, 0xA005)]


def _table_of(exif: Image.Exif, tag: int) -> dict[int, object]:
    try:
        return dict(exif.get_ifd(tag))
    except KeyError:  # Pillow 11 has no empty one for each table that is not there
        return {}


def palette_of(image: Image.Image) -> object:
    """Return the colors of a palette, or None without one.

    If `info` has the transparency, that decides on it: a conversion copies it into the palette, as its side effect.
    """
    if image.palette is None:
        return None
    return image.getpalette("RGB" if "transparency" in image.info else "RGBA")


def _colors_of(image: Image.Image) -> object:
    """Return the colors of the pixels of an image with a palette."""
    return None if image.palette is None else image.copy().convert("RGBA").tobytes()
