"""Reading stored objects completely, in part or in place. All bytes are checked before they are returned."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

from artigraph.errors import ArtigraphError, CorruptObjectError, ObjectNotFoundError, StorageError
from artigraph.graph.hashing import THREAD_THRESHOLD, Buffer, Part, fresh_memory
from artigraph.orm import CHUNK_SIZE
from artigraph.progress import Meter
from artigraph.storage import Storage, SupportsFiles, SupportsRanges

R = TypeVar("R")

_AT_ONCE = 4
"""How many chunks of one object are read concurrently."""


class StoredObject(NamedTuple):
    """An object as its row describes it."""

    storage: Storage
    location: str
    size: int
    sha256: bytes
    chunk_sha256: bytes | None
    owner: str
    """What the object is the value of, for error messages."""

    def __str__(self) -> str:
        return f"The value of {self.owner}, the object at {self.location!r} in {self.storage!r},"

    @property
    def chunks(self) -> int:
        """The number of chunks that can be checked separately, or 0 if only the complete object can be checked."""
        count = -(-self.size // CHUNK_SIZE)
        return count if self.chunk_sha256 is not None and len(self.chunk_sha256) == 32 * count else 0

    def check(self, part: Part, index: int | None = None) -> None:
        """Check the bytes of one chunk or, without an index, of the complete object.

        Raises:
            CorruptObjectError: they differ from the stored ones.
        """
        size, sha256, what = self.size, self.sha256, ""
        if index is not None and self.chunk_sha256 is not None:
            size = min(CHUNK_SIZE, self.size - index * CHUNK_SIZE)
            sha256, what = self.chunk_sha256[32 * index : 32 * index + 32], f" in its chunk {index}"
        if len(part) != size:
            msg = f"{self} has {len(part)} bytes{what}; {size} were stored"
            raise CorruptObjectError(msg)
        if hashlib.sha256(part).digest() != sha256:
            msg = f"{self} is not what was stored: its SHA-256 differs{what}"
            raise CorruptObjectError(msg)


@contextmanager
def _reading(stored: StoredObject) -> Generator[None]:
    """Add to errors in a block which value cannot be read."""
    try:
        yield
    except CorruptObjectError:  # its message names the value already
        raise
    except ObjectNotFoundError as error:
        msg = f"The value of {stored.owner} is not there: {error}"
        raise ObjectNotFoundError(msg) from error.__cause__ or error
    except ArtigraphError as error:
        error.add_note(f"It holds the value of {stored.owner}.")
        raise


async def call_storage(storage: Storage, work: Coroutine[Any, Any, R]) -> R:
    """Await a call of a storage. Every error that it raises is an `ArtigraphError`."""
    try:
        return await work
    except ArtigraphError:
        raise
    except Exception as error:
        raise _typed(storage, error) from error


def _typed(storage: Storage, error: Exception) -> StorageError:
    if isinstance(error, FileNotFoundError):
        return ObjectNotFoundError(f"{storage!r} has lost an object: {error}")
    return StorageError(f"{storage!r} failed: {type(error).__name__}: {error}")


async def read_object(stored: StoredObject, *, as_bytes: bool = False, meter: Meter | None = None) -> Buffer:
    """Return an object, checked against its recorded size and hashes. The meter counts its bytes.

    A large object is read in several chunks concurrently, if its storage can and `as_bytes` is false. The result is
    then a view of fresh memory.

    Raises:
        ObjectNotFoundError, StorageError: the object cannot be read.
        CorruptObjectError: its bytes differ from the stored ones.
    """
    storage, meter = stored.storage, meter or Meter()
    if stored.chunks and not as_bytes and isinstance(storage, (SupportsFiles, SupportsRanges)):
        data = fresh_memory(stored.size)
        indexes = iter(range(stored.chunks))  # shared: each worker takes the next index
        with raise_first_error():
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(_AT_ONCE, stored.chunks)):
                    tasks.create_task(_read_chunks(stored, data, indexes, meter))
        return data
    with _reading(stored):
        found: object = await call_storage(storage, storage.read(stored.location))
        if not isinstance(found, bytes):
            name = type(found).__name__
            msg = f"{storage!r} returned {name} for the object at {stored.location!r}; read returns bytes"
            raise StorageError(msg)
    if len(found) <= THREAD_THRESHOLD:
        stored.check(found)
    else:
        await asyncio.to_thread(stored.check, found)
    meter.add(len(found))
    return found


async def _read_chunks(stored: StoredObject, view: memoryview, indexes: Iterator[int], meter: Meter) -> None:
    if isinstance(stored.storage, SupportsFiles):
        await asyncio.to_thread(_read_from_file, stored, view, indexes, meter)
        return
    for index in indexes:
        piece = await fetch_chunk(stored, index)
        view[index * CHUNK_SIZE : index * CHUNK_SIZE + len(piece)] = piece
        meter.add(len(piece))


def _read_from_file(stored: StoredObject, view: memoryview, indexes: Iterator[int], meter: Meter) -> None:
    with open_file(stored) as file:
        for index in indexes:
            into = view[index * CHUNK_SIZE : (index + 1) * CHUNK_SIZE]
            read_chunk(stored, file, index, into)
            meter.add(len(into))


def read_chunk(stored: StoredObject, file: BinaryIO, index: int, into: memoryview) -> None:
    """Read a chunk of an open file into memory, and check it."""
    with _reading(stored):
        unbuffered: Any = file
        try:
            file.seek(index * CHUNK_SIZE)
            done = 0
            while done < len(into) and (count := unbuffered.readinto(into[done:])):
                done += count
        except OSError as error:
            raise _typed(stored.storage, error) from error
    stored.check(into[:done], index)


def open_file(stored: StoredObject) -> BinaryIO:
    """Open an object whose storage keeps files on this machine, and check its size.

    Raises:
        ObjectNotFoundError, StorageError: the object cannot be opened.
        CorruptObjectError: its size differs from the recorded one.
    """
    with _reading(stored):
        try:
            file = cast("SupportsFiles", stored.storage).open(stored.location)
            size = os.fstat(file.fileno()).st_size
        except ArtigraphError:
            raise
        except Exception as error:
            raise _typed(stored.storage, error) from error
    if size != stored.size:
        file.close()
        msg = f"{stored} has {size} bytes; {stored.size} were stored"
        raise CorruptObjectError(msg)
    return file


async def fetch_chunk(stored: StoredObject, index: int) -> bytes:
    """Fetch a chunk from a storage that reads ranges, and check it."""
    # Ask for one byte more than the last chunk has, to notice an object that is too long.
    length = min(CHUNK_SIZE, stored.size - index * CHUNK_SIZE + 1)
    storage = cast("SupportsRanges", stored.storage)
    with _reading(stored):
        piece = await call_storage(stored.storage, storage.read_range(stored.location, index * CHUNK_SIZE, length))
    await asyncio.to_thread(stored.check, piece, index)
    return piece


async def check_end(stored: StoredObject) -> None:
    """Check that an object is there, and its last chunk. That is all of an object of up to 8 MiB.

    Of a storage that reads no parts of a larger object, only check that it is there.

    Raises:
        ObjectNotFoundError, StorageError: the object cannot be read.
        CorruptObjectError: its size or its last bytes differ from the stored ones.
    """
    storage, last = stored.storage, stored.chunks - 1
    if stored.size <= CHUNK_SIZE:
        await read_object(stored)
    elif isinstance(storage, SupportsFiles):
        await asyncio.to_thread(_check_end_of_file, stored, last)
    elif last >= 0 and isinstance(storage, SupportsRanges):
        await fetch_chunk(stored, last)
    elif not await call_storage(storage, storage.exists(stored.location)):
        msg = f"{stored} is not there"
        raise ObjectNotFoundError(msg)


def _check_end_of_file(stored: StoredObject, last: int) -> None:
    with open_file(stored) as file:
        if last >= 0:
            read_chunk(stored, file, last, memoryview(bytearray(stored.size - last * CHUNK_SIZE)))


@contextmanager
def raise_first_error() -> Generator[None]:
    """Raise the first error of a group of tasks as it was, without its group.

    Python would make the group the context of the error. The group contains the error, and such a circle cannot be
    pickled with its traceback, as Dask does.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        first = group.exceptions[0]
        context = first.__context__
        try:
            raise first
        finally:
            first.__context__ = context
            del first, context
