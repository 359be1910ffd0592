"""The innermost run that was entered in a task."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artigraph.run._manager import RunManager


_TURNS = 4
"""Turns of the event loop to wait for abandoned generators.

In these turns a generator that was just left begins to close, and so does one that it iterates over.
"""


@dataclass(eq=False, slots=True)
class Entry:
    """One entered block of a run, and the block around it."""

    manager: RunManager
    outer: Entry | None
    """The entry of the surrounding block."""
    left: bool = False

    def leave(self) -> bool:
        """Mark the block as left, and return whether the surrounding block is the current one again.

        Returns false in another context, and if generators are left in another order than they were entered.
        """
        self.left = True
        if _active.get() is not self:
            return False
        _active.set(self.outer)
        return True


_active: ContextVar[Entry | None] = ContextVar("artigraph_run", default=None)


def enter(manager: RunManager) -> Entry:
    """Make a run the innermost one in this context."""
    entry = Entry(manager, _active.get())
    _active.set(entry)
    return entry


def active_manager() -> RunManager | None:
    """Return the manager of the innermost run that was entered here and not left. See also `run_manager`.

    An async generator that was left early closes in another context than the one it was entered in. Its run may
    therefore still be set here; such an entry is skipped.
    """
    entry = _active.get()
    while entry is not None and entry.left:
        entry = entry.outer
    return None if entry is None else entry.manager


async def let_generators_end() -> None:
    """Let generators that were left early leave their runs, so that no new run becomes a child of theirs."""
    if _active.get() is not None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
