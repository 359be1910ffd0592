"""Rows of runs: their start, their end, and the runs below them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, func, insert, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.db.planner import expect_few_rows, expect_small_levels, lookup_join, unindexed
from artigraph.errors import NodeNotFoundError, ValueTooLargeError
from artigraph.graph import leases
from artigraph.graph._usage import DueUses, Uses
from artigraph.graph.run_rows import RunRow, RunValueRow, read_fetched_runs, read_runs, run_columns
from artigraph.orm import node_table, run_value_table


async def insert_values(connection: AsyncConnection, run_id: UUID, values: Sequence[RunValueRow]) -> None:
    """Insert values of an existing run in one statement."""
    if values:
        await db.insert_rows(connection, run_value_table, [{"run_id": run_id.bytes, **row._asdict()} for row in values])


async def replace_in(connection: AsyncConnection, run_id: UUID, values: Sequence[RunValueRow], *, most: int) -> None:
    """Upsert values of a run in the transaction of a connection; see `replace_values`."""
    run = select(node_table.c.node_id).where(node_table.c.node_id == run_id).with_for_update(key_share=True)
    if (await connection.execute(run)).first() is None:  # locked, so that concurrent calls take turns
        msg = f"There is no run {run_id} any more; it was deleted"
        raise NodeNotFoundError(msg)
    for kind in sorted({row.kind for row in values}):
        of_kind = (run_value_table.c.run_id == run_id, run_value_table.c.kind == kind)
        new = [row.name for row in values if row.kind == kind]
        for names in db.in_batches(new):
            await connection.execute(delete(run_value_table).where(*of_kind, run_value_table.c.name.in_(names)))
        others = await connection.scalar(select(func.count()).select_from(run_value_table).where(*of_kind)) or 0
        if others + len(new) > most:
            msg = (
                f"A run has at most {most:,} {kind}s, and run {run_id} would have {others + len(new):,}. Save an "
                "artifact in it instead."
            )
            raise ValueTooLargeError(msg)
    await insert_values(connection, run_id, values)


async def replace_values(run_id: UUID, values: Sequence[RunValueRow], *, most: int) -> None:
    """Upsert values of a run in one transaction. A value replaces the stored one with the same kind and name.

    Raises:
        NodeNotFoundError: the run no longer exists.
        ValueTooLargeError: the run would have more than `most` values of a kind.
    """

    async def work(connection: AsyncConnection) -> None:
        await replace_in(connection, run_id, values, most=most)

    async def again(_connection: AsyncConnection) -> bool:
        return False  # the write is idempotent

    await db.write(work, committed=again)


_type_of = select(node_table.c.node_type).where(node_table.c.node_id == bindparam("id"))
_insert_run = insert(node_table)
_end_run = update(node_table).where(
    node_table.c.node_id == bindparam("id"),
    node_table.c.node_type == "run",
    node_table.c.run_status.in_(("running", "lost")),
)


class RunStart:
    """The start of a run: its row, its values and its lease.

    It is written alone, or in the transaction of the run's first save. It may be written again if nothing tells whether
    the first attempt took effect.

    It also marks other runs as lost whose lease has expired, if it is time to look for them. It does not do so in a
    session, which would keep their rows locked until it ends.
    """

    def __init__(self, run: RunRow, lease: timedelta) -> None:
        self._run = run
        self._lease = lease
        self._tried = False
        self._written = False
        self._store_id: UUID | None = None
        self._lost: list[UUID] | None = None
        """The runs that were marked as lost, or None if this start did not look for them."""

    async def write(self) -> None:
        """Write the start in a transaction of its own, or in the caller's if there is one. Do so once only.

        Raises:
            NodeNotFoundError: its parent does not exist, or is no run.
        """
        await self.prepare()
        if not self._written:
            await db.write(self.write_in, committed=self._is_there)
            self.settle()

    async def prepare(self) -> None:
        """Get ready for `write_in`."""
        self._store_id = (await db.current_database()).store_id

    async def write_in(self, connection: AsyncConnection) -> None:
        """Write the start in the transaction of a connection. The transaction may be tried again.

        Raises:
            NodeNotFoundError: its parent does not exist, or is no run.
        """
        assert self._store_id is not None  # prepare() was called
        if self._written or (self._tried and await self._is_there(connection)):
            return
        self._tried = True
        run = self._run
        await _insert_row(connection, run, db.dialect_name(connection.dialect))
        await leases.insert_lease(connection, run.node_id, self._lease)
        await insert_values(connection, run.node_id, run.values)
        if not db.in_session() and leases.is_time_to_look(self._store_id):
            self._lost = await leases.mark_lost(connection)

    def settle(self) -> None:
        """Note that the transaction has committed or, in a session, that the call has succeeded."""
        if not self._written and self._lost is not None and self._store_id is not None:
            leases.note_look(self._store_id)
            leases.report_lost_runs(self._lost)
        self._written = True

    async def _is_there(self, connection: AsyncConnection) -> bool:
        return (await connection.execute(_type_of, {"id": self._run.node_id})).first() is not None


async def insert_ended_run(connection: AsyncConnection, run: RunRow, dialect: db.DialectName) -> None:
    """Insert a run that has ended already, with its values, in the transaction of a connection.

    Raises:
        NodeNotFoundError: its parent does not exist, or is no run.
    """
    await _insert_row(connection, run, dialect, run_ended_at=run.ended_at)
    await insert_values(connection, run.node_id, run.values)


async def _insert_row(connection: AsyncConnection, run: RunRow, dialect: db.DialectName, **more: object) -> None:
    if run.parent_id is not None:
        # Lock the parent until the commit, because MySQL does not check the reference of a row whose label is NULL.
        held = db.share_lock(_type_of, dialect)
        node_type = (await connection.execute(held, {"id": run.parent_id})).scalar()
        if node_type is None:
            msg = (
                f"There is no run {run.parent_id} to belong to: it does not exist, was deleted, or is in another "
                "database than the one that is in force here (Run(NO_PARENT) belongs to none)"
            )
            raise NodeNotFoundError(msg)
        if node_type != "run":
            msg = f"Node {run.parent_id} cannot be the parent of a run: it is no run but a {node_type}"
            raise NodeNotFoundError(msg)
    await connection.execute(
        _insert_run,
        {
            "node_id": run.node_id,
            "node_type": "run",
            "parent_id": run.parent_id,
            "run_status": run.status,
            "run_started_at": run.started_at,
            "run_name": run.name,
            "search_key": run.name_key,
            **more,
        },
    )


async def end_in(connection: AsyncConnection, run: RunRow) -> bool:
    """Record the end of a run in the transaction of a connection, and return whether this call ended it."""
    await leases.delete_lease(connection, run.node_id)
    result = await connection.execute(
        _end_run.values(
            run_status=run.status,
            run_ended_at=run.ended_at,
            run_error_type=run.error_type,
            run_error_message=run.error_message,
        ),
        {"id": run.node_id},
    )
    return result.rowcount == 1


async def update_run(run: RunRow, uses: Uses | None = None, values: Sequence[RunValueRow] = ()) -> bool:
    """Record the end of a run and what it used. Return whether this call ended it, as far as the database can tell.

    If it ended the run, it inserts further values of it.

    A run that was marked as lost meanwhile has now ended. A cancellation does not interrupt the write, since nothing
    would repeat it.
    """
    used = DueUses.of(uses)
    dialect = (await db.current_database()).dialect

    async def work(connection: AsyncConnection) -> bool:
        ended = await end_in(connection, run)
        if ended:
            await insert_values(connection, run.node_id, values)
        await used.write(connection, dialect)
        return ended

    async def committed(connection: AsyncConnection) -> bool:
        statement = select(node_table.c.run_status).where(node_table.c.node_id == bindparam("id"))
        return (await connection.execute(statement, {"id": run.node_id})).scalar() == run.status

    ended = await db.shielded(db.write(work, committed=committed), db.cancel_timeout())
    used.settle()
    return ended


async def join_run(run_id: UUID, lease: timedelta) -> RunRow | None:
    """Take a lease on a run that another process has started, and return the run, or None if it does not exist.

    A lost run becomes running again. A run that has ended stays as it is.
    """

    async def work(connection: AsyncConnection) -> None:
        await leases.renew_leases(connection, {run_id: lease})

    async def again(_connection: AsyncConnection) -> bool:
        return False  # the write is idempotent

    await db.write(work, committed=again)
    with db.on_primary():
        return (await read_runs([run_id])).get(run_id)


def runs_below(*run_ids: UUID) -> Select[*tuple[Any, ...]]:
    """Return a select of the ids of all runs below these, without themselves. It ends even if runs form a circle."""
    below = (
        select(node_table.c.node_id)
        .where(
            expect_few_rows(node_table.c.parent_id.in_(run_ids), node_table.c.parent_id),
            unindexed(node_table.c.node_type) == "run",
        )
        .cte("runs_below", recursive=True)
    )
    child = node_table.alias("child")
    below = below.union(
        select(child.c.node_id)
        .select_from(lookup_join(below, child, child.c.parent_id == below.c.node_id))
        .where(unindexed(child.c.node_type) == "run", expect_small_levels(below.c.node_id))
    )
    return select(below.c.node_id)


def with_runs_below(run_id: UUID) -> Select[*tuple[Any, ...]]:
    """Return a select of the ids of a run and of all runs below it."""
    itself = select(node_table.c.node_id).where(node_table.c.node_id == run_id)
    return select(union_all(itself, runs_below(run_id)).subquery("above"))


async def read_run_ids_below(run_id: UUID) -> list[UUID]:
    """Return the ids of all runs below a run, without itself, in the order in which they were made."""
    database = await db.current_database()
    statement = select(node_table.c.node_id).where(node_table.c.node_id.in_(runs_below(run_id)))

    async def work(connection: AsyncConnection) -> list[UUID]:
        ordered = db.recursive(statement.order_by(node_table.c.node_id), database.dialect)
        return list((await connection.execute(ordered)).scalars())

    return await db.read_anywhere(work)


async def read_runs_below(run_id: UUID) -> list[RunRow]:
    """Return all runs below a run, without itself, in the order in which they were made."""
    database = await db.current_database()
    found = select(*run_columns(node_table)).where(node_table.c.node_id.in_(runs_below(run_id)))
    statement = db.recursive(found.order_by(node_table.c.node_id), database.dialect)

    async def fetch(connection: AsyncConnection) -> list[db.Row]:
        return await db.fetch_rows(connection, statement, {})

    return await read_fetched_runs(fetch)
