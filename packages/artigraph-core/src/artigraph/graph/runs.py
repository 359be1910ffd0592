"""Rows of runs: their start, their end, and what is below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Select, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import chunks, current_database, in_session, read, recursive, share_lock, shielded, write
from artigraph.errors import NodeNotFoundError
from artigraph.graph.leases import delete_lease, end_of, insert_lease, mark_lost, renew_leases, status_of
from artigraph.graph.run_values import RunValueRow, insert_values, read_values
from artigraph.graph.uses import DueUses, Uses
from artigraph.orm import node_table

__all__ = [
    "RunRow",
    "RunStatus",
    "insert_run",
    "join_run",
    "read_run_ids_below",
    "read_runs",
    "read_runs_below",
    "runs_below",
    "update_run",
]

_type_of = select(node_table.c.node_type).where(node_table.c.node_id == bindparam("id"))
_insert_run = insert(node_table)
_end_run = update(node_table).where(
    node_table.c.node_id == bindparam("id"),
    node_table.c.node_type == "run",
    node_table.c.run_status.in_(("running", "lost")),
)
_run_columns = (
    node_table.c.node_id,
    node_table.c.parent_id,
    status_of(node_table),
    node_table.c.run_started_at,
    end_of(node_table),
    node_table.c.run_error_type,
    node_table.c.run_error_message,
    node_table.c.run_name,
)


RunStatus = Literal["new", "running", "completed", "failed", "cancelled", "lost"]
"""What became of a run: `new` before it is entered, `lost` if its process died without a word."""


class RunRow(NamedTuple):
    """A run as it is stored."""

    node_id: UUID
    parent_id: UUID | None
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None
    error_type: str | None
    error_message: str | None
    name: str | None = None
    name_key: bytes | None = None
    """The search key of the name; not read again."""
    values: Sequence[RunValueRow] = ()


async def insert_run(run: RunRow, lease: timedelta) -> None:
    """Insert a run that has just started, with what is known of it, and with its lease.

    Runs whose lease ran out are marked as lost by the way; not in a session, which would hold their rows until it ends.

    Raises:
        NodeNotFoundError: its parent does not exist, or is no run.
    """
    database = await current_database()
    marks = not in_session()

    async def work(connection: AsyncConnection) -> None:
        if run.parent_id is not None:
            # Held until the commit, because MySQL does not check the reference of a row whose label is NULL.
            held = share_lock(_type_of, database.dialect)
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
            },
        )
        await insert_lease(connection, run.node_id, lease)
        await insert_values(connection, run.node_id, run.values)
        if marks:
            await mark_lost(connection)

    async def committed(connection: AsyncConnection) -> bool:
        return (await connection.execute(_type_of, {"id": run.node_id})).first() is not None

    await write(work, committed=committed)


async def update_run(run: RunRow, uses: Uses | None = None) -> bool:
    """Record the end of a run, once, and what it has used: say whether it had not ended before, as far as was known.

    A run that was taken for lost meanwhile has ended now. It is recorded whoever cancels meanwhile: nobody would come
    back to it.
    """
    used = DueUses.of(uses)
    dialect = (await current_database()).dialect

    async def work(connection: AsyncConnection) -> bool:
        await delete_lease(connection, run.node_id)
        result = await connection.execute(
            _end_run.values(
                run_status=run.status,
                run_ended_at=run.ended_at,
                run_error_type=run.error_type,
                run_error_message=run.error_message,
            ),
            {"id": run.node_id},
        )
        await used.write(connection, dialect)
        return result.rowcount == 1

    async def committed(connection: AsyncConnection) -> bool:
        statement = select(node_table.c.run_status).where(node_table.c.node_id == bindparam("id"))
        return (await connection.execute(statement, {"id": run.node_id})).scalar() == run.status

    ended = await shielded(write(work, committed=committed))
    used.settle()
    return ended


async def join_run(run_id: UUID, lease: timedelta) -> RunRow | None:
    """Hold a run that another process has started, from now on, and return it; None if there is no such run.

    A lost run is running again; one that has ended stays as it is.
    """
    await current_database()

    async def work(connection: AsyncConnection) -> None:
        await renew_leases(connection, {run_id: lease})

    async def again(_connection: AsyncConnection) -> bool:
        return False  # doing it twice does no harm

    await write(work, committed=again)
    return (await read_runs([run_id])).get(run_id)


def runs_below(*run_ids: UUID) -> Select[*tuple[Any, ...]]:
    """Return a select of the ids of all runs below runs, themselves not among them; it cannot loop."""
    below = (
        select(node_table.c.node_id)
        .where(node_table.c.parent_id.in_(run_ids), node_table.c.node_type == "run")
        .cte("runs_below", recursive=True)
    )
    child = node_table.alias("child")
    below = below.union(
        select(child.c.node_id).join(below, child.c.parent_id == below.c.node_id).where(child.c.node_type == "run")
    )
    return select(below.c.node_id)


async def read_runs(run_ids: Sequence[UUID]) -> dict[UUID, RunRow]:
    """Read those of some runs that are there."""
    await current_database()

    async def work(connection: AsyncConnection) -> dict[UUID, RunRow]:
        found: dict[UUID, RunRow] = {}
        for ids in chunks(run_ids):
            statement = select(*_run_columns).where(node_table.c.node_id.in_(ids), node_table.c.node_type == "run")
            found |= {row.node_id: RunRow(*row) for row in await connection.execute(statement)}
        return await _with_values(connection, found)

    return await read(work)


async def read_run_ids_below(run_id: UUID) -> list[UUID]:
    """Read the ids of all runs below a run, itself not among them, in the order in which they were made."""
    database = await current_database()
    statement = select(node_table.c.node_id).where(node_table.c.node_id.in_(runs_below(run_id)))

    async def work(connection: AsyncConnection) -> list[UUID]:
        ordered = recursive(statement.order_by(node_table.c.node_id), database.dialect)
        return list((await connection.execute(ordered)).scalars())

    return await read(work)


async def read_runs_below(run_id: UUID) -> list[RunRow]:
    """Read all runs below a run, itself not among them, in the order in which they were made."""
    database = await current_database()
    statement = select(*_run_columns).where(node_table.c.node_id.in_(runs_below(run_id))).order_by(node_table.c.node_id)

    async def work(connection: AsyncConnection) -> list[RunRow]:
        rows = await connection.execute(recursive(statement, database.dialect))
        return list((await _with_values(connection, {row.node_id: RunRow(*row) for row in rows})).values())

    return await read(work)


async def _with_values(connection: AsyncConnection, runs: Mapping[UUID, RunRow]) -> dict[UUID, RunRow]:
    values = await read_values(connection, list(runs))
    return {run_id: run._replace(values=values.get(run_id, ())) for run_id, run in runs.items()}
