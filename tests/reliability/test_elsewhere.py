"""Other loops, other threads, a forked child, and tasks that share a session."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from contextvars import copy_context
from typing import Any
from uuid import UUID

import pytest

from artigraph import Run, RunManager, load_many
from artigraph.db import engine_context, session_context
from artigraph.errors import LabelConflictError, WrongEventLoopError
from artigraph.orm import node_table
from tests.support.racing import INLINE_LIMIT, NODES, Kept, Objects, kept, remembered
from tests.support.sizes import note, sizes
from tests.support.snippets import ROOT
from tests.support.sound import Found, assert_sound, count, look

pytestmark = pytest.mark.timeout(600)


async def save_own(me: int, saves: int) -> list[tuple[UUID, list[Any]]]:
    """Save in a separate run from two tasks, and check that everything is in that run."""
    saved: list[tuple[UUID, list[Any]]] = []

    async def save(manager: RunManager, number: int) -> None:
        words = [me, f"shared {number}", f"own {me} {number}"]
        saved.append((await manager.save_artifact(str(number), remembered(words)), words))

    async with RunManager(Run()) as manager:
        for number in range(0, saves, 2):
            await asyncio.gather(save(manager, number), save(manager, number + 1))
        loaded = await manager.load_artifacts()
    assert loaded == {str(number): kept(me, f"shared {number}", f"own {me} {number}") for number in range(saves)}
    return saved


@pytest.mark.parametrize("many", sizes((4, 8), (16, 40)))
def test_threads_with_loops_of_their_own_do_not_mix(
    database_url: str, objects: Objects, database: str, many: tuple[int, int]
) -> None:
    threads, saves = many
    storage = objects.open()
    start = threading.Barrier(threads)
    saved: list[tuple[UUID, list[Any]]] = []
    errors: list[BaseException] = []

    def work(me: int) -> None:
        try:
            with engine_context(database_url, create_tables=True, large_value_storage=storage, inline_limit=1024):
                start.wait()
                for half in (0, 1):  # one loop after the other
                    saved.extend(asyncio.run(save_own(2 * me + half, saves // 2)))
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(me,)) for me in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []

    async def check() -> None:
        async with engine_context(database_url):
            assert await load_many(Kept, [node_id for node_id, _ in saved]) == [remembered(words) for _, words in saved]
            assert await count(node_table) == threads * (2 + NODES * saves)
            await assert_sound(objects.stored(), blobs=threads * saves + saves // 2)

    asyncio.run(check())
    note(19, database, threads=threads, loops=2 * threads, saves=threads * saves, mixed=0)


async def test_a_session_in_another_thread_is_an_error_and_goes_on_here(
    database_url: str, objects: Objects, database: str
) -> None:
    told: list[BaseException] = []

    def elsewhere() -> None:
        try:
            asyncio.run(save_own(9, 2))
        except BaseException as error:
            told.append(error)

    storage = objects.open()
    async with engine_context(database_url, create_tables=True, large_value_storage=storage, inline_limit=INLINE_LIMIT):
        async with session_context():
            await save_own(1, 4)
            thread = threading.Thread(target=copy_context().run, args=(elsewhere,))
            thread.start()
            await asyncio.to_thread(thread.join)
            assert [type(error) for error in told] == [WrongEventLoopError]
            await save_own(2, 4)
        assert await count(node_table) == 2 * (1 + 4 * NODES)
        await assert_sound(objects.stored(), blobs=4 + 8)
        await asyncio.to_thread(elsewhere)  # with an engine of its own, and no session
        assert len(told) == 1
        assert await count(node_table) == 2 * (1 + 4 * NODES) + 1 + 2 * NODES


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_saves_for_itself_and_its_parent_goes_on(
    database_url: str, objects: Objects, database: str
) -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.reliability.forking"]
    command += [database_url, json.dumps(dict(objects.settings))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=170, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["said"] == ["WrongEventLoopError", "saved 2"]

    async def check() -> None:
        storage = objects.open()
        async with engine_context(database_url, large_value_storage=storage, inline_limit=INLINE_LIMIT):
            saved: dict[str, list[Any]] = told["saved"]
            loaded = await load_many(Kept, [UUID(node_id) for node_id in saved])
            assert loaded == [remembered(words) for words in saved.values()]
            assert await count(node_table) == 1 + 5 * NODES
            await assert_sound(objects.stored(), blobs=2 * 5)

    asyncio.run(check())


@pytest.mark.parametrize("tasks", sizes(16, 120))
async def test_tasks_that_share_a_session_take_turns(
    database_url: str, objects: Objects, database: str, tasks: int
) -> None:
    async def one(manager: RunManager, number: int) -> tuple[UUID, Kept]:
        model = kept(number, "shared", f"own {number}")
        node_id = await manager.save_artifact(f"{number}", model)
        assert await Kept.load(node_id) == model
        with pytest.raises(LabelConflictError):
            await manager.save_artifact(f"{number}", kept(number, "shared", f"refused {number}"))
        assert await manager.load_artifact(f"{number}") == model
        return node_id, model

    storage = objects.open()
    async with (
        engine_context(database_url, create_tables=True, large_value_storage=storage, inline_limit=INLINE_LIMIT),
        RunManager(Run()) as manager,
    ):
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with session_context():
                await asyncio.gather(*(one(manager, number) for number in range(tasks)))
                raise ZeroDivisionError
        assert await count(node_table) == 1
        assert await manager.load_artifacts() == {}
        async with session_context():
            saved = await asyncio.gather(*(one(manager, number) for number in range(tasks)))
            assert await count(node_table) == 1 + tasks * NODES
        assert await load_many(Kept, [node_id for node_id, _ in saved]) == [model for _, model in saved]
        assert await count(node_table) == 1 + tasks * NODES
        found = await look(objects.stored())
        # What was put for saves that a caller's transaction took back is left to garbage collection.
        assert found == Found(found.blobs, (), found.unused, found.orphans)
        assert found.blobs - len(found.unused) == tasks + 1
        assert len({*found.unused, *found.orphans}) <= 2 * tasks + tasks + 1
    note(19, database, tasks_in_a_session=tasks, mixed=0)
