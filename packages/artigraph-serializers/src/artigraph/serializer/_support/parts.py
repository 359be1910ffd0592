"""Joining the parts of a file."""

from __future__ import annotations

import io
from collections.abc import Iterable


def joined(parts: Iterable[bytes | memoryview]) -> bytes:
    """Return the parts as one bytes object. It frees each part at once, whereas `bytes.join` would hold them all."""
    buffer = io.BytesIO()
    for part in parts:
        buffer.write(part)
    return buffer.getvalue()
