"""Parts of a file, one after the other."""

from __future__ import annotations

import io
from collections.abc import Iterable

__all__ = ["joined"]


def joined(parts: Iterable[bytes | memoryview]) -> bytes:
    """Return the parts as one bytes, none of which is kept beside it, as `bytes.join` would keep them all."""
    buffer = io.BytesIO()
    for part in parts:
        buffer.write(part)
    return buffer.getvalue()
