"""Kills processes that save, at system calls of our choice (strace) and at any time."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.places import Place
from tests.support.system import missing

__all__ = ["CALLS", "Ended", "Victims", "points", "victims"]

CALLS = (
    "openat",
    "mkdir",
    "mkdirat",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "link",
    "linkat",
    "rename",
    "renameat2",
    "unlink",
    "unlinkat",
    "connect",
    "sendto",
    "sendmsg",
    "recvfrom",
)
"""System calls that change files, or talk to a server."""


@dataclass
class Ended:
    """The result of a fork."""

    first: UUID
    """The id of what it saved first."""
    run: UUID | None = None
    """The run that it deletes."""
    saved: UUID | None = None
    deleted: bool = False
    failed: list[str] = field(default_factory=list[str])
    status: int = 0
    seconds: float = 0
    """From the word to begin to the end."""
    calls: list[str] = field(default_factory=list[str])
    """The log of strace, one line for each call."""

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL


class Victims:
    """Lets one fork after the other save a parcel."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def save(  # the injected fault is one of many
        self,
        seed: int,
        objects: int = 3,
        *,
        workers: int = 1,
        synchronous: str = "NORMAL",
        attempts: int = 3,
        trace: Sequence[str] = (),
        inject: str = "",
        kill_after: float | None = None,
    ) -> Ended:
        """Let a fork save `parcel(seed, objects)`, watched by strace or killed after some seconds."""
        command = f"save {seed} {objects} {workers} {synchronous} {attempts}"
        return self._do(command, trace, inject, kill_after)

    def delete(
        self,
        seed: int,
        objects: int = 3,
        *,
        trace: Sequence[str] = (),
        inject: str = "",
        kill_after: float | None = None,
    ) -> Ended:
        """Let a fork delete a run of `parcel(seed, objects)` and of a parcel whose content is also used elsewhere."""
        return self._do(f"delete {seed} {objects} 1 NORMAL 1", trace, inject, kill_after)

    def _do(self, command: str, trace: Sequence[str], inject: str, kill_after: float | None) -> Ended:
        self._say(command)
        _, pid, first, *run = self._hear("ready").split()
        ended = Ended(UUID(first), UUID(run[0]) if run else None)
        if trace or inject:
            with _watched(int(pid), trace, inject) as log:
                self._finish(ended)
            ended.calls = log.read_text("utf-8", "replace").splitlines()
        elif kill_after is None:
            self._finish(ended)
        else:
            timer = threading.Timer(kill_after, os.kill, (int(pid), signal.SIGKILL))
            timer.start()
            self._finish(ended, timer)
        return ended

    def _finish(self, ended: Ended, timer: threading.Timer | None = None) -> None:
        self._say("go")
        began = time.monotonic()
        while True:
            word, _, rest = self._hear().partition(" ")
            if word == "end":
                ended.status = int(rest)
                ended.seconds = time.monotonic() - began
                break
            if word in ("saved", "deleted"):
                ended.saved = UUID(rest) if word == "saved" else None
                ended.deleted = word == "deleted"
                if timer is not None:  # its id may soon be another process's
                    timer.cancel()
            else:
                ended.failed.append(rest)

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def _hear(self, expected: str = "") -> str:
        assert self._process.stdout is not None
        heard = self._process.stdout.readline().strip()
        assert heard, "the process that forks has ended"
        assert heard.startswith(expected), heard
        return heard


@contextmanager
def victims(place: Place) -> Generator[Victims]:
    """Run a process that forks."""
    command = [sys.executable, "-m", "tests.reliability.victim", place.dump()]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield Victims(process)
        finally:
            process.kill()


@contextmanager
def _watched(pid: int, trace: Sequence[str], inject: str) -> Generator[Path]:
    """Let strace watch a process and all its threads until it ends."""
    folder = tempfile.mkdtemp()
    log = Path(folder, "log")
    calls = ",".join(trace or [inject.partition(":")[0]])
    command = ["strace", "-fy", "-s64", f"-o{log}", f"-p{pid}", f"--trace={calls}"]
    if inject:
        command.append(f"--inject={inject}")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        if "attached" not in said:
            missing(f"strace cannot watch a process here: {said.strip()}")
        drain = threading.Thread(target=strace.stderr.read)
        drain.start()
        yield log
        strace.wait()
        drain.join()


def points(lines: Sequence[str]) -> list[tuple[str, int]]:
    """Return each system call of a process that was watched as its name and its number within its thread.

    It is within its thread that strace counts.
    """
    seen: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, int], Any] = {}
    for text in lines:
        match = re.match(r"(\d+) +(\w+)\(", text)
        if match is not None:
            seen[match[1], match[2]] += 1
            found[match[2], seen[match[1], match[2]]] = None
    return list(found)


def spread(items: Sequence[Any], count: int, seed: int = 0) -> list[Any]:
    """Return this number of items: each equally often as far as possible, the rest drawn at random."""
    whole, rest = divmod(count, len(items))
    return [*(list(items) * whole), *random.Random(seed).sample(list(items), rest)]
