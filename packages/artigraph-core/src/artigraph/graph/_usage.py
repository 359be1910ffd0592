"""Uses: noted when a run loads artifacts, and written with the run's next save or its end (docs/design/lineage.md)."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from sqlalchemy import Insert, bindparam, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

import artigraph.db as db
from artigraph.errors import NodeNotFoundError
from artigraph.identifiers import check_id
from artigraph.orm import link_table, node_table

_MOST = 10_000
"""The most uses that wait for the next save. With more, they are written at once."""
_KNOWN = 100_000
"""The most ids that are remembered as written. The database knows the others."""

_part = node_table.alias("part")
_root = node_table.alias("root")
_run = node_table.alias("run")
_used = (
    select(_root.c.node_id, _run.c.node_id, literal("used"), db.utc_now())
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
    """The artifacts that a run has used: those still to write, and those already written.

    An id may be that of a part. The part's artifact is written, once, and only if the run did not save it itself. Uses
    that are written in a session keep waiting, since the session may be rolled back, and are written again after it.
    """

    def __init__(self, run_id: UUID, store_id: UUID, *, automatic: bool = True, at_once: bool = False) -> None:
        self.run_id = run_id
        self.store_id = store_id
        """The identity of the run's database."""
        self.automatic = automatic
        """Whether loads are noted without a call of `use`."""
        self.outer: Uses | None = None if at_once else current_uses()
        """The uses of the surrounding run."""
        self.ended: bool = at_once
        """Whether the run has no later end that would write the uses. Then they are written at once."""
        self.owner: db.Owner = db.Owner()
        """Whether the run's block was left. A task that was started in it and outlives it still notes uses."""
        self.held: bool = False
        """Whether the run is not in the database yet, so that nothing can refer to it."""
        self._waiting: dict[UUID, AsyncSession | None] = {}
        """The uses to write, each with the session in which it was already written, or None."""
        self._known: set[UUID] = set()

    async def note(self, node_ids: Iterable[UUID]) -> bool:
        """Note that the run used artifacts. Return false if the run is in another database than the current one.

        Raises:
            DatabaseError: too many uses were waiting, and writing them failed.
        """
        if (await db.current_database()).store_id != self.store_id:
            return False
        new = [node_id for node_id in node_ids if node_id not in self._known and node_id not in self._waiting]
        self._waiting |= dict.fromkeys(new)
        if new and not self.held and (self.ended or (len(self._waiting) >= _MOST and not db.in_session())):
            await self._write_apart()
        return True

    def due(self) -> list[UUID]:
        """Return the uses to write now, in the order in which every transaction writes them."""
        session = db.current_session(allow_none=True)
        return sorted(
            node_id for node_id, written in self._waiting.items() if written is None or written is not session
        )

    def settle(self, written: Iterable[UUID], saved: Iterable[UUID]) -> None:
        """Mark uses as written, and artifacts as produced by this run.

        Call it once the transaction is committed or, in a session, once the call has succeeded.
        """
        session = db.current_session(allow_none=True)
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
        """Write the uses that are due, and from here on write each at once."""
        self.ended = True
        if self.due():
            await self._write_apart()

    async def _write_apart(self) -> None:
        due = DueUses.of(self)
        dialect = (await db.current_database()).dialect

        async def work(connection: AsyncConnection) -> None:
            await due.write(connection, dialect)

        async def committed(connection: AsyncConnection) -> bool:
            del connection
            return False  # writing them again is harmless

        await db.write(work, committed=committed)
        due.settle()


@dataclass(frozen=True, slots=True)
class DueUses:
    """The uses of a run to write in one transaction. It is empty for a run that is not active."""

    uses: Uses | None
    node_ids: Sequence[UUID]

    @classmethod
    def of(cls, uses: Uses | None) -> Self:
        """Return the uses that are due now."""
        return cls(uses, [] if uses is None else uses.due())

    async def write(self, connection: AsyncConnection, dialect: db.DialectName) -> None:
        """Write the uses in a transaction. Artifacts that were deleted, and uses that exist already, are left out."""
        for ids in db.in_batches(self.node_ids):
            assert self.uses is not None  # without uses there are no ids
            await connection.execute(_insert(dialect), {"run": self.uses.run_id, "ids": ids})

    def settle(self, saved: Iterable[UUID] = ()) -> None:
        """After the transaction, mark the uses as written, and artifacts as produced by the run."""
        if self.uses is not None:
            self.uses.settle(self.node_ids, saved)


