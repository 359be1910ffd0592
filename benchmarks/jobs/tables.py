"""The results of a query as an Arrow table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select

from artigraph import columns, save_many
from artigraph import select as ask
from artigraph.orm import node_table
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import nothing
from benchmarks.harness import Way, interleave
from benchmarks.models import Record, record
from benchmarks.results import Row, compared

__all__ = ["JOBS"]

_VALUES = 1_000_000
_BATCH = 10_000
_FIELDS = ("name", "description", "count", "score", "accepted", "made_at")


def _wide() -> Any:
    """Return the select that one would write by hand: a join for each field."""
    artifact = node_table.alias("artifact")
    source: Any = artifact
    values: list[Any] = []
    for name in _FIELDS:
        value = node_table.alias(name)
        source = source.outerjoin(value, and_(value.c.parent_id == artifact.c.node_id, value.c.label == name))
        values.append(value.c.value)
    is_record = (artifact.c.node_type == "model") & (artifact.c.model_name == "BenchmarkRecord")
    return select(artifact.c.node_id, *values).select_from(source).where(is_record).order_by(artifact.c.node_id)


def _arrow_table(rows: Sequence[Any]) -> Any:
    """Build the table of the rows of `_wide` in the shortest way."""
    pa: Any = import_module("pyarrow")
    ids, *values = zip(*rows, strict=True)
    texts = [str(each if isinstance(each, UUID) else UUID(bytes=each)) for each in ids]
    decoded = [json.loads(b"[" + b",".join(column) + b"]") for column in values]
    decoded[-1] = [datetime.fromisoformat(each["$datetime"]) for each in decoded[-1]]
    types = [pa.string(), pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us", tz="UTC")]
    arrays = [pa.array(column, of_type) for column, of_type in zip(decoded, types, strict=True)]
    return pa.table([pa.array(texts, pa.string()), *arrays], names=["node_id", *_FIELDS])


async def table(bench: Bench) -> Sequence[Row]:
    """Make an Arrow table of 1,000,000 values, and iterate over its batches."""
    count = bench.effort.of(_VALUES) // len(_FIELDS)
    for start in range(0, count, _BATCH):
        await save_many([("record", record(number)) for number in range(start, min(count, start + _BATCH))])
    await bench.core.analyze()
    c = columns(Record)
    fields = [c[name] for name in _FIELDS]
    sql = bench.raw.compiled(_wide())
    expected = _arrow_table(await bench.raw.select(sql, bench.raw.bound(sql, {})))
    assert (await ask(Record).table(*fields)).arrow.drop_columns("run_id").equals(expected)

    async def ours(_: object) -> None:
        assert len(await ask(Record).table(*fields)) == count

    async def raw(_: object) -> None:
        assert _arrow_table(await bench.raw.select(sql, bench.raw.bound(sql, {}))).num_rows == count

    seconds = await interleave({"ours": Way(ours, nothing), "raw": Way(raw, nothing)}, rounds=bench.effort.heavy_rounds)
    title = f"make an Arrow table of {count * len(_FIELDS):,} values"
    return [compared(seconds, job="table", title=title, database=bench.database, limit=2, against="raw")]


JOBS = (Job("table", table, long=True),)
