"""What other processes do with a run: a program, and functions that pools and workers call; see test_processes.py."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from artigraph import ArtifactModel, Run, RunManager, run_manager
from artigraph.db import engine_context

__all__ = ["Part", "save_by_token"]


@dataclass
class Part(ArtifactModel, name="ElsewherePart"):
    label: str


def save_by_token(token: str, url: str, label: str) -> int:
    """Save an artifact in a run of another process; return the id of this one."""
    asyncio.run(_save_by_token(token, url, label))
    return os.getpid()


async def _save_by_token(token: str, url: str, label: str) -> None:
    async with engine_context(url), RunManager.resume(token) as manager:
        await manager.save_artifact(label, Part(label))


async def save_by_environment(url: str) -> None:
    """Save in the run that the environment names, and in a run below it."""
    async with engine_context(url):
        await run_manager().save_artifact("environment", Part("environment"))
        async with RunManager(Run(name="below")):
            await run_manager().save_artifact("below", Part("below"))


async def fork(url: str) -> dict[str, Any]:
    """Fork inside of a run: by hand, where the child leaves the block, and by multiprocessing."""
    async with engine_context(url, create_tables=True):
        manager = RunManager(Run(), lease=timedelta(seconds=30))
        me = os.getpid()
        async with manager:
            child = os.fork()
            told = await _await_children(manager, child, url) if child else {}
        if me != os.getpid():
            os._exit(0 if manager.run.status == "running" else 3)
        return told


async def _await_children(manager: RunManager, child: int, url: str) -> dict[str, Any]:
    _, code = await asyncio.to_thread(os.waitpid, child, 0)
    other = multiprocessing.get_context("fork").Process(
        target=save_by_token, args=(manager.token(), url, "multiprocessing")
    )
    other.start()
    await asyncio.to_thread(other.join)
    saved = sorted(await manager.load_artifacts())
    return {"child": code, "other": other.exitcode, "saved": saved, "run": str(manager.run.node_id)}


async def inherit(url: str) -> dict[str, Any]:
    """Save in a forked child by what it has inherited: the engine that was set, and the run that is active."""
    async with engine_context(url, create_tables=True), RunManager(Run()) as manager:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                asyncio.run(_save_inherited())
                code = 0
            finally:
                os._exit(code)
        _, code = await asyncio.to_thread(os.waitpid, child, 0)
        return {"child": code, "saved": sorted(await manager.load_artifacts()), "run": str(manager.run.node_id)}


async def _save_inherited() -> None:
    await run_manager().save_artifact("inherited", Part("inherited"))
    async with RunManager(Run(name="below")):
        pass


async def be_busy(url: str, lease: float, seconds: float) -> None:
    """Be in a run, and in one Python loop that never yields."""
    async with engine_context(url, create_tables=True), RunManager(Run(), lease=timedelta(seconds=lease)):
        print("entered", flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sum(range(1000))


async def wait(url: str, lease: float) -> None:
    """Be in a run until a line comes."""
    async with engine_context(url, create_tables=True), RunManager(Run(), lease=timedelta(seconds=lease)):
        print("entered", flush=True)
        await asyncio.to_thread(sys.stdin.readline)


async def hold(url: str, token: str, lease: float) -> None:
    """Be in a run of another process until a line comes."""
    async with engine_context(url), RunManager.resume(token, lease=timedelta(seconds=lease)):
        print("entered", flush=True)
        await asyncio.to_thread(sys.stdin.readline)


JOBS = {job.__name__: job for job in (save_by_environment, fork, inherit, be_busy, wait, hold)}

if __name__ == "__main__":
    job, arguments = json.loads(sys.argv[1])
    told: Any = asyncio.run(JOBS[job](*arguments))
    print(json.dumps(told))
