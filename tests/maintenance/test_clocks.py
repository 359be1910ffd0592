"""gc in a process whose clock is wrong deletes nothing live: case 17 of the contract."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from artigraph import ArtifactModel, artifact_field
from artigraph.storage.file import FileSystem
from tests.support.clocks import collected, faketime, run
from tests.support.maintenance import delete_artifact, files, locations, make_older, orphan
from tests.support.sizes import note

__all__ = ["faketime"]

DAY = 86_400
PUT = (
    "import asyncio, sys; from artigraph.storage.file import FileSystem; "
    "asyncio.run(FileSystem(sys.argv[1]).create(b'value', key=sys.argv[2]))"
)


@pytest.mark.parametrize(("offset", "days"), [("-3d", -3), ("+1y", 365)])
async def test_gc_under_another_clock_deletes_nothing_live(
    tmp_path: Path, database_url: str, faketime: str, offset: str, days: int
) -> None:
    storage = FileSystem(tmp_path / "objects", name="objects", durable=False).register()

    @dataclass
    class Kept(ArtifactModel):
        value: str = artifact_field(storage=storage)

    node_id = await Kept("live").save("x")
    await delete_artifact(await Kept("unused").save("x"), objects=False)
    young = await orphan(storage, key="ab/young")  # as of a save that is under way
    old = await orphan(storage, key="ab/old")
    make_older(storage, old, timedelta(hours=80))

    told = collected(database_url, storage, faketime, "-f", offset)
    assert abs(told["time"] - time.time() - days * DAY) < 2 * DAY, "the program did not run under another clock"
    assert told["ok"]
    assert told["in_use"] == 1
    assert told["unregistered"] == 1, "ages are the file system's"
    # The database is a file here, and its clock that of the process: what nothing refers to may look old, and no more.
    assert told["unused"] == (1 if days > 0 else 0)
    assert young in files(storage)
    assert old not in files(storage)
    assert await Kept.load(node_id) == Kept("live")
    assert (await locations()) <= files(storage).keys()
    note(17, f"sqlite and files, {offset}", live_deleted=0)


async def test_a_save_under_another_clock_is_kept_by_others(tmp_path: Path, database_url: str, faketime: str) -> None:
    """An object that a process with a wrong clock is about to register is as young as its file, for every process."""
    storage = FileSystem(tmp_path / "objects", name="objects", durable=False).register()
    left = await orphan(storage)
    for number, offset in enumerate(("-30d", "+30d")):
        key = left.rpartition("/")[0] + f"/{number}"
        run(faketime, "-f", offset, sys.executable, "-c", PUT, str(storage.directory), key)
    assert len(files(storage)) == 3
    told = collected(database_url, storage)
    assert (told["young"], told["unregistered"]) == (3, 0)
    assert len(files(storage)) == 3
