from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import NO_PARENT, ArtifactModel, Run, RunManager, artifact_field, run_manager, sync
from artigraph.db import engine_context, read, session_context, write
from artigraph.errors import (
    DatabaseUnavailableError,
    InvalidLabelError,
    LabelConflictError,
    NodeNotFoundError,
    RunStateError,
    SerializationError,
    WrongModelTypeError,
)
from artigraph.graph._usage import Uses
from artigraph.orm import node_table
from artigraph.storage import MemoryStorage

memory = MemoryStorage("test-run")


@dataclass
class Number(ArtifactModel):
    value: int


@dataclass
class Text(ArtifactModel):
    value: str = artifact_field(storage=memory)


@pytest_asyncio.fixture(autouse=True)
async def database(tmp_path: Path) -> AsyncIterator[None]:
    async with engine_context(f"sqlite+aiosqlite:///{tmp_path}/artigraph.db", create_tables=True):
        yield


async def count_nodes() -> int:
    return await read(lambda connection: connection.scalar(select(func.count()).select_from(node_table))) or 0


async def stored(run: Run) -> dict[str, object]:
    async def work(connection: AsyncConnection) -> dict[str, object]:
        statement = select(node_table).where(node_table.c.node_id == run.node_id)
        return {**(await connection.execute(statement)).mappings().one()}

    return await read(work)


async def test_what_a_run_saves_it_loads() -> None:
    async with RunManager(Run()) as manager:
        node_id = await manager.save_artifact("number", Number(1))
        ids = await manager.save_artifacts({"a": Number(2), "b": Text("x")})
        assert await manager.load_artifact("number") == Number(1)
        assert await manager.load_artifacts() == {"number": Number(1), "a": Number(2), "b": Text("x")}
    assert await Number.load(node_id) == Number(1)
    assert await Text.load(ids["b"]) == Text("x")
    assert await manager.load_artifact("b", Text) == Text("x")
    with pytest.raises(WrongModelTypeError):
        await manager.load_artifact("b", Number)
    assert await manager.save_artifacts({}) == {}


async def test_a_run_records_start_end_and_outcome() -> None:
    before = datetime.now(UTC)
    async with RunManager(Run()) as manager:
        row = await stored(manager.run)
        assert (row["run_status"], row["run_ended_at"]) == ("running", None)
        during = manager.run.status
    row = await stored(manager.run)
    assert (during, manager.run.status, row["run_status"]) == ("running", "completed", "completed")
    assert row["run_started_at"] == manager.run.started_at
    assert row["run_ended_at"] == manager.run.ended_at
    assert manager.run.started_at is not None
    assert manager.run.ended_at is not None
    assert before - timedelta(seconds=1) < manager.run.started_at <= manager.run.ended_at


class NastyError(Exception):
    def __str__(self) -> str:
        return "nul \0, surrogate \ud800 and " + "x" * 5000


async def test_an_exception_goes_on_and_the_run_keeps_its_artifacts() -> None:
    error = NastyError()
    manager = RunManager(Run())
    with pytest.raises(NastyError) as caught:  # noqa: PT012
        async with manager:
            await manager.save_artifact("kept", Number(1))
            raise error
    assert caught.value is error
    row = await stored(manager.run)
    assert row["run_status"] == "failed"
    assert str(row["run_error_type"]).endswith("NastyError")
    assert str(row["run_error_message"]).startswith("nul \N{REPLACEMENT CHARACTER}, surrogate ? and x")
    assert len(str(row["run_error_message"])) == 4000
    assert await manager.load_artifacts() == {"kept": Number(1)}


async def test_cancellation_is_recorded_and_goes_on() -> None:
    manager = RunManager(Run())
    entered = asyncio.Event()

    async def body() -> None:
        async with manager:
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(body())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await stored(manager.run))["run_status"] == "cancelled"


async def test_a_run_that_is_cancelled_while_it_is_entered_does_not_stay_running() -> None:
    manager = RunManager(Run())
    await count_nodes()  # makes the tables, so that the cancellation comes while the run is inserted
    task = asyncio.create_task(manager.__aenter__())
    while manager.run.status == "new":  # noqa: ASYNC110
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await stored(manager.run))["run_status"] == manager.run.status == "cancelled"
    assert run_manager(allow_none=True) is None


