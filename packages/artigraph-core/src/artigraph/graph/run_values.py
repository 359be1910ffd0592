"""Rows of what is known of runs beside their own: tags, parameters, the environment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import chunks, current_database, insert_rows, write
from artigraph.errors import NodeNotFoundError, ValueTooLargeError
from artigraph.orm import node_table, run_value_table

__all__ = ["RunValueKind", "RunValueRow", "insert_values", "read_values", "replace_values"]

RunValueKind = Literal["tag", "parameter", "environment"]
"""What a value of a run is."""

_columns = (run_value_table.c.run_id, run_value_table.c.kind, run_value_table.c.name, run_value_table.c.value)


class RunValueRow(NamedTuple):
    """A tag, a parameter, or something of the environment, as it is stored."""

    kind: RunValueKind
    name: str
    value: bytes
    search_key: bytes | None = None
    """Not read again: it follows from the value."""


async def insert_values(connection: AsyncConnection, run_id: UUID, values: Sequence[RunValueRow]) -> None:
    """Insert values of a run that is there, in one statement."""
    if values:
        await insert_rows(connection, run_value_table, [{"run_id": run_id.bytes, **row._asdict()} for row in values])


async def read_values(connection: AsyncConnection, run_ids: Sequence[UUID]) -> Mapping[UUID, list[RunValueRow]]:
    """Read the values of runs, in the order of their names."""
    found: defaultdict[UUID, list[RunValueRow]] = defaultdict(list)
    for ids in chunks(run_ids):
        statement = select(*_columns).where(run_value_table.c.run_id.in_(ids)).order_by(run_value_table.c.name)
        for run_id, kind, name, value in await connection.execute(statement):
            found[run_id].append(RunValueRow(kind, name, bytes(value)))
    return found


async def replace_values(run_id: UUID, values: Sequence[RunValueRow], *, most: int) -> None:
    """Insert values of a run in one transaction, in the place of those of the same kind and name.

    Raises:
        NodeNotFoundError: the run is not there any more.
        ValueTooLargeError: it would have more than `most` of a kind.
    """
    await current_database()
    run = select(node_table.c.node_id).where(node_table.c.node_id == run_id).with_for_update(key_share=True)

    async def work(connection: AsyncConnection) -> None:
        if (await connection.execute(run)).first() is None:  # locked: two who replace one value take turns
            msg = f"There is no run {run_id} any more; it was deleted"
            raise NodeNotFoundError(msg)
        for kind in sorted({row.kind for row in values}):
            of_kind = (run_value_table.c.run_id == run_id, run_value_table.c.kind == kind)
            new = [row.name for row in values if row.kind == kind]
            for names in chunks(new):
                await connection.execute(delete(run_value_table).where(*of_kind, run_value_table.c.name.in_(names)))
            others = await connection.scalar(select(func.count()).select_from(run_value_table).where(*of_kind)) or 0
            if others + len(new) > most:
                msg = (
                    f"A run has at most {most:,} {kind}s, and run {run_id} would have {others + len(new):,}. Save an "
                    "artifact in it instead."
                )
                raise ValueTooLargeError(msg)
        await insert_values(connection, run_id, values)

    async def again(_connection: AsyncConnection) -> bool:
        return False  # doing it twice does no harm

    await write(work, committed=again)
