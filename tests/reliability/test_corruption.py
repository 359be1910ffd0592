"""Flipped, cut, exchanged and missing objects raise before a byte of them is decoded, and their siblings load."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, Lazy, artifact_field
from artigraph.errors import CorruptObjectError
from artigraph.orm import CHUNK_SIZE
from artigraph.storage import MemoryStorage, Storage
from artigraph.storage.file import FileSystem
from tests.support.corruption import SERIALIZERS, Write, location_of, missing_and_exchanged, one_or_all, spoil
from tests.support.sizes import note, sizes

pytestmark = pytest.mark.usefixtures("engine")

_np: Any = np


@pytest.fixture(params=["files", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Storage, Write]:
    """A storage, and a function that writes objects without it."""
    name = f"spoilt-{uuid4().hex}"
    if request.param == "files":
        files = FileSystem(tmp_path / "objects", name=name)
        return files, _in_files(files)
    memory = MemoryStorage(name)
    return memory, _in_memory(memory)


def _in_files(storage: FileSystem) -> Write:
    def write(location: str, data: bytes | None) -> None:
        path = storage.directory / location
        path.unlink() if data is None else path.write_bytes(data)

    return write


def _in_memory(storage: MemoryStorage) -> Write:
    objects = storage._objects

    def write(location: str, data: bytes | None) -> None:
        if data is None:
            del objects[location]
        else:
            objects[location] = data

    return write


@one_or_all(*SERIALIZERS)
async def test_flipped_and_cut_objects_are_never_decoded(
    serializers: Sequence[str], flips: int, truncations: int, tmp_path: Path
) -> None:
    storage = FileSystem(tmp_path / "objects", name=f"spoilt-{uuid4().hex}", durable=False)
    note(14, "sqlite and files", **await spoil(storage, _in_files(storage), serializers, flips, truncations))


async def test_missing_and_exchanged_objects_are_told(place: tuple[Storage, Write]) -> None:
    await missing_and_exchanged(*place)


async def _whole(lazy: Lazy[Any]) -> Any:
    return await lazy.load()


async def _mapped(lazy: Lazy[Any]) -> Any:
    return await lazy.load(memory_map=True)


async def _opened(lazy: Lazy[Any]) -> Any:
    with await lazy.open() as file:
        return file.read()


@pytest.mark.parametrize("load", [_whole, _mapped, _opened])
@pytest.mark.parametrize("flips", sizes(4, 40))
async def test_a_flip_in_any_chunk_is_told_however_it_is_read(
    load: Callable[[Lazy[Any]], Any], flips: int, tmp_path: Path
) -> None:
    storage = FileSystem(tmp_path / "objects", name=f"spoilt-{uuid4().hex}", durable=False)

    @dataclass
    class Chunked(ArtifactModel):
        samples: Lazy[Any] = artifact_field(storage=storage)

    node_id = await Chunked(Lazy(_np.zeros(2 * CHUNK_SIZE, dtype="u1"))).save("it")
    path = storage.directory / await location_of(node_id, "samples")
    lazy = (await Chunked.load(node_id)).samples
    size, chance = path.stat().st_size, random.Random(flips)
    for flip in range(flips):
        place = [0, size - 1, CHUNK_SIZE, CHUNK_SIZE - 1][flip] if flip < 4 else chance.randrange(size)
        _flip(path, place)
        with pytest.raises(CorruptObjectError):
            await load(lazy)
        _flip(path, place)
    await load(lazy)
    how = load.__name__.strip("_")
    note(14, f"sqlite and files: objects of several chunks, {how}", flips=flips, undetected=0)


def _flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))


async def test_a_spoilt_object_spoils_no_other_artifact(engine: AsyncEngine, tmp_path: Path) -> None:
    storage = FileSystem(tmp_path / "objects", name=f"spoilt-{uuid4().hex}")

    @dataclass
    class Part(ArtifactModel):
        content: bytes = artifact_field(storage=storage)

    ids = [await Part(bytes([number]) * 100).save("it") for number in range(3)]
    (storage.directory / await location_of(ids[1], "content")).write_bytes(b"")
    for number, node_id in enumerate(ids):
        if number == 1:
            with pytest.raises(CorruptObjectError):
                await Part.load(node_id)
        else:
            assert await Part.load(node_id) == Part(bytes([number]) * 100)
