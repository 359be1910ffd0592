"""Rows of runs: their start, their end, and the runs below them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, Select, bindparam, delete, func, insert, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.db.planner import expect_few_rows, expect_small_levels, filter_only, lookup_join, unindexed
from artigraph.errors import MalformedRowError, NodeNotFoundError, ValueTooLargeError
from artigraph.graph import leases
from artigraph.graph._usage import DueUses, Uses
from artigraph.orm import node_table, run_value_table

RunValueKind = Literal["tag", "parameter", "environment"]
"""The kinds of values of a run."""
CACHE: Literal["cache"] = "cache"
"""The kind of the rows of a cached call. They are no values that users gave."""
AnyKind = RunValueKind | Literal["cache"]
CACHED_FROM: Literal["cached_from"] = "cached_from"
"""The name of the row of kind `CACHE` that says from which run a call was served. The others are read on request."""
CACHE_KEY, CACHE_FUNCTION, CACHE_PARTS = "key", "function", "parts"
"""The names of the rows of kind `CACHE` of a run that computed a result; see artigraph.tracking._sql."""
_KINDS: tuple[str, ...] = (*get_args(RunValueKind), CACHE)

_values_of = (
    select(run_value_table.c.run_id, run_value_table.c.kind, run_value_table.c.name, run_value_table.c.value)
    .where(
        run_value_table.c.run_id.in_(bindparam("ids", expanding=True)),
        sa.or_(run_value_table.c.kind != CACHE, run_value_table.c.name == CACHED_FROM),
    )
    .order_by(run_value_table.c.name)
)


def of_kinds(names: Collection[tuple[AnyKind, str]]) -> ColumnElement[bool]:
    """Return the condition that values of runs have one of these kinds and names."""
    value = run_value_table.c
    by_kind = {kind: [name for each, name in names if each == kind] for kind, _ in names}
    return sa.or_(
        sa.false(), *(sa.and_(value.kind == kind, value.name.in_(chosen)) for kind, chosen in by_kind.items())
    )


class RunValueRow(NamedTuple):
    """A tag, a parameter, an environment value or a row of a cached call, as it is stored."""

    kind: AnyKind
    name: str
    value: bytes
    search_key: bytes | None = None
    """Not read from the database, since it follows from the value."""


async def insert_values(connection: AsyncConnection, run_id: UUID, values: Sequence[RunValueRow]) -> None:
    """Insert values of an existing run in one statement."""
    if values:
        await db.insert_rows(connection, run_value_table, [{"run_id": run_id.bytes, **row._asdict()} for row in values])


async def read_values(
    connection: AsyncConnection, run_ids: Sequence[UUID], names: Collection[tuple[AnyKind, str]] | None = None
) -> Mapping[UUID, list[RunValueRow]]:
    """Return the values of runs, or those of some kinds and names, in the order of their names.

    Raises:
        MalformedRowError: a value's kind is not in `RunValueKind`.
    """
    found: defaultdict[UUID, list[RunValueRow]] = defaultdict(list)
    statement = _values_of if names is None else _values_of.where(of_kinds(names))
    for ids in db.in_batches(run_ids if names is None or names else ()):
        for run_id, kind, name, value in await connection.execute(statement, {"ids": ids}):
            if kind not in _KINDS:
                msg = (
                    f"Run {run_id} has the value {name!r:.100} of kind {kind!r:.100} in {run_value_table.name}, where "
                    f"one of {', '.join(_KINDS)} belongs. The row was altered by hand, or the database is damaged: "
                    "artigraph.maintenance.fsck lists all such"
                )
                raise MalformedRowError(msg, table=run_value_table.name, column="kind", node_id=run_id)
            found[run_id].append(RunValueRow(kind, name, bytes(value)))
    return found


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


def run_columns(run: FromClause) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a run, for `run_row`, from the table of nodes or an alias of it."""
    return (
        run.c.node_id,
        run.c.parent_id,
        leases.status_of(run),
        run.c.run_started_at,
        leases.end_of(run),
        run.c.run_error_type,
        run.c.run_error_message,
        run.c.run_name,
    )


_run_columns = run_columns(node_table)
_runs_of = select(*_run_columns).where(
    node_table.c.node_id.in_(bindparam("ids", expanding=True)), filter_only(node_table.c.node_type == "run")
)


RunStatus = Literal["new", "running", "completed", "failed", "cancelled", "lost"]
"""The status of a run: `new` before it is entered, `lost` if its process died without recording an end."""


_STATUSES: tuple[str, ...] = get_args(RunStatus)


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
    """The search key of the name. It is not read from the database."""
    values: Sequence[RunValueRow] = ()


