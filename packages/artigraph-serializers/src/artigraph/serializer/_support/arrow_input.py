"""Files of Python that Arrow reads."""

from __future__ import annotations

import atexit
import time
import weakref
from typing import Any

_WAIT = 2.0
"""Seconds to wait at exit for Arrow's threads. They need microseconds, unless something else keeps what they hold."""

_held: dict[int, weakref.ref[Any]] = {}
"""What Arrow was given and still holds, by the object's id."""


class InputFile:
    """A binary file to give to Arrow's readers instead of the file itself.

    Arrow reads in threads of its own. One of them may be the last to drop the file or what was read from it, after the
    read returned. If the interpreter ends just then, pyarrow 24 and before abort the process (`terminate called without
    an active exception`), and https://github.com/apache/arrow/issues/50482 tells of processes that never end. So the
    process waits at exit until all of that was dropped.
    """

    __slots__ = ("__weakref__", "_file")

    mode = "rb"

    def __init__(self, file: Any) -> None:
        self._file = file
        _hold(self)

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        closed: bool = self._file.closed
        return closed

    def read(self, size: int = -1, /) -> memoryview:
        """Read from the file."""
        data = memoryview(self._file.read(size))
        _hold(data)
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place in the file."""
        place: int = self._file.seek(offset, whence)
        return place

    def tell(self) -> int:
        """Return the place in the file."""
        place: int = self._file.tell()
        return place

    def close(self) -> None:
        """Leave the file open, because it belongs to who opened it."""


def _hold(value: Any) -> None:
    key = id(value)
    _held[key] = weakref.ref(value, lambda _: _held.pop(key, None))


@atexit.register
def wait_until_dropped() -> None:
    """Wait until Arrow holds nothing that was given to it here, for at most `_WAIT` seconds."""
    end = time.monotonic() + _WAIT
    while _held and time.monotonic() < end:
        time.sleep(0.001)
