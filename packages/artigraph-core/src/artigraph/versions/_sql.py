"""Series: the artifacts of one label and model name, in the order in which they were saved.

An artifact's search key is its id. So each query reads one range of the index of search keys, with no other node in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import fetch_rows, read
from artigraph.identifiers import id_of
from artigraph.orm import alias_table, node_table

_FIRST = UUID(int=0)


class SeriesKey(NamedTuple):
    """The model name and label that identify a series."""

    model_name: str
    label: str


class VersionRow(NamedTuple):
    """A version, and one of the aliases that point to it, or None."""

    node_id: UUID
    run_id: UUID | None
    alias: str | None


async def read_version_ids(
    key: SeriesKey,
    *,
    since: UUID = _FIRST,
    before: UUID | None = None,
    newest_first: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> list[UUID]:
    """Return the ids of versions from `since` on, and less than `before`."""
    place = node_table.c.search_key
    statement = _versions(key, since, before, node_table.c.node_id)
    statement = statement.order_by(place.desc() if newest_first else place)
    if limit is not None:
        statement = statement.limit(limit).offset(offset)

    async def work(connection: AsyncConnection) -> list[UUID]:
        return [id_of(row[0]) for row in await fetch_rows(connection, statement, {})]

    return await read(work)


async def count_versions(key: SeriesKey) -> int:
    """Return the number of versions."""
    statement = _versions(key, _FIRST, None, func.count())
    return int(await read(lambda connection: connection.scalar(statement)) or 0)


async def read_versions(key: SeriesKey) -> Sequence[VersionRow]:
    """Return all versions with their aliases, read at one moment. A version appears once for each of its aliases."""
    points_to_it = and_(
        alias_table.c.node_id == node_table.c.node_id,
        alias_table.c.model_name == key.model_name,
        alias_table.c.label == key.label,
    )
    columns = (node_table.c.node_id, node_table.c.parent_id, alias_table.c.alias)
    statement = _versions(key, _FIRST, None, *columns)
    statement = statement.select_from(node_table.outerjoin(alias_table, points_to_it))
    statement = statement.order_by(node_table.c.search_key, alias_table.c.alias)

    async def work(connection: AsyncConnection) -> list[VersionRow]:
        return [VersionRow(*row) for row in await connection.execute(statement)]

    return await read(work)


def _versions(key: SeriesKey, since: UUID, before: UUID | None, *columns: Any) -> Select[*tuple[Any, ...]]:
    statement = select(*columns).where(
        node_table.c.node_type == "model",
        node_table.c.model_name == key.model_name,
        node_table.c.label == key.label,
        node_table.c.search_key >= since.bytes,
    )
    return statement if before is None else statement.where(node_table.c.search_key < before.bytes)
