"""What a run has used: noted as it is loaded, written with the run's next save or its end (docs/design/lineage.md)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from sqlalchemy import Insert, bindparam, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from artigraph.db import (
    DialectName,
    chunks,
    current_database,
    current_session,
    in_session,
    insert_missing,
    read,
    share_lock,
    utc_now,
    write,
)
from artigraph.errors import NodeNotFoundError
from artigraph.ids import check_id
from artigraph.orm import link_table, node_table

__all__ = [
    "DueUses",
    "Uses",
    "current_uses",
    "due_uses",
    "inherit_uses",
    "keep_inputs",
    "note_uses",
    "read_roots",
    "set_uses",
    "unrecorded",
]

_MOST = 10_000
"""Uses that wait to be written; so many are not left to the next save."""
_KNOWN = 100_000
"""Ids that are remembered as written; the database knows them all."""

_part = node_table.alias("part")
_root = node_table.alias("root")
_run = node_table.alias("run")
_used = (
    select(_root.c.node_id, _run.c.node_id, literal("used"), utc_now())
    .select_from(
        _part.join(_root, _root.c.node_id == _part.c.tree_root_id).join(_run, _run.c.node_id == bindparam("run"))
    )
    .where(
        _part.c.node_id.in_(bindparam("ids", expanding=True)),
        or_(_root.c.parent_id.is_(None), _root.c.parent_id != _run.c.node_id),
    )
    .order_by(_root.c.node_id)
)
_roots = select(_part.c.node_id, _part.c.tree_root_id).where(_part.c.node_id.in_(bindparam("ids", expanding=True)))


class Uses:
    """The artifacts that a run has used: those that are still to be written, and that are known to be.

    An id may be that of a part of an artifact; it is the artifact that is written, once, and not if the run saved it.
    In a session, what is written waits on, for the session may be rolled back, and is written again after it.
    """

    def __init__(self, run_id: UUID, store_id: UUID, *, automatic: bool = True, at_once: bool = False) -> None:
        self.run_id = run_id
        self.store_id = store_id
        """The identity of the database that the run is in."""
        self.automatic = automatic
        """Whether what is loaded is noted without being asked for."""
        self.outer: Uses | None = None if at_once else current_uses()
        """Those of the run around it."""
        self.ended: bool = at_once
        """Whether there is no end to come that would write what is noted, so that it is written at once."""
        self._waiting: dict[UUID, AsyncSession | None] = {}
        """What is to be written, and the session in which it was written already."""
        self._known: set[UUID] = set()

    async def note(self, node_ids: Iterable[UUID]) -> bool:
        """Note that the run used artifacts; say whether the run can have, being in the database that is in force here.

        Raises:
            DatabaseError: there were so many that they had to be written, and they could not be.
        """
        if (await current_database()).store_id != self.store_id:
            return False
        new = [node_id for node_id in node_ids if node_id not in self._known and node_id not in self._waiting]
        self._waiting |= dict.fromkeys(new)
        if new and (self.ended or (len(self._waiting) >= _MOST and not in_session())):
            await self._write_apart()
        return True

    def due(self) -> list[UUID]:
        """Return what is to be written now, in the order in which everybody writes."""
        session = current_session(allow_none=True)
        return sorted(
            node_id for node_id, written in self._waiting.items() if written is None or written is not session
        )

    def settle(self, written: Iterable[UUID], saved: Iterable[UUID]) -> None:
        """Know of uses that they are written, and of artifacts that the run saved them itself.

        It is known once the transaction is committed, or, in a session, the call has succeeded.
        """
        session = current_session(allow_none=True)
        if session is not None:
            self._waiting |= dict.fromkeys(written, session)
            return
        if len(self._known) > _KNOWN:
            self._known.clear()
        for node_id in written:
            self._waiting.pop(node_id, None)
            self._known.add(node_id)
        self._known.update(saved)

    async def end(self) -> None:
        """Write what is noted, and from here on at once."""
        self.ended = True
        if self._waiting:
            await self._write_apart()

    async def _write_apart(self) -> None:
        due = DueUses.of(self)
        dialect = (await current_database()).dialect

        async def work(connection: AsyncConnection) -> None:
            await due.write(connection, dialect)

        async def committed(connection: AsyncConnection) -> bool:
            del connection
            return False  # to write them again does no harm

        await write(work, committed=committed)
        due.settle()


@dataclass(frozen=True, slots=True)
class DueUses:
    """What a run has used and is to be written in one transaction; nothing, for what is no active run."""

    uses: Uses | None
    node_ids: Sequence[UUID]

    @classmethod
    def of(cls, uses: Uses | None) -> Self:
        """Return what is due now."""
        return cls(uses, [] if uses is None else uses.due())

    async def write(self, connection: AsyncConnection, dialect: DialectName) -> None:
        """Write it, as a part of the transaction; what was deleted is left out, and so is what is there already."""
        for ids in chunks(self.node_ids):
            assert self.uses is not None  # noqa: S101 (there are none without)
            await connection.execute(_insert(dialect), {"run": self.uses.run_id, "ids": ids})

    def settle(self, saved: Iterable[UUID] = ()) -> None:
        """Know, after the transaction, that it is written, and which artifacts the run saved with it."""
        if self.uses is not None:
            self.uses.settle(self.node_ids, saved)


_insert_by_dialect: dict[DialectName, Insert] = {}


def _insert(dialect: DialectName) -> Insert:
    """Return the INSERT of uses; those that are there already, or are being inserted by another, do not make it fail.

    The artifacts and the run are locked as they are read, so that none can be deleted before the commit.
    """
    made = _insert_by_dialect.get(dialect)
    if made is None:
        columns = [link_table.c[name] for name in ("source_id", "target_id", "kind", "created_at")]
        made = insert_missing(link_table, dialect).from_select(columns, share_lock(_used, dialect))
        _insert_by_dialect[dialect] = made
    return made


class _Inherited:
    """Marks that no run was entered here, so that the one of the process counts, if there is one."""


_INHERITED = _Inherited()
_current: ContextVar[Uses | _Inherited | None] = ContextVar("artigraph_uses", default=_INHERITED)
_inherited: Callable[[], Uses | None] | None = None


def inherit_uses(find: Callable[[], Uses | None]) -> None:
    """Set how the uses of the run that is the whole process's are found, where no other is active."""
    global _inherited  # noqa: PLW0603
    _inherited = find