_insert_by_dialect: dict[db.DialectName, Insert] = {}


def _insert(dialect: db.DialectName) -> Insert:
    """Return the INSERT of uses. It does not fail for uses that exist, or that another transaction inserts.

    It locks the artifacts and the run as it reads them, so that none can be deleted before the commit.
    """
    made = _insert_by_dialect.get(dialect)
    if made is None:
        columns = [link_table.c[name] for name in ("source_id", "target_id", "kind", "created_at")]
        made = db.insert_missing(link_table, dialect).from_select(columns, db.share_lock(_used, dialect))
        _insert_by_dialect[dialect] = made
    return made


class _Inherited:
    """Marks that no run was entered here, so that the run of the process is active, if there is one."""


_INHERITED = _Inherited()
_current: ContextVar[Uses | _Inherited | None] = ContextVar("artigraph_uses", default=_INHERITED)
_inherited: tuple[str, Callable[[], Uses | None]] | None = None


def inherit_uses(variable: str, find: Callable[[], Uses | None]) -> None:
    """Set the function that finds the uses of the process's run, for when no other run is active.

    It is called only while the environment variable is set that names this run.
    """
    global _inherited  # noqa: PLW0603
    _inherited = variable, find


def current_uses() -> Uses | None:
    """Return the uses of the innermost active run, or None."""
    uses = _current.get()
    while isinstance(uses, Uses) and uses.owner.is_over():
        uses = _INHERITED if uses.outer is None else uses.outer
    if not isinstance(uses, _Inherited):
        return uses
    return _inherited[1]() if _inherited is not None and os.environ.get(_inherited[0]) else None


def set_uses(uses: Uses | None) -> None:
    """From here on, note loads as uses of a run. None means that no run was entered."""
    _current.set(_INHERITED if uses is None else uses)


def due_uses(run_id: UUID | None) -> DueUses:
    """Return the due uses of a run if it is active: the innermost run, or one around it."""
    uses = None if run_id is None else current_uses()
    while uses is not None and uses.run_id != run_id:
        uses = uses.outer
    return DueUses.of(uses)


async def note_uses(node_ids: Iterable[UUID]) -> None:
    """Note that the innermost active run used what was loaded. It does nothing if that run records no uses by itself.

    Raises:
        DatabaseError: too many uses were waiting, and writing them failed.
    """
    uses = current_uses()
    if uses is not None and uses.automatic:
        await uses.note(node_ids)


@contextmanager
def without_recording() -> Generator[None]:
    """In this block, record no loads as uses of a run: the library loads here what the caller did not ask for."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


async def record_inputs(connection: AsyncConnection, run_id: UUID, node_ids: Sequence[UUID]) -> None:
    """Record, in the transaction of a connection, that a run used artifacts of its own.

    They are inputs that are kept with the run, and that it did not produce.
    """
    rows = [{"source_id": node_id, "target_id": run_id, "kind": "used"} for node_id in sorted(node_ids)]
    statement = db.insert_missing(link_table, db.dialect_name(connection.dialect))
    await connection.execute(statement.values(created_at=db.utc_now()), rows)


async def read_roots(node_ids: Sequence[UUID]) -> list[UUID]:
    """Return the ids of the artifacts that nodes are, or belong to, in the order of `node_ids`.

    Raises:
        NodeNotFoundError: one of the nodes does not exist, or is a run.
    """
    for node_id in node_ids:
        check_id(node_id)

    async def work(connection: AsyncConnection) -> dict[UUID, UUID | None]:
        found: dict[UUID, UUID | None] = {}
        for ids in db.in_batches(node_ids):
            found |= {row.node_id: row.tree_root_id for row in await connection.execute(_roots, {"ids": ids})}
        return found

    found = await db.read(work)
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
