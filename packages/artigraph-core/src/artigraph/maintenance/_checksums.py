"""Comparing a complete stored object with its row, in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import BinaryIO

from artigraph.db import reserve_memory
from artigraph.errors import CorruptObjectError, StorageError
from artigraph.graph.hashing import Digests, Hasher, Part
from artigraph.graph.stored_object import StoredObject, call_storage, open_file, read_object
from artigraph.orm import CHUNK_SIZE
from artigraph.storage import SupportsFiles, SupportsRanges


async def verify_object(stored: StoredObject) -> None:
    """Read an object and compare its size, its SHA-256 and those of its chunks with the recorded ones.

    It is read in chunks of 8 MiB if its storage has files or ranges, or else all at once.

    Raises:
        ObjectNotFoundError, StorageError: the object cannot be read.
        CorruptObjectError: it differs from what was recorded.
    """
    if not reads_in_chunks(stored):
        async with reserve_memory(stored.size):
            await read_object(stored, as_bytes=True)
        return
    hasher = Hasher()
    parts = _of_file(stored) if isinstance(stored.storage, SupportsFiles) else _of_ranges(stored)
    async with aclosing(parts):
        async for part in parts:
            await hasher.update(part)
    check_digests(stored, hasher.digests())


def reads_in_chunks(stored: StoredObject) -> bool:
    """Say whether `verify_object` reads the object in chunks, and not all at once."""
    return isinstance(stored.storage, (SupportsFiles, SupportsRanges))


def check_digests(stored: StoredObject, found: Digests) -> None:
    """Compare the size and the hashes of the bytes that were read with the recorded ones.

    Raises:
        CorruptObjectError: they differ.
    """
    if found.size != stored.size:
        msg = f"{stored} has {found.size} bytes or more; {stored.size} were stored"
        raise CorruptObjectError(msg)
    if found.sha256 != stored.sha256:
        msg = f"{stored} is not what was stored: its SHA-256 differs"
        raise CorruptObjectError(msg)
    if found.chunks != stored.chunk_sha256:
        msg = f"{stored} is what was stored, but the recorded SHA-256 of its chunks are others: its row was altered"
        raise CorruptObjectError(msg)


async def _of_file(stored: StoredObject) -> AsyncGenerator[Part]:
    file = await asyncio.to_thread(open_file, stored)
    done = 0
    try:
        while done <= stored.size and (part := await asyncio.to_thread(_read, stored, file)):
            yield part
            done += len(part)
    finally:
        file.close()


def _read(stored: StoredObject, file: BinaryIO) -> bytes:
    try:
        return file.read(CHUNK_SIZE)
    except OSError as error:
        msg = f"{stored} cannot be read: {error}"
        raise StorageError(msg) from error


async def _of_ranges(stored: StoredObject) -> AsyncGenerator[Part]:
    storage, done = stored.storage, 0
    assert isinstance(storage, SupportsRanges)  # for type checkers; the caller checked it
    while True:
        rest = stored.size - done
        # The last request asks for one byte more, to notice an object that is too long. So each byte is fetched once.
        length = CHUNK_SIZE if rest > CHUNK_SIZE else rest + 1
        part = await call_storage(stored.storage, storage.read_range(stored.location, done, length))
        if part:
            yield part
        if len(part) < length or rest <= CHUNK_SIZE:
            return
        done += len(part)
