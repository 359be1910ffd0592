"""Keys: the paths that objects are put under, and what a location made of one may look like."""

from __future__ import annotations

import re
import uuid
from typing import cast

from artigraph.errors import InvalidLocation

__all__ = ["check_key", "check_prefix", "new_key"]

_KEY = re.compile(r"[A-Za-z0-9-]+(?:/[A-Za-z0-9-]+)*")
_LONGEST = 200
_DEVICE = re.compile(r"CON|PRN|AUX|NUL|(?:COM|LPT)[0-9]", re.IGNORECASE)
"""Names that Windows gives to devices: a key is the same everywhere, so no part of one is such a name anywhere."""


def new_key() -> str:
    """Return a key that was never used: 32 random hexadecimal digits, the first two of them a folder."""
    digits = uuid.uuid4().hex
    return f"{digits[:2]}/{digits[2:]}"


def check_key(key: str) -> str:
    """Return a key, or a location that is one, if it is well formed.

    That is 1-200 ASCII letters, digits, `-` and `/`, without an empty part and without a part that Windows takes for a
    device. So it can have neither `..` nor a drive nor an escape in it, and means the same on every system.

    Raises:
        InvalidLocation: it is not well formed.
    """
    text = cast("object", key)  # a tampered row, or a caller without a type checker, may hand in anything
    if (
        isinstance(text, str)
        and len(text) <= _LONGEST
        and _KEY.fullmatch(text)
        and not any(_DEVICE.fullmatch(part) for part in text.split("/"))
    ):
        return text
    shown = f"{text!r:.120}" if isinstance(text, str) else f"A {type(text).__name__}"
    msg = (
        f"{shown} is neither a key nor a location: those are 1-{_LONGEST} ASCII letters, digits, '-' and '/', without "
        "empty parts and without device names of Windows. Nothing was read or written."
    )
    raise InvalidLocation(msg)


def check_prefix(prefix: str) -> str:
    """Return the prefix of a listing if it is a key and a `/` after it.

    Raises:
        InvalidLocation: it is not.
    """
    text = cast("object", prefix)
    if isinstance(text, str) and text.endswith("/"):
        return f"{check_key(text[:-1])}/"
    shown = f"{text!r:.120}" if isinstance(text, str) else f"A {type(text).__name__}"
    msg = f"{shown} is no prefix of locations: that is a key and a '/' after it. Nothing was read."
    raise InvalidLocation(msg)
