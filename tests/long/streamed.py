"""A program that stores and loads a stream, and prints how much memory that took beyond what was there before.

python streamed.py file|batches FOLDER BYTES
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from artigraph import ArtifactModel, File
from artigraph.db import engine_context
from artigraph.storage.file import FileSystem

pa: Any = import_module("pyarrow")

ROWS = 500_000


@dataclass
class StreamedFile(ArtifactModel):
    file: File


@dataclass
class StreamedBatches(ArtifactModel):
    batches: Any


def peak() -> int:
    """The most memory of this process so far, in bytes."""
    # On Linux ru_maxrss begins with what the parent had when it started this one, which would hide growth below that.
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def make_file(path: Path, size: int) -> File:
    rng = np.random.default_rng(1)
    with path.open("wb") as file:
        for _ in range(size // 2**22):
            file.write(rng.bytes(2**22))
    return File(path)


def make_batches(size: int) -> Any:
    schema = pa.schema([("x", pa.float64()), ("y", pa.int64())])

    def batches() -> Iterator[Any]:
        rng = np.random.default_rng(1)
        for _ in range(size // (16 * ROWS) + 1):
            yield pa.record_batch([pa.array(rng.random(ROWS)), pa.array(np.arange(ROWS))], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


async def round_trip(kind: str, folder: Path, size: int) -> int:
    """Store and load, and return the bytes that came back."""
    if kind == "file":
        loaded = await StreamedFile.load(await StreamedFile(make_file(folder / "source", size)).save("file"))
        await loaded.file.copy_to(folder / "copy", overwrite=True)
        return (folder / "copy").stat().st_size
    node_id = await StreamedBatches(make_batches(size)).save("batches")
    loaded_batches = (await StreamedBatches.load(node_id)).batches
    return sum(batch.nbytes for batch in loaded_batches)


async def main(kind: str, folder: Path, size: int) -> None:
    files = FileSystem(folder / "objects", name="streamed-files")
    async with engine_context(f"sqlite:///{folder}/streamed.db", create_tables=True, large_value_storage=files):
        await round_trip(kind, folder, 2**22)  # one-time imports and setup
        before = peak()
        count = await round_trip(kind, folder, size)
        print(json.dumps({"bytes": count, "growth": peak() - before}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
