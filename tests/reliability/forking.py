"""A program that forks inside a run and inside a session; run by test_elsewhere.py."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

from artigraph import Run, RunManager
from artigraph.db import engine_context, session_context
from artigraph.errors import ArtigraphError
from tests.support.racing import INLINE_LIMIT, open_storage, remembered


async def save(run_id: UUID, number: int) -> dict[str, list[Any]]:
    words = [number, f"first {number}", f"second {number}"]
    node_id = await remembered(words).save(str(number), parent_id=run_id)
    return {str(node_id): words}


def try_session(run_id: UUID) -> dict[str, Any]:
    """Try to save in the session that the parent has open."""
    try:
        return {"saved": asyncio.run(save(run_id, 100)), "said": "saved"}
    except ArtigraphError as error:
        return {"saved": {}, "said": type(error).__name__}


def save_apart(url: str, settings: dict[str, Any], run_id: UUID) -> dict[str, Any]:
    """Save with the setting of the parent, for which the child opens an engine of its own, and with another engine."""
    saved = asyncio.run(save(run_id, 101))

    async def own() -> None:
        storage = open_storage(settings)
        async with engine_context(url, large_value_storage=storage, inline_limit=INLINE_LIMIT):
            saved.update(await save(run_id, 102))

    asyncio.run(own())
    return {"saved": saved, "said": f"saved {len(saved)}"}


def fork(work: Callable[[], dict[str, Any]]) -> tuple[int, int]:
    """Do work in a forked child; return its id and where its answer can be read."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    code = 1
    try:
        os.write(writer, json.dumps(work()).encode())
        gc.collect()
        code = 0
    except BaseException as error:
        os.write(2, repr(error).encode())
    os._exit(code)


async def answer(child: int, reader: int) -> dict[str, Any]:
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    with os.fdopen(reader, "rb") as pipe:
        told: dict[str, Any] = json.loads(pipe.read())
    return told


async def main(url: str, settings: dict[str, Any]) -> None:
    storage = open_storage(settings)
    async with (
        engine_context(url, create_tables=True, large_value_storage=storage, inline_limit=INLINE_LIMIT),
        RunManager(Run()) as manager,
    ):
        run_id = manager.run.node_id
        saved = await save(run_id, 1)
        # In a child, SQLite's library takes locks held at the fork for its own, and waits for them for ever. So only
        # children that were forked outside of a session save.
        async with session_context():
            inside = fork(lambda: try_session(run_id))
            saved |= await save(run_id, 2)
            first = await answer(*inside)
        outside = fork(lambda: save_apart(url, settings, run_id))
        saved |= await save(run_id, 3)
        second = await answer(*outside)
        assert len(await manager.load_artifacts()) == 5
    print(json.dumps({"said": [first["said"], second["said"]], "saved": saved | first["saved"] | second["saved"]}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
