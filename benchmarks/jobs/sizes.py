"""Cost against size: the cost of a node in trees of 1 to 100,000 nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artigraph import ArtifactModel
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import insert_ways, nothing, select_ways
from benchmarks.harness import Way, figure, interleave
from benchmarks.models import group_of_nodes
from benchmarks.results import Curve, Row, compared
from benchmarks.rows import load_tree

__all__ = ["JOBS"]

_SIZES = (1, 9, 100, 1000, 10_000, 100_000)


async def curves(bench: Bench) -> Sequence[Row | Curve]:
    """Save and load trees of 1 to 100,000 nodes, beside the floors."""
    lines: dict[tuple[str, str], list[tuple[int, Sequence[float]]]] = {}
    for size in _SIZES if bench.effort.divisor == 1 else _SIZES[:3]:
        for plot, seconds in (await _one_size(bench, size, bench.effort.heavy_rounds)).items():
            for line, values in seconds.items():
                lines.setdefault((plot, line), []).append((size, values))
    return [
        Curve(plot, bench.database, line, [size for size, _ in points], [figure(values, 1000) for _, values in points])
        for (plot, line), points in lines.items()
    ]


async def large(bench: Bench) -> Sequence[Row | Curve]:
    """Compare the cost of a node in a tree of 100,000 nodes with that in a tree of 10,000."""
    small, big = bench.effort.of(10_000), bench.effort.of(100_000)
    models = {size: group_of_nodes(size) for size in (small, big)}
    saved: dict[int, Any] = {}

    def save(size: int) -> Way:
        async def run(_: object) -> None:
            for _ in range(big // size):
                saved[size] = await models[size].save("benchmark")

        return Way(run, nothing)

    def load(size: int) -> Way:
        async def run(_: object) -> None:
            for _ in range(big // size):
                await ArtifactModel.load(saved[size])

        return Way(run, nothing)

    rows: list[Row] = []
    for verb, way in (("save", save), ("load", load)):
        seconds = await interleave({"ours": way(big), "raw": way(small)}, rounds=bench.effort.heavy_rounds)
        title = f"{verb} {big:,} nodes as one tree, raw being as many in trees of {small:,}"
        name = f"{verb}-100k"
        rows.append(compared(seconds, job=name, title=title, database=bench.database, limit=1.2, against="raw"))
    return rows


async def _one_size(bench: Bench, size: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of a save and of a load, by plot and line."""
    model = group_of_nodes(size)
    root_id = await model.save("benchmark")
    rows = await bench.core.tree(root_id)
    repeats = max(1, 100 // len(rows))

    async def save(_: object) -> None:
        for _ in range(repeats):
            await model.save("benchmark")

    async def load(_: object) -> None:
        for _ in range(repeats):
            await type(model).load(root_id)

    inserts = insert_ways(bench, rows, times=repeats)
    selects = select_ways(bench, load_tree, [{"root": root_id}] * repeats)
    found = {
        "save": await interleave({"ours": Way(save, nothing), **inserts}, rounds=rounds),
        "load": await interleave({"ours": Way(load, nothing), **selects}, rounds=rounds),
    }
    return {
        plot: {line: [value / repeats for value in values] for line, values in seconds.items()}
        for plot, seconds in found.items()
    }


JOBS = (Job("curves", curves, long=True), Job("large-trees", large, long=True))