async def test_a_run_that_is_cancelled_while_it_waits_to_be_ended_does_not_stay_running() -> None:
    holds, goes_on = asyncio.Event(), asyncio.Event()

    async def hold(_: AsyncConnection) -> None:
        holds.set()
        await goes_on.wait()

    async def body() -> None:
        async with manager:
            held.append(asyncio.create_task(write(hold)))
            await holds.wait()

    manager = RunManager(Run())
    held: list[asyncio.Task[None]] = []
    task = asyncio.create_task(body())
    while manager.run.status != "completed":  # noqa: ASYNC110
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await held[0]
    assert (await stored(manager.run))["run_status"] == manager.run.status == "completed"


async def test_the_active_run_is_the_parent() -> None:
    async with RunManager(Run(node_parent_id=None)) as manager:
        async with RunManager(Run(node_parent_id=None)) as child:
            assert child.run.node_parent_id == manager.run.node_id
            assert run_manager() is child
            await run_manager().save_artifact("label", Number(1))
        assert run_manager() is manager
        async with RunManager(Run(node_parent_id=NO_PARENT)) as apart:
            assert apart.run.node_parent_id is None
    async with RunManager(Run(node_parent_id=manager.run.node_id)) as late:
        assert late.run.node_parent_id == manager.run.node_id
    assert run_manager(allow_none=True) is None
    with pytest.raises(LookupError, match="RunManager"):
        run_manager()
    assert [run.node_id for run in await manager.load_descendant_runs()] == [child.run.node_id, late.run.node_id]


async def test_descendants_are_runs_at_any_depth_without_the_run_itself() -> None:
    async with RunManager(Run()) as top:
        await top.save_artifact("own", Number(0))
        async with RunManager(Run()) as middle:
            await middle.save_artifact("number", Number(1))
            async with RunManager(Run()) as bottom:
                await bottom.save_artifacts({"number": Number(2), "text": Text("y")})
        async with RunManager(Run()) as empty:
            pass
    assert await top.load_descendant_artifacts() == {
        middle.run.node_id: {"number": Number(1)},
        bottom.run.node_id: {"number": Number(2), "text": Text("y")},
        empty.run.node_id: {},
    }
    runs = await top.load_descendant_runs()
    assert runs == [middle.run, bottom.run, empty.run]
    assert await empty.load_descendant_artifacts() == {}


async def test_runs_side_by_side_do_not_mix() -> None:
    async def work(number: int) -> tuple[int, dict[str, ArtifactModel], object]:
        async with RunManager(Run()) as manager:
            for step in range(3):
                await asyncio.sleep(0)
                assert run_manager() is manager
                await run_manager().save_artifact(str(step), Number(number))
            return number, await manager.load_artifacts(), manager.run.node_parent_id

    async with RunManager(Run()) as parent:
        results = await asyncio.gather(*(work(number) for number in range(8)))
    for number, artifacts, parent_id in results:
        assert artifacts == {str(step): Number(number) for step in range(3)}
        assert parent_id == parent.run.node_id


async def test_a_label_is_unique_in_a_run_and_nothing_of_the_second_save_remains() -> None:
    async with RunManager(Run()) as manager:
        await manager.save_artifact("label", Number(1))
        nodes, objects = await count_nodes(), dict(memory._objects)
        with pytest.raises(LabelConflictError, match="label"):
            await manager.save_artifacts({"other": Text("never seen before"), "label": Number(2)})
        assert (await count_nodes(), memory._objects) == (nodes, objects)
        assert await manager.load_artifacts() == {"label": Number(1)}


async def test_a_run_is_entered_once() -> None:
    manager = RunManager(Run())
    with pytest.raises(RunStateError, match="not entered"):
        await manager.save_artifact("x", Number(1))
    async with manager:
        with pytest.raises(RunStateError, match="once"):
            await manager.__aenter__()
    with pytest.raises(RunStateError, match="once"):
        await RunManager(manager.run).__aenter__()


