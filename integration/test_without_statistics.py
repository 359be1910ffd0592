"""PostgreSQL without statistics does no more than three times the work that it does with them, counted in pages."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import ClauseElement, event, func, insert, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactModel, Node, Run, RunManager, columns, delete, load_many, prune, save_many, select
from artigraph.db import _api as _statistics
from artigraph.db import dispose_engines, engine_context, get_engine, insert_rows, read, recursive, write
from artigraph.graph import read_artifacts
from artigraph.graph.runs import runs_below
from artigraph.lineage.sql import DATA, EdgeKind, Start, select_between, select_dependent_runs, select_reached
from artigraph.orm import link_table, node_table
from artigraph.outline import outline_of
from artigraph.query import Select
from artigraph.query._bounded_users import _FEWER_MODELS, _FEWER_USES, _FIRST_USES
from artigraph.run._state import row_at_start
from integration.support.databases import fresh_database, run_apart
from tests.support import plans

pytestmark = pytest.mark.xdist_group("one template")

_PAGES = re.compile(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?")
_DEEP = 40
_COUNT = 6000
_RUNS = 4000
_FEW = 60
"""Pages that every query may read: the upper levels of its indexes."""
_TRIED = 200
"""Pages of the first rows in a range, in which a few nodes are looked for. The table has several times as many."""


@dataclass
class Part(ArtifactModel, name="WithoutStatisticsPart"):
    name: str


@dataclass
class Whole(ArtifactModel, name="WithoutStatisticsWhole"):
    value: float
    title: str
    part: Part


@dataclass
class Seldom(ArtifactModel, name="WithoutStatisticsSeldom"):
    number: int


class Store(NamedTuple):
    outermost: UUID
    """A run with many levels of runs below it."""
    first: Start
    """An artifact from which a chain of runs leads to the last one."""
    last: Start
    some: list[UUID]
    """Ids of artifacts."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Store]]:
    """Yield the name of a database with 40,000 nodes and no statistics, and its content."""
    with (
        pytest.MonkeyPatch.context() as patch,
        fresh_database("postgresql", tmp_path_factory.mktemp("template")) as url,
    ):
        patch.setattr(_statistics, "_LARGE", 10**9)
        yield str(make_url(url).database), run_apart(filled(url))


@pytest.fixture
async def store(template: tuple[str, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Store]:
    """Yield a copy of the template that is in force in the test."""
    monkeypatch.setattr(_statistics, "_LARGE", 10**9)
    monkeypatch.setitem(plans.EXPLAIN, "postgresql", "EXPLAIN (ANALYZE, BUFFERS)")
    with fresh_database("postgresql", tmp_path, template=template[0]) as url:
        async with engine_context(url):
            yield template[1]


async def filled(url: str) -> Store:
    async with engine_context(url, create_tables=True):
        await save_many([("first", whole(0))])
        for table in ("node", "link", "run_value"):
            await execute(f"ALTER TABLE artigraph_{table} SET (autovacuum_enabled = false)")
        ids = await save_many([(f"whole {number % 50}", whole(number)) for number in range(_COUNT)])
        outermost = await nested(Run(), _DEEP, artifacts=20)
        chain = [made async for made in chained(_DEEP)]
        # As many uses of other things, which lead nowhere.
        await execute(
            "INSERT INTO artigraph_link SELECT node_id, tree_root_id, 'used', now() FROM artigraph_node "
            "WHERE position > 0 AND tree_root_id IN "
            "(SELECT node_id FROM artigraph_node WHERE parent_id IS NULL AND label <> 'whole 7')"
        )
        await write(insert_runs)
    await dispose_engines()
    return Store(outermost, chain[0], chain[-1], ids[::60])


async def nested(run: Run, levels: int, artifacts: int = 1) -> UUID:
    async with RunManager(run) as manager:
        await manager.save_artifacts({f"own {number}": whole(levels) for number in range(artifacts)})
        if levels:
            await nested(Run(), levels - 1)
    return run.node_id


async def chained(runs: int) -> AsyncGenerator[Start]:
    """Save an artifact in each of some runs, which use that of the run before."""
    before: UUID | None = None
    for number in range(runs):
        run = Run()
        async with RunManager(run) as manager:
            if before is not None:
                await manager.use(before)
            before = await manager.save_artifact("link", whole(number))
            yield Start(before, is_run=False, parent_id=run.node_id)


async def insert_runs(connection: AsyncConnection) -> None:
    """Insert runs that have ended, one in ten of which failed."""
    made = [row_at_start(Run()) for _ in range(_RUNS)]
    rows = [
        {"node_id": run.node_id.bytes, "node_type": "run", "run_status": "completed" if number % 10 else "failed"}
        for number, run in enumerate(made)
    ]
    await insert_rows(connection, node_table, rows)


def whole(number: int) -> Whole:
    return Whole(number / _COUNT, f"title {number:06}", Part(f"part {number % 100}"))


async def execute(statement: str) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text(statement))

    await write(work)


