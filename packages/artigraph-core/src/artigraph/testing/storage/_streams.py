"""Tests of a storage that takes an object in parts."""

from __future__ import annotations

import asyncio
import os
from array import array
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, NoReturn

import pytest

from artigraph.errors import InvalidLocationError, ObjectNotFoundError, StorageError
from artigraph.storage import Storage, SupportsStreams, new_key
from artigraph.testing.storage._kit import StorageKit
from artigraph.testing.storage._locations import HOSTILE_LOCATIONS

_KIB, _MIB = 1024, 1024 * 1024
_LARGE = 17 * _MIB + 1
"""More bytes than a storage would send at once."""


class StreamTests(StorageKit):
    """Tests of `SupportsStreams`, one for each promise."""

    @pytest.fixture
    def streams(self, storage: Storage) -> SupportsStreams:
        """Return the storage. Skips the test if it does not take streams."""
        if not isinstance(storage, SupportsStreams):
            pytest.skip("this storage does not take objects in parts")
        return storage

    @pytest.mark.parametrize(
        "sizes",
        [
            [],
            [0],
            [1],
            [0, 1, 0, 0, 7, 0],
            [1, 64 * _KIB - 1, 64 * _KIB, 64 * _KIB + 1, 300_001],
            [_LARGE],
            [_MIB - 1] * 20,
            [9 * _MIB, 1, 0, 9 * _MIB, 3],
        ],
    )
    def test_stream_keeps_the_bytes(
        self, storage: Storage, streams: SupportsStreams, run: Callable[..., Any], sizes: list[int]
    ) -> None:
        parts = [os.urandom(size) for size in sizes]
        location = run(streams.create_stream(_parts(parts)))
        assert self.get_raw(storage, location) == b"".join(parts)
        assert run(storage.read(location)) == b"".join(parts)

    def test_stream_takes_views_of_whatever(
        self, storage: Storage, streams: SupportsStreams, run: Callable[..., Any]
    ) -> None:
        numbers = array("d", range(200_000))
        parts = [memoryview(numbers), memoryview(b""), memoryview(b"0123456789")[2:5], memoryview(array("d"))]
        location = run(streams.create_stream(_parts(parts), key="a/stream"))
        assert self.get_raw(storage, location) == numbers.tobytes() + b"234"

    @pytest.mark.parametrize("size", [1000, 3 * _MIB])
    def test_stream_whose_parts_use_one_memory(
        self, storage: Storage, streams: SupportsStreams, run: Callable[..., Any], size: int
    ) -> None:
        memory = bytearray(size)
        data = [os.urandom(size) for _ in range(7)]

        async def parts() -> AsyncIterator[memoryview]:
            for part in data:
                memory[:] = part
                yield memoryview(memory)

        location = run(streams.create_stream(parts()))
        assert self.get_raw(storage, location) == b"".join(data)

    def test_stream_of_many_small_parts(
        self, storage: Storage, streams: SupportsStreams, run: Callable[..., Any]
    ) -> None:
        parts = [b"%d," % number for number in range(20_000)]
        location = run(streams.create_stream(_parts(parts)))
        assert self.get_raw(storage, location) == b"".join(parts)

    @pytest.mark.parametrize("size", [0, 1000, _LARGE])
    def test_stream_under_a_key_again(
        self, storage: Storage, streams: SupportsStreams, run: Callable[..., Any], size: int
    ) -> None:
        key, other, data = new_key(), new_key(), os.urandom(size)
        location = run(streams.create_stream(_parts([data]), key=key))
        assert run(streams.create_stream(_cut(data, 999_999), key=key)) == location
        assert run(storage.create(data, key=key)) == location
        elsewhere = run(storage.create(data, key=other))
        assert run(streams.create_stream(_cut(data, 5 * _MIB), key=other)) == elsewhere
        for changed in (data + b"1", data[:-1] + b"1" if data else b"1", b""):
            if changed == data:
                continue
            for taken in (key, other):
                with pytest.raises(StorageError):
                    run(streams.create_stream(_cut(changed, _MIB), key=taken))
        assert self.get_raw(storage, location) == self.get_raw(storage, elsewhere) == data

    def test_streams_under_one_key_at_once(
        self, storage: Storage, streams: SupportsStreams, run: Callable[..., Any]
    ) -> None:
        key, data = new_key(), os.urandom(_LARGE)

        async def create() -> list[str]:
            return await asyncio.gather(
                *(streams.create_stream(_cut(data, size * _MIB), key=key) for size in (1, 3, 20))
            )

        locations = run(create())
        assert len(set(locations)) == 1
        assert self.get_raw(storage, locations[0]) == data

    @pytest.mark.parametrize("size", [10, _MIB, _LARGE])
    def test_stream_that_fails_leaves_nothing(
        self, storage: Storage, streams: SupportsStreams, run: Callable[..., Any], size: int
    ) -> None:
        key, data = new_key(), os.urandom(size)
        location = self._location_of(storage, run, key)
        failure = LookupError("on purpose")
        there: list[bool] = []

        async def parts() -> AsyncIterator[bytes]:
            yield data
            there.append(await storage.exists(location))
            raise failure

        with pytest.raises(LookupError) as caught:
            run(streams.create_stream(parts(), key=key))
        assert caught.value is failure
        assert there == [False]
        self._assert_nothing(storage, run, location)
        assert run(streams.create_stream(_parts([data]), key=key)) == location
        assert self.get_raw(storage, location) == data

    def test_stream_that_fails_at_once(
        self, storage: Storage, streams: SupportsStreams, run: Callable[..., Any]
    ) -> None:
        location = self._location_of(storage, run, key := new_key())

        async def parts() -> AsyncIterator[bytes]:
            if location:
                _fail()
            yield b""

        with pytest.raises(LookupError):
            run(streams.create_stream(parts(), key=key))
        self._assert_nothing(storage, run, location)

    @pytest.mark.parametrize("size", [10, _LARGE])
    def test_stream_cancelled_while_it_waits(
        self, storage: Storage, streams: SupportsStreams, run: Callable[..., Any], size: int
    ) -> None:
        key, data = new_key(), os.urandom(size)
        location = self._location_of(storage, run, key)

        async def cancelled() -> None:
            waits = asyncio.Event()

            async def parts() -> AsyncIterator[bytes]:
                yield data
                waits.set()
                await asyncio.Event().wait()

            task = asyncio.create_task(streams.create_stream(parts(), key=key))
            await waits.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        run(cancelled())
        self._assert_nothing(storage, run, location)
        assert run(streams.create_stream(_parts([data]), key=key)) == location

    def test_stream_cancelled_at_any_time(
        self, storage: Storage, streams: SupportsStreams, run: Callable[..., Any]
    ) -> None:
        key, data = new_key(), os.urandom(_LARGE)
        location = self._location_of(storage, run, key)

        async def cancelled(pause: float) -> None:
            task = asyncio.create_task(streams.create_stream(_cut(data, _MIB), key=key))
            await asyncio.sleep(pause)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        for pause in (0, 0.002, 0.01, 0.05, 0.2):
            run(cancelled(pause))
            assert self.get_raw(storage, location) in (None, data)
            assert run(streams.create_stream(_cut(data, 2 * _MIB), key=key)) == location
            run(storage.delete(location))

    def test_stream_under_hostile_keys(self, streams: SupportsStreams, run: Callable[..., Any]) -> None:
        let_in: list[str] = []
        for key in HOSTILE_LOCATIONS:
            try:
                run(streams.create_stream(_parts([b"hostile"]), key=key))
            except InvalidLocationError:
                continue
            let_in.append(key)
        assert let_in == []

    def _location_of(self, storage: Storage, run: Callable[[Coroutine[Any, Any, Any]], Any], key: str) -> str:
        """Return the location that an object with this key will get."""
        location: str = run(storage.create(b"", key=key))
        run(storage.delete(location))
        return location

    def _assert_nothing(self, storage: Storage, run: Callable[..., Any], location: str) -> None:
        assert self.get_raw(storage, location) is None
        assert run(storage.exists(location)) is False
        with pytest.raises(ObjectNotFoundError):
            run(storage.read(location))


async def _parts(parts: Iterable[bytes | memoryview]) -> AsyncIterator[bytes | memoryview]:
    for part in parts:
        yield part


async def _cut(data: bytes, size: int) -> AsyncIterator[memoryview]:
    for start in range(0, len(data), size):
        yield memoryview(data)[start : start + size]


def _fail() -> NoReturn:
    msg = "on purpose"
    raise LookupError(msg)
