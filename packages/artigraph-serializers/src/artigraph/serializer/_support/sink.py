"""What Arrow's writers write, in parts that can be handed on while they go on writing."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

__all__ = ["PART", "PartsSink"]

pa: Any = import_module("pyarrow")

PART = 2 * 2**20
"""Bytes in a part, at most."""


class PartsSink:
    """A file for Arrow's writers, from which the parts that are there are taken.

    Arrow collects what it writes to `stream` in memory of its own, without the GIL, and hands on `PART` bytes at a time.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.closed = False
        self.stream: Any = pa.BufferedOutputStream(pa.PythonFile(self, mode="w"), PART)

    def write(self, data: Any) -> int:
        """Keep a copy; what is given may be a view of a value's memory."""
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def flush(self) -> None:
        """Do nothing: what was written is kept."""

    def close(self) -> None:
        """Take no more."""
        self.closed = True

    def take(self) -> Iterator[bytes]:
        """Yield the parts that are there, and forget them."""
        parts, self._parts = self._parts[::-1], []
        while parts:
            part = parts.pop()
            if len(part) <= PART:
                yield part
            else:
                yield from (part[start : start + PART] for start in range(0, len(part), PART))

    def finish(self) -> Iterator[bytes]:
        """Yield the rest."""
        self.stream.close()
        yield from self.take()
