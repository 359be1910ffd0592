"""Sorting more rows than memory should hold, with a temporary file."""

from __future__ import annotations

import asyncio
import heapq
import json
import tempfile
import threading
from collections.abc import AsyncGenerator, Iterator
from itertools import islice
from types import TracebackType
from typing import BinaryIO, Self, cast

from artigraph.errors import StorageError

Item = tuple[str, int, int, int]
"""A location with three numbers. Items sort by location first."""

_IN_MEMORY = 20_000
"""The most items in memory while they are added: some 5 MB."""
_BLOCK = 16 * 1024
"""The bytes of each sorted part of the file that are in memory while it is read."""


class Spool:
    """Takes items in any order, also from several tasks, and returns them sorted.

    Up to 20,000 items stay in memory. More of them go to a temporary file, in sorted parts that are merged when they
    are read. The file is removed when the block ends, and by the system if the process ends before.
    """

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._file: BinaryIO | None = None
        self._parts: list[tuple[int, int]] = []
        """Where the sorted parts of the file begin and end."""
        self._writing = asyncio.Lock()
        self._using_file = threading.Lock()
        """Held by a thread that uses the file. After a cancellation, it may still do so when the block ends."""
        self._has_spilled = self._is_closed = False

    async def add(self, item: Item) -> None:
        """Add an item.

        Raises:
            StorageError: the temporary file cannot be written.
        """
        self._items.append(item)
        if len(self._items) >= _IN_MEMORY:
            items, self._items = self._items, []  # other tasks add to the new list meanwhile
            self._has_spilled = True
            async with self._writing:
                await asyncio.to_thread(self._spill, items)

    async def batches(self, size: int) -> AsyncGenerator[list[Item]]:
        """Yield the items in order, `size` at a time. Add no more items from then on.

        Raises:
            StorageError: the temporary file cannot be read.
        """
        self._items.sort()
        merged = heapq.merge(self._items, *(self._read(start, end) for start, end in self._parts))
        in_file = bool(self._parts)
        while batch := (await asyncio.to_thread(self._take, merged, size) if in_file else list(islice(merged, size))):
            yield batch

    def _spill(self, items: list[Item]) -> None:
        """Append sorted items to the file."""
        items.sort()
        with self._using_file:
            if self._is_closed:  # the block was canceled before this thread began
                return
            try:
                if self._file is None:
                    self._file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 (_close closes it)
                start = self._file.seek(0, 2)
                self._file.writelines(json.dumps(item).encode() + b"\n" for item in items)
                self._file.flush()
                self._parts.append((start, self._file.tell()))
            except OSError as error:
                raise _failed(error) from error

    def _take(self, items: Iterator[Item], size: int) -> list[Item]:
        with self._using_file:
            return [] if self._is_closed else list(islice(items, size))

    def _close(self) -> None:
        with self._using_file:
            self._is_closed = True
            if self._file is not None:
                self._file.close()

    def _read(self, start: int, end: int) -> Iterator[Item]:
        """Yield the items of a part. All parts are read by turns from one file, each in blocks of its own."""
        rest = b""
        while start < end:
            try:
                assert self._file is not None  # for type checkers; the part is in it
                self._file.seek(start)
                block = self._file.read(min(_BLOCK, end - start))
            except OSError as error:
                raise _failed(error) from error
            if not block:
                raise _failed(EOFError("it is shorter than what was written"))
            start += len(block)
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                location, first, second, third = json.loads(line)
                yield location, first, second, third

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._has_spilled:
            await asyncio.to_thread(self._close)


def _failed(error: Exception) -> StorageError:
    folder = "" if tempfile.tempdir is None else f" in {tempfile.tempdir!r}"  # None: no folder can be written to
    msg = f"A temporary file{folder} failed: {error}. To use another folder, set the environment variable TMPDIR."
    return StorageError(msg)