def statement_of(asked: Select[Any]) -> Any:
    return asked._statement(*asked._asked(), paged=True)


def counted(asked: Select[Any]) -> Any:
    return statement_of(asked).with_only_columns(func.count()).order_by(None)


async def pages(statement: Any) -> int:
    return pages_in(await plans.explained(statement, {}))


async def plans_of(call: Callable[[], Awaitable[object]]) -> list[str]:
    """Return the plan that PostgreSQL used for each statement of a call."""
    executed: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        executed.append((statement, parameters))

    engine = get_engine().sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await call()
    finally:
        event.remove(engine, "before_cursor_execute", note)

    async def explain(connection: AsyncConnection) -> list[str]:
        found: list[str] = []
        for statement, parameters in executed:
            rows = await connection.exec_driver_sql(f"{plans.EXPLAIN['postgresql']} {statement}", parameters)
            found.append("\n".join(rows.scalars()))
        return found

    assert executed
    return await read(explain)


async def pages_of(call: Callable[[], Awaitable[object]]) -> int:
    """Return how many pages all statements of a call read together."""
    return sum(map(pages_in, await plans_of(call)))


def pages_in(plan: str) -> int:
    found = _PAGES.search(plan)
    return sum(int(number or 0) for number in found.groups()) if found else 0


async def compare(asked: Mapping[str, Any]) -> None:
    """Measure statements, or calls that only read, without statistics and with them."""

    async def measured() -> dict[str, int]:
        return {
            name: await (pages(each) if isinstance(each, ClauseElement) else pages_of(each))
            for name, each in asked.items()
        }

    without = await measured()
    await execute("ANALYZE")
    known = await measured()
    slow = {name: (without[name], known[name]) for name in known if without[name] > 3 * known[name] + _FEW}
    assert not slow


async def test_questions_do_no_more_work_than_with_statistics(store: Store) -> None:
    outermost = store.outermost
    c: Any = columns(Whole)
    newest = columns(Run).node_id.desc()
    statements = {
        "find": statement_of(select(Whole).where(c.title == "title 000777")),
        "range": statement_of(select(Whole).where(c.value >= 0.5, c.value < 0.51)),
        "count": counted(select(Whole).where(c.value > 0.99)),
        "nested": counted(select(Whole).where(c.part.name == "part 7")),
        "complement": counted(select(Whole).where(c.value > 0.99, ~c.title.startswith("title 00599"))),
        "order": statement_of(select(Whole).where(c.value > 0.99).order_by(c.value.desc()).limit(10)),
        "by title": statement_of(select(Whole).where(c.value > 0.99).order_by(c.title).limit(10)),
        "in run": statement_of(select(Whole).in_run(outermost)),
        "in runs": recursive(statement_of(select(Whole).in_run(outermost, descendants=True)), "postgresql"),
        "runs in runs": recursive(runs_below(outermost), "postgresql"),
        "newest run": statement_of(select(Run).order_by(newest).limit(1)),
        "newest artifact": statement_of(select(Node).artifacts().order_by(columns(Node).node_id.desc()).limit(1)),
    }
    await compare(statements)


async def test_several_conditions_do_no_more_work_than_with_statistics(store: Store) -> None:
    c: Any = columns(Whole)
    wide, narrow = c.value > 0.5, c.title.startswith("title 00599")
    await compare(
        {
            "two": counted(select(Whole).where(wide, narrow)),
            "the other way round": counted(select(Whole).where(narrow, wide)),
            "nested": counted(select(Whole).where(wide, c.part.name == "part 7")),
            "in runs": recursive(
                counted(select(Whole).where(narrow).in_run(store.outermost, descendants=True)), "postgresql"
            ),
        }
    )


async def test_questions_about_a_run_do_no_more_work_than_with_statistics(store: Store) -> None:
    run = store.outermost
    c: Any = columns(Whole)
    wide = select(Whole).where(c.value > 0.1)
    await compare(
        {
            "wide": wide.in_run(run).count,
            "two": wide.where(c.title.startswith("title 00")).in_run(run).count,
            "nested": select(Whole).where(c.part.name.startswith("part ")).in_run(run).ids,
            "order": wide.in_run(run).order_by(c.value).limit(3).ids,
            "in runs": wide.in_run(run, descendants=True).count,
            "nodes": select(Node).in_run(run).ids,
            "first nodes": select(Node).in_run(run).limit(5).ids,
            "values": select(Node).in_run(run).of_type("value").ids,
            "labeled": select(Node).in_run(run).labeled("value").ids,
            "of a model": select(Node).in_run(run).of_model(Part).ids,
            "artifacts": select(Node).in_run(run).artifacts().ids,
            "nodes in runs": select(Node).in_run(run, descendants=True).of_type("value").ids,
        }
    )


