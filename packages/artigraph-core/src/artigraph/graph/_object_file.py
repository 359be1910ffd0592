"""Files over stored objects: read on demand, with each chunk checked when it is first read."""

from __future__ import annotations

import asyncio
import io
import mmap
from collections import OrderedDict
from typing import Any, BinaryIO, cast

from artigraph.db import reserve_memory
from artigraph.errors import StorageError, WrongEventLoopError
from artigraph.graph.stored_object import StoredObject, fetch_chunk, open_file, read_chunk, read_object
from artigraph.orm import CHUNK_SIZE
from artigraph.progress import Meter
from artigraph.raw_file import RawFile
from artigraph.storage import SupportsFiles, SupportsRanges

_KEPT = 2
"""How many checked chunks an open object keeps."""


async def open_object(stored: StoredObject, meter: Meter | None = None) -> BinaryIO:
    """Open an object as a seekable file for reading. Every chunk is checked before any byte of it is returned.

    A small object is read at once, and so is one whose storage reads only whole objects. Another object is fetched as
    it is read, 8 MiB at a time. A storage of files can be read in any thread, another one only outside the event loop's
    thread. The meter counts each chunk once, when it is first read.

    Raises:
        ObjectNotFoundError, StorageError, CorruptObjectError: as `read_object`; later, from the file's methods.
    """
    if stored.chunks:
        if isinstance(stored.storage, SupportsFiles):
            local = _Local(stored, await asyncio.to_thread(open_file, stored))
            return cast("BinaryIO", _OpenObject(stored, local, meter))
        if isinstance(stored.storage, SupportsRanges):
            return cast("BinaryIO", _OpenObject(stored, _Remote(stored, asyncio.get_running_loop()), meter))
    async with reserve_memory(stored.size):
        return io.BytesIO(await read_object(stored, meter=meter))


async def map_object(stored: StoredObject, meter: Meter | None = None) -> memoryview:
    """Map an object into memory, read-only, after checking all of it, since later accesses cannot be observed.

    Raises:
        StorageError: its storage does not keep files on this machine.
        CorruptObjectError: its bytes differ from the stored ones.
    """
    if not isinstance(stored.storage, SupportsFiles):
        msg = f"{stored} cannot be mapped into memory: its storage keeps no files of this machine. Load it instead."
        raise StorageError(msg)
    return await asyncio.to_thread(_map, stored, meter or Meter())


def _map(stored: StoredObject, meter: Meter) -> memoryview:
    with open_file(stored) as file:
        if not stored.size:
            return memoryview(b"")
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if not stored.chunks:
        stored.check(view)
    for index in range(stored.chunks):
        chunk = view[index * CHUNK_SIZE : (index + 1) * CHUNK_SIZE]
        stored.check(chunk, index)
        meter.add(len(chunk))
    return view


class _Local:
    """The chunks of a file on this machine."""

    def __init__(self, stored: StoredObject, file: BinaryIO) -> None:
        self._stored = stored
        self._file = file

    def read(self, index: int) -> bytes | bytearray:
        chunk = bytearray(min(CHUNK_SIZE, self._stored.size - index * CHUNK_SIZE))
        read_chunk(self._stored, self._file, index, memoryview(chunk))
        return chunk

    def close(self) -> None:
        self._file.close()


class _Remote:
    """Chunks that the event loop fetches."""

    def __init__(self, stored: StoredObject, loop: asyncio.AbstractEventLoop) -> None:
        self._stored = stored
        self._loop = loop

    def read(self, index: int) -> bytes | bytearray:
        msg = f"{self._stored} is fetched by the event loop that loaded it, "
        try:
            if asyncio.get_running_loop() is self._loop:
                msg += "so that it cannot be read there: read it in a thread (await asyncio.to_thread(...))"
                raise WrongEventLoopError(msg)
        except RuntimeError as error:
            if isinstance(error, WrongEventLoopError):
                raise
        if self._loop.is_closed():
            msg += "which is closed: load the model again"
            raise WrongEventLoopError(msg)
        return asyncio.run_coroutine_threadsafe(fetch_chunk(self._stored, index), self._loop).result()

    def close(self) -> None: ...


class _OpenObject(RawFile):
    """A file over the chunks of an object, which keeps the chunks read last."""

    def __init__(self, stored: StoredObject, source: _Local | _Remote, meter: Meter | None) -> None:
        super().__init__(stored.size)
        self._meter = meter
        self._uncounted = set(range(stored.chunks if meter else 0))
        self._source = source
        self._chunks: OrderedDict[int, bytes | bytearray] = OrderedDict()

    def readinto(self, buffer: Any) -> int:
        if self.closed:
            msg = "I/O operation on closed file"
            raise ValueError(msg)
        into = memoryview(buffer).cast("B")
        done = 0
        while done < len(into) and self._position < self._size:
            # A checked chunk has all bytes up to the next chunk or to the end, so each turn of the loop makes progress.
            index, start = divmod(self._position, CHUNK_SIZE)
            piece = memoryview(self._chunk(index))[start : start + len(into) - done]
            into[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done

    def _chunk(self, index: int) -> bytes | bytearray:
        chunk = self._chunks.get(index)
        if chunk is None:
            while len(self._chunks) >= _KEPT:
                self._chunks.popitem(last=False)
            chunk = self._source.read(index)
            if self._meter is not None and index in self._uncounted:
                self._uncounted.remove(index)
                self._meter.add(len(chunk))
            self._chunks[index] = chunk
        self._chunks.move_to_end(index)
        return chunk

    def close(self) -> None:
        if not self.closed:
            self._chunks.clear()
            self._source.close()
        super().close()
