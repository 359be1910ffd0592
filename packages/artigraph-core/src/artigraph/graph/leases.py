"""Leases: until when a running run is known to be alive, by the clock of the database.

A run has a row from its start to its end, in the same transactions. Whoever holds the run moves the row's time on; a
run whose time has passed is lost wherever it is read, and marked so by whoever comes by. Rows of leases are locked
before those of their runs, except where a lost run is taken up again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, bindparam, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import chunks, dialect_name, insert_missing, utc_in, utc_now, write
from artigraph.orm import lease_table, node_table

__all__ = [
    "delete_lease",
    "end_of",
    "insert_lease",
    "mark_lost",
    "mark_lost_runs",
    "renew_leases",
    "status_of",
]

_run_id, _expires_at = lease_table.c.run_id, lease_table.c.expires_at
_insert = insert(lease_table)
_delete = delete(lease_table).where(_run_id == bindparam("id"))
# Leases that others have in their hands are left to these: one may be a session that is open for hours.
_expired = select(_run_id).where(_expires_at <= utc_now()).order_by(_run_id).with_for_update(skip_locked=True)


def status_of(run: FromClause) -> ColumnElement[str]:
    """Return the status of a run, which is lost from the moment its lease ran out, marked or not."""
    return case(((run.c.run_status == "running") & _lapse(run).is_not(None), "lost"), else_=run.c.run_status)


def end_of(run: FromClause) -> ColumnElement[datetime]:
    """Return when a run ended: of a lost one, the last moment of its lease."""
    return case((run.c.run_status == "running", _since_start(run, _lapse(run))), else_=run.c.run_ended_at)


def _lapse(run: FromClause) -> Any:
    """Return when the lease of a run ran out; NULL where it holds still, or there is none."""
    lease = lease_table.alias()
    expired = (lease.c.run_id == run.c.node_id) & (lease.c.expires_at <= utc_now())
    return select(lease.c.expires_at).where(expired).correlate(run).scalar_subquery()


def _since_start(run: FromClause, moment: Any) -> ColumnElement[datetime]:
    """Return a moment, but none before the run started: that was by another clock."""
    return case((moment < run.c.run_started_at, run.c.run_started_at), else_=moment)


async def insert_lease(connection: AsyncConnection, run_id: UUID, length: timedelta) -> None:
    """Give a run its lease; its row is there already."""
    await connection.execute(_insert.values(run_id=run_id, expires_at=utc_in(length)))


async def delete_lease(connection: AsyncConnection, run_id: UUID) -> None:
    """Take the lease of a run away, as it ends in this transaction."""
    await connection.execute(_delete, {"id": run_id})


async def renew_leases(connection: AsyncConnection, lengths: Mapping[UUID, timedelta]) -> None:
    """Have the leases of runs last for so long from now on, or longer where another process wants that.

    A run that was marked as lost meanwhile is running again. One that has ended, or is not there (yet), is left alone.
    """
    for ids in chunks(sorted(lengths)):
        held = select(_run_id).where(_run_id.in_(ids)).order_by(_run_id).with_for_update()
        there = set((await connection.execute(held)).scalars())
        by_length: defaultdict[timedelta, list[UUID]] = defaultdict(list)
        for run_id in there:
            by_length[lengths[run_id]].append(run_id)
        for length, runs in by_length.items():
            longer = case((_expires_at > utc_in(length), _expires_at), else_=utc_in(length))
            await connection.execute(update(lease_table).where(_run_id.in_(runs)).values(expires_at=longer))
        if len(there) < len(ids):
            await _take_up(connection, [run_id for run_id in ids if run_id not in there], lengths)


async def _take_up(connection: AsyncConnection, ids: Sequence[UUID], lengths: Mapping[UUID, timedelta]) -> None:
    """Set runs that have no lease going again, those of them that have not ended."""
    open_runs = (
        select(node_table.c.node_id)
        .where(
            node_table.c.node_id.in_(ids),
            node_table.c.node_type == "run",
            node_table.c.run_status.in_(("running", "lost")),
        )
        .order_by(node_table.c.node_id)
        .with_for_update(key_share=True)
    )
    for run_id in (await connection.execute(open_runs)).scalars().all():
        await connection.execute(
            update(node_table)
            .where(node_table.c.node_id == run_id, node_table.c.run_status == "lost")
            .values(run_status="running", run_ended_at=None)
        )
        missing = insert_missing(lease_table, dialect_name(connection.dialect))
        await connection.execute(missing.values(run_id=run_id, expires_at=utc_in(lengths[run_id])))


async def mark_lost(connection: AsyncConnection) -> list[UUID]:
    """Mark the runs whose lease ran out, as one of those who may do so at the same time; return their ids."""
    lost = list((await connection.execute(_expired)).scalars())
    expiry = select(_expires_at).where(_run_id == node_table.c.node_id).scalar_subquery()
    for ids in chunks(lost):
        await connection.execute(
            update(node_table)
            .where(node_table.c.node_id.in_(ids), node_table.c.run_status == "running")
            .values(run_status="lost", run_ended_at=_since_start(node_table, expiry))
        )
        await connection.execute(delete(lease_table).where(_run_id.in_(ids)))
    return lost


async def mark_lost_runs() -> list[UUID]:
    """Mark the runs whose lease ran out, in a transaction of their own; return their ids."""
    return await write(mark_lost)
