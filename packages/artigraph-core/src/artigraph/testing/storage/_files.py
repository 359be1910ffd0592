"""Tests of a storage whose objects are files."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Any

import pytest

from artigraph.errors import InvalidLocationError, ObjectNotFoundError
from artigraph.storage import Storage, SupportsFiles
from artigraph.testing.storage._kit import StorageKit
from artigraph.testing.storage._locations import HOSTILE_LOCATIONS


class FileTests(StorageKit):
    """Tests of `SupportsFiles`, one for each promise."""

    @pytest.fixture
    def files(self, storage: Storage) -> SupportsFiles:
        """Return the storage. Skips the test if its objects are not files."""
        if not isinstance(storage, SupportsFiles):
            pytest.skip("the objects of this storage are no files")
        return storage

    def test_file_is_read_sought_and_mapped(
        self, storage: Storage, files: SupportsFiles, run: Callable[..., Any]
    ) -> None:
        data = os.urandom(1_000_003)
        location = run(storage.create(data))
        with files.open(location) as file:
            assert file.read(10) == data[:10]
            assert file.seek(len(data) - 3) == len(data) - 3
            assert file.read() == data[-3:]
            file.seek(0)
            into = bytearray(len(data))
            assert os.fstat(file.fileno()).st_size == len(data)
            assert file.read() == data
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                into[:] = mapped[:]
        assert into == data
        assert file.closed

    def test_file_cannot_be_written(self, storage: Storage, files: SupportsFiles, run: Callable[..., Any]) -> None:
        location = run(storage.create(b"value"))
        with files.open(location) as file, pytest.raises(OSError, match="write"):
            file.write(b"other")
        assert self.get_raw(storage, location) == b"value"

    def test_file_of_an_object_without_bytes(
        self, storage: Storage, files: SupportsFiles, run: Callable[..., Any]
    ) -> None:
        with files.open(run(storage.create(b""))) as file:
            assert file.read() == b""

    def test_file_outlives_the_object(self, storage: Storage, files: SupportsFiles, run: Callable[..., Any]) -> None:
        if os.name == "nt":
            pytest.skip("Windows does not remove what is open")
        location = run(storage.create(b"value"))
        with files.open(location) as file:
            run(storage.delete(location))
            assert file.read() == b"value"

    def test_file_of_a_missing_object(self, storage: Storage, files: SupportsFiles, run: Callable[..., Any]) -> None:
        location = run(storage.create(b"value"))
        run(storage.delete(location))
        with pytest.raises(ObjectNotFoundError):
            files.open(location)

    def test_file_at_hostile_locations(self, files: SupportsFiles) -> None:
        let_in: list[str] = []
        for location in HOSTILE_LOCATIONS:
            try:
                files.open(location).close()
            except InvalidLocationError:
                continue
            let_in.append(location)
        assert let_in == []
