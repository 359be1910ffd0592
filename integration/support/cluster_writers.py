"""Tasks that write to the servers of a cluster while one of them fails, and what must be there afterward."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from artigraph import NO_PARENT, Run, RunManager, delete, load_many, series
from artigraph.db import session_context
from artigraph.errors import DatabaseError, DatabaseUnavailableError, RetryableError
from artigraph.maintenance import fsck
from tests.support.check import Checker
from tests.support.places import Parcel, Place, parcel

__all__ = ["Writers"]

_MIX = {"save": 40, "session": 15, "run": 20, "alias": 5, "delete": 20}
_EXPECTED = (DatabaseError, DatabaseUnavailableError, RetryableError)
"""The errors while a server fails. A transaction may have to be retried by the caller in a session only."""
_PAUSE = 0.05
"""Seconds to wait after an error, as a program would that tries again."""


@dataclass
class Writers:
    """What the tasks wrote, and which errors they saw."""

    saved: dict[UUID, int] = field(default_factory=dict[UUID, int])
    """The artifacts whose save was acknowledged, with the number of their parcel."""
    deleted: set[UUID] = field(default_factory=set[UUID])
    """Those whose deletion was acknowledged."""
    doubtful: set[UUID] = field(default_factory=set[UUID])
    """Those whose deletion failed, perhaps after it was committed."""
    errors: Counter[str] = field(default_factory=Counter[str])
    """The typed errors by class and beginning."""
    raw: list[str] = field(default_factory=list[str])
    """All other errors."""
    calls: Counter[str] = field(default_factory=Counter[str])
    """The calls that succeeded, by the place's kind."""
    _ended: bool = False
    _last: int = 0

    def end(self) -> None:
        """Let each task end after its current call."""
        self._ended = True

    async def write(self, place: Place, number: int) -> None:
        """Write until the end, at a place whose engine is in force."""
        task = _Task(self, random.Random(f"{place.url}/{number}"))
        while not self._ended:
            kind = task.draw()
            try:
                await task.call(kind)
            except (DatabaseUnavailableError, RetryableError, DatabaseError) as error:
                self.errors[f"{type(error).__name__}: {str(error)[:90]}"] += 1
                if type(error) not in _EXPECTED or (isinstance(error, RetryableError) and kind != "session"):
                    self.raw.append(f"{kind}: {error!r}")
            except Exception as error:  # nothing but the database fails here
                self.raw.append(f"{kind}: {error!r}")
            else:
                self.calls[place.kind] += 1
                continue
            await asyncio.sleep(_PAUSE)

    async def succeed(self, places: Iterable[Place], calls: int) -> None:
        """Wait until this many more calls have succeeded at each of these places."""
        wanted = {place.kind: self.calls[place.kind] + calls for place in places}
        async with asyncio.timeout(120):
            while any(self.calls[kind] < least for kind, least in wanted.items()):
                assert not self.raw, self.raw
                await asyncio.sleep(0.02)

    def next_number(self) -> int:
        """Return a number for the next parcel."""
        self._last += 1
        return self._last

    async def check(self, place: Place) -> None:
        """Check at a place that everything acknowledged is there, and nothing is damaged."""
        assert self.raw == []
        gone = self.deleted | self.doubtful
        kept = {node_id: number for node_id, number in self.saved.items() if node_id not in gone}
        found = await Checker(place).look()
        assert (found.dangling, found.partial) == ((), ())
        assert kept.keys() - found.roots == set()
        assert self.deleted & found.roots == set()
        async with place.opened():
            loaded = await load_many(Parcel, kept)
            assert [model.number for model in loaded] == list(kept.values())
            assert all(model == parcel(model.number) for model in loaded[:: max(1, len(loaded) // 50)])
            report = await fsck()
            assert report.ok, report


class _Task:
    def __init__(self, writers: Writers, draw: random.Random) -> None:
        self._writers = writers
        self._draw = draw
        self._mine: list[UUID] = []

    def draw(self) -> str:
        """Return the kind of the next call."""
        [kind] = self._draw.choices(list(_MIX), list(_MIX.values()))
        return "save" if kind == "delete" and not self._mine else kind

    async def call(self, kind: str) -> None:
        """Make a call."""
        method: Any = getattr(self, f"_{kind}")
        await method()

    def _keep(self, *saved: tuple[UUID, int]) -> None:
        self._writers.saved |= dict(saved)
        self._mine += [node_id for node_id, _ in saved]

    async def _save(self) -> None:
        number = self._writers.next_number()
        self._keep((await parcel(number).save("plain"), number))

    async def _session(self) -> None:
        numbers = [self._writers.next_number() for _ in range(2)]
        async with session_context():
            saved = [(await parcel(number).save("in a session"), number) for number in numbers]
        self._keep(*saved)

    async def _run(self) -> None:
        number = self._writers.next_number()
        async with RunManager(Run(NO_PARENT, name="outer")) as manager:
            node_id = await manager.save_artifact("result", parcel(number))
            self._writers.saved[node_id] = number  # whatever becomes of the end of the run
            async with RunManager(Run(name="inner")) as inner:
                await inner.use(node_id)

    async def _alias(self) -> None:
        await series(Parcel, "plain").set_alias(f"alias-{self._draw.randrange(20)}", await self._plain())

    async def _plain(self) -> UUID:
        number = self._writers.next_number()
        node_id = await parcel(number).save("plain")
        self._writers.saved[node_id] = number  # not of those that are deleted, because an alias points to it
        return node_id

    async def _delete(self) -> None:
        node_id = self._mine.pop(self._draw.randrange(len(self._mine)))
        self._writers.doubtful.add(node_id)
        await delete(node_id)
        self._writers.doubtful.discard(node_id)
        self._writers.deleted.add(node_id)
