"""Large values: encoded in threads, within bounds, checked chunk by chunk, and put into the chosen storage."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactModel, ArtifactModelConfig, Lazy, artifact_field
from artigraph.db import engine_context, read, set_bytes_in_flight, set_engine
from artigraph.errors import (
    ConfigurationError,
    CorruptObjectError,
    ObjectNotFoundError,
    SerializationError,
    StorageError,
    ValueTooLargeError,
    WrongEventLoopError,
)
from artigraph.graph import hashing, map_object, open_object
from artigraph.graph.stored_object import StoredObject, read_object
from artigraph.maintenance import fsck, gc
from artigraph.orm import CHUNK_SIZE, INLINE_LIMIT, blob_table, node_table
from artigraph.serializer import Serializer
from artigraph.storage import MemoryStorage, Storage
from artigraph.storage.file import FileSystem

MIB = 1024 * 1024


async def rows(table: Any) -> list[RowMapping]:
    async def work(connection: AsyncConnection) -> list[RowMapping]:
        return list((await connection.execute(select(table))).mappings())

    return await read(work)


class Plain(Storage):
    """A storage without optional abilities: it reads and writes whole objects."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inner: MemoryStorage = MemoryStorage(f"{name}-inner")
        self.calls: list[str] = []

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        assert type(data) is bytes
        self.calls.append("create")
        return await self.inner.create(data, key=key)

    async def read(self, location: str) -> bytes:
        self.calls.append("read")
        return await self.inner.read(location)

    async def delete(self, location: str) -> None:
        self.calls.append("delete")
        await self.inner.delete(location)

    async def exists(self, location: str) -> bool:
        return await self.inner.exists(location)


class Ranged(MemoryStorage):
    """Counts the bytes that are fetched."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._ranges: list[tuple[int, int]] = []

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        self._ranges.append((start, length))
        return await super().read_range(location, start, length)


class Text:
    """A value of the serializer below."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Slow(Serializer[Text]):
    """Notes the threads that it works in."""

    name = "slow-text"
    types = (Text,)

    def __init__(self) -> None:
        self._threads: list[int] = []

    def size_hint(self, value: Text) -> int | None:
        return None if value.text.startswith("?") else len(value.text)

    def serialize(self, value: Text) -> bytes:
        self._threads.append(threading.get_ident())
        return value.text.encode()

    def deserialize(self, data: bytes) -> Text:
        assert type(data) is bytes
        self._threads.append(threading.get_ident())
        return Text(data.decode())


slow = Slow().register()


