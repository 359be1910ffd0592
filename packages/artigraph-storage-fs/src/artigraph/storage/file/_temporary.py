"""A storage whose objects last only as long as the process."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from artigraph.storage import Storage, StoredEntry, check_prefix
from artigraph.storage.file._storage import FileSystem


class TemporaryFileSystem(Storage):
    """Keeps objects in a temporary folder. It is made on first use and removed when the process that made it exits.

    A forked child can read its parent's objects. It does not remove the folder.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._made: FileSystem | None = None

    @property
    def directory(self) -> Path:
        """The temporary folder. It is made if it does not exist yet."""
        return self._files().directory

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        return await self._files().create(data, key=key)

    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        return await self._files().create_stream(parts, key=key)

    async def read(self, location: str) -> bytes:
        return await self._files().read(location)

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        return await self._files().read_range(location, start, length)

    def open(self, location: str) -> BinaryIO:
        return self._files().open(location)

    async def delete(self, location: str) -> None:
        await self._files().delete(location)

    async def exists(self, location: str) -> bool:
        return await self._files().exists(location)

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        check_prefix(prefix)
        if self._made is not None:
            async for entry in self._made.list(prefix):
                yield entry

    def _files(self) -> FileSystem:
        with self._lock:
            if self._made is None:
                self._made = FileSystem(tempfile.mkdtemp(prefix="artigraph-"), name=self.name, durable=False)
                atexit.register(self._remove, self._made.directory, os.getpid())
            return self._made

    def _remove(self, directory: Path, owner: int) -> None:
        if os.getpid() == owner:
            self._made = None
            shutil.rmtree(directory, ignore_errors=True)


temp_file_storage: TemporaryFileSystem = TemporaryFileSystem("temp-file")
