"""copy_objects on every database, beside all other work, and after a kill."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
import subprocess
import sys
import textwrap
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from artigraph import ArtifactModel, artifact_field, delete
from artigraph.db import session_context
from artigraph.errors import NodeNotFoundError, ObjectNotFoundError, RetryableError
from artigraph.maintenance import Amount, _copy, copy_objects, fsck, gc
from artigraph.maintenance._switch import switch
from artigraph.orm import blob_table
from artigraph.storage import Storage
from artigraph.storage.file import FileSystem
from tests.support.maintenance import NOW, files, rows
from tests.support.sizes import sizes

pytestmark = [pytest.mark.usefixtures("engine", "alone")]


@pytest.fixture
def source(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "source", name="source", durable=False).register()


@pytest.fixture
def target(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "target", name="target", durable=False).register()


def model_on(storage: Storage) -> Any:
    @dataclass
    class Kept(ArtifactModel):
        value: str = artifact_field(storage=storage)

    return Kept


async def storages() -> dict[str, int]:
    found: dict[str, int] = {}
    for row in await rows(blob_table):
        if row["size"] >= 0:
            found[row["storage"]] = found.get(row["storage"], 0) + 1
    return found


async def test_an_object_that_the_target_loses_meanwhile_is_copied_again(
    source: FileSystem, target: FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target's own object is verified, and then an artifact is deleted that alone referred to it."""
    old = model_on(source)
    kept = await old("the same").save("kept")
    theirs = await model_on(target)("the same").save("theirs")
    calls = 0

    async def after_a_deletion(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            await delete(theirs)
        return await switch(*arguments)

    monkeypatch.setattr(_copy, "switch", after_a_deletion)
    report = await copy_objects("source", "target", dry_run=False)
    assert (report.moved.count, report.remaining) == (1, Amount()), report.render()
    assert calls == 2
    assert await old.load(kept) == old("the same")
    assert (await fsck(read_data_subset="100%")).ok


async def test_all_objects_are_carried_over_and_shared_contents_are_merged(
    source: FileSystem, target: FileSystem
) -> None:
    old, new = model_on(source), model_on(target)
    ids = [await old(f"value {number}").save("x") for number in range(250)]
    theirs = await new("value 7").save("y")
    plan = await copy_objects("source", "target")
    assert (plan.dry_run, plan.planned.count, await storages()) == (True, 250, {"source": 250, "target": 1})
    report = await copy_objects("source", "target", dry_run=False)
    assert report.ok, report.render()
    assert (report.moved.count, report.merged, report.remaining) == (249, Amount(1, 9), Amount())
    assert await storages() == {"target": 250}
    assert set(files(source).values()) <= set(files(target).values())
    for number, node_id in enumerate(ids):
        assert await old.load(node_id) == old(f"value {number}")
    assert await new.load(theirs) == new("value 7")
    assert (await fsck(read_data_subset="100%")).ok
    collected = await gc(dry_run=False, grace=NOW)
    # What was merged is garbage in the source. The other objects there are copies, which their rows protect.
    assert (collected.unregistered, len(files(target))) == (Amount(1, 9), 250)
    assert (await fsck(read_data_subset="100%")).ok
    await delete(ids[7])
    assert await new.load(theirs) == new("value 7")


async def test_what_a_session_holds_is_left_and_carried_over_later(source: FileSystem, target: FileSystem) -> None:
    model = model_on(source)
    node_id = await model("shared").save("a")
    async with session_context():
        other = await model("shared").save("b")
        report = await asyncio.create_task(_apart())
        assert report.remaining.count in {0, 1}  # SQLite has one writer, so that the copy waits or gives up
    await copy_objects("source", "target", dry_run=False)
    assert await storages() == {target.name: 1}
    assert await model.load(node_id) == await model.load(other) == model("shared")


async def _apart() -> Any:
    async def work() -> Any:
        try:
            async with asyncio.timeout(30):
                return await copy_objects("source", "target", dry_run=False)
        except RetryableError:
            return await copy_objects("source", "target")

    return await asyncio.get_running_loop().create_task(work(), context=contextvars.Context())


@pytest.mark.parametrize("seconds", sizes(4, 30))
async def test_beside_saves_loads_and_deletions_nothing_is_lost(
    source: FileSystem, target: FileSystem, seconds: float
) -> None:
    work = _Work([model_on(source), model_on(target)], asyncio.get_running_loop().time() + seconds)
    async with asyncio.TaskGroup() as tasks:
        for number in range(3):
            tasks.create_task(work.save(random.Random(number)))
            tasks.create_task(work.load(random.Random(10 + number)))
        tasks.create_task(work.remove(random.Random(20)))
        tasks.create_task(work.copy())
    assert work.loads > 2  # on a busy machine; mostly some hundreds
    assert work.copies > 2
    report = await fsck(read_data_subset="100%")
    assert report.ok, report.render()
    await work.check()
    await copy_objects("source", "target", dry_run=False)
    assert set(await storages()) <= {"target"}
    await gc(dry_run=False, grace=NOW)
    assert (await fsck(read_data_subset="100%")).ok
    await work.check()


class _Work:
    def __init__(self, models: list[Any], ends: float) -> None:
        self.models = models
        self.ends = ends
        self.live: dict[UUID, Any] = {}
        self.loads = self.copies = 0

    def goes_on(self) -> bool:
        return asyncio.get_running_loop().time() < self.ends

    async def save(self, draw: random.Random) -> None:
        while self.goes_on():
            made = draw.choice(self.models)(f"value {draw.randrange(20)}")
            with suppress(RetryableError):
                self.live[await made.save("x")] = made

    async def load(self, draw: random.Random) -> None:
        while self.goes_on():
            await asyncio.sleep(0)
            if self.live:
                node_id = draw.choice(sorted(self.live))
                made = self.live[node_id]
                try:
                    assert await self.loaded(made, node_id) == made
                except (NodeNotFoundError, ObjectNotFoundError):
                    assert node_id not in self.live  # it was deleted meanwhile
                self.loads += 1

    async def remove(self, draw: random.Random) -> None:
        while self.goes_on():
            await asyncio.sleep(0.01)
            if len(self.live) > 20:
                node_id = draw.choice(sorted(self.live))
                del self.live[node_id]
                try:
                    await delete(node_id)
                except RetryableError:
                    await delete(node_id)

    async def copy(self) -> None:
        while self.goes_on():
            for names in (("source", "target"), ("target", "source")):
                report = await copy_objects(*names, dry_run=False)
                assert report.failed.count == 0, report.render()
                self.copies += report.moved.count + report.merged.count

    async def loaded(self, made: Any, node_id: UUID) -> Any:
        return await made.load(node_id)

    async def check(self) -> None:
        for node_id, made in self.live.items():
            assert await self.loaded(made, node_id) == made


KILLED = textwrap.dedent(
    """
    import asyncio, os, sys
    from artigraph.db import engine_context
    from artigraph.maintenance import copy_objects
    from artigraph.storage.file import FileSystem

    class Dying(FileSystem):
        left = int(sys.argv[4])

        async def create(self, data, *, key=None):
            location = await super().create(data, key=key)
            Dying.left -= 1
            if Dying.left == 0:
                os._exit(9)
            return location

    async def main():
        FileSystem(sys.argv[2], name="source").register()
        Dying(sys.argv[3], name="target").register()
        async with engine_context(sys.argv[1]):
            await copy_objects("source", "target", dry_run=False)

    asyncio.run(main())
    """
)


@pytest.mark.parametrize("puts", [1, 130])
async def test_a_killed_copy_is_continued(
    source: FileSystem, target: FileSystem, database_url: str, puts: int, tmp_path: Path
) -> None:
    model = model_on(source)
    ids = [await model(f"value {number}").save("x") for number in range(220)]
    command = [sys.executable, "-c", KILLED, database_url, str(source.directory), str(target.directory), str(puts)]
    done = await asyncio.to_thread(subprocess.run, command, env={**os.environ}, capture_output=True, check=False)
    assert done.returncode == 9, done.stderr.decode()
    copied = len(files(target))
    assert puts <= copied < 220
    assert (await fsck(read_data_subset="100%")).ok
    await gc(dry_run=False, grace=NOW)  # copies that no row names yet are protected by the rows of the source
    assert len(files(target)) == copied
    for number, node_id in enumerate(ids):
        assert await model.load(node_id) == model(f"value {number}")
    report = await copy_objects("source", "target", dry_run=False)
    assert report.ok, report.render()
    assert (await storages(), len(files(target))) == ({"target": 220}, 220)
    for number, node_id in enumerate(ids):
        assert await model.load(node_id) == model(f"value {number}")
