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
    """Return the hashes of an object whose parts are all in memory.

    If the memory of a part may change, the chunks are hashed when they are put: two threads that read it now would not
    see the same bytes.
    """
    if size <= THREAD_THRESHOLD:
        return Digests(size, _whole(parts), None)
    if size <= CHUNK_SIZE or not _is_fixed(parts):
        return Digests(size, await asyncio.to_thread(_whole, parts), None)
    whole, chunks = await asyncio.gather(asyncio.to_thread(_whole, parts), asyncio.to_thread(_by_chunks, parts))
    return Digests(size, whole, chunks)


def _is_fixed(parts: Sequence[Part]) -> bool:
    """Return whether nobody can change the parts."""
    return all(isinstance(part, bytes) for part in parts)


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


class CheckedParts:
    """The parts of an object while it is put. The bytes that are put are those that were hashed before.

    Args:
        parts: the parts.
        digests: their hashes. Those of the chunks may be missing.
    """

    def __init__(self, parts: Sequence[Part], digests: Digests) -> None:
        self._parts = parts
        self.digests: Digests = digests
        """The hashes, complete once `whole` has returned or `chunks` has yielded the last chunk."""

    async def whole(self) -> bytes:
        """Return the object as bytes.

        Raises:
            SerializationError: the memory of a part changed after it was hashed.
        """
        if _is_fixed(self._parts):
            return join(self._parts)
        large = self.digests.size > THREAD_THRESHOLD
        data = await asyncio.to_thread(join, self._parts) if large else join(self._parts)
        self._set(await hash_parts([data], len(data)))
        return data

    async def chunks(self) -> AsyncGenerator[Part]:
        """Yield the object in chunks that nobody else can change. The last one is yielded if all were as hashed before.

        While one chunk is in use, threads copy and hash the next one. A chunk's memory is reused once the chunk after
        it is requested. An object that consists of bytes is yielded as it is.

        Raises:
            SerializationError: the memory of a part changed after it was hashed.
        """
        if _is_fixed(self._parts):
            for part in self._parts:
                yield part
            return
        memory = fresh_memory(CHUNK_SIZE), fresh_memory(CHUNK_SIZE)
        hasher = Hasher()
        ahead: asyncio.Task[memoryview] | None = None
        try:
            for index, pieces in enumerate(_cut(self._parts)):
                ready = None if ahead is None else await ahead
                ahead = asyncio.create_task(_copied(pieces, memory[index % 2], hasher))
                if ready is not None:
                    yield ready
            if ahead is not None:
                last = await ahead
                self._set(hasher.digests())
                yield last
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.wait([ahead])
                _ = ahead.cancelled() or ahead.exception()  # retrieve its error: another one propagates already

    def _set(self, found: Digests) -> None:
        if found.sha256 != self.digests.sha256:
            raise SerializationError(_CHANGED)
        self.digests = found


async def _copied(pieces: Sequence[memoryview], memory: memoryview, hasher: Hasher) -> memoryview:
    chunk = await asyncio.to_thread(_copy, pieces, memory)
    await hasher.update(chunk)
    return chunk


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


def _copy(pieces: Sequence[memoryview], memory: memoryview) -> memoryview:
    end = 0
    for piece in pieces:
        start, end = end, end + len(piece)
        memory[start:end] = piece
    return memory[:end].toreadonly()


def encode_parts(serializer: Serializer[Any], value: object) -> Sequence[Part]:
    """Return the bytes of a value, in several parts if its serializer writes parts."""
    if isinstance(serializer, SupportsParts):
        return list(cast("SupportsParts[Any]", serializer).serialize_parts(value))
    return [serializer.serialize(value)]
