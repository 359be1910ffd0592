"""Measure the peak memory of one call in a new process, and print it as JSON.

    python -m benchmarks.child KIND save|load SIZE|ID URL FOLDER

Sizes are bytes. The peak is the highest memory of the process during the call, less its memory before the call.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from artigraph import ArtifactModel, File, artifact_field
from artigraph.db import engine_context
from artigraph.serializer.numpy import array_serializer
from artigraph.serializer.pandas import dataframe_serializer
from artigraph.storage.file import FileSystem
from benchmarks.jobs.files import frame_of
from benchmarks.models import group, group_of_nodes

__all__ = ["main", "peak"]


async def array(action: str, given: str, folder: Path) -> dict[str, int | str]:
    """An array of floats: save one of this many bytes, or load the one with this id."""

    def make(size: int) -> Any:
        return np.random.default_rng().standard_normal(size // 8)

    return await _value(action, given, make, array_serializer, folder)


async def frame(action: str, given: str, folder: Path) -> dict[str, int | str]:
    """A frame, stored as Parquet."""
    return await _value(action, given, frame_of, dataframe_serializer, folder)


async def nodes(action: str, given: str, folder: Path) -> dict[str, int | str]:
    """A tree of this many nodes."""
    if action == "load":
        return {"peak": (await peak(lambda: ArtifactModel.load(UUID(given))))[0]}
    model = group_of_nodes(int(given))
    used, node_id = await peak(lambda: model.save("benchmark"))
    return {"peak": used, "id": str(node_id)}


async def batches(action: str, given: str, folder: Path) -> dict[str, int | str]:
    """Record batches that are made one after the other, and are never all in memory."""
    pyarrow: Any = import_module("pyarrow")

    def make(size: int) -> Any:
        values = np.random.default_rng().standard_normal(min(size, 4 * 10**6) // 8)  # random values do not compress
        batch = pyarrow.record_batch({"value": values})
        count = max(1, size // batch.nbytes)
        return pyarrow.RecordBatchReader.from_batches(batch.schema, (batch for _ in range(count)))

    def drain(reader: Any) -> None:
        for batch in reader:
            assert batch.num_rows

    return await _stream(action, given, folder, make, drain)


async def file(action: str, given: str, folder: Path) -> dict[str, int | str]:
    """A file on disk."""

    def make(size: int) -> File:
        path = folder / f"source-{size}"
        part = np.random.default_rng().bytes(min(size, 2**20))
        with path.open("wb") as source:
            for _ in range(size // len(part)):
                source.write(part)
        return File(path)

    def drain(loaded: File) -> None:
        with loaded.open() as opened:
            while opened.read(2**20):
                pass

    return await _stream(action, given, folder, make, drain)


async def _stream(
    action: str, given: str, folder: Path, make: Callable[[int], Any], drain: Callable[[Any], None]
) -> dict[str, int | str]:
    storage = FileSystem(folder / "objects", name="benchmark-files")

    @dataclass
    class Holder(ArtifactModel, name="BenchmarkStream"):
        value: Any = artifact_field(storage=storage)

    async def load(node_id: UUID) -> None:
        await asyncio.to_thread(drain, (await Holder.load(node_id)).value)

    await load(await Holder(make(10**6)).save("warm-up"))
    if action == "load":
        return {"peak": (await peak(lambda: load(UUID(given))))[0]}
    model = Holder(make(int(given)))
    used, node_id = await peak(lambda: model.save("benchmark"))
    return {"peak": used, "id": str(node_id)}


async def _value(
    action: str, given: str, make: Callable[[int], Any], serializer: Any, folder: Path
) -> dict[str, int | str]:
    storage = FileSystem(folder, name="benchmark-files")

    @dataclass
    class Holder(ArtifactModel, name="BenchmarkValue"):
        value: Any = artifact_field(storage=storage, serializer=serializer)

    await Holder.load(await Holder(make(1000)).save("warm-up"))
    if action == "load":
        return {"peak": (await peak(lambda: Holder.load(UUID(given))))[0]}
    model = Holder(make(int(given)))
    used, node_id = await peak(lambda: model.save("benchmark"))
    value = model.value
    size = int(value.nbytes if isinstance(value, np.ndarray) else value.memory_usage(deep=True).sum())
    return {"peak": used, "id": str(node_id), "value": size, "encoding": _largest(folder)}


def _largest(folder: Path) -> int:
    return max(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def peak(call: Callable[[], Awaitable[Any]]) -> tuple[int, Any]:
    """Return the result of a call, and by how many bytes the process's memory was higher during it than before."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # otherwise memory freed earlier would serve the call unnoticed
    _reset_peak()
    before = _kilobytes("VmRSS")
    result = await call()
    return (_kilobytes("VmHWM") - before) * 1024, result


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def _kilobytes(name: str) -> int:
    return int(Path("/proc/self/status").read_text("ascii").split(f"{name}:")[1].split()[0])


Kind = Callable[[str, str, Path], Awaitable[dict[str, int | str]]]

KINDS: dict[str, Kind] = {"array": array, "frame": frame, "nodes": nodes, "batches": batches, "file": file}


async def main(kind: str, action: str, given: str, url: str, folder: str) -> None:
    """Save a value of this many bytes, or a tree of this many nodes, or load the one with this id."""
    async with engine_context(url):
        await ArtifactModel.load(await group(3).save("warm-up"))
        print(json.dumps(await KINDS[kind](action, given, Path(folder))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
