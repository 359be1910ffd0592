"""A program that saves a state dict, or loads one tensor of it, and prints what that took.

python -m tests.long.state_dicts save FOLDER|s3:URL/BUCKET BYTES
python -m tests.long.state_dicts load FOLDER|s3:URL/BUCKET ID

`growth` is the most memory beyond what was there before, and `fetched` the bytes that were read from the storage.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast
from uuid import UUID

from artigraph import ArtifactModel, Lazy
from artigraph.db import engine_context
from artigraph.serializer import get_serializer_by_name
from artigraph.storage import Storage
from artigraph.storage.file import FileSystem
from artigraph.storage.obstore import ObjectStorage
from tests.long.streamed import peak

TENSORS = 32
"""How many tensors of equal size a state dict has."""
CHOSEN = "layer.17.weight"
CHUNK = 8 * 2**20

Fetched = list[int]


class CountingFile:
    """A file that counts what is read of it."""

    def __init__(self, file: BinaryIO, fetched: Fetched) -> None:
        self._file = file
        self._fetched = fetched

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._fetched.append(len(data))
        return data

    def readinto(self, buffer: Any) -> int:
        file: Any = self._file
        count: int = file.readinto(buffer)
        self._fetched.append(count)
        return count


class CountingFiles(FileSystem):
    """Files that count what is read of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, name="state-dicts")
        self.fetched: Fetched = []

    async def read(self, location: str) -> bytes:
        data = await super().read(location)
        self.fetched.append(len(data))
        return data

    def open(self, location: str) -> BinaryIO:
        return cast("BinaryIO", CountingFile(super().open(location), self.fetched))


class CountingBucket(ObjectStorage):
    """A bucket that counts what is read of it."""

    def __init__(self, url: str, bucket: str) -> None:
        super().__init__(f"s3://{bucket}", name="state-dicts", endpoint=url, access_key_id="k", secret_access_key="s")
        self.fetched: Fetched = []

    async def read(self, location: str) -> bytes:
        data = await super().read(location)
        self.fetched.append(len(data))
        return data

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        data = await super().read_range(location, start, length)
        self.fetched.append(len(data))
        return data


def storage_of(place: str, folder: Path) -> Any:
    """Return the storage that counts."""
    if place.startswith("s3:"):
        url, _, bucket = place.removeprefix("s3:").rpartition("/")
        return CountingBucket(url, bucket)
    return CountingFiles(folder / "objects")


def model_with(storage: Storage) -> Any:
    """Return the model class whose state dicts are in a storage."""

    @dataclass
    class Weights(ArtifactModel, name="LongWeights"):
        state: Annotated[Lazy[dict[str, Any]], get_serializer_by_name("torch-state-dict"), storage]

    return Weights


def state_of(size: int) -> dict[str, Any]:
    """Return a state dict of this many bytes. Each tensor has other elements."""
    count = size // TENSORS // 4
    return {f"layer.{number}.weight": tensor_of(count, number) for number in range(TENSORS)}


def tensor_of(count: int, number: int) -> Any:
    """Return the elements of one layer, without a second tensor of that size."""
    torch: Any = import_module("torch")
    return torch.arange(count, dtype=torch.float32).add_(number)


async def main(action: str, place: str, folder: Path, given: str) -> None:
    """Save a state dict of this many bytes, or load one tensor of the model with this id."""
    storage = storage_of(place, folder)
    weights = model_with(storage)
    async with engine_context(f"sqlite:///{folder}/states.db", create_tables=True):
        first = await weights.load(await weights(Lazy(state_of(2**20))).save("first use"))
        await first.state.load(columns=[CHOSEN])  # one-time imports and setup
        if action == "save":
            state = state_of(int(given))
            before = peak()
            node_id = await weights(Lazy(state)).save("state")
            print(json.dumps({"id": str(node_id), "growth": peak() - before}))
            return
        loaded = await weights.load(UUID(given))
        storage.fetched.clear()
        before = peak()
        part = await loaded.state.load(columns=[CHOSEN])
        growth = peak() - before
        fetched = sum(storage.fetched)
        ((name, tensor),) = part.items()
        same = name == CHOSEN and bool((tensor == tensor_of(len(tensor), 17)).all())
        told = {"size": loaded.state.size, "tensor": tensor.nbytes, "fetched": fetched, "growth": growth, "same": same}
        print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]))