class Stream:
    """A value that can be read once."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.parts = parts


class StreamSerializer(Serializer[Stream]):
    name = "test-stream"
    types = (Stream,)

    def serialize(self, value: Stream) -> bytes:
        raise AssertionError("a stream was held in memory in full")

    def deserialize(self, data: bytes) -> Stream:
        raise AssertionError("a stream was held in memory in full")

    def serialize_stream(self, value: Stream) -> Iterator[bytes | memoryview]:
        yield from value.parts

    def deserialize_file(self, file: BinaryIO) -> Stream:
        return Stream(iter(lambda: file.read(3 * MIB), b""))


StreamSerializer().register()


@dataclass
class LargeHolder(ArtifactModel):
    value: Any


def of(storage: Storage, data: bytes, location: str) -> StoredObject:
    pieces = [data[start : start + CHUNK_SIZE] for start in range(0, len(data), CHUNK_SIZE)]
    chunks = b"".join(hashlib.sha256(piece).digest() for piece in pieces) if len(pieces) > 1 else None
    return StoredObject(storage, location, len(data), hashlib.sha256(data).digest(), chunks, "a test")


LONG = bytes(range(256)) * (CHUNK_SIZE // 256) * 2 + b"the rest"


Placed = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture
def placed(tmp_path: Path) -> Placed:
    """The database of the test, with a storage for large values or a limit."""

    def enter(storage: Storage | None = None, **options: Any) -> AbstractAsyncContextManager[Any]:
        url = f"sqlite:///{tmp_path}/artigraph.db"
        return engine_context(url, create_tables=True, large_value_storage=storage, **options)

    return enter


@pytest.fixture(params=["memory", "file", "plain"])
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> StoredObject:
    storages: dict[str, Storage] = {
        "memory": MemoryStorage("ranged"),
        "file": FileSystem(tmp_path / "objects", name="files"),
        "plain": Plain("plain"),
    }
    storage = storages[request.param]
    return of(storage, LONG, await storage.create(LONG))


async def test_objects_of_several_chunks_are_read_whole_and_checked(stored: StoredObject) -> None:
    assert await read_object(stored) == LONG
    wrong = stored.chunk_sha256[:32] + bytes(32) + stored.chunk_sha256[64:]  # type: ignore[index]
    with pytest.raises(CorruptObjectError, match="SHA-256 differs"):
        await read_object(stored._replace(chunk_sha256=wrong, sha256=bytes(32)))


@pytest.mark.parametrize("size", [len(LONG) - 1, len(LONG) + 1, CHUNK_SIZE * 3])
async def test_objects_of_another_length_are_corrupt(stored: StoredObject, size: int) -> None:
    pieces = [LONG[start : start + CHUNK_SIZE] for start in range(0, size, CHUNK_SIZE)]
    chunks = b"".join(hashlib.sha256(piece).digest() for piece in pieces)
    with pytest.raises(CorruptObjectError):
        await read_object(stored._replace(size=size, chunk_sha256=chunks))


async def test_objects_that_are_lost_are_told_with_what_they_are_the_value_of(stored: StoredObject) -> None:
    async def open_and_read() -> None:
        file = await open_object(stored)
        await asyncio.to_thread(file.read, 1)

    await stored.storage.delete(stored.location)
    for lost in (read_object(stored), open_and_read()):
        with pytest.raises(ObjectNotFoundError, match=r"^The value of a test is not there: ") as caught:
            await lost
        assert caught.value.__cause__ is not None


async def test_an_open_object_is_a_file(stored: StoredObject) -> None:
    def use(file: BinaryIO) -> None:
        assert file.seek(0, 2) == len(LONG)
        assert file.read() == b""
        assert file.seek(-8, 2) == len(LONG) - 8
        assert file.read(100) == b"the rest"
        assert file.seek(CHUNK_SIZE - 2) == CHUNK_SIZE - 2
        assert file.read(4) == LONG[CHUNK_SIZE - 2 : CHUNK_SIZE + 2]  # across two chunks
        assert file.tell() == CHUNK_SIZE + 2
        file.seek(0)
        assert file.read() == LONG
        file.close()
        with pytest.raises(ValueError, match="closed"):
            file.read(1)

    await asyncio.to_thread(use, await open_object(stored))


async def test_an_open_object_checks_the_chunks_that_are_touched_and_no_others(tmp_path: Path) -> None:
    storage = FileSystem(tmp_path / "objects", name="files")
    location = await storage.create(LONG)
    wrong = bytearray(LONG)
    wrong[CHUNK_SIZE] ^= 1
    stored = of(storage, LONG, location)
    (path,) = (path for path in (tmp_path / "objects").rglob("*") if path.is_file())
    path.chmod(0o600)
    path.write_bytes(wrong)
    file = await open_object(stored)
    assert file.read(CHUNK_SIZE) == LONG[:CHUNK_SIZE]
    with pytest.raises(CorruptObjectError, match="chunk 1"):
        file.read(1)
    file.seek(2 * CHUNK_SIZE)
    assert file.read() == b"the rest"


async def test_an_object_over_the_network_fetches_what_is_read_and_is_read_in_a_thread() -> None:
    storage = Ranged("network")
    stored = of(storage, LONG, await storage.create(LONG))
    file = await open_object(stored)
    with pytest.raises(WrongEventLoopError, match="in a thread"):
        file.read(1)
    file.seek(CHUNK_SIZE + 5)
    assert await asyncio.to_thread(file.read, 3) == LONG[CHUNK_SIZE + 5 : CHUNK_SIZE + 8]
    assert storage._ranges == [(CHUNK_SIZE, CHUNK_SIZE)]


@pytest.mark.parametrize("left", [0, 1, CHUNK_SIZE // 2])
@pytest.mark.parametrize("altered", [False, True])
async def test_an_open_object_ends_where_a_chunk_comes_back_short(
    left: int, altered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Ranged("short")
    stored = of(storage, LONG, await storage.create(LONG))
    real = storage.read_range

    async def read_range(location: str, start: int, length: int) -> bytes:
        return (await real(location, start, length))[:left]

    monkeypatch.setattr(storage, "read_range", read_range)
    if altered:  # by hand: the hashes match the bytes that come, so only the size shows that they are too few
        pieces = [LONG[start : start + left] for start in range(0, len(LONG), CHUNK_SIZE)]
        stored = stored._replace(chunk_sha256=b"".join(hashlib.sha256(piece).digest() for piece in pieces))
    file = await open_object(stored)
    async with asyncio.timeout(30):
        with pytest.raises(CorruptObjectError, match=f"{left} bytes in its chunk 0"):
            await asyncio.to_thread(file.read)
    assert len(storage._ranges) == 1


async def test_a_mapped_object_is_read_only_and_checked(tmp_path: Path) -> None:
    storage = FileSystem(tmp_path / "objects", name="files")
    for data in (b"", b"short", LONG):
        view = await map_object(of(storage, data, await storage.create(data)))
        assert view.readonly
        assert view == data
    stored = of(storage, LONG, await storage.create(LONG))
    with pytest.raises(CorruptObjectError):
        await map_object(stored._replace(chunk_sha256=bytes(96)))
    with pytest.raises(StorageError, match="no files of this machine"):
        await map_object(of(MemoryStorage("m"), b"", "00/00"))


async def test_what_is_large_or_of_unknown_size_is_encoded_and_decoded_in_a_thread(placed: Placed) -> None:
    here = threading.get_ident()
    slow._threads.clear()
    node_id = await LargeHolder(Text("small")).save("small")
    await LargeHolder.load(node_id)
    assert slow._threads == [here, here]
    for text in ("?", "x" * 300_000):
        slow._threads.clear()
        model = LargeHolder(Text(text))
        async with placed(MemoryStorage("large-values")):
            node_id = await model.save("large")
            assert await LargeHolder.load(node_id) == model
        assert slow._threads[0] != here
    assert here not in slow._threads


async def test_a_large_plain_value_is_encoded_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    from artigraph.model import _encode as module

    threads: list[int] = []
    encode: Callable[..., bytes] = vars(module)["encode"]

    def noted(*arguments: Any, **options: Any) -> bytes:
        threads.append(threading.get_ident())
        return encode(*arguments, **options)

    monkeypatch.setattr(module, "encode", noted)
    model = LargeHolder([list(range(10)), [list(range(300)) for _ in range(100)]])
    node_id = await model.save("numbers")
    assert threads
    assert threading.get_ident() not in threads
    assert await LargeHolder.load(node_id) == model


async def test_values_that_outgrow_the_limit_go_where_the_model_or_the_engine_says(placed: Placed) -> None:
    class_storage, engine_storage = MemoryStorage("of-the-model"), MemoryStorage("of-the-engine")

    @dataclass
    class Roomy(ArtifactModel, config=ArtifactModelConfig(large_value_storage=class_storage)):
        small: str
        large: str
        nested: LargeHolder

    model = Roomy("s" * 2000, "l" * 3000, LargeHolder("h" * 3000))
    async with placed(engine_storage, inline_limit=2500):
        node_id = await model.save("roomy")
        assert await Roomy.load(node_id) == model
        by_label = {row["label"]: row for row in await rows(node_table)}
        storages = {row["blob_id"]: row["storage"] for row in await rows(blob_table)}
    assert by_label["small"]["value"] is not None
    assert storages[by_label["large"]["blob_id"]] == "of-the-model"
    assert storages[by_label["value"]["blob_id"]] == "of-the-engine"


async def test_the_limit_of_rows_can_be_set_and_is_told(tmp_path: Path) -> None:
    async with engine_context(f"sqlite:///{tmp_path}/other.db", create_tables=True, inline_limit=4096):
        await LargeHolder("x" * 4000).save("fits")
        with pytest.raises(ValueTooLargeError, match="at most 4,096"):
            await LargeHolder("x" * 5000).save("does not")
        assert len(await rows(node_table)) == 2
    for limit in (1023, INLINE_LIMIT + 1, True, 1.5):
        with pytest.raises(ConfigurationError, match="inline_limit"):
            set_engine("sqlite:///x.db", inline_limit=limit)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="large_value_storage"):
        set_engine("sqlite:///x.db", large_value_storage="s3")  # type: ignore[arg-type]


@dataclass
class LargeStreaming(ArtifactModel):
    stream: Stream = artifact_field(compare=False)


def parts(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield bytes([number % 256]) * (5 * MIB)


async def test_a_stream_is_stored_as_it_comes_and_read_as_it_is_asked_for(tmp_path: Path, placed: Placed) -> None:
    storage = FileSystem(tmp_path / "objects", name="stream-files")
    expected = hashlib.sha256(b"".join(parts(9)))
    tracemalloc.start()
    async with placed(storage):
        node_id = await LargeStreaming(Stream(parts(9))).save("stream")
        loaded = await LargeStreaming.load(node_id)
        found = hashlib.sha256()
        for part in loaded.stream.parts:
            found.update(part)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.digest() == expected.digest()
    assert peak < 40 * MIB  # of 45
    (blob,) = await rows(blob_table)
    assert (blob["size"], blob["sha256"]) == (45 * MIB, expected.digest())
    assert blob["chunk_sha256"] is not None
    assert len(blob["chunk_sha256"]) == 6 * 32


async def test_equal_streams_are_one_object_and_the_other_is_removed(placed: Placed) -> None:
    for storage in (MemoryStorage("equal-streams"), Plain("whole-streams")):
        inner = storage.inner if isinstance(storage, Plain) else storage
        async with placed(storage):
            await LargeStreaming(Stream(parts(2))).save("one")
            await LargeStreaming(Stream(parts(2))).save("other")
        assert len(inner._objects) == 1


async def test_a_stream_that_fails_leaves_nothing_behind(tmp_path: Path, placed: Placed) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * MIB
        raise RuntimeError("no more")

    for storage in (MemoryStorage("half"), FileSystem(tmp_path / "objects", name="half-files")):
        async with placed(storage):
            with pytest.raises(SerializationError, match=r"LargeStreaming\.stream.*no more"):
                await LargeStreaming(Stream(broken())).save("broken")
        assert await rows(node_table) == []
        if isinstance(storage, MemoryStorage):
            assert storage._objects == {}
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


async def test_a_stream_needs_a_storage() -> None:
    with pytest.raises(ValueTooLargeError, match="Name a storage"):
        await LargeStreaming(Stream(parts(1))).save("nowhere")


class Counting(MemoryStorage):
    """Counts how many bytes were in flight at once."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._now = self._most = 0

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        self._now += len(data)
        self._most = max(self._most, self._now)
        await asyncio.sleep(0.001)
        self._now -= len(data)
        return await super().create(data, key=key)


