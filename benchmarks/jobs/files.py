"""Saving large values to the file system and loading them, rows included."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from artigraph import ArtifactModel, artifact_field
from artigraph.serializer.numpy import array_serializer
from artigraph.serializer.pandas import dataframe_serializer
from artigraph.storage.file import FileSystem
from benchmarks.bench import Bench, Job
from benchmarks.floors import values
from benchmarks.harness import Way, interleave
from benchmarks.results import Row, compared

__all__ = ["JOBS", "compare_values", "frame_of"]

_BYTES = 100 * 1000 * 1000
_FEWER_BYTES = 5 * 1000 * 1000


async def array_file(bench: Bench) -> Sequence[Row]:
    """Save and load an array of 100 MB, and one of 5 MB."""
    return [
        *await _array_file(bench, _BYTES, "array-file", 1.15),
        *await _array_file(bench, _FEWER_BYTES, "array-file-5", 1.4),
    ]


async def _array_file(bench: Bench, most: int, job: str, limit: float) -> Sequence[Row]:
    storage = FileSystem(bench.folder / "ours", name=f"benchmark-{uuid.uuid4().hex}")

    @dataclass
    class Holder(ArtifactModel, name=f"BenchmarkArray{most}"):
        value: Any = artifact_field(storage=storage, serializer=array_serializer)

    size = bench.effort.of(most)
    array = np.random.default_rng(1).standard_normal(size // 8)

    def fresh(number: int) -> Any:
        array[0] = number
        return array

    title = f"array of {size // 10**6:,} MB to files"
    return await compare_values(bench, Holder, fresh, values.write_array, values.read_array, job, title, limit=limit)


async def frame_file(bench: Bench) -> Sequence[Row]:
    """Save and load a frame of 100 MB."""
    storage = FileSystem(bench.folder / "ours", name=f"benchmark-{uuid.uuid4().hex}")

    @dataclass
    class Holder(ArtifactModel, name="BenchmarkFrame"):
        value: Any = artifact_field(storage=storage, serializer=dataframe_serializer)

    size = bench.effort.of(_BYTES)
    frame = frame_of(size)

    def fresh(number: int) -> Any:
        frame.iloc[0, 0] = float(number)
        return frame

    title = f"frame of {size // 10**6:,} MB (parquet) to files"
    return await compare_values(
        bench, Holder, fresh, values.write_frame, values.read_frame, "frame-file", title, limit=1.1
    )


async def state_dict_file(bench: Bench) -> Sequence[Row]:
    """Save and load a state dict of 100 MB, beside the library safetensors."""
    torch: Any = import_module("torch")
    serializer: Any = import_module("artigraph.serializer.torch").state_dict_serializer
    storage = FileSystem(bench.folder / "ours", name=f"benchmark-{uuid.uuid4().hex}")

    @dataclass
    class Holder(ArtifactModel, name="BenchmarkStateDict"):
        value: Any = artifact_field(storage=storage, serializer=serializer)

    size = bench.effort.of(_BYTES)
    state = {f"layer.{number}.weight": torch.rand(size // 40) for number in range(10)}

    def fresh(number: int) -> Any:
        state["layer.0.weight"][0] = number
        return state

    title = f"state dict of {size // 10**6:,} MB (safetensors) to files"
    return await compare_values(
        bench, Holder, fresh, values.write_state, values.read_state, "state-dict-file", title, limit=1.15
    )


def frame_of(size: int) -> pd.DataFrame:
    """Return a frame of about this many bytes: floats, integers, times, and repetitive text."""
    count = max(10, size // 64)
    random = np.random.default_rng()
    columns: dict[str, Any] = {f"float_{number}": random.standard_normal(count) for number in range(4)}
    columns["whole"] = random.integers(0, 1000, count)
    columns["other"] = np.arange(count)
    columns["time"] = pd.date_range("2024-01-01", periods=count, freq="s")
    columns["text"] = np.array([f"group {number:02}" for number in range(50)], dtype=object)[
        random.integers(0, 50, count)
    ]
    return pd.DataFrame(columns)


async def compare_values(
    bench: Bench,
    holder: Callable[[Any], ArtifactModel],
    fresh: Callable[[int], Any],
    write: Callable[[Path, Any], bytes],
    read: Callable[[Path, bytes], object],
    job: str,
    title: str,
    *,
    limit: float,
    saving: float | None = None,
) -> list[Row]:
    """Compare a round trip, and the save alone, with the bare library. Each round has a new value.

    `limit` is the target of the round trip, and `saving` that of the save alone, if it has one.
    """
    plain = bench.folder / "floor"
    plain.mkdir(exist_ok=True)
    numbers = iter(range(10**9))

    async def value() -> Any:
        _empty(bench.folder / "ours")
        _empty(plain)
        return fresh(next(numbers))

    async def out(prepared: Any) -> None:
        await holder(prepared).save("benchmark")

    async def both(prepared: Any) -> None:
        model = holder(prepared)
        await type(model).load(await model.save("benchmark"))

    async def raw_out(prepared: Any) -> None:
        write(plain / "value", prepared)

    async def raw_both(prepared: Any) -> None:
        read(plain / "value", write(plain / "value", prepared))

    rounds = bench.effort.heavy_rounds
    there = await interleave({"ours": Way(out, value), "raw": Way(raw_out, value)}, rounds=rounds)
    back = await interleave({"ours": Way(both, value), "raw": Way(raw_both, value)}, rounds=rounds)
    database = bench.database
    return [
        compared(back, job=job, title=f"{title} and back", database=database, limit=limit, against="raw"),
        compared(
            there, job=f"{job}-out", title=f"{title}, saving alone", database=database, limit=saving, against="raw"
        ),
    ]


async def frame_stall(bench: Bench) -> Sequence[Row]:
    """Find the longest time for which saving and loading a large frame blocks the event loop."""
    storage = FileSystem(bench.folder / "ours", name=f"benchmark-{uuid.uuid4().hex}")

    @dataclass
    class Holder(ArtifactModel, name="BenchmarkFrame"):
        value: Any = artifact_field(storage=storage, serializer=dataframe_serializer)

    size = bench.effort.of(_BYTES)
    frame = frame_of(size)
    stalls: list[float] = []
    for number in range(bench.effort.heavy_rounds + 1):
        frame.iloc[0, 0] = float(number)
        watching = asyncio.create_task(_longest_gap())
        await asyncio.sleep(0.05)
        await Holder.load(await Holder(frame).save("benchmark"))
        watching.cancel()
        stalls.append(await watching)
    return [stalled(stalls[1:], size, bench.database)]


def stalled(stalls: Sequence[float], size: int, database: str) -> Row:
    """Make the row of the longest stalls."""
    title = f"longest stall of the event loop while a frame of {size // 10**6:,} MB is saved and loaded"
    return compared({"ours": stalls}, job="frame-stall", title=title, database=database, limit=None, against="ours")


async def _longest_gap() -> float:
    """When canceled, return the longest time for which the event loop did not run a task that was ready."""
    longest, last = 0.0, asyncio.get_running_loop().time()
    try:
        while True:
            await asyncio.sleep(0.001)
            now = asyncio.get_running_loop().time()
            longest, last = max(longest, now - last), now
    except asyncio.CancelledError:
        return longest


def _empty(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    os.sync()  # earlier writes must not slow down the next way


JOBS = (
    Job("array-file", array_file, ("sqlite",)),
    Job("frame-file", frame_file, ("sqlite",)),
    Job("frame-stall", frame_stall, ("sqlite",)),
    # PyTorch is not part of the workspace's environment (scripts/frameworks.py).
    *((Job("state-dict-file", state_dict_file, ("sqlite",)),) if find_spec("torch") else ()),
)
