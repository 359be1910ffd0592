"""A run that many end at once."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from artigraph import Run, RunManager
from artigraph.db import engine_context, read
from artigraph.orm import node_table
from tests.support.racing import Objects, Task, race
from tests.support.sizes import note, sizes

pytestmark = pytest.mark.timeout(600)

AT_ONCE = 16


async def rows() -> dict[str, Any]:
    found = await read(lambda connection: connection.execute(select(node_table)))
    return {
        str(row.node_id): (row.run_status, row.run_ended_at, row.run_error_type, row.run_error_message) for row in found
    }


@pytest.mark.parametrize("runs", sizes(5, 100))
async def test_a_run_that_many_tasks_end_ends_once(database_url: str, database: str, runs: int) -> None:
    async with engine_context(database_url, create_tables=True):
        for _ in range(runs):
            manager = await RunManager(Run()).__aenter__()
            managers = [copy.deepcopy(manager) for _ in range(AT_ONCE)]
            errors = [None if number % 4 == 0 else ValueError(f"{number}") for number in range(AT_ONCE)]
            await asyncio.gather(
                *(
                    one.__aexit__(None if error is None else ValueError, error, None)
                    for one, error in zip(managers, errors, strict=True)
                )
            )
            row = (await rows())[str(manager.run.node_id)]
            ends = [(one.run.status, one.run.ended_at, one.run.error_type, one.run.error_message) for one in managers]
            assert ends.count(row) == 1
            await manager.__aexit__(KeyError, KeyError("too late"), None)
            assert (await rows())[str(manager.run.node_id)] == row
        assert len(await rows()) == runs
    note(8, database, tasks_at_once=AT_ONCE, runs=runs, effects=runs)


@pytest.mark.parametrize("racers", sizes((4, 10), (AT_ONCE, 100)))
async def test_a_run_that_many_processes_end_ends_once(
    database_url: str, objects: Objects, database: str, racers: tuple[int, int]
) -> None:
    processes, count = racers
    async with engine_context(database_url, create_tables=True):
        runs = [str((await RunManager(Run()).__aenter__()).run.node_id) for _ in range(count)]
        outcomes = await race(Task("end_runs", database_url, objects.settings, 0, runs=runs), processes)
        assert [outcome.errors for outcome in outcomes] == [[]] * processes
        assert Counter(run for outcome in outcomes for run in outcome.conflicts) == dict.fromkeys(runs, processes - 1)
        won = {run: words for outcome in outcomes for run, _, words in outcome.saved}
        assert await rows() == {
            run: ("failed", datetime.fromisoformat(ended), f"Error{me}", f"ended by {me}")
            for run, (me, ended) in won.items()
        }
        assert won.keys() == set(runs)
    note(8, database, processes_at_once=processes, runs=count, effects=len(won))
