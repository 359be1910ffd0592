"""Where the data of a block goes, kept for work that is done later, on another loop, or outside of its session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from artigraph.db._bound import Bound
from artigraph.db._config import current_target
from artigraph.db._session import current_group
from artigraph.db._target import Target
from artigraph.db._transaction import Work, write_on

__all__ = ["Address", "current_address"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Address:
    """A database that can be written to whatever is in force by then."""

    target: Target
    """What was in force; addresses of one target are of one database."""
    bound: Bound | None
    """The one engine that leads there, on its event loop: a caller's own, or that of a database in memory.

    None where an engine is made for any event loop.
    """

    async def write(self, work: Work[T]) -> T:
        """Do work in a transaction of its own, as `db.write` does outside of a session."""
        return await write_on(self.bound or self.target.bound(), work)


def current_address() -> Address:
    """Return the address of the database that is in force here; in a session, of the session's."""
    group = current_group()
    target = current_target()
    bound = target.bound() if group is None else group.bound
    return Address(target, None if bound.ours and not bound.memory else bound)
