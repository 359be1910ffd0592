"""Finding artifacts by a value, among a million nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, select

from artigraph import columns, save_many
from artigraph import select as ask
from artigraph.orm import node_table
from artigraph.serializer.search_key import search_key
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import nothing, select_ways
from benchmarks.harness import Way, interleave
from benchmarks.models import Measure
from benchmarks.results import Row, compared

__all__ = ["JOBS"]

_NODES = 1_000_000
_BATCH = 10_000


def _found(*conditions: Any) -> Select[Any]:
    """Return the select of the artifacts that have such a value, by the index of search keys."""
    artifact = node_table.alias("artifact")
    return (
        select(artifact.c.node_id)
        .join(node_table, node_table.c.parent_id == artifact.c.node_id)
        .where(
            node_table.c.node_type == "value",
            node_table.c.model_name == "BenchmarkMeasure",
            node_table.c.label == "value",
            artifact.c.tree_root_id == artifact.c.node_id,
            *conditions,
        )
        .order_by(artifact.c.node_id)
    )


async def filters(bench: Bench) -> Sequence[Row]:
    """Find one node, and a thousand, among 1,000,000 nodes by a value."""
    nodes = bench.effort.of(_NODES)
    count = nodes // 2  # a model and its value
    for start in range(0, count, _BATCH):
        numbers = range(start, min(count, start + _BATCH))
        await save_many([("measure", Measure(float(number * 7919 % count))) for number in numbers])
    await bench.core.analyze()
    value = columns(Measure).value
    key = node_table.c.search_key
    times, wanted = 20, min(1000, count // 2)
    ones = [float(number * count // times) for number in range(times)]

    async def one(_: object) -> None:
        for each in ones:
            assert len(await ask(Measure).where(value == each).ids()) == 1

    async def many(_: object) -> None:
        found = await ask(Measure).where(value >= 0, value < wanted).ids()
        assert len(found) == wanted

    equal = select_ways(bench, _found(key == bindparam("key")), [{"key": search_key(each)} for each in ones])
    between = _found(key >= bindparam("low"), key < bindparam("high"))
    ranges = select_ways(bench, between, [{"low": search_key(0), "high": search_key(wanted)}])
    rounds = bench.effort.heavy_rounds
    seconds = await interleave({"ours": Way(one, nothing), **equal}, rounds=rounds)
    title = f"find one artifact among {nodes:,} nodes by a value"
    rows = [compared(seconds, job="filter-one", title=title, database=bench.database, limit=1.5, each=times)]
    seconds = await interleave({"ours": Way(many, nothing), **ranges}, rounds=rounds)
    title = f"find {wanted:,} artifacts among {nodes:,} nodes by a range of values"
    return [*rows, compared(seconds, job="filter-range", title=title, database=bench.database, limit=1.5)]


JOBS = (Job("filters", filters, long=True),)
