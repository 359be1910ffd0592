"""Pages of the newest runs, among 1,000,000 nodes and 100,000 runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from artigraph import Run, columns
from artigraph import select as ask
from artigraph.orm import node_table, run_value_table
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import nothing
from benchmarks.harness import Way, interleave
from benchmarks.results import Row, compared
from benchmarks.runs import FAN, ROWS, fill_runs

__all__ = ["JOBS"]

_RUNS = 100_000
_PAGE = 50
_TIMES = 10
"""How many pages a round asks for."""

_run_columns = tuple(
    node_table.c[name]
    for name in (
        *("node_id", "parent_id", "run_status", "run_started_at", "run_ended_at"),
        *("run_error_type", "run_error_message", "run_name"),
    )
)


async def newest(bench: Bench) -> Sequence[Row]:
    """Load the newest 50 runs, the next pages by their keys, and those below a run, against the same statements."""
    count = bench.effort.of(_RUNS)
    runs = await fill_runs(count)
    await bench.core.analyze()
    at_depth = FAN * (FAN // 2)  # a run with a thousand below it, two levels below the first one
    below = sorted(_below(at_depth, count))
    pages = [count * (number + 1) // (_TIMES + 1) for number in range(_TIMES)]
    c = columns(Run)
    first = ask(Run).order_by(c.node_id.desc()).limit(_PAGE)
    asked: dict[str, tuple[str, list[Any], list[Sequence[UUID]], list[Select[Any]]]] = {
        "first": ("the newest 50 runs", [first] * _TIMES, [runs[-_PAGE:]] * _TIMES, [_newest(None)] * _TIMES),
        "next": (
            "the 50 runs before a run",
            [first.where(c.node_id < runs[last]) for last in pages],
            [runs[max(0, last - _PAGE) : last] for last in pages],
            [_newest(runs[last]) for last in pages],
        ),
        "below": (
            f"the newest 50 of {len(below):,} runs below a run",
            [first.in_run(runs[at_depth], descendants=True)] * _TIMES,
            [[runs[number] for number in below[-_PAGE:]]] * _TIMES,
            [_newest_below(runs[at_depth])] * _TIMES,
        ),
    }
    rows: list[Row] = []
    for name, (what, queries, expected, floors) in asked.items():

        async def ours(_: object, queries: Any = queries, expected: Any = expected) -> None:
            for query, ids in zip(queries, expected, strict=True):
                assert [run.node_id for run in await query.all()] == ids[::-1]

        ways = _floors(bench, list(zip(floors, expected, strict=True)))
        seconds = await interleave({"ours": Way(ours, nothing), **ways}, rounds=bench.effort.rounds)
        title = f"load {what}, among {count:,} runs and {count * ROWS:,} nodes"
        rows.append(
            compared(
                seconds,
                job=f"newest-{name}",
                title=title,
                database=bench.database,
                limit=3,
                against="raw",
                each=_TIMES,
                note="two statements: rows of nodes, values of runs",
            )
        )
    return rows


def _newest(before: UUID | None) -> Select[Any]:
    """Return a select that walks along the ids: no index answers its condition, which only runs fulfill."""
    statement = select(*_run_columns).where(node_table.c.run_status.is_not(None))
    if before is not None:
        statement = statement.where(node_table.c.node_id < before)
    return statement.order_by(node_table.c.node_id.desc()).limit(_PAGE)


def _newest_below(run_id: UUID) -> Select[Any]:
    child = node_table.alias("child")
    has = {"run": node_table.c.run_status.is_not(None), "child": child.c.run_status.is_not(None)}
    below = select(*_run_columns).where(node_table.c.parent_id == run_id, has["run"]).cte("below", recursive=True)
    rows = [child.c[column.name] for column in _run_columns]
    below = below.union_all(select(*rows).join(below, child.c.parent_id == below.c.node_id).where(has["child"]))
    return select(below).order_by(below.c.node_id.desc()).limit(_PAGE)


def _values_of(ids: Sequence[UUID]) -> Select[Any]:
    places = [bindparam(f"id_{number}", each, node_table.c.node_id.type) for number, each in enumerate(ids)]
    return select(run_value_table).where(run_value_table.c.run_id.in_(places)).order_by(run_value_table.c.name)


def _floors(bench: Bench, pages: Sequence[tuple[Select[Any], Sequence[UUID]]]) -> dict[str, Way]:
    """Return the ways to execute the two statements of each page."""
    statements = [statement for page, ids in pages for statement in (page, _values_of(ids))]
    compiled = [(sql, bench.raw.bound(sql, {})) for sql in map(bench.raw.compiled, statements)]

    async def core(_: object) -> None:
        for statement in statements:
            await bench.core.select(statement, {})

    async def raw(_: object) -> None:
        for sql, parameters in compiled:
            await bench.raw.select(sql, parameters)

    return {"core": Way(core, nothing), "raw": Way(raw, nothing)}


def _below(number: int, count: int) -> list[int]:
    """Return the numbers of the runs below a run: those of run n are 10 n + 1 to 10 n + 10."""
    found: list[int] = []
    level = [number]
    while level:
        level = [child for each in level for child in range(FAN * each + 1, FAN * each + FAN + 1) if child < count]
        found += level
    return found


JOBS = (Job("newest", newest, long=True),)