def check_status(node_id: UUID, status: str | None) -> None:
    """Check the status of a run. None, the status of artifacts, is valid too.

    Raises:
        MalformedRowError: the status is not in `RunStatus`.
    """
    if status is not None and status not in _STATUSES:
        msg = (
            f"Node {node_id} holds {status!r:.100} in column run_status of {node_table.name}, where one of "
            f"{', '.join(_STATUSES)} belongs. The row was altered by hand, or the database is damaged: "
            "artigraph.maintenance.fsck lists all such"
        )
        raise MalformedRowError(msg, table=node_table.name, column="run_status", node_id=node_id)


def run_row(row: Sequence[Any]) -> RunRow:
    """Return the run of a row whose columns are `run_columns`. It has no values yet.

    Raises:
        MalformedRowError: the status is not in `RunStatus`.
    """
    run = RunRow(*row)
    check_status(run.node_id, run.status)
    return run


async def insert_run(run: RunRow, lease: timedelta) -> None:
    """Insert a run that has just started, with its values and its lease.

    It also marks other runs as lost whose lease has expired. It does not do so in a session, which would keep their
    rows locked until it ends.

    Raises:
        NodeNotFoundError: its parent does not exist, or is no run.
    """
    database = await db.current_database()
    marks = not db.in_session()
    lost: list[UUID] = []

    async def work(connection: AsyncConnection) -> None:
        await _insert_row(connection, run, database.dialect)
        await leases.insert_lease(connection, run.node_id, lease)
        await insert_values(connection, run.node_id, run.values)
        if marks:
            lost[:] = await leases.mark_lost(connection)

    async def committed(connection: AsyncConnection) -> bool:
        return (await connection.execute(_type_of, {"id": run.node_id})).first() is not None

    await db.write(work, committed=committed)
    leases.report_lost_runs(lost)


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


async def update_run(run: RunRow, uses: Uses | None = None) -> bool:
    """Record the end of a run and what it used. Return whether this call ended it, as far as the database can tell.

    A run that was marked as lost meanwhile has now ended. A cancellation does not interrupt the write, since nothing
    would repeat it.
    """
    used = DueUses.of(uses)
    dialect = (await db.current_database()).dialect

    async def work(connection: AsyncConnection) -> bool:
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
        await used.write(connection, dialect)
        return result.rowcount == 1

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


async def read_runs(
    run_ids: Sequence[UUID], names: Collection[tuple[AnyKind, str]] | None = None
) -> dict[UUID, RunRow]:
    """Return the runs that exist, by their ids, with all their values, or with those of some kinds and names."""

    async def work(connection: AsyncConnection) -> dict[UUID, RunRow]:
        found: dict[UUID, RunRow] = {}
        for ids in db.in_batches(run_ids):
            found |= {row[0]: run_row(row) for row in await connection.execute(_runs_of, {"ids": ids})}
        return await _with_values(connection, found, names)

    return await db.read(work)


async def read_selected_runs(statement: Select[*tuple[Any, ...]]) -> dict[UUID, RunRow]:
    """Return the runs whose `run_columns` a statement selects, by their ids, in its order."""

    async def work(connection: AsyncConnection) -> dict[UUID, RunRow]:
        found = {row[0]: run_row(row) for row in await connection.execute(statement)}
        return await _with_values(connection, found)

    return await db.read(work)


async def read_run_ids_below(run_id: UUID) -> list[UUID]:
    """Return the ids of all runs below a run, without itself, in the order in which they were made."""
    database = await db.current_database()
    statement = select(node_table.c.node_id).where(node_table.c.node_id.in_(runs_below(run_id)))

    async def work(connection: AsyncConnection) -> list[UUID]:
        ordered = db.recursive(statement.order_by(node_table.c.node_id), database.dialect)
        return list((await connection.execute(ordered)).scalars())

    return await db.read(work)


async def read_runs_below(run_id: UUID) -> list[RunRow]:
    """Return all runs below a run, without itself, in the order in which they were made."""
    database = await db.current_database()
    statement = select(*_run_columns).where(node_table.c.node_id.in_(runs_below(run_id))).order_by(node_table.c.node_id)

    async def work(connection: AsyncConnection) -> list[RunRow]:
        rows = await connection.execute(db.recursive(statement, database.dialect))
        return list((await _with_values(connection, {row.node_id: run_row(row) for row in rows})).values())

    return await db.read(work)


async def _with_values(
    connection: AsyncConnection,
    runs: Mapping[UUID, RunRow],
    names: Collection[tuple[AnyKind, str]] | None = None,
) -> dict[UUID, RunRow]:
    values = await read_values(connection, list(runs), names)
    return {run_id: run._replace(values=values.get(run_id, ())) for run_id, run in runs.items()}
