"""Insert what a cached call writes with its run, into a run that is there."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import write
from artigraph.graph.run_rows import RunValueRow
from artigraph.graph.runs import insert_values


async def insert_rows(run_id: UUID, rows: Sequence[RunValueRow]) -> None:
    """Insert the rows of a call."""

    async def work(connection: AsyncConnection) -> None:
        await insert_values(connection, run_id, rows)

    await write(work)
