"""Peak memory, with each figure from a new process. Linux reports it."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from benchmarks.bench import Bench, Job
from benchmarks.harness import figure, ratio
from benchmarks.results import Row

__all__ = ["JOBS"]

_VALUE = 256 * 1000 * 1000
_MB = 1e-6
_STREAM = 2 * 2**30
_STREAMS = (("file", "a file"), ("batches", "a stream of record batches"))
"""Kinds of values that are never completely in memory."""


async def large_value(bench: Bench) -> Sequence[Row]:
    """Save and load one large value, and measure the memory beyond the value itself."""
    size = bench.effort.of(_VALUE)
    rows: list[Row] = []
    for article, kind in (("an", "array"), ("a", "frame")):
        saves, loads, largest = list[float](), list[float](), list[float]()
        for _ in range(bench.effort.heavy_rounds):
            saved, loaded = await _both(bench, kind, size)
            saves.append(saved["peak"])
            loads.append(loaded["peak"] - saved["value"])
            largest.append(max(saved["value"], saved["encoding"]))
        for verb, beyond in (("save", saves), ("load", loads)):
            title = (
                f"{verb} {article} {kind} of {size // 10**6:,} MB: memory beyond the value, "
                "raw being the larger of value and encoding"
            )
            rows.append(_row(f"memory-{kind}-{verb}", title, bench.database, "MB", _MB, beyond, largest, 1.3))
    return rows


async def tree(bench: Bench) -> Sequence[Row]:
    """Save and load a tree of 100,000 nodes, and compare its memory per node with a tree of 10,000."""
    sizes = few, many = bench.effort.of(10_000), bench.effort.of(100_000)
    used: dict[tuple[str, int], list[float]] = {}
    for _ in range(bench.effort.heavy_rounds):
        for size in sizes:
            for verb, found in zip(("save", "load"), await _both(bench, "nodes", size), strict=True):
                used.setdefault((verb, size), []).append(found["peak"] / size)
    return [
        _row(
            f"memory-nodes-{verb}",
            f"{verb} {many:,} nodes: memory a node, raw being that of {few:,}",
            bench.database,
            "bytes",
            1.0,
            used[verb, many],
            used[verb, few],
            1.2,
        )
        for verb in ("save", "load")
    ]


async def streamed(bench: Bench) -> Sequence[Row]:
    """Save and load 2 GiB that are made in parts, and measure all memory."""
    size = bench.effort.of(_STREAM)
    rows: list[Row] = []
    for kind, title in _STREAMS:
        used: dict[str, list[float]] = {"save": [], "load": []}
        for _ in range(bench.effort.heavy_rounds):
            for verb, found in zip(used, await _both(bench, kind, size), strict=True):
                used[verb].append(found["peak"])
        rows += [
            Row(
                f"memory-{kind}-{verb}",
                f"{verb} {title} of {size / 2**20:,.0f} MiB: memory in all",
                bench.database,
                "MiB",
                figure(peaks, 1 / 2**20),
                against="ours",
                limit=64,
            )
            for verb, peaks in used.items()
        ]
    return rows


def _row(
    job: str,
    title: str,
    database: str,
    unit: str,
    scale: float,
    ours: Sequence[float],
    other: Sequence[float],
    limit: float,
) -> Row:
    floors, ratios = {"raw": figure(other, scale)}, {"raw": ratio(ours, other)}
    return Row(job, title, database, unit, figure(ours, scale), floors, ratios, "raw", limit)


async def _both(bench: Bench, kind: str, size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Save in one process and load in another, so that the load cannot reuse memory of the save."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        saved = await _child(kind, "save", str(size), bench.url, folder)
        return saved, await _child(kind, "load", saved["id"], bench.url, folder)


async def _child(*arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.child", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(output)
    return found


JOBS = (
    Job("memory-values", large_value, ("sqlite",), long=True),
    Job("memory-streams", streamed, ("sqlite",), long=True),
    Job("memory-nodes", tree, ("sqlite", "postgresql"), long=True),
)
