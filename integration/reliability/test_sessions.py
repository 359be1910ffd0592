"""Case 27 of docs/appendix/reliability.md: sessions that save objects block no save, deletion or collection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextvars import Context
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from artigraph import delete, save_many
from artigraph.db import current_database, engine_context, session_context
from artigraph.graph._blobs import Blobs
from artigraph.maintenance import fsck, gc
from integration.support.databases import SERVERS, fresh_database
from tests.support.hammer import Work, hammer
from tests.support.racing import INLINE_LIMIT, Kept, Objects, Part, files, kept
from tests.support.sizes import note, sizes
from tests.support.sound import look

pytestmark = pytest.mark.timeout(1200)

T = TypeVar("T")

LOCK_TIMEOUT = 10.0
"""Seconds for which our connections to MySQL and MariaDB wait for a lock."""
AT_ONCE = LOCK_TIMEOUT - 2
"""Seconds within which a call ends that waits for no session, on however busy a machine."""
WORST = 5.0
"""Seconds that no call but a collection takes in the long run, where nothing else runs on the machine."""
GRACE = timedelta()


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """The name of each server in turn."""
    return str(request.param)


async def _beside(call: Callable[[], Awaitable[T]], objects: Objects, url: str) -> T:
    """Do a call outside of the session that is open here."""

    async def outside() -> T:
        async with engine_context(url, large_value_storage=objects.open(), inline_limit=INLINE_LIMIT):
            return await call()

    async with asyncio.timeout(AT_ONCE):
        return await asyncio.get_running_loop().create_task(outside(), context=Context())


async def test_a_session_that_holds_an_object_keeps_nobody_waiting(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = files(tmp_path / "objects")
    look_for = Blobs._look
    blind: list[bool] = []

    async def looked(blobs: Blobs, contents: Collection[Any]) -> Collection[Any]:
        return () if blind and blind.pop() else await look_for(blobs, contents)

    monkeypatch.setattr(Blobs, "_look", looked)
    model = kept(1, "shared", "own")
    with fresh_database(server, tmp_path) as url:
        async with engine_context(
            url, create_tables=True, large_value_storage=objects.open(), inline_limit=INLINE_LIMIT
        ):
            # A server reads all rows of a small table, and the reader then waits for each of them.
            await save_many([("filler", Part(number, "filler")) for number in range(500)])
            first = await model.save("first")
            async with session_context():
                second = await model.save("second")
                # A save that looked before the rows existed inserts them, and meets the session's locked rows.
                blind.append(True)
                third = await _beside(lambda: model.save("third"), objects, url)
                assert not blind
                for node_id in (first, third):
                    report = await _beside(partial(delete, node_id), objects, url)
                    assert (report.artifacts, report.objects) == (1, 0)
                # Now no committed row refers to the objects.
                collected = await _beside(lambda: gc(dry_run=False, grace=GRACE), objects, url)
                assert collected.unused.count == 0
            assert await Kept.load(second) == model
            assert (await fsck(read_data_subset="100%")).ok
            report = await delete(second)
            assert (report.objects, report.left_objects) == (2, 0)
    assert objects.stored() == {}


@pytest.mark.parametrize("size", sizes((3, 4, 8.0), (6, 8, 40.0)))
async def test_sessions_beside_saves_deletions_and_collections(
    server: str, tmp_path: Path, size: tuple[int, int, float]
) -> None:
    processes, tasks, seconds = size
    totals: dict[bool, int] = {}
    for sessions in (True, False) if seconds > LOCK_TIMEOUT else (True,):
        objects = files(tmp_path / f"objects-{sessions}")
        with fresh_database(server, tmp_path) as url:
            async with engine_context(
                url, create_tables=True, large_value_storage=objects.open(), inline_limit=INLINE_LIMIT
            ):
                await current_database()
                calls = await hammer(Work(url, objects.settings, seconds, tasks, sessions), processes)
                assert calls.errors == []
                assert calls.conflicts.get("session", 0) <= calls.counts["session"] / 50
                assert calls.worst_but("gc") < (WORST if seconds > LOCK_TIMEOUT else LOCK_TIMEOUT)
                report = await fsck(read_data_subset="100%")
                assert report.ok, report.render()
                await gc(dry_run=False, grace=GRACE)
                found = await look(objects.stored())
                assert (found.dangling, found.unused, found.orphans) == ((), (), ())
        totals[sessions] = calls.total
        note(
            27,
            f"{server} and files",
            how="sessions" if sessions else "without sessions",
            processes=processes,
            tasks=tasks,
            seconds=seconds,
            calls=calls.total,
            worst_but_gc=round(calls.worst_but("gc"), 2),
            conflicts_in_sessions=calls.conflicts.get("session", 0),
            errors=0,
            dangling=0,
        )
    assert totals[True] >= 0.5 * totals.get(False, 0)
