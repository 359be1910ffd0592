"""Series: the artifacts of one label and model name, in the order in which they were saved.

An artifact's search key is its id. So each query reads one range of the index of search keys, with no other node in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import fetch_rows, read_anywhere
from artigraph.identifiers import id_of
from artigraph.orm import alias_table, node_table

_FIRST = UUID(int=0)


class SeriesKey(NamedTuple):
    """The names of the model and the label that identify a series."""

    model_name: str
    label: str
    former: tuple[str, ...] = ()
    """The aliases of the class: the names under which it was stored before."""

    def is_of(self, table: FromClause) -> ColumnElement[bool]:
        """Return the condition that rows of a table are of this series. A single name is compared by `=`."""
        name: ColumnElement[Any] = table.c.model_name
        named = name.in_((self.model_name, *self.former)) if self.former else name == self.model_name
        return and_(named, table.c.label == self.label)


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
    place: ColumnElement[Any] = node_table.c.search_key
    statement = _versions(key, since, before, node_table.c.node_id, place)
    if limit is not None and key.former:
        # Each name is a range of the index, in its order. The first rows of each are enough.
        each = [SeriesKey(name, key.label) for name in (key.model_name, *key.former)]
        firsts = [
            _versions(one, since, before, node_table.c.node_id, place)
            .order_by(place.desc() if newest_first else place)
            .limit(limit + offset)
            .subquery()
            for one in each
        ]
        merged = union_all(*(select(first) for first in firsts)).subquery()
        place, statement = merged.c.search_key, select(merged.c.node_id, merged.c.search_key)
    statement = statement.order_by(place.desc() if newest_first else place)
    if limit is not None:
        statement = statement.limit(limit).offset(offset)

    async def work(connection: AsyncConnection) -> list[UUID]:
        return [id_of(row[0]) for row in await fetch_rows(connection, statement, {})]

    return await read_anywhere(work)


async def count_versions(key: SeriesKey) -> int:
    """Return the number of versions."""
    statement = _versions(key, _FIRST, None, func.count())
    return int(await read_anywhere(lambda connection: connection.scalar(statement)) or 0)


async def read_versions(key: SeriesKey) -> Sequence[VersionRow]:
    """Return all versions with their aliases, read at one moment. A version appears once for each of its aliases."""
    points_to_it = and_(alias_table.c.node_id == node_table.c.node_id, key.is_of(alias_table))
    columns = (node_table.c.node_id, node_table.c.parent_id, alias_table.c.alias)
    statement = _versions(key, _FIRST, None, *columns)
    statement = statement.select_from(node_table.outerjoin(alias_table, points_to_it))
    statement = statement.order_by(node_table.c.search_key, alias_table.c.alias)

    async def work(connection: AsyncConnection) -> list[VersionRow]:
        return [VersionRow(*row) for row in await connection.execute(statement)]

    return await read_anywhere(work)


def _versions(key: SeriesKey, since: UUID, before: UUID | None, *columns: Any) -> Select[*tuple[Any, ...]]:
    statement = select(*columns).where(
        node_table.c.node_type == "model",
        key.is_of(node_table),
        node_table.c.search_key >= since.bytes,
    )
    return statement if before is None else statement.where(node_table.c.search_key < before.bytes)