async def test_the_first_few_take_no_more_work_than_with_statistics(store: Store) -> None:
    newest = columns(Run).node_id.desc()
    await compare(
        {
            "of a model": select(Whole).limit(1).ids,
            "nodes of a model": select(Node).of_model(Whole).limit(5).ids,
            "artifacts of a model": select(Node).of_model(Whole).artifacts().limit(5).ids,
            "labeled": select(Whole).labeled("whole 7").limit(5).ids,
            "newest failed": select(Run).where(columns(Run).status == "failed").order_by(newest).limit(5).ids,
        }
    )


async def test_the_first_few_of_a_rare_model_take_no_more_work_than_with_statistics(store: Store) -> None:
    rare = await save_many([("rare", Seldom(number)) for number in range(5)])
    newest = columns(Node).node_id.desc()
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "first": select(Seldom).limit(1).ids,
        "few": select(Seldom).limit(5).ids,
        "nodes": select(Node).of_model(Seldom).limit(5).ids,
        "newest": select(Node).of_model(Seldom).artifacts().order_by(newest).limit(5).ids,
    }
    await compare({**asked, "of parts": select(Part).limit(5).ids})
    assert await select(Seldom).offset(1).limit(3).ids() == rare[1:4]
    assert await asked["newest"]() == rare[::-1]
    for name, each in asked.items():
        assert await pages_of(each) < _TRIED, name


async def test_runs_that_used_a_model_take_no_more_work_than_with_statistics(store: Store) -> None:
    used = await save_many([("rare", Seldom(number)) for number in range(3)])
    async with RunManager(Run()) as manager:
        for node_id in used[:2]:
            await manager.use(node_id)
    runs, newest = select(Run), columns(Run).node_id.desc()
    seldom = runs.used(Seldom)
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "rare": seldom.ids,
        "first of the rare": seldom.limit(1).ids,
        "two models": seldom.used(Seldom, version=1).ids,
        "common": runs.used(Part).ids,
        "count": runs.used(Whole).count,
        "labeled": runs.used(Whole, label="link").ids,
        "failed": runs.used(Whole).where(columns(Run).status == "failed").ids,
        "first": runs.used(Whole).limit(3).ids,
        "newest": runs.used(Part).order_by(newest).limit(3).ids,
        "two common models": runs.used(Part).used(Whole).ids,
    }
    await compare(asked)
    assert await seldom.ids() == [manager.run.node_id]
    assert await runs.used(Part).count() == _DEEP - 1
    for name in ("rare", "first of the rare", "two models"):
        assert await pages_of(asked[name]) < _TRIED, name


@pytest.mark.parametrize(
    ("models", "uses"),
    [
        pytest.param(2, 2 * _FEWER_MODELS + 20, id="the uses of each model are looked up"),
        pytest.param(60 * _FEWER_USES, 50, id="each use is followed to its tree"),
        pytest.param(2 * _FIRST_USES, 2 * _FIRST_USES, id="models and uses are compared"),
    ],
)
async def test_runs_that_used_a_model_are_found_in_each_way(tmp_path: Path, models: int, uses: int) -> None:
    with fresh_database("postgresql", tmp_path) as url:
        async with engine_context(url, create_tables=True):
            await execute("ALTER TABLE artigraph_node SET (autovacuum_enabled = false)")
            artifacts = await save_many(
                [("even" if n % 2 == 0 else "odd", Whole(0, "", Part(""))) for n in range(models)]
            )
            other = await Seldom(0).save("other")
            *runs, user_of_other = (row_at_start(Run()).node_id for _ in range(uses + 1))

            used = {run: artifacts[number % models] for number, run in enumerate(runs)} | {user_of_other: other}

            async def insert_uses(connection: AsyncConnection) -> None:
                nodes = [{"node_id": run.bytes, "node_type": "run", "run_status": "completed"} for run in used]
                await insert_rows(connection, node_table, nodes)
                now = datetime.now(UTC)
                links = [
                    {"source_id": artifact, "target_id": run, "kind": "used", "created_at": now}
                    for run, artifact in used.items()
                ]
                await connection.execute(insert(link_table), links)

            await write(insert_uses)
            for model in (Whole, Part):
                asked = select(Run).used(model)
                newest = asked.order_by(columns(Run).node_id.desc())
                assert await asked.ids() == runs
                assert await asked.count() == uses
                assert await asked.used(Whole, label="even").ids() == runs[::2]
                assert await select(Run).used(model, label="odd").ids() == runs[1::2]
                assert await select(Run).used(model, version=2).ids() == []
                assert await asked.limit(3).ids() == runs[:3]
                assert await asked.offset(2).limit(3).ids() == runs[2:5]
                assert await asked.offset(uses - 2).limit(3).ids() == runs[-2:]
                assert await newest.limit(3).ids() == runs[: -1 - 3 : -1]
                assert await select(Run).used(model, label="odd").limit(2).ids() == runs[1:4:2]
                assert await select(Run).used(model, version=2).limit(1).ids() == []
            assert await select(Run).used(Seldom).ids() == [user_of_other]
            assert await select(Run).used(Seldom).limit(3).ids() == [user_of_other]
            assert await select(Run).used(Whole).used(Seldom).ids() == []


