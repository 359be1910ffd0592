"""Leases: until when a running run counts as alive, by the clock of the database.

A run has a lease row from its start to its end. The transactions that record the start and the end also insert and
delete the lease. Each process that holds the run renews the expiry time. A run whose lease has expired is read as lost,
and the next process that looks marks it so.

Rows of leases are locked before those of their runs, except when a lost run becomes running again.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, bindparam, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import dialect_name, in_batches, insert_missing, utc_in, utc_now, write
from artigraph.orm import lease_table, node_table

_LOOK_EVERY = 60.0
"""How many seconds a start waits, after this process last looked, before it looks for expired leases of others."""
_SHOWN = 20
"""How many runs a line of the log names."""
_log = logging.getLogger("artigraph.run")

_run_id, _expires_at = lease_table.c.run_id, lease_table.c.expires_at
_insert = insert(lease_table)
_delete = delete(lease_table).where(_run_id == bindparam("id"))
# A subquery has one value, which every database compares with an index. PostgreSQL's clock advances meanwhile.
_is_expired = _expires_at <= select(utc_now()).scalar_subquery()
_first_expired = select(_run_id).where(_is_expired).order_by(_expires_at).limit(1)
# Leases that others have locked are skipped: one of them may be a session that is open for hours.
_expired = select(_run_id).where(_is_expired).order_by(_run_id).with_for_update(skip_locked=True)


def status_of(run: FromClause) -> ColumnElement[str]:
    """Return the status of a run as an SQL expression. It is lost from the moment its lease expires, marked or not."""
    return case(((run.c.run_status == "running") & _lapse(run).is_not(None), "lost"), else_=run.c.run_status)


def end_of(run: FromClause) -> ColumnElement[datetime]:
    """Return the end of a run as an SQL expression. A lost run ended when its lease expired."""
    return case((run.c.run_status == "running", _since_start(run, _lapse(run))), else_=run.c.run_ended_at)


def _lapse(run: FromClause) -> Any:
    """Return when the lease of a run expired, or NULL if it has not, or does not exist."""
    lease = lease_table.alias()
    expired = (lease.c.run_id == run.c.node_id) & (lease.c.expires_at <= utc_now())
    return select(lease.c.expires_at).where(expired).correlate(run).scalar_subquery()


def _since_start(run: FromClause, moment: Any) -> ColumnElement[datetime]:
    """Return a time, but not before the run's start, which another clock recorded."""
    return case((moment < run.c.run_started_at, run.c.run_started_at), else_=moment)


async def insert_lease(connection: AsyncConnection, run_id: UUID, length: timedelta) -> None:
    """Insert the lease of a run whose row exists."""
    await connection.execute(_insert.values(run_id=run_id, expires_at=utc_in(length)))


async def delete_lease(connection: AsyncConnection, run_id: UUID) -> None:
    """Delete the lease of a run that ends in this transaction."""
    await connection.execute(_delete, {"id": run_id})


async def renew_leases(connection: AsyncConnection, lengths: Mapping[UUID, timedelta]) -> None:
    """Extend the leases of runs to a length from now on, unless they already last longer for another process.

    A run that was marked as lost meanwhile becomes running again. A run that has ended, or does not exist (yet), is
    left unchanged.
    """
    for ids in in_batches(sorted(lengths)):
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
    """Make runs without a lease running again, unless they have ended."""
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
        _log.warning("The lease of run %s ran out before it was renewed. The run goes on.", run_id)
        missing = insert_missing(lease_table, dialect_name(connection.dialect))
        await connection.execute(missing.values(run_id=run_id, expires_at=utc_in(lengths[run_id])))


async def mark_lost(connection: AsyncConnection) -> list[UUID]:
    """Mark the runs whose lease has expired, and return their ids. Several callers may do so concurrently.

    Usually no lease has expired. The index tells that in one step, however many runs are running.
    """
    if (await connection.execute(_first_expired)).first() is None:
        return []
    lost = list((await connection.execute(_expired)).scalars())
    expiry = select(_expires_at).where(_run_id == node_table.c.node_id).scalar_subquery()
    for ids in in_batches(lost):
        await connection.execute(
            update(node_table)
            .where(node_table.c.node_id.in_(ids), node_table.c.run_status == "running")
            .values(run_status="lost", run_ended_at=_since_start(node_table, expiry))
        )
        await connection.execute(delete(lease_table).where(_run_id.in_(ids)))
    return lost


_looked: dict[UUID, float] = {}
"""When this process last looked for expired leases, by store id, in seconds of the monotonic clock."""


def is_time_to_look(store_id: UUID) -> bool:
    """Return whether a start should mark lost runs. Readers see such runs as lost in any case, marked or not."""
    looked = _looked.get(store_id)
    return looked is None or time.monotonic() - looked >= _LOOK_EVERY


def note_look(store_id: UUID) -> None:
    """Note that lost runs were marked just now."""
    _looked[store_id] = time.monotonic()


async def mark_lost_runs() -> list[UUID]:
    """Mark the runs whose lease has expired in a separate transaction, and return their ids."""
    lost = await write(mark_lost)
    report_lost_runs(lost)
    return lost


def report_lost_runs(run_ids: Sequence[UUID]) -> None:
    """Log which runs were marked as lost."""
    if run_ids:
        shown = ", ".join(map(str, run_ids[:_SHOWN])) + (", ..." if len(run_ids) > _SHOWN else "")
        _log.warning("%d runs are marked as lost, their leases ran out: %s", len(run_ids), shown)
