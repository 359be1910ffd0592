"""One run and many processes: they add artifacts to it, and it lives as long as one of them does."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import Run, RunManager, columns, select
from artigraph.db import current_database
from artigraph.maintenance import mark_lost
from artigraph.run._token import RunToken
from tests.run.elsewhere import Part, save_by_token
from tests.support.leases import stored
from tests.support.snippets import ROOT

pytestmark = pytest.mark.slow
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
stops = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
PATIENCE = 60


@asynccontextmanager
async def program(job: str, *arguments: Any, **variables: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "tests.run.elsewhere", json.dumps([job, arguments])),
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def done(process: asyncio.subprocess.Process) -> Any:
    out, error = await asyncio.wait_for(process.communicate(b"\n"), PATIENCE)
    assert process.returncode == 0, error.decode()
    assert error == b""
    return json.loads(out.splitlines()[-1])


async def entered(process: asyncio.subprocess.Process) -> Run:
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), PATIENCE) == b"entered\n"
    return await select(Run).one()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + PATIENCE
    while not await holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def test_threads_add_to_one_run(engine: AsyncEngine, database_url: str) -> None:
    async with RunManager(Run()) as manager:
        threads = [
            threading.Thread(target=save_by_token, args=(manager.token(), database_url, f"{number}"))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        assert set(await manager.load_artifacts()) == {"0", "1", "2", "3"}
        assert await stored(manager.run) == ("running", None)


async def test_processes_that_are_spawned_add_to_one_run(engine: AsyncEngine, database_url: str) -> None:
    async with RunManager(Run()) as manager:
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            waiting = [pool.submit(save_by_token, manager.token(), database_url, f"{number}") for number in range(4)]
            processes = {await asyncio.wrap_future(future) for future in waiting}
        assert os.getpid() not in processes
        assert await manager.load_artifacts() == {f"{number}": Part(f"{number}") for number in range(4)}
        assert await stored(manager.run) == ("running", None)
    assert (await stored(manager.run))[0] == "completed"


@forks
async def test_processes_that_are_forked_add_to_one_run_and_do_not_end_it(
    engine: AsyncEngine, database_url: str
) -> None:
    async with program("fork", database_url) as process:
        told = await done(process)
    assert (told["child"], told["other"], told["saved"]) == (0, 0, ["multiprocessing"])
    async with program("inherit", database_url) as process:
        inherited = await done(process)
    assert (inherited["child"], inherited["saved"]) == (0, ["inherited"])
    runs = {run.node_id: run for run in await select(Run).all()}
    assert runs[UUID(told["run"])].status == "completed"
    below = await select(Run).where(columns(Run).name == "below").one()
    assert (str(below.node_parent_id), below.status) == (inherited["run"], "completed")


async def test_a_subprocess_adds_to_the_run_that_its_environment_names(engine: AsyncEngine, database_url: str) -> None:
    async with RunManager(Run()) as manager:
        async with program("save_by_environment", database_url, ARTIGRAPH_RUN=manager.token()) as process:
            await done(process)
        assert await manager.load_artifacts() == {"environment": Part("environment")}
        below = await manager.load_descendant_runs()
        assert [(run.name, run.status) for run in below] == [("below", "completed")]
        assert await manager.load_descendant_artifacts() == {below[0].node_id: {"below": Part("below")}}
        assert await stored(manager.run) == ("running", None)


async def test_busy_python_code_does_not_look_dead(engine: AsyncEngine, database_url: str) -> None:
    async with program("be_busy", database_url, 2, 5) as process:
        run = await entered(process)
        finished = asyncio.create_task(done(process))
        while not finished.done():
            assert await mark_lost() == []
            await asyncio.sleep(0.1)
        await finished
    assert (await stored(run))[0] == "completed"
    assert run.ended_at is None


async def test_a_run_whose_process_was_killed_is_lost(engine: AsyncEngine, database_url: str) -> None:
    async with program("wait", database_url, 1) as process:
        run = await entered(process)
        process.kill()
        await process.wait()

        async def is_lost() -> bool:
            return (await select(Run).one()).status == "lost"

        await until(is_lost)
        lost = await select(Run).one()
        assert run.started_at is not None
        assert lost.ended_at is not None
        assert lost.ended_at - run.started_at < timedelta(seconds=10)
        assert await mark_lost() == [run.node_id]
        assert await stored(run) == ("lost", lost.ended_at)


@stops
async def test_a_process_that_was_stopped_takes_its_run_up_again(engine: AsyncEngine, database_url: str) -> None:
    async with program("wait", database_url, 1) as process:
        run = await entered(process)
        process.send_signal(signal.SIGSTOP)
        lost: list[Any] = []

        async def is_lost() -> bool:
            lost.extend(await mark_lost())
            return bool(lost)

        async def runs() -> bool:
            return (await select(Run).one()).status == "running"

        await until(is_lost)
        assert lost == [run.node_id]
        assert (await stored(run))[0] == "lost"
        process.send_signal(signal.SIGCONT)
        await until(runs)
        await done(process)
    assert (await stored(run))[0] == "completed"


async def test_a_run_lives_as_long_as_one_of_its_processes(engine: AsyncEngine, database_url: str) -> None:
    async with program("wait", database_url, 1) as first:
        run = await entered(first)
        token = RunToken(run.node_id, (await current_database()).store_id)
        async with program("hold", database_url, str(token), 1) as second:
            await entered(second)
            first.kill()
            await first.wait()
            end = time.monotonic() + 2
            while time.monotonic() < end:
                assert await mark_lost() == []
                await asyncio.sleep(0.1)
            await done(second)
            await until(mark_lost_one)
    assert (await stored(run))[0] == "lost"


async def mark_lost_one() -> bool:
    return bool(await mark_lost())
