"""Telling how far a long piece of work has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Progress", "Teller", "Watcher"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come."""

    stage: str
    """What is being done, for show."""
    done: int
    """How many of the things of this stage have been done."""
    total: int | None
    """How many there are, where that is known."""


Watcher = Callable[[Progress], object]
"""Is told of progress, on the event loop; what it raises ends the work and goes on as it is."""


class Teller:
    """Tells a watcher, if there is one."""

    def __init__(self, watcher: Watcher | None) -> None:
        self._watcher = watcher

    def __call__(self, stage: str, done: int, total: int | None = None) -> None:
        """Say how far a stage has come."""
        if self._watcher is not None:
            self._watcher(Progress(stage, done, total))
