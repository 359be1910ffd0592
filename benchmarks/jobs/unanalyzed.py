"""Common queries on PostgreSQL right after a bulk load, first without statistics and then with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from artigraph import (
    Node,
    Run,
    RunManager,
    ancestors,
    columns,
    delete,
    descendants,
    load_many,
    paths,
    prune,
    save_many,
    select,
)
from artigraph.db import _api as _statistics
from artigraph.maintenance import gc
from artigraph.outline import outline_of
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import nothing
from benchmarks.harness import Way, interleave
from benchmarks.models import RECORD_NODES, Record, record
from benchmarks.results import Row, compared

__all__ = ["JOBS"]

_NODES = 1_000_000
_BATCH = 2_000
_OF_RUN = 50
"""Records of the queried run."""
_CHAIN = 50
"""Runs of the queried lineage: each uses what the one before produced."""
Question = Callable[[], Awaitable[object]]


async def without_statistics(bench: Bench) -> Sequence[Row]:
    """Query before and after ANALYZE. The ratio compares both, and `raw` is the time with statistics."""
    count = max(_BATCH, bench.effort.of(_NODES) // RECORD_NODES)
    with _never_analyzed():
        for start in range(0, count, _BATCH):
            await save_many([("record", record(number)) for number in range(start, min(start + _BATCH, count))])
        async with RunManager(Run()) as outer, RunManager(Run()) as run:
            records = {f"record {number}": record(number) for number in range(_OF_RUN)}
            ids = list((await run.save_artifacts(records)).values())
        chain = await _chain(count)
    questions = {**_questions(count), **_about(outer.run, run.run), **_loading(run, ids), **_lineage(chain)}
    before = await _measured(bench, questions)
    await bench.core.analyze()
    after = await _measured(bench, questions)
    return [
        compared(
            {"ours": before[name], "raw": after[name]},
            job=f"unanalyzed-{name}",
            title=f"{name} among {count * RECORD_NODES:,} nodes without statistics, against itself with them",
            database=bench.database,
            limit=3,
            against="raw",
        )
        for name in questions
    ]


async def _chain(count: int) -> Sequence[UUID]:
    """Save a run with runs below it, and return its id and the artifact of each: each used the artifact before."""
    made: list[UUID] = []
    async with RunManager(Run()) as experiment:
        for number in range(_CHAIN):
            async with RunManager(Run()) as run:
                if made:
                    await run.use(made[-1])
                made.append(await run.save_artifact("link", record(count + number)))
    return [experiment.run.node_id, *made]


def _lineage(chain: Sequence[UUID]) -> Mapping[str, Question]:
    experiment, first, *_, last = chain
    return {
        "ancestors": lambda: ancestors(last),
        "descendants": lambda: descendants(first),
        "paths": lambda: paths(first, last),
        "users": select(Run).used(Record).ids,
        "users-of-label": select(Run).used(Record, label="link").limit(5).ids,
        "outline": lambda: outline_of(experiment),
        "delete-experiment": lambda: delete(experiment, dry_run=True),
        "prune": lambda: prune(older_than=timedelta(days=1), dry_run=True),
        "gc": lambda: gc(dry_run=True),
    }


def _questions(count: int) -> Mapping[str, Question]:
    c: Any = columns(Record)
    few = select(Record).where(c.count >= count // 2, c.count < count // 2 + 100)
    return {
        "find": select(Record).where(c.count == count // 3).ids,
        "range": few.ids,
        "count": select(Record).where(c.score > count * 0.95 / 7).count,
        "order": few.order_by(c.score.desc()).limit(10).ids,
        "complement": select(Record).where(c.count < 1000, ~c.name.startswith("record 0000001")).count,
    }


def _about(outer: Run, run: Run) -> Mapping[str, Question]:
    c: Any = columns(Record)
    wide = select(Record).where(c.score >= 0)
    return {
        "in-run": wide.in_run(run).ids,
        "in-runs": wide.in_run(outer, descendants=True).ids,
        "nodes-in-run": select(Node).in_run(run).ids,
        "first": select(Record).limit(1).ids,
        "labeled": select(Record).labeled("record").limit(10).ids,
    }


def _loading(run: RunManager, ids: Sequence[UUID]) -> Mapping[str, Question]:
    return {
        "load-many": lambda: load_many(Record, ids),
        "load-run": run.load_artifacts,
        "delete-run": lambda: delete(run.run, dry_run=True),
    }


async def _measured(bench: Bench, questions: Mapping[str, Question]) -> dict[str, list[float]]:
    ways = {name: Way(_asking(question), nothing) for name, question in questions.items()}
    return await interleave(ways, rounds=bench.effort.heavy_rounds)


def _asking(question: Question) -> Callable[[object], Awaitable[object]]:
    async def ask(_: object) -> object:
        return await question()

    return ask


@contextmanager
def _never_analyzed() -> Generator[None]:
    """Keep the library from analyzing the tables after the first large write."""
    before = _statistics._LARGE
    _statistics._LARGE = 2**62
    try:
        yield
    finally:
        _statistics._LARGE = before


JOBS = (Job("unanalyzed", without_statistics, databases=("postgresql",), long=True),)
