"""Artifacts to use, and the links that are stored of their uses."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import (
    ArtifactModel,
    save_many,
)
from artigraph.db import read
from artigraph.orm import link_table, node_table


@dataclass
class Item(ArtifactModel, name="UsesItem"):
    x: int
    note: str = ""


async def used() -> set[tuple[UUID, UUID]]:
    """Return all links, each an artifact and the run that used it."""

    async def work(connection: AsyncConnection) -> set[tuple[UUID, UUID]]:
        rows = (await connection.execute(sql_select(link_table))).all()
        assert {row.kind for row in rows} <= {"used"}
        assert all(row.created_at.utcoffset() is not None for row in rows)
        return {(row.source_id, row.target_id) for row in rows}

    return await read(work)


async def part_of(root_id: UUID, label: str) -> UUID:
    async def work(connection: AsyncConnection) -> UUID:
        where = (node_table.c.tree_root_id == root_id) & (node_table.c.label == label)
        found: UUID = (await connection.execute(sql_select(node_table.c.node_id).where(where))).scalars().one()
        return found

    return await read(work)


async def made(count: int = 1) -> list[UUID]:
    return await save_many([("made", Item(number)) for number in range(count)])
