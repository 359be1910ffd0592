"""The file system keeps the contract."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import cast

import pytest

from artigraph.storage import Storage
from artigraph.storage.file import FileSystem
from artigraph.testing.storage import StorageConformance


class TestFileSystem(StorageConformance):
    durable = True

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return FileSystem(tmp_path / "objects", name=f"file-{uuid.uuid4()}", durable=self.durable)

    def get_raw(self, storage: Storage, location: str) -> bytes | None:
        path = cast("FileSystem", storage).directory / location
        return path.read_bytes() if path.exists() else None

    def put_raw(self, storage: Storage, location: str, data: bytes) -> None:
        (cast("FileSystem", storage).directory / location).write_bytes(data)

    def again(self, storage: Storage) -> Storage | None:
        return FileSystem(cast("FileSystem", storage).directory, name=storage.name, durable=self.durable)


class TestFileSystemThatIsNotDurable(TestFileSystem):
    durable = False
