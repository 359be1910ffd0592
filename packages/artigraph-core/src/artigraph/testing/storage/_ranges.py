"""Tests of a storage that reads a part of an object."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from artigraph.errors import InvalidLocationError, ObjectNotFoundError
from artigraph.storage import Storage, SupportsRanges
from artigraph.testing.storage._kit import StorageKit
from artigraph.testing.storage._locations import HOSTILE_LOCATIONS

_SIZE = 3 * 1024 * 1024 + 17


class RangeTests(StorageKit):
    """Tests of `SupportsRanges`, one for each promise."""

    @pytest.fixture
    def ranges(self, storage: Storage) -> SupportsRanges:
        """Return the storage. Skips the test if it cannot read ranges."""
        if not isinstance(storage, SupportsRanges):
            pytest.skip("this storage does not read parts of objects")
        return storage

    def test_ranges_at_every_edge(self, storage: Storage, ranges: SupportsRanges, run: Callable[..., Any]) -> None:
        data = os.urandom(_SIZE)
        location = run(storage.create(data))
        starts = (0, 1, 4095, 4096, _SIZE // 2, _SIZE - 1, _SIZE, _SIZE + 1, 1 << 40)
        for start in starts:
            for length in (0, 1, 2, 4096, _SIZE - 1, _SIZE, _SIZE + 1, 1 << 40):
                read = run(ranges.read_range(location, start, length))
                assert type(read) is bytes
                assert read == data[start : start + length], (start, length)

    def test_ranges_of_an_object_without_bytes(
        self, storage: Storage, ranges: SupportsRanges, run: Callable[..., Any]
    ) -> None:
        location = run(storage.create(b""))
        for start, length in ((0, 0), (0, 1), (1, 0), (1, 1), (0, 1 << 40)):
            assert run(ranges.read_range(location, start, length)) == b""

    def test_ranges_come_from_what_is_there(
        self, storage: Storage, ranges: SupportsRanges, run: Callable[..., Any]
    ) -> None:
        location = run(storage.create(b"0123456789"))
        self.put_raw(storage, location, b"abcdefghij")
        assert run(ranges.read_range(location, 3, 4)) == b"defg"

    def test_many_ranges_at_once(self, storage: Storage, ranges: SupportsRanges, run: Callable[..., Any]) -> None:
        data, size = os.urandom(_SIZE), 100_000
        location = run(storage.create(data))

        async def read() -> list[bytes]:
            starts = range(0, _SIZE, size)
            return await asyncio.gather(*(ranges.read_range(location, start, size) for start in starts))

        assert b"".join(run(read())) == data

    def test_ranges_of_a_missing_object(
        self, storage: Storage, ranges: SupportsRanges, run: Callable[..., Any]
    ) -> None:
        location = run(storage.create(b"value"))
        run(storage.delete(location))
        for start, length in ((0, 1), (0, 0), (10, 10)):
            with pytest.raises(ObjectNotFoundError):
                run(ranges.read_range(location, start, length))

    def test_ranges_at_hostile_locations(self, ranges: SupportsRanges, run: Callable[..., Any]) -> None:
        let_in: list[str] = []
        for location in HOSTILE_LOCATIONS:
            try:
                run(ranges.read_range(location, 0, 1))
            except InvalidLocationError:
                continue
            let_in.append(location)
        assert let_in == []