@pytest.mark.parametrize("waits", [False, True])
async def test_a_run_that_is_entered_twice_at_once_is_entered_once(
    waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if waits:  # as where a generator that was left early in a run has still to end
        monkeypatch.setattr("artigraph.run._manager.let_generators_end", partial(asyncio.sleep, 0.001))
    run, manager = Run(), RunManager(Run())
    for first, second in ((RunManager(run), RunManager(run)), (manager, manager)):

        async def enter(manager: RunManager) -> None:
            async with manager:
                await asyncio.sleep(0.01)
                await manager.save_artifact("x", Number(1))

        one, other = await asyncio.gather(enter(first), enter(second), return_exceptions=True)
        assert one is None
        assert isinstance(other, RunStateError)
        assert first.run.status == "completed"
        assert len(await first.load_artifacts()) == 1


async def test_runs_that_are_left_in_any_order() -> None:
    def steps(name: str) -> Generator[UUID]:
        with sync.RunManager(Run(name=name)) as manager:
            yield manager.run.node_id

    def active() -> UUID | None:
        manager = run_manager(allow_none=True)
        return None if manager is None else manager.run.node_id

    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0), (2, 1, 0)):
        opened = [steps(name) for name in "abc"]
        entered = [next(each) for each in opened]
        for count, index in enumerate(order):
            opened[index].close()
            left = [run for number, run in enumerate(entered) if number not in order[: count + 1]]
            assert active() == (left[-1] if left else None)


async def test_an_error_goes_on_where_the_uses_of_a_joined_run_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def end(_: object) -> None:
        raise DatabaseUnavailableError("no database")

    async with RunManager(Run()) as manager:
        token = manager.token()
        monkeypatch.setattr(Uses, "end", end)
        with pytest.raises(LookupError) as caught:
            async with RunManager.resume(token):
                raise LookupError
        assert "What run" in caught.value.__notes__[0]
        with pytest.raises(DatabaseUnavailableError):
            async with RunManager.resume(token):
                pass


async def test_a_parent_that_is_no_run_is_refused() -> None:
    run = Run(node_parent_id=uuid4())
    with pytest.raises(NodeNotFoundError, match="does not exist"):
        await RunManager(run).__aenter__()
    assert run_manager(allow_none=True) is None
    node_id = await Number(1).save("root")
    with pytest.raises(NodeNotFoundError, match="no run"):
        await RunManager(Run(node_parent_id=node_id)).__aenter__()
    with pytest.raises(NodeNotFoundError, match="no run"):
        await Number(1).save("child", parent_id=node_id)
    with pytest.raises(NodeNotFoundError, match="no node"):
        await Number(1).save("child", parent_id=uuid4())
    assert await count_nodes() == 2


async def test_what_is_not_there_and_what_cannot_be_saved() -> None:
    async with RunManager(Run()) as manager:
        with pytest.raises(NodeNotFoundError, match="nothing like it"):
            await manager.load_artifact("nothing like it")
        with pytest.raises(InvalidLabelError):
            await manager.save_artifact("\0", Number(1))
        with pytest.raises(SerializationError, match="ArtifactModel"):
            await manager.save_artifact("x", 5)  # type: ignore[arg-type]
        with pytest.raises(NodeNotFoundError, match="is a run"):
            await ArtifactModel.load(manager.run.node_id)


async def test_a_session_groups_saves_and_a_caught_conflict_leaves_it_usable() -> None:
    async with RunManager(Run()) as manager:
        async with session_context():
            await manager.save_artifact("a", Number(1))
            with pytest.raises(LabelConflictError):
                await manager.save_artifact("a", Number(2))
            await manager.save_artifact("b", Text("in a session"))
        assert await manager.load_artifacts() == {"a": Number(1), "b": Text("in a session")}
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with session_context():
                await manager.save_artifact("c", Number(3))
                raise ZeroDivisionError
        assert set(await manager.load_artifacts()) == {"a", "b"}


async def test_wrong_arguments_are_told() -> None:
    with pytest.raises(TypeError, match=r"RunManager\(Run\(\)\)"):
        RunManager(Run)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with RunManager(Run()) as manager:
        with pytest.raises(TypeError, match="mapping"):
            await manager.save_artifacts([("a", Number(1))])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("code", "status"), [(0, "completed"), (None, "completed"), (3, "failed")])
async def test_leaving_by_exit_is_recorded_by_its_code(code: int | None, status: str) -> None:
    manager = RunManager(Run())
    await manager.__aenter__()
    error = SystemExit(code)
    await manager.__aexit__(SystemExit, error, None)
    assert (await stored(manager.run))["run_status"] == status
