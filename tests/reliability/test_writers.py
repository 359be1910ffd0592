"""Case 9 of docs/appendix/reliability.md: writers whose conflicts never reach their callers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read, write
from artigraph.identifiers import new_id
from artigraph.orm import node_table
from tests.support.check import Checker
from tests.support.places import Parcel, Part, Place
from tests.support.sizes import note, sizes

pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seconds", sizes(5, 30))
async def test_writers_in_opposite_order(place: Place, seconds: float) -> None:
    """Some writers lock rows and share objects in one order, the others in the opposite order."""
    checker = Checker(place)
    done: Counter[str] = Counter()
    saved: list[UUID] = []
    attempts = 0

    async def rows(first: UUID, second: UUID) -> None:
        async def work(connection: AsyncConnection) -> None:
            nonlocal attempts
            attempts += 1
            for node_id in (first, second):
                await connection.execute(
                    update(node_table).where(node_table.c.node_id == node_id).values(span=node_table.c.span + 1)
                )

        await write(work)
        done["rows"] += 1

    async def objects(round_number: int, step: int) -> None:
        parts = [Part(0, bytes(2000) + b"%d" % (round_number + number)) for number in range(4)][::step]
        saved.append(await Parcel(round_number, parts, "").save("it"))
        done["objects"] += 1

    async def until_the_end(step: int, one: UUID, other: UUID) -> None:
        round_number = 0
        while time.monotonic() < ends:
            await asyncio.gather(rows(one, other), objects(round_number, step))
            round_number += 1

    async with place.opened():
        await Parcel(0, [], "").save("first")
        a, b = new_id(), new_id()
        runs: list[dict[str, Any]] = [{"node_id": node_id, "node_type": "run", "span": 0} for node_id in (a, b)]
        await write(lambda connection: connection.execute(insert(node_table), runs))
        ends = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:  # it wraps an error in an ExceptionGroup
            for _ in range(4):
                group.create_task(until_the_end(1, a, b))
                group.create_task(until_the_end(-1, b, a))
        spans = await read(
            lambda connection: connection.execute(
                node_table.select().with_only_columns(node_table.c.span).where(node_table.c.node_id.in_([a, b]))
            )
        )
        assert [*spans.scalars()] == [done["rows"]] * 2
    found = await checker.look()
    assert found.sound
    assert set(saved) <= found.roots
    assert found.orphans == frozenset()
    assert done["rows"] == done["objects"] >= 8  # each of the writers at least once
    retried = attempts - done["rows"]
    note(9, place.kind, seconds=seconds, transactions=done["rows"], saves=done["objects"], retried=retried, surfaced=0)


WRITER = """
import asyncio, json, sys
from artigraph import Run, RunManager
from tests.support.places import Place, parcel

async def main(place, me, count):
    outcomes = []
    async with place.opened():
        for number in range(count):
            try:
                outcomes.append(str(await parcel(1000 * me + number, 2).save("it")))
            except Exception as error:
                outcomes.append(repr(error))
    print(json.dumps(outcomes))

asyncio.run(main(Place.parse(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
"""


@pytest.mark.parametrize("count", sizes(50, 500))
async def test_processes_that_save_into_one_database(place: Place, count: int) -> None:
    async def start(number: int) -> list[str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, place.dump(), str(number), str(count), cwd=ROOT, stdout=subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        return list(json.loads(out))

    outcomes = [outcome for each in await asyncio.gather(*(start(number) for number in range(4))) for outcome in each]
    found = await Checker(place).look()
    assert found.sound
    assert {str(root) for root in found.roots} == set(outcomes)
    assert len(set(outcomes)) == 4 * count
    assert found.orphans == frozenset()
    note(9, place.kind, processes=4, saves=4 * count, surfaced=0)
