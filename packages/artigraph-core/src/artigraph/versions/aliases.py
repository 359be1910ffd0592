"""Aliases: names that point to one version of a series, and can be moved to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, NoReturn
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, in_batches, read_anywhere, share_lock, upsert, utc_now, write
from artigraph.errors import ArtifactInUseError, VersionNotFoundError
from artigraph.orm import alias_table, node_table
from artigraph.printable import printable
from artigraph.versions._sql import SeriesKey

__all__ = ["PointedTo", "SeriesKey", "aliases_of", "drop_alias", "point_alias", "read_aliases", "refuse_aliased"]


class PointedTo(NamedTuple):
    """An artifact, and an alias that points to it."""

    node_id: UUID
    model_name: str
    label: str
    alias: str


async def read_aliases(key: SeriesKey) -> dict[str, UUID]:
    """Return the aliases of a series by name, each with the id of the artifact that it points to."""
    statement = select(alias_table.c.alias, alias_table.c.node_id).where(key.is_of(alias_table))
    statement = statement.order_by(alias_table.c.alias, alias_table.c.moved_at)  # the last one moved wins

    async def work(connection: AsyncConnection) -> dict[str, UUID]:
        return {row.alias: row.node_id for row in await connection.execute(statement)}

    return await read_anywhere(work)


async def point_alias(key: SeriesKey, alias: str, node_id: UUID) -> None:
    """Make an alias point to an artifact of its series, wherever it pointed before.

    The alias has the model name of its artifact. If several calls run concurrently, the last one wins.

    Raises:
        VersionNotFoundError: the node is no artifact of the series.
    """
    database = await current_database()
    # Lock the artifact until the commit, so that an alias never moves to a deleted one.
    held = share_lock(
        select(node_table.c.model_name).where(
            node_table.c.node_id == node_id,
            node_table.c.tree_root_id == node_id,
            node_table.c.node_type == "model",
            key.is_of(node_table),
        ),
        database.dialect,
    )

    async def work(connection: AsyncConnection) -> None:
        found = (await connection.execute(held)).first()
        if found is None:
            msg = (
                f"Node {node_id} is no {printable(key.model_name)} that was saved under the label {key.label!r}, or "
                f"was deleted; alias {alias!r} was not moved"
            )
            raise VersionNotFoundError(msg)
        await connection.execute(
            upsert(alias_table, database.dialect).values(
                model_name=found.model_name, label=key.label, alias=alias, node_id=node_id, moved_at=utc_now()
            )
        )
        if key.former:
            former = delete(alias_table).where(_is_alias(key, alias), alias_table.c.model_name != found.model_name)
            await connection.execute(former)

    async def committed(connection: AsyncConnection) -> bool:
        pointed = select(alias_table.c.node_id).where(_is_alias(key, alias))
        return set((await connection.execute(pointed)).scalars()) == {node_id}

    await write(work, committed=committed)


async def drop_alias(key: SeriesKey, alias: str) -> bool:
    """Delete an alias, but not what it points to. Return whether the alias existed."""

    async def work(connection: AsyncConnection) -> bool:
        return (await connection.execute(delete(alias_table).where(_is_alias(key, alias)))).rowcount > 0

    async def committed(connection: AsyncConnection) -> bool:
        found = await connection.execute(select(alias_table.c.alias).where(_is_alias(key, alias)))
        return found.first() is None

    return await write(work, committed=committed)


async def aliases_of(connection: AsyncConnection, artifacts: Sequence[UUID]) -> list[PointedTo]:
    """Return the aliases that point to these artifacts."""
    columns = [alias_table.c[name] for name in PointedTo._fields]
    return [
        PointedTo(*row)
        for ids in in_batches(artifacts)
        for row in await connection.execute(select(*columns).where(alias_table.c.node_id.in_(ids)))
    ]


def refuse_aliased(aliases: Sequence[PointedTo], reason: str) -> NoReturn:
    """Refuse to delete artifacts that aliases point to. `reason` says why the first one was selected.

    Raises:
        ArtifactInUseError: always.
    """
    first = aliases[0]
    others = f", and {len(aliases) - 1:,} more such" if len(aliases) > 1 else ""
    msg = (
        f"Artifact {first.node_id} ({reason}) is what alias {first.alias!r} of {first.label!r} "
        f"({printable(first.model_name)}) points to{others}. Point the alias to another version or remove it; "
        "delete removes it with cascade=True. "
        "Nothing was deleted."
    )
    raise ArtifactInUseError(msg)


def _is_alias(key: SeriesKey, alias: str) -> ColumnElement[bool]:
    return and_(key.is_of(alias_table), alias_table.c.alias == alias)
