"""The cost of each operation in a large store, as a multiple of its cost in a store of 100,000 nodes.

The two stores are of one kind, and the operations on them take turns. Each operation has answers of one size in both.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from artigraph import ArtifactModel, Run, RunManager, ancestors, columns, delete, series
from artigraph import select as ask
from artigraph.db import create_tables, current_database, engine_context, insert_rows, read, write
from artigraph.identifiers import new_ids
from artigraph.orm import link_table, node_table
from artigraph.serializer.search_key import search_key
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import nothing
from benchmarks.harness import Way, interleave
from benchmarks.results import Row, compared
from benchmarks.rows import COLUMNS, Rows
from integration.support.databases import fresh_database

__all__ = ["JOBS"]

ROWS = 10
"""Rows of nodes for each run: itself, and an artifact of a model with eight values."""
_VERSIONS = 10
"""Artifacts of each label. They are spread over the whole store."""
_CHAIN = 10
"""Runs of which each used the artifact of the one before. So lineage is of one size in both stores."""
_SMALL = 100_000
"""The nodes of the small store."""
_ROUND, _LEAST = 1_000, 20_000
"""Sizes are multiples of 1,000 nodes, so that all labels have as many versions. The least has artifacts to delete."""
_PAGE = 50
_TIMES = 10
"""How often a round does each operation, on artifacts chosen at random."""
_BATCH = 2_000
"""Runs that are inserted in one transaction."""
_ANALYZE = {"sqlite": "ANALYZE", "postgresql": "VACUUM ANALYZE", "mysql": "ANALYZE TABLE", "mariadb": "ANALYZE TABLE"}
"""What a database does by itself sooner or later. Without VACUUM, the first read of a row would write to its page."""


@dataclass
class Reading(ArtifactModel, name="BenchmarkReading"):
    """A model of eight fields: nine rows."""

    number: int
    sensor: str
    place: str
    value: float
    error: float
    unit: str
    accepted: bool
    made_at: datetime


def reading(number: int) -> Reading:
    """Return a reading whose texts take some 40 bytes each."""
    return Reading(
        number=number,
        sensor=f"sensor {number % 1000:08} of a benchmark, forty bytes",
        place=f"where it is: {number % 100:08}, in forty bytes",
        value=number / 7,
        error=0.5,
        unit="mm",
        accepted=number % 2 == 0,
        made_at=datetime(2024, 1, 2, 3, 4, 5, number % 1_000_000, tzinfo=UTC),
    )


@dataclass(frozen=True)
class _Store:
    """One of the two stores, with the context in which it is the current one."""

    context: Context
    runs: Sequence[UUID]
    artifacts: Sequence[UUID]
    """The artifact of each run, by the number of the run."""
    choose: random.Random
    deletable: list[int]
    """Numbers of artifacts that no run used, and that were not deleted yet."""

    async def do(self, work: Coroutine[Any, Any, Any]) -> None:
        await asyncio.get_running_loop().create_task(work, context=self.context.copy())

    def numbers(self) -> list[int]:
        """Return the numbers of some artifacts. The ends of chains are left out, since they may be deleted."""
        chains = len(self.artifacts) // _CHAIN
        return [self.choose.randrange(chains) * _CHAIN + self.choose.randrange(_CHAIN - 1) for _ in range(_TIMES)]


async def growth(bench: Bench) -> Sequence[Row]:
    """Compare the operations in a store of 10,000,000 nodes and 1,000,000 runs with those in one of 100,000 nodes."""
    large = max(bench.effort.nodes // _ROUND * _ROUND, _LEAST)
    small = max(min(_SMALL, large // 10) // _ROUND * _ROUND, _LEAST)
    async with AsyncExitStack() as stack:
        other = stack.enter_context(fresh_database(bench.database, bench.folder))
        stores = {"ours": await _filled(bench.url, large)}
        await stack.enter_async_context(engine_context(other, create_tables=True))
        await create_tables()
        stores["raw"] = await _filled(other, small)
        rows: list[Row] = []
        for name, (title, operation) in _OPERATIONS.items():
            ways = {side: _way(store, operation) for side, store in stores.items()}
            seconds = await interleave(ways, rounds=bench.effort.rounds)
            rows.append(
                compared(
                    seconds,
                    job=f"growth-{name}",
                    title=f"{title}, among {large:,} nodes and {large // ROWS:,} runs",
                    database=bench.database,
                    limit=1.3,
                    against="raw",
                    each=_TIMES,
                    note=f"raw: the same among {small:,} nodes and {small // ROWS:,} runs",
                )
            )
        return rows


def _way(store: _Store, operation: Callable[[_Store], Awaitable[None]]) -> Way:
    async def in_store() -> None:
        await operation(store)

    async def run(_: object) -> None:
        await store.do(in_store())

    return Way(run, nothing)


# Operations -----------------------------------------------------------------------------------------------------------


async def _save(store: _Store) -> None:
    for number in store.numbers():
        await reading(len(store.runs) + number).save("new reading")


async def _save_in_run(store: _Store) -> None:
    for number in store.numbers():
        async with RunManager(Run()):
            await reading(len(store.runs) + number).save("new reading")


async def _load(store: _Store) -> None:
    for number in store.numbers():
        assert (await Reading.load(store.artifacts[number])).number == number


async def _find(store: _Store) -> None:
    asked = columns(Reading)
    for number in store.numbers():
        found = await ask(Reading).where(asked.number == number).ids()
        assert found == [store.artifacts[number]]


async def _newest(store: _Store) -> None:
    newest = ask(Run).order_by(columns(Run).node_id.desc()).limit(_PAGE)
    for _ in store.numbers():
        assert len(await newest.all()) == _PAGE


async def _lineage(store: _Store) -> None:
    for number in store.numbers():
        found = await ancestors(store.artifacts[number])
        assert len(found.edges) >= number % _CHAIN


async def _series(store: _Store) -> None:
    for number in store.numbers():
        label = _label(number, len(store.runs))
        assert len(await series(Reading, label).versions()) == _VERSIONS


async def _delete(store: _Store) -> None:
    for number in [store.deletable.pop() for _ in range(_TIMES)]:
        assert len((await delete(store.artifacts[number])).nodes) == 1


_OPERATIONS: dict[str, tuple[str, Callable[[_Store], Awaitable[None]]]] = {
    "load": ("load an artifact of 9 nodes", _load),
    "find": ("find an artifact by a value", _find),
    "newest": ("load the newest 50 runs", _newest),
    "lineage": ("the ancestors of an artifact", _lineage),
    "series": ("the versions of a series of 10", _series),
    "save": ("save an artifact of 9 nodes", _save),
    "run": ("a run with one save", _save_in_run),
    "delete": ("delete an artifact of 9 nodes", _delete),
}


# Filling --------------------------------------------------------------------------------------------------------------


async def _filled(url: str, nodes: int) -> _Store:
    """Fill the current database with rows like those that a save writes."""
    start = time.perf_counter()
    count = nodes // ROWS
    template = await _template()
    runs: list[UUID] = []
    artifacts: list[UUID] = []
    for first in range(0, count, _BATCH):
        numbers = range(first, min(first + _BATCH, count))
        ids = new_ids(len(numbers) * ROWS)
        runs += ids[::ROWS]
        artifacts += ids[1::ROWS]
        await _insert(numbers, ids, template, count, artifacts)
    await _analyze(url)
    print(f"{nodes:,} nodes: filled in {time.perf_counter() - start:.0f} s, {await _size()}", flush=True)
    choose = random.Random(0)
    deletable = [number for number in range(count) if number % _CHAIN == _CHAIN - 1]
    choose.shuffle(deletable)
    return _Store(copy_context(), runs, artifacts, choose, deletable)


async def _template() -> Rows:
    """Save an artifact, and return its rows in their order."""
    root_id = await reading(0).save("template")
    statement = select(*(node_table.c[name] for name in COLUMNS)).where(node_table.c.tree_root_id == root_id)

    async def work(connection: AsyncConnection) -> Rows:
        found = await connection.execute(statement.order_by(node_table.c.position))
        return [dict(row._mapping) for row in found]

    return await read(work)


async def _insert(
    numbers: Sequence[int], ids: Sequence[UUID], template: Rows, count: int, artifacts: Sequence[UUID]
) -> None:
    at = datetime.now(UTC)
    state = {"node_type": "run", "run_status": "completed", "run_started_at": at, "run_ended_at": at}
    runs = [{"node_id": run, **state} for run in ids[::ROWS]]
    nodes: Rows = []
    links: Rows = []
    for place, number in enumerate(numbers):
        run, root, *_ = own = ids[place * ROWS : (place + 1) * ROWS]
        nodes += _tree(template, own, number, _label(number, count))
        if number % _CHAIN:
            links.append({"source_id": artifacts[number - 1], "target_id": run, "kind": "used", "created_at": at})
        assert artifacts[number] == root

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(node_table), runs)
        await insert_rows(connection, node_table, nodes)
        if links:
            await connection.execute(insert(link_table), links)

    await write(work)


def _tree(template: Rows, ids: Sequence[UUID], number: int, label: str) -> Rows:
    """Return the rows of an artifact whose number is another one than the template's."""
    run, root, *parts = (each.bytes for each in ids)
    rows: Rows = []
    for row, node_id in zip(template, (root, *parts), strict=True):
        own: dict[str, Any] = {"node_id": node_id, "parent_id": root, "tree_root_id": root}
        if row["position"] == 0:
            own |= {"parent_id": run, "label": label, "search_key": root}
        elif row["label"] == "number":
            own |= {"value": str(number).encode(), "search_key": search_key(number)}
        elif row["label"] == "value":
            own |= {"value": repr(number / 7).encode(), "search_key": search_key(number / 7)}
        rows.append(row | own)
    return rows


def _label(number: int, count: int) -> str:
    """Return the label of an artifact. Each label has ten, and the versions are a tenth of the store apart."""
    return f"reading {number % max(1, count // _VERSIONS)}"


async def _analyze(url: str) -> None:
    statement = _ANALYZE[(await current_database()).dialect]
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for table in (node_table, link_table):
            (await connection.execute(text(f"{statement} {table.name}"))).close()
    await engine.dispose()


async def _size() -> str:
    """Return the size of the database, where it can tell it."""
    statements = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        "postgresql": "SELECT pg_database_size(current_database())",
    }
    asked = statements.get(
        (await current_database()).dialect,
        "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = DATABASE()",
    )

    async def work(connection: AsyncConnection) -> int:
        return int((await connection.execute(text(asked))).scalar_one())

    return f"{await read(work) / 1024**2:,.0f} MiB"


JOBS = (Job("growth", growth, long=True),)
