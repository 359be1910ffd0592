"""Processes whose tasks save in sessions and outside of them, call tracked functions, delete and collect garbage.

All of them share a dozen contents, so that each call meets rows that others hold. Run as a program it is one of the
processes: it takes a `Work` as JSON, begins on a signal from the test, and prints its `Calls`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from artigraph import delete, save_many, tracked
from artigraph.db import engine_context, session_context
from artigraph.errors import RetryableError
from artigraph.maintenance import gc
from tests.support.racing import INLINE_LIMIT, Kept, kept, open_storage

__all__ = ["CONTENTS", "Calls", "Work", "hammer"]

CONTENTS = 12
_MIX = {"session": 30, "save": 30, "delete": 30, "save_many": 5, "tracked": 5, "gc": 1}
"""The number of calls of each kind among 101."""


@dataclass(frozen=True)
class Work:
    """The task of a process."""

    url: str
    settings: Mapping[str, Any]
    seconds: float
    tasks: int
    sessions: bool = True
    """Whether two saves are made in a session, or one after the other without."""
    me: int = 0


@dataclass
class Calls:
    """The calls, and their results."""

    counts: dict[str, int] = field(default_factory=dict[str, int])
    worst: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds of the longest call, by kind."""
    conflicts: dict[str, int] = field(default_factory=dict[str, int])
    """How many calls raised RetryableError, by kind."""
    errors: list[str] = field(default_factory=list[str])
    """Any other error that was raised."""

    def note(self, kind: str, seconds: float) -> None:
        """Count a call."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.worst[kind] = max(self.worst.get(kind, 0.0), seconds)

    @property
    def total(self) -> int:
        """The number of calls, without those of garbage collection."""
        return sum(count for kind, count in self.counts.items() if kind != "gc")

    def worst_but(self, *kinds: str) -> float:
        """Return the seconds of the longest call of the other kinds."""
        return max(seconds for kind, seconds in self.worst.items() if kind not in kinds)


async def hammer(work: Work, processes: int) -> Calls:
    """Let processes do the work at the same time, and return all their calls."""
    started: list[asyncio.subprocess.Process] = []
    try:
        for me in range(processes):
            arguments = json.dumps(dataclasses.asdict(dataclasses.replace(work, me=me)))
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.support.hammer", arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            started.append(process)
        for process in started:
            assert process.stdout is not None
            assert process.stderr is not None
            if await process.stdout.readline() != b"ready\n":
                raise AssertionError((await process.stderr.read()).decode())
        told = await asyncio.gather(*(process.communicate(b"go\n") for process in started))
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
                await process.wait()
    for process, (_, errors) in zip(started, told, strict=True):
        assert process.returncode == 0, errors.decode()
    return _together([Calls(**json.loads(output)) for output, _ in told])


def _together(parts: Sequence[Calls]) -> Calls:
    counts: Counter[str] = Counter()
    conflicts: Counter[str] = Counter()
    worst: dict[str, float] = {}
    for part in parts:
        counts.update(part.counts)
        conflicts.update(part.conflicts)
        worst |= {kind: max(seconds, worst.get(kind, 0.0)) for kind, seconds in part.worst.items()}
    return Calls(dict(counts), worst, dict(conflicts), [error for part in parts for error in part.errors])


class _Task:
    """One task of a process, with the saved artifacts that it may delete."""

    def __init__(self, work: Work, calls: Calls, number: int) -> None:
        self._work = work
        self._calls = calls
        self._draw = random.Random(f"{work.me}/{number}")
        self._mine: list[UUID] = []

    async def run(self, ends: float) -> None:
        """Make one call after the other."""
        clock = asyncio.get_running_loop().time
        while clock() < ends:
            [kind] = self._draw.choices(list(_MIX), list(_MIX.values()))
            if kind == "delete" and not self._mine:
                continue
            call: Callable[[], Awaitable[None]] = getattr(self, f"_{kind}")
            began = clock()
            try:
                await call()
            except RetryableError as error:
                self._calls.conflicts[kind] = self._calls.conflicts.get(kind, 0) + 1
                if kind != "session":
                    self._calls.errors.append(f"{kind}: {error!r}")
            except Exception as error:
                self._calls.errors.append(f"{kind}: {error!r}")
            self._calls.note(kind, clock() - began)

    def _model(self) -> Kept:
        first, second = (f"content {self._draw.randrange(CONTENTS)}" for _ in range(2))
        return kept(self._work.me, first, second)

    async def _session(self) -> None:
        if self._work.sessions:
            async with session_context():
                saved = [await self._model().save("first"), await self._model().save("second")]
        else:
            saved = [await self._model().save("first"), await self._model().save("second")]
        self._mine += saved

    async def _save(self) -> None:
        self._mine.append(await self._model().save("plain"))

    async def _save_many(self) -> None:
        self._mine += await save_many([("many", self._model()) for _ in range(3)])

    async def _tracked(self) -> None:
        await _combine(self._model(), self._draw.randrange(1000))

    async def _delete(self) -> None:
        node_id = self._mine.pop(self._draw.randrange(len(self._mine)))
        await delete(node_id)

    async def _gc(self) -> None:
        await gc(dry_run=False, grace=timedelta())


@tracked
async def _combine(model: Kept, number: int) -> Kept:
    return kept(number, f"content {number % CONTENTS}", model.shared.partition("/")[0])


async def main(work: Work) -> Calls:
    """Do the work of one process."""
    calls = Calls()
    storage = open_storage(work.settings)
    async with engine_context(work.url, large_value_storage=storage, inline_limit=INLINE_LIMIT):
        await delete(await kept(work.me, "first", "second").save("first"))  # what is imported late is imported now
        print("ready", flush=True)
        sys.stdin.readline()
        ends = asyncio.get_running_loop().time() + work.seconds
        async with asyncio.TaskGroup() as tasks:
            for number in range(work.tasks):
                tasks.create_task(_Task(work, calls, number).run(ends))
    return calls


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(asyncio.run(main(Work(**json.loads(sys.argv[1])))))))
