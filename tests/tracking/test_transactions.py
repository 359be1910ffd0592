"""How many transactions and statements runs and tracked calls take, and what is visible when."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event, func
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import artigraph.db as db
from artigraph import ArtifactModel, Run, RunManager, artifact_field, delete, run_manager, select, tracked
from artigraph.errors import ArtifactInUseError, NodeNotFoundError, StorageError
from artigraph.orm import lease_table, link_table, node_table
from artigraph.storage import MemoryStorage
from tests.support.statements import counted, transactions

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Whole(ArtifactModel, name="transactions.Whole"):
    x: int


@dataclass
class Real(ArtifactModel, name="transactions.Real"):
    y: float


class Watched(MemoryStorage):
    """Notes which runs were in the database when it was given an object, or fails."""

    seen: list[list[str]]
    fails: bool = False

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        if self.fails:
            msg = "full"
            raise StorageError(msg)
        self.seen.append([run.status for run in await select(Run).all()])
        return await super().create(data, key=key)


storage = Watched("transactions")


@dataclass
class Heavy(ArtifactModel, name="transactions.Heavy"):
    data: bytes = artifact_field(storage=storage)


@pytest.fixture(autouse=True)
async def looked(engine: AsyncEngine) -> None:
    """Look for lost runs before the test, so that no start in it does so."""
    storage.seen, storage.fails = [], False
    async with RunManager(Run()) as manager:
        pass
    await delete(manager)


async def rows() -> tuple[int, int, int]:
    """Return the numbers of nodes, links and leases."""

    async def work(connection: AsyncConnection) -> tuple[int, int, int]:
        counts = [
            await connection.scalar(sql_select(func.count()).select_from(table))
            for table in (node_table, link_table, lease_table)
        ]
        nodes, links, leases = (count or 0 for count in counts)
        return nodes, links, leases

    return await db.read(work)


@tracked
async def add(a: Whole, b: Real) -> Real:
    return Real(a.x + b.y)


async def test_a_run_takes_two_statements_at_each_end() -> None:
    with transactions() as found:
        async with RunManager(Run()):
            pass
    assert found == [2, 2]  # the run and its lease
    with transactions() as found:
        async with RunManager(Run()) as manager:
            await manager.save_artifact("one", Whole(1))
    assert found == [2, 1, 2]


async def test_a_tracked_call_takes_two_transactions() -> None:
    with transactions() as found, counted() as statements:
        await add(Whole(1), Real(2.0))
    assert found == [4, 3]  # also the inputs and their links; the result
    assert len(statements) == 7
    a, b = Whole(1), Real(2.0)
    await a.save("a")
    await b.save("b")
    with transactions() as found, counted() as statements:
        await add(a, b)
    assert found == [2, 4]  # the links of the inputs are written with the result
    assert len(statements) == 8  # also the inputs and their nodes are read, to compare them


async def test_a_call_with_known_and_other_inputs_takes_two_transactions_too() -> None:
    a = Whole(1)
    await a.save("a")
    with transactions() as found:
        await add(a, Real(2.0))
    assert len(found) == 2
    assert await rows() == (2 + 1 + 2 + 2, 2, 0)


async def test_the_start_and_the_inputs_are_there_in_the_body() -> None:
    seen: list[tuple[int, int, int]] = []
    found: list[Run] = []

    @tracked
    async def look(a: Whole | None = None) -> None:
        seen.append(await rows())
        found.extend(await select(Run).all())

    await look(Whole(1))
    await look()
    assert seen == [(3, 1, 1), (4, 1, 1)]
    assert [run.status for run in found] == ["running", "completed", "running"]
    assert await rows() == (4, 1, 0)


async def test_a_run_is_there_before_its_inputs_and_until_its_result_is_put() -> None:
    @tracked
    async def copy(heavy: Heavy) -> Heavy:
        return Heavy(heavy.data * 2)

    await copy(Heavy(b"a" * 5000))
    assert storage.seen == [["running"], ["running"]]
    [run] = await select(Run).all()
    assert (run.status, (await rows())[2]) == ("completed", 0)


async def test_a_result_that_cannot_be_put_fails_the_run() -> None:
    @tracked
    async def make() -> Heavy:
        storage.fails = True
        return Heavy(b"b" * 5000)

    with pytest.raises(StorageError, match="full"):
        await make()
    [run] = await select(Run).all()
    assert (run.status, await rows()) == ("failed", (1, 0, 0))


async def test_a_result_and_the_end_are_written_together_or_not_at_all(engine: AsyncEngine) -> None:
    def refuse(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE artigraph_node"):
            msg = "no update"
            raise RuntimeError(msg)

    sync_engine = db.get_engine().sync_engine

    @tracked
    async def make() -> Whole:
        event.listen(sync_engine, "before_cursor_execute", refuse)
        return Whole(1)

    try:
        with pytest.raises(Exception, match="no update"):
            await make()
    finally:
        event.remove(sync_engine, "before_cursor_execute", refuse)
    [run] = await select(Run).all()
    assert (run.status, await rows()) == ("running", (1, 0, 1))  # it is lost when its lease expires


async def test_a_call_under_a_run_that_was_deleted_records_nothing() -> None:
    calls: list[int] = []

    @tracked
    async def call(*values: Whole) -> None:
        calls.append(1)

    async def call_below_a_deleted_run(*values: Whole) -> None:
        async with RunManager(Run()) as manager:
            await delete(manager, cascade=True)
            await call(*values)

    for values in ((), (Whole(1),)):
        with pytest.raises(NodeNotFoundError) as raised:
            await call_below_a_deleted_run(*values)
        assert not hasattr(raised.value, "__notes__")  # such as that an end was not recorded: nothing began
    assert (calls, await rows()) == ([], (0, 0, 0))
    assert run_manager(allow_none=True) is None


@pytest.mark.parametrize("values", [(), (1,)])
async def test_a_canceled_start_is_recorded_once_with_its_end(values: tuple[int, ...]) -> None:
    @tracked
    async def call(*values: Whole) -> None:
        raise AssertionError

    async def work() -> None:
        await call(*map(Whole, values))

    await check_cancelled(work(), "INSERT INTO artigraph_lease")


async def test_a_second_cancellation_does_not_keep_the_end_from_being_recorded() -> None:
    @tracked
    async def call(value: Whole) -> None:
        raise AssertionError

    value = Whole(1)
    await value.save("value")
    # First while the input is compared, then while the start is written for its end.
    await check_cancelled(call(value), "SELECT", "INSERT INTO artigraph_lease")


async def check_cancelled(work: Coroutine[Any, Any, None], *statements: str) -> None:
    """Cancel work before each statement that begins so, and check that its run is recorded as cancelled."""

    def cancel(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(statements):
            loop.call_soon_threadsafe(task.cancel)

    loop = asyncio.get_running_loop()
    sync_engine = db.get_engine().sync_engine
    event.listen(sync_engine, "before_cursor_execute", cancel)
    task = asyncio.create_task(work)
    try:
        with pytest.raises(asyncio.CancelledError):
            await task
    finally:
        event.remove(sync_engine, "before_cursor_execute", cancel)
    assert [run.status for run in await select(Run).all()] == ["cancelled"]
    assert (await rows())[2] == 0


async def test_uses_of_thousands_wait_for_a_start_that_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artigraph.graph._usage._MOST", 1)
    part = Whole(1)
    node_id = await part.save("part")
    assert await add(part, Real(1.0)) == Real(2.0)
    assert await rows() == (2 + 1 + 2 + 2, 2, 0)
    with pytest.raises(ArtifactInUseError):
        await delete(node_id)


async def test_what_a_task_uses_after_the_result_is_recorded() -> None:
    node_id = await Whole(3).save("late")
    go = asyncio.Event()
    tasks: list[asyncio.Task[Whole]] = []

    @tracked
    async def begin() -> Whole:
        async def later() -> Whole:
            await go.wait()
            return await Whole.load(node_id)

        tasks.append(asyncio.create_task(later()))
        return Whole(4)

    await begin()
    go.set()
    assert await tasks[0] == Whole(3)
    assert (await rows())[1] == 1


async def test_a_process_that_was_forked_in_a_call_does_not_end_its_run() -> None:
    @tracked
    async def make() -> Whole:
        run_manager()._process = -1  # as a child sees it
        return Whole(1)

    await make()
    [run] = await select(Run).all()
    assert (run.status, await rows()) == ("running", (3, 0, 1))


async def test_in_a_session_a_call_belongs_to_it() -> None:
    a = Whole(1)
    await a.save("a")
    async with db.session_context() as session:
        assert await add(a, Real(2.0)) == Real(3.0)
        assert (await select(Run).one()).status == "completed"
        await session.rollback()
    assert await rows() == (2, 0, 0)
    async with db.session_context():
        await add(a, Real(2.0))
    assert await rows() == (2 + 1 + 2 + 2, 2, 0)
