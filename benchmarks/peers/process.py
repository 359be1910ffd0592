"""The process of a peer, as the driver controls it."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import IO, Any, cast

from benchmarks.peers.environments import FOLDER, ROOT, PeerError, command, environment_variables

__all__ = ["Process"]

_PATIENCE = 900.0
"""The most seconds to wait for an answer."""


class Process:
    """A process of a library with its own database. It runs rounds on request."""

    def __init__(self, name: str, url: str, folder: Path, settings: str) -> None:
        """Start the process; `settings` are "equal" or "own".

        Raises:
            PeerError: its environment cannot be made, or it does not start.
        """
        self.name = name
        arguments = [*command(name), url, str(folder), settings]
        FOLDER.mkdir(parents=True, exist_ok=True)
        self._log = FOLDER / f"{name}.log"
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                arguments,
                cwd=ROOT,
                env=environment_variables(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        try:
            started = self._answer()
        except PeerError:
            self.close()
            raise
        self.ways: list[str] = started["ways"]
        self.jobs: list[str] = started["jobs"]
        self.lacks: dict[str, str] = started["lacks"]
        self.libraries: dict[str, str] = started["libraries"]

    def round(self, way: str, count: int, first: int) -> dict[str, float]:
        """Save and load records in one way, and return the seconds of each job.

        Raises:
            PeerError: the process failed, or returned other records than it was given.
        """
        return self._obey("round", way, count, first)

    def call(self, job: str, count: int) -> dict[str, float]:
        """Do a job of a size, and return its seconds under its name. The first time, prepare its data.

        Raises:
            PeerError: the process failed, or gave another answer than it must.
        """
        return self._obey("call", job, count)

    def _obey(self, *order: object) -> dict[str, float]:
        try:
            print(*order, sep="\t", file=self._input, flush=True)
        except OSError as error:
            raise self._failure() from error
        seconds: dict[str, float] = {}
        while "round" not in (answer := self._answer()):
            if "error" in answer:
                msg = f"it failed: {answer['error']:.300}"
                raise PeerError(msg)
            seconds[answer["job"]] = answer["seconds"]
        return seconds

    def close(self) -> None:
        """End the process."""
        try:
            self._process.communicate(timeout=30)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            self._process.kill()
            self._process.wait()

    @property
    def _input(self) -> IO[str]:
        return cast("IO[str]", self._process.stdin)

    def _answer(self) -> dict[str, Any]:
        watch = threading.Timer(_PATIENCE, self._process.kill)
        watch.start()
        try:
            line = cast("IO[str]", self._process.stdout).readline()
        finally:
            watch.cancel()
        if not line:
            raise self._failure()
        return cast("dict[str, Any]", json.loads(line))

    def _failure(self) -> PeerError:
        lines = [line.strip() for line in self._log.read_text("utf-8", "replace").splitlines() if line.strip()]
        return PeerError(f"it failed: {lines[-1][:300] if lines else f'no answer for {_PATIENCE:.0f} s'}")