def current_uses() -> Uses | None:
    """Return the uses of the innermost active run, if there is one."""
    uses = _current.get()
    if not isinstance(uses, _Inherited):
        return uses
    return None if _inherited is None else _inherited()


def set_uses(uses: Uses | None) -> None:
    """Let what is loaded from here on be noted as used by a run; None is as if none had been entered."""
    _current.set(_INHERITED if uses is None else uses)


def due_uses(run_id: UUID | None) -> DueUses:
    """Return what is due of a run, if it is active: the innermost one or one around it."""
    uses = None if run_id is None else current_uses()
    while uses is not None and uses.run_id != run_id:
        uses = uses.outer
    return DueUses.of(uses)


async def note_uses(node_ids: Iterable[UUID]) -> None:
    """Note that what was loaded was used by the innermost active run, unless there is none or it notes nothing itself.

    Raises:
        DatabaseError: there were so many that they had to be written, and they could not be.
    """
    uses = current_uses()
    if uses is not None and uses.automatic:
        await uses.note(node_ids)


@contextmanager
def unrecorded() -> Generator[None]:
    """Load in a block what nobody asked for, so that it counts as used by no run."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


async def keep_inputs(run_id: UUID, node_ids: Sequence[UUID]) -> None:
    """Write that a run used artifacts of its own: inputs that are kept with it, and are not its products."""
    database = await current_database()
    rows = [{"source_id": node_id, "target_id": run_id, "kind": "used"} for node_id in sorted(node_ids)]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert_missing(link_table, database.dialect).values(created_at=utc_now()), rows)

    async def committed(connection: AsyncConnection) -> bool:
        del connection
        return False  # to write them again does no harm

    await write(work, committed=committed)


async def read_roots(node_ids: Sequence[UUID]) -> list[UUID]:
    """Return the ids of the artifacts that nodes are, or belong to, in order.

    Raises:
        NodeNotFoundError: one of the nodes does not exist, or is a run.
    """
    for node_id in node_ids:
        check_id(node_id)
    await current_database()

    async def work(connection: AsyncConnection) -> dict[UUID, UUID | None]:
        found: dict[UUID, UUID | None] = {}
        for ids in chunks(node_ids):
            found |= {row.node_id: row.tree_root_id for row in await connection.execute(_roots, {"ids": ids})}
        return found

    found = await read(work)
    roots: list[UUID] = []
    for node_id in node_ids:
        root_id = found.get(node_id)
        if root_id is None:
            msg = (
                f"Node {node_id} is a run, not an artifact; what a run uses are artifacts"
                if node_id in found
                else f"There is no node {node_id}"
            )
            raise NodeNotFoundError(msg)
        roots.append(root_id)
    return roots
