"""Processes that save, load and delete beside each other: what they do, and how a test starts them at one moment.

Run as a program it is one of them: it takes its `Task` as JSON, says that it is ready, begins on a signal, and prints
its `Outcome`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from artigraph import ArtifactModel, delete, series
from artigraph.db import engine_context
from artigraph.errors import ArtifactInUseError, LabelConflictError
from artigraph.graph.run_rows import RunRow
from artigraph.graph.runs import update_run
from artigraph.storage import Storage
from artigraph.storage.file import FileSystem

__all__ = [
    "ALIASED",
    "INLINE_LIMIT",
    "NODES",
    "Kept",
    "Objects",
    "Outcome",
    "Part",
    "Task",
    "content",
    "files",
    "race",
    "remembered",
]

INLINE_LIMIT = 1024
NODES = 7
"""The rows of a `Kept`."""
ALIASED = "versions"
"""The label of versions of which one has an alias."""


@dataclass
class Part(ArtifactModel, name="racing.Part"):
    number: int
    text: str


@dataclass
class Kept(ArtifactModel, name="racing.Kept"):
    """Two objects, one of which other processes save as well, and rows that name the owner."""

    owner: int
    shared: str
    parts: list[Part]


def content(name: str) -> str:
    """Return text that is too long for a row."""
    return f"{name}/" * (2 * INLINE_LIMIT // (len(name) + 1))


def kept(owner: int, shared: str, own: str) -> Kept:
    """Make a model of `NODES` rows."""
    return Kept(owner, content(shared), [Part(owner, content(own))])


def remembered(words: list[Any]) -> Kept:
    """Make the model of an outcome again."""
    return kept(*words)


@dataclass(frozen=True)
class Objects:
    """A storage that each process opens for itself, and what is in it, by a side channel."""

    settings: Mapping[str, Any]
    stored: Callable[[], dict[str, bytes]]

    def open(self) -> Storage:
        """Open the storage."""
        return open_storage(self.settings)


def files(folder: Path) -> Objects:
    """Keep objects in a folder."""

    def stored() -> dict[str, bytes]:
        found = [path for path in folder.rglob("*") if path.is_file() and ".artigraph" not in str(path)]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

    return Objects({"directory": str(folder), "name": f"racing-{uuid4().hex}"}, stored)


def open_storage(settings: Mapping[str, Any]) -> Storage:
    """Open the storage of this process."""
    if "directory" in settings:
        return FileSystem(settings["directory"], name=settings["name"])
    from artigraph.storage.aws import S3Storage

    return S3Storage(**settings)


@dataclass(frozen=True)
class Task:
    """The task of a process."""

    job: str
    url: str
    settings: Mapping[str, Any]
    count: int
    parent: str = ""
    me: int = 0
    runs: Sequence[str] = ()


@dataclass
class Outcome:
    """The result of a task."""

    saved: list[tuple[str, str, list[Any]]] = field(default_factory=list[tuple[str, str, list[Any]]])
    """Label, id, and the values that the saved model or the run has at the end."""
    conflicts: list[str] = field(default_factory=list[str])
    """The labels that another process had taken."""
    errors: list[str] = field(default_factory=list[str])
    """Any other error that was raised."""
    deleted: int = 0


async def race(task: Task, processes: int) -> list[Outcome]:
    """Let processes do a task at the same time, and return their outcomes."""
    started: list[asyncio.subprocess.Process] = []
    try:
        for me in range(processes):
            arguments = json.dumps(dataclasses.asdict(dataclasses.replace(task, me=me)))
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, __file__, arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            started.append(process)
        await asyncio.gather(*map(_ready, started))
        told = await asyncio.gather(*(process.communicate(b"go\n") for process in started))
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
                await process.wait()
    for process, (_, errors) in zip(started, told, strict=True):
        assert process.returncode == 0, errors.decode()
    return [Outcome(**json.loads(output)) for output, _ in told]


async def _ready(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    if await process.stdout.readline() != b"ready\n":
        raise AssertionError((await process.stderr.read()).decode())


async def same_label(task: Task, outcome: Outcome) -> None:
    """Save labels one after the other, while other processes save the same labels."""
    for number in range(task.count):
        words = [task.me, f"shared {number}", f"own {task.me} {number}"]
        await _save(task, outcome, str(number), words)


async def same_content(task: Task, outcome: Outcome) -> None:
    """Save content that is new to the database, and new to the others at the same time."""
    for number in range(task.count):
        words = [task.me, f"new {number // 5}", f"new {(number + 2) // 5}"]
        await _save(task, outcome, f"{task.me}/{number}", words)


async def save_and_delete(task: Task, outcome: Outcome) -> None:
    """Save from a few contents, so that all processes save the same, and delete equally often."""
    mine: list[tuple[str, UUID, list[Any]]] = []
    for number in range(task.count):
        words = [task.me, *random.choices(("red", "green", "blue", "grey"), k=2)]
        await _save(task, outcome, f"{task.me}/{number}", words)
        mine += [(label, UUID(node_id), words) for label, node_id, words in outcome.saved]
        outcome.saved.clear()
        try:
            if len(mine) > 1:
                gone = mine.pop(random.randrange(len(mine)))
                outcome.deleted += (await delete(gone[1])).artifacts
            if mine:
                _, node_id, words = random.choice(mine)
                if await Kept.load(node_id) != remembered(words):
                    outcome.errors.append(f"{node_id} is not what was saved")
        except Exception as error:
            outcome.errors.append(repr(error))
    outcome.saved = [(label, str(node_id), words) for label, node_id, words in mine]


async def end_runs(task: Task, outcome: Outcome) -> None:
    """End one run after the other, which the others end as well."""
    for run_id in task.runs:
        now = datetime.now(UTC)
        end = RunRow(UUID(run_id), None, "failed", now, now, f"Error{task.me}", f"ended by {task.me}")
        try:
            if await update_run(end):
                outcome.saved.append((run_id, run_id, [task.me, now.isoformat()]))
            else:
                outcome.conflicts.append(run_id)
        except Exception as error:
            outcome.errors.append(repr(error))


async def _save(task: Task, outcome: Outcome, label: str, words: list[Any]) -> None:
    try:
        node_id = await remembered(words).save(label, parent_id=UUID(task.parent))
    except LabelConflictError:
        outcome.conflicts.append(label)
    except Exception as error:
        outcome.errors.append(repr(error))
    else:
        outcome.saved.append((label, str(node_id), words))


async def move_alias(task: Task, outcome: Outcome) -> None:
    """Save a version, let the one alias point to the newest one, and delete any: one's own, or another's."""
    versions = series(Kept, ALIASED)
    for number in range(task.count):
        words = [task.me, f"shared {number % 3}", f"own {task.me} {number}"]
        try:
            node_id = await remembered(words).save(ALIASED)
            outcome.saved.append((ALIASED, str(node_id), words))
            await versions.set_alias("production", -1)
            await versions.alias("production")
            outcome.deleted += (await delete(random.choice(await versions.ids()))).artifacts
        except ArtifactInUseError:
            outcome.conflicts.append(ALIASED)
        except Exception as error:
            outcome.errors.append(repr(error))


JOBS = {job.__name__: job for job in (same_label, same_content, save_and_delete, end_runs, move_alias)}


async def main(task: Task) -> Outcome:
    random.seed(task.me)
    outcome = Outcome()
    storage = open_storage(task.settings)
    async with engine_context(task.url, large_value_storage=storage, inline_limit=INLINE_LIMIT):
        print("ready", flush=True)
        sys.stdin.readline()
        await JOBS[task.job](task, outcome)
    return outcome


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(asyncio.run(main(Task(**json.loads(sys.argv[1])))))))