@dataclass
class LargeMany(ArtifactModel):
    texts: dict[str, Text]
    more: list[Any] = field(default_factory=list[Any])


@pytest.fixture
def bound() -> Iterator[Callable[[int], None]]:
    """Sets the bound on bytes in flight for a test."""
    with ExitStack() as stack:

        def set_bound(limit: int) -> None:
            stack.callback(set_bytes_in_flight(limit))

        yield set_bound


async def test_the_bytes_on_their_way_are_bounded(bound: Callable[[int], None], placed: Placed) -> None:
    bound(2 * MIB)
    storage = Counting("counting")
    model = LargeMany({str(number): Text(f"{number}" * (MIB // 2)) for number in range(9)})
    async with placed(storage):
        node_id = await model.save("many")
        assert await LargeMany.load(node_id) == model
    assert len(storage._objects) == 9
    assert MIB // 2 < storage._most <= 2 * MIB


async def test_failures_in_a_later_group_remove_what_the_earlier_ones_put(bound: Callable[[int], None]) -> None:
    bound(MIB)
    storage = MemoryStorage("groups")

    class Refusing(Slow):
        name = "refusing-text"

        def serialize(self, value: Text) -> bytes:
            if value.text.endswith("!"):
                raise ValueError("not this one")
            return super().serialize(value)

    @dataclass
    class Group(ArtifactModel):
        one: Text = artifact_field(serializer=Refusing(), storage=storage)
        two: Text = artifact_field(serializer=Refusing(), storage=storage)

    with pytest.raises(SerializationError, match=r"Group\.two.*not this one"):
        await Group(Text("a" * MIB), Text("b" * MIB + "!")).save("group")
    assert storage._objects == {}
    assert await rows(node_table) == [] == await rows(blob_table)


async def test_an_unloaded_value_is_saved_again_without_being_read() -> None:
    storage = Plain("lazy-plain")

    @dataclass
    class Late(ArtifactModel):
        text: Lazy[Text] = artifact_field(storage=storage)

    loaded = await Late.load(await Late(Lazy(Text("x" * 2000))).save("first"))
    storage.calls.clear()
    again = await Late.load(await loaded.save("second"))
    assert storage.calls == []
    assert again == loaded
    assert len(await rows(blob_table)) == 1


async def test_an_unloaded_value_moves_to_another_storage() -> None:
    first, second = MemoryStorage("from-here"), MemoryStorage("to-there")

    @dataclass
    class Moving(ArtifactModel):
        text: Lazy[Text] = artifact_field(storage=first)

    loaded = await Moving.load(await Moving(Lazy(Text("x" * 2000))).save("first"))

    @dataclass
    class Moved(ArtifactModel):
        text: Lazy[Text] = artifact_field(storage=second)

    node_id = await Moved(loaded.text).save("second")
    assert list(second._objects.values()) == list(first._objects.values())
    assert await (await Moved.load(node_id)).text.load() == Text("x" * 2000)


class Wobbly(MemoryStorage):
    """Changes an array while its object is being written."""

    def __init__(self, name: str, array: Any) -> None:
        super().__init__(name)
        self._array = array

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        self._array += 1
        return await super().create(data, key=key)

    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        async def changing() -> AsyncIterator[bytes | memoryview]:
            async for part in parts:
                self._array += 1
                yield part

        return await super().create_stream(changing(), key=key)


async def test_a_value_that_changes_between_its_two_hashes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    array: Any = np.zeros(3 * MIB)
    whole, by_chunks = hashing._whole, hashing._by_chunks
    changed = threading.Event()

    def whole_then_change(parts: Iterable[hashing.Part]) -> bytes:
        digest = whole(parts)
        array[...] = 1.0
        changed.set()
        return digest

    def chunks_after_that(parts: Iterable[hashing.Part]) -> bytes:
        changed.wait(10)
        return by_chunks(parts)

    monkeypatch.setattr(hashing, "_whole", whole_then_change)
    monkeypatch.setattr(hashing, "_by_chunks", chunks_after_that)

    @dataclass
    class Changed(ArtifactModel):
        array: Any = artifact_field(storage=MemoryStorage("changed"))

    with pytest.raises(SerializationError, match="changed while it was being saved"):
        await Changed(array).save("x")
    assert await rows(node_table) == []


async def test_each_byte_of_an_array_is_hashed_once_before_and_once_as_it_is_put(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before: list[int] = []
    put: list[int] = []
    whole, update = hashing._whole, hashing.Hasher.update

    def noted_whole(parts: Sequence[hashing.Part]) -> bytes:
        before.append(sum(len(part) for part in parts))
        return whole(parts)

    async def noted_update(hasher: hashing.Hasher, part: hashing.Part) -> None:
        put.append(len(part))
        await update(hasher, part)

    monkeypatch.setattr(hashing, "_whole", noted_whole)
    monkeypatch.setattr(hashing.Hasher, "update", noted_update)
    storage = MemoryStorage("hashed")

    @dataclass
    class Hashed(ArtifactModel):
        array: Any = artifact_field(storage=storage)

    array: Any = np.arange(3 * MIB, dtype=np.float64)
    await Hashed(array).save("x")
    (size,) = {len(data) for data in storage._objects.values()}
    assert (before, sum(put), len(put)) == ([size], size, 4)  # chunks of 8 MiB, and the header
    await Hashed(array).save("y")
    assert (before, sum(put), len(storage._objects)) == ([size, size], size, 1)  # known content is not put again
    [row] = await rows(blob_table)
    (data,) = storage._objects.values()
    chunks = [data[start : start + 8 * MIB] for start in range(0, size, 8 * MIB)]
    assert bytes(row.sha256) == hashlib.sha256(data).digest()
    assert bytes(row.chunk_sha256) == b"".join(hashlib.sha256(chunk).digest() for chunk in chunks)


async def test_a_value_that_changes_while_it_is_saved_is_refused_or_stored_as_it_was() -> None:
    array: Any = np.zeros(5 * MIB)
    storage = Wobbly("wobbly", array)

    @dataclass
    class Changing(ArtifactModel):
        array: Any = artifact_field(storage=storage)

    with pytest.raises(SerializationError, match="changed while it was being saved"):
        await Changing(array).save("x")
    assert storage._objects == {}
    assert await rows(node_table) == []
    storage._array = small = array[:100].copy()
    expected = small.copy()
    loaded = await Changing.load(await Changing(small).save("small"))
    assert (loaded.array == expected).all()
    assert (small == expected + 1).all()


class Collected(MemoryStorage):
    """What it holds first is collected before the save can register it, and a value changes at that moment."""

    def __init__(self, name: str, change: Callable[[], None]) -> None:
        super().__init__(name)
        self._change: Callable[[], None] | None = change

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        location = await super().create(data, key=key)
        if self._change is not None:
            change, self._change = self._change, None
            change()
            assert (await gc(dry_run=False, grace=timedelta())).unregistered.count > 0
        return location


@pytest.mark.parametrize(("before", "after"), [(10, INLINE_LIMIT + 1), (INLINE_LIMIT + 1, 10)])
async def test_a_value_that_is_encoded_again_is_in_its_row_or_in_an_object(
    placed: Placed, before: int, after: int
) -> None:
    """If it had both, loads would take one of two states. If it waited for its first object, the save would fail."""
    text = Text("?" * before)

    def change() -> None:
        text.text = "?" * after

    storage = Collected(f"collected-{after}", change)

    @dataclass
    class Twofold(ArtifactModel):
        text: Text
        other: bytes = artifact_field(storage=storage)

    async with placed(storage):
        node_id = await Twofold(text, b"an object that is collected in any case").save("x")
        assert (await Twofold.load(node_id)).text == Text("?" * after)
        assert (await fsck()).ok


class Strided:
    """A value whose serializer yields a view with gaps."""


class StridedSerializer(Serializer[Strided]):
    name = "test-strided"
    types = (Strided,)

    def serialize(self, value: Strided) -> bytes:
        return b"ace"

    def serialize_parts(self, value: Strided) -> Iterator[bytes | memoryview]:
        yield memoryview(b"abcdef")[::2]

    def deserialize(self, data: bytes) -> Strided:
        return Strided()


StridedSerializer().register()


async def test_a_part_with_gaps_is_refused_by_a_typed_error() -> None:
    with pytest.raises(SerializationError, match=r"'test-strided' returned a view that is not contiguous for .*value"):
        await LargeHolder(Strided()).save("x")
    assert await rows(node_table) == []
