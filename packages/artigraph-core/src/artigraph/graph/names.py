"""The names under which models are stored."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, distinct_values, read
from artigraph.orm import node_table

__all__ = ["read_model_names"]


async def read_model_names() -> list[str]:
    """Read the names of all models that are stored: a step through the index for each name, not for each node."""
    database = await current_database()
    types = ("model", "container", "value")
    statement = distinct_values(node_table.c.model_name, node_table.c.node_type, types, database.dialect)

    async def work(connection: AsyncConnection) -> list[str]:
        return sorted((await connection.execute(statement)).scalars())

    return await read(work)
