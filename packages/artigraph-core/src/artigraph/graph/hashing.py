"""The parts of an encoded value: make, join, hash and check them. Threads hash large objects."""

from __future__ import annotations

import asyncio
import hashlib
import mmap
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from artigraph.errors import SerializationError
from artigraph.orm import CHUNK_SIZE
from artigraph.serializer import Serializer, SupportsParts

Part = bytes | memoryview
"""A piece of an encoded value. The memory of a memoryview may change while it is read."""
Buffer = bytes | memoryview
"""A complete encoded value. A writable memoryview is the only reference to its memory."""

_CHANGED = "A value changed while it was being saved; nothing was saved. Save a copy, or change it afterwards."
THREAD_THRESHOLD = 256 * 1024
"""Bytes. Hashing or decoding this many takes about as long as starting a thread; larger values go to a thread."""


@dataclass(frozen=True, slots=True)
class Content:
    """What makes two objects equal: their storage, and the bytes that they hold."""

    storage: str
    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Digests:
    """The hashes of an object."""

    size: int
    sha256: bytes
    chunks: bytes | None
    """The SHA-256 digests of all chunks of 8 MiB, concatenated. None if there is only one chunk."""


class Hasher:
    """Hashes an object that comes in parts, both completely and by chunks."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._chunks = _Chunks()
        self.size: int = 0

    async def update(self, part: Part) -> None:
        """Hash the next part, in two threads if it is large: one hashes the object, the other its chunks."""
        self.size += len(part)
        if len(part) <= THREAD_THRESHOLD:
            self._whole.update(part)
            self._chunks.update(part)
        else:
            await asyncio.gather(
                asyncio.to_thread(self._whole.update, part), asyncio.to_thread(self._chunks.update, part)
            )

    def digests(self) -> Digests:
        """Return the hashes of all parts so far."""
        return Digests(self.size, self._whole.digest(), self._chunks.digest() if self.size > CHUNK_SIZE else None)


class _Chunks:
    def __init__(self) -> None:
        self._done: list[bytes] = []
        self._current = hashlib.sha256()
        self._room = CHUNK_SIZE

    def update(self, part: Part) -> None:
        rest = memoryview(part).cast("B")
        while rest:
            piece, rest = rest[: self._room], rest[self._room :]
            self._current.update(piece)
            self._room -= len(piece)
            if not self._room:
                self._done.append(self._current.digest())
                self._current, self._room = hashlib.sha256(), CHUNK_SIZE

    def digest(self) -> bytes:
        last = [] if self._room == CHUNK_SIZE else [self._current.digest()]
        return b"".join([*self._done, *last])


async def hash_parts(parts: Sequence[Part], size: int) -> Digests:
    """Return the hashes of an object whose parts are all in memory."""
    if size <= THREAD_THRESHOLD:
        return Digests(size, _whole(parts), None)
    if size <= CHUNK_SIZE:
        return Digests(size, await asyncio.to_thread(_whole, parts), None)
    whole, chunks = await asyncio.gather(asyncio.to_thread(_whole, parts), asyncio.to_thread(_by_chunks, parts))
    return Digests(size, whole, chunks)


def join(parts: Sequence[Part]) -> bytes:
    """Return the object that parts make up, without a copy if there is one part of bytes."""
    return parts[0] if len(parts) == 1 and isinstance(parts[0], bytes) else b"".join(parts)


def _whole(parts: Iterable[Part]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def _by_chunks(parts: Iterable[Part]) -> bytes:
    chunks = _Chunks()
    for part in parts:
        chunks.update(part)
    return chunks.digest()


async def checked_whole(parts: Sequence[Part], digests: Digests) -> bytes:
    """Return an object as bytes, after checking that they are those that were hashed; see `checked_chunks`."""
    data = join(parts)
    if any(isinstance(part, memoryview) for part in parts):
        found = await hash_parts([data], len(data))
        if found.sha256 != digests.sha256:
            raise SerializationError(_CHANGED)
    return data


async def checked_chunks(parts: Sequence[Part], digests: Digests) -> AsyncGenerator[Part]:
    """Yield an object in chunks that nobody else can change, each checked against its hash.

    While one chunk is in use, a thread copies and hashes the next one. A chunk's memory is reused once the chunk after
    it is requested. An object that consists of bytes is yielded as it is.

    Raises:
        SerializationError: the memory of a part changed after it was hashed.
    """
    if all(isinstance(part, bytes) for part in parts):
        for part in parts:
            yield part
        return
    chunks = digests.chunks or digests.sha256
    memory = fresh_memory(CHUNK_SIZE), fresh_memory(CHUNK_SIZE)
    ahead: asyncio.Task[memoryview] | None = None
    try:
        for index, pieces in enumerate(_cut(parts)):
            expected = chunks[32 * index : 32 * index + 32]
            task = asyncio.create_task(asyncio.to_thread(_copy, pieces, memory[index % 2], expected))
            ready, ahead = ahead, task
            if ready is not None:
                yield await ready
        if ahead is not None:
            yield await ahead
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.wait([ahead])
            _ = ahead.cancelled() or ahead.exception()  # retrieve its error: another one propagates already


def fresh_memory(size: int) -> memoryview:
    """Return writable memory that nobody had to clear, in large pages if the system has them.

    A bytearray is filled with zeros first, which blocks all threads. With small pages, the page faults cost as much as
    reading the data into them.
    """
    memory = mmap.mmap(-1, size)
    if sys.platform == "linux":
        with suppress(OSError):  # the kernel has no large pages
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def _cut(parts: Sequence[Part]) -> Iterator[list[memoryview]]:
    """Cut parts into chunks; each chunk is a list of pieces."""
    pieces: list[memoryview] = []
    room = CHUNK_SIZE
    for part in parts:
        rest = memoryview(part).cast("B")
        while rest:
            pieces.append(rest[:room])
            room -= len(pieces[-1])
            rest = rest[len(pieces[-1]) :]
            if not room:
                yield pieces
                pieces, room = [], CHUNK_SIZE
    if pieces:
        yield pieces


def _copy(pieces: Sequence[memoryview], memory: memoryview, expected: bytes) -> memoryview:
    end = 0
    for piece in pieces:
        start, end = end, end + len(piece)
        memory[start:end] = piece
    chunk = memory[:end].toreadonly()
    if hashlib.sha256(chunk).digest() != expected:
        raise SerializationError(_CHANGED)
    return chunk


def encode_parts(serializer: Serializer[Any], value: object) -> Sequence[Part]:
    """Return the bytes of a value, in several parts if its serializer writes parts."""
    if isinstance(serializer, SupportsParts):
        return list(cast("SupportsParts[Any]", serializer).serialize_parts(value))
    return [serializer.serialize(value)]
