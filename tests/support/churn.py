"""Saves, deletions and garbage collections, all at once and repeated."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from artigraph import ArtifactModel, artifact_field, load_many
from artigraph.db import current_database
from artigraph.errors import RetryableError
from artigraph.maintenance import fsck, gc
from artigraph.storage import Storage, SupportsListing
from tests.support.maintenance import NOW, delete_artifact, locations
from tests.support.sizes import note

WRITERS, DELETERS = 4, 2
PATIENCE = 60
"""Seconds beyond its time that the churn waits until each has done something."""


async def churn(storage: Storage, seconds: float, where: str) -> None:
    """Save, delete and collect at grace 0 for a time. At the end nothing may be missing or left over."""
    assert isinstance(storage, SupportsListing)
    work = _Churn(storage, asyncio.get_running_loop().time() + seconds)
    async with asyncio.TaskGroup() as tasks:
        for number in range(WRITERS):
            tasks.create_task(work.save(random.Random(number)))
        for number in range(DELETERS):
            tasks.create_task(work.delete(random.Random(100 + number)))
        tasks.create_task(work.collect())
    report = await fsck(read_data_subset="100%")
    assert report.ok, report.render()
    assert await load_many(work.model, [*work.live]) == [*work.live.values()]
    await gc(dry_run=False, grace=NOW)
    prefix = f"{(await current_database()).store_id.hex}/"
    assert {entry.location async for entry in storage.list(prefix)} == await locations()
    assert work.did_all()
    note(5, where, seconds=seconds, dangling=len(report.problems), **work.figures)


class _Churn:
    def __init__(self, storage: Storage, ends: float) -> None:
        @dataclass
        class Churned(ArtifactModel):
            shared: str = artifact_field(storage=storage)
            own: str = artifact_field(storage=storage)

        self.model: Any = Churned
        self.live: dict[UUID, Churned] = {}
        self.figures = Counter(saves=0, given_up=0, deletions=0, collections=0, swept=0, unused=0)
        self._ends = ends

    async def save(self, draw: random.Random) -> None:
        while self._goes_on():
            model = self.model(f"shared {draw.randrange(5)}", f"own {draw.random()}")
            try:
                self.live[await model.save("x")] = model
                self.figures["saves"] += 1
            except RetryableError:  # its objects were deleted during each attempt
                self.figures["given_up"] += 1

    async def delete(self, draw: random.Random) -> None:
        while self._goes_on():
            if self.live:
                node_id = draw.choice(sorted(self.live))
                del self.live[node_id]
                await delete_artifact(node_id, objects=draw.random() < 0.5)
                self.figures["deletions"] += 1
            await asyncio.sleep(draw.random() / 50)

    async def collect(self) -> None:
        while self._goes_on():
            report = await gc(dry_run=False, grace=NOW)
            self.figures["collections"] += 1
            self.figures["swept"] += report.unregistered.count
            self.figures["unused"] += report.unused.count

    def did_all(self) -> bool:
        return min(self.figures[name] for name in ("saves", "deletions", "collections")) > 0

    def _goes_on(self) -> bool:
        """On a busy machine the time may be over before each has done something once."""
        late = asyncio.get_running_loop().time() - self._ends
        return late < 0 or (late < PATIENCE and not self.did_all())
