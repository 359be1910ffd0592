"""The reference implementation keeps the contract."""

from __future__ import annotations

import uuid
from typing import cast

import pytest

from artigraph.storage import MemoryStorage, Storage
from artigraph.testing.storage import StorageConformance


class TestMemoryStorage(StorageConformance):
    @pytest.fixture
    def storage(self) -> Storage:
        return MemoryStorage(f"memory-{uuid.uuid4()}")

    def get_raw(self, storage: Storage, location: str) -> bytes | None:
        return cast("MemoryStorage", storage)._objects.get(location)

    def put_raw(self, storage: Storage, location: str, data: bytes) -> None:
        cast("MemoryStorage", storage)._objects[location] = data

    def again(self, storage: Storage) -> Storage | None:
        return None


def test_an_equal_one_gives_way_to_the_one_that_holds_the_objects() -> None:
    name = f"memory-{uuid.uuid4()}"
    first = MemoryStorage(name).register()
    assert MemoryStorage(name).register() is first