async def test_what_was_saved_in_a_range_takes_no_more_work_than_with_statistics(store: Store) -> None:
    before = datetime.now(UTC)
    rare, new = await save_many([("rare", Seldom(0)), ("new", whole(1))])
    day = before - timedelta(days=1)
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "new": select(Whole).saved(since=before).ids,
        "count of new": select(Whole).saved(since=before).count,
        "first of the new": select(Whole).saved(since=before).limit(1).ids,
        "before all": select(Whole).saved(before=day).ids,
        "nodes": select(Node).of_model(Whole).saved(since=before).ids,
        "rare in a wide range": select(Seldom).saved(since=day).ids,
        "of a label": select(Whole).labeled("whole 7").saved(since=before).ids,
        "count of a label": select(Whole).labeled("whole 7").saved(before=day).count,
    }
    await compare({**asked, "wide": select(Whole).saved(since=day).count})
    assert await select(Whole).saved(since=before).ids() == [new]
    assert await select(Seldom).saved(since=day).ids() == [rare]
    assert await select(Whole).saved(since=day).count() == await select(Whole).count()
    for name, each in asked.items():
        assert await pages_of(each) < _TRIED, name


async def test_loads_do_no_more_work_than_with_statistics(store: Store) -> None:
    run = store.outermost
    await compare(
        {
            "many": lambda: load_many(Whole, store.some),
            "of a run": lambda: read_artifacts(run),
            "of the runs below": lambda: read_artifacts(parents=runs_below(run)),
            "outline": lambda: outline_of(run),
        }
    )


async def test_loads_do_not_read_the_whole_table(store: Store) -> None:
    run = store.outermost
    for load in (
        lambda: load_many(Whole, store.some),
        lambda: read_artifacts(run),
        lambda: read_artifacts(parents=runs_below(run)),
        lambda: outline_of(run),
    ):
        for found in await plans_of(load):
            assert "Seq Scan on artigraph_node" not in found, found


async def test_deletions_do_no_more_work_than_with_statistics(store: Store) -> None:
    await compare(
        {
            "run": lambda: delete(store.outermost, cascade=True, dry_run=True),
            "artifact": lambda: delete(store.last.node_id, cascade=True, dry_run=True),
            "old": lambda: prune(older_than=timedelta(days=1), dry_run=True),
            "old, but not what serves calls": lambda: prune(
                older_than=timedelta(days=1), keep_cached=True, dry_run=True
            ),
            "failed runs": lambda: prune(failed_runs=True, dry_run=True),
            "all but the newest": lambda: prune(keep_newest={"whole 7": 100}, cascade=True, dry_run=True),
        }
    )


async def test_lineage_does_no_more_work_than_with_statistics(store: Store) -> None:
    every: tuple[EdgeKind, ...] = ("used", "produced", "child")
    await compare(
        {
            "ancestors": select_reached(store.last, "up", DATA, None),
            "descendants": select_reached(store.first, "down", DATA, None),
            "near": select_reached(store.first, "down", DATA, 5),
            "descendants of served runs": select_reached(store.first, "down", DATA, None, served=True),
            "ancestors with runs": select_reached(store.last, "up", every, None),
            "descendants with runs": select_reached(store.first, "down", every, None),
            "all descendants of served runs": select_reached(store.first, "down", every, None, served=True),
            "paths": select_between(store.first, store.last),
            "dependent": select_dependent_runs([store.first.parent_id or store.outermost]),
        }
    )


async def test_lineage_is_not_compiled_without_statistics(store: Store) -> None:
    """If PostgreSQL expects much work, it compiles the statement. That takes a second."""
    for statement in (
        select_reached(store.last, "up", DATA, None),
        select_reached(store.first, "down", DATA, None),
        select_reached(store.first, "down", DATA, None, served=True),
        select_between(store.first, store.last),
    ):
        assert "JIT:" not in await plans.explained(statement, {})
