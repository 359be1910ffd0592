"""The stored state of runs and of their leases."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import Run
from artigraph.db import read, write
from artigraph.orm import lease_table, node_table

START, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


async def expire(run: Run, *, started: datetime = START) -> None:
    """Set the end of a run's lease to long ago."""

    async def work(connection: AsyncConnection) -> None:
        node = update(node_table).where(node_table.c.node_id == run.node_id)
        await connection.execute(node.values(run_started_at=started))
        await connection.execute(update(lease_table).where(lease_table.c.run_id == run.node_id).values(expires_at=LAST))

    await write(work)


async def stored(run: Run) -> tuple[str, datetime | None]:
    columns = select(node_table.c.run_status, node_table.c.run_ended_at).where(node_table.c.node_id == run.node_id)
    row = (await read(lambda connection: connection.execute(columns))).one()
    return row[0], row[1]
