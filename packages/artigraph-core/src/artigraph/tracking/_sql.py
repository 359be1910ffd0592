"""Rows of cached calls. They are values of runs of the kind `cache`, so no table is for them alone.

| name | value | search key |
| --- | --- | --- |
| `key` | whether the call returned an artifact or None | the key of the call, 32 bytes |
| `function` | the name of the function with its module | as for a text |
| `parts` | what the key was made of, for explanations | - |
| `cached_from` | on a run that was served: the run that computed the result | the id, 16 bytes |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.db.planner import filter_only
from artigraph.errors import DeserializationError
from artigraph.graph.run_rows import (
    CACHE,
    CACHE_FUNCTION,
    CACHE_KEY,
    CACHE_PARTS,
    CACHED_FROM,
    RunRow,
    RunValueRow,
)
from artigraph.graph.runs import insert_ended_run, insert_values
from artigraph.orm import link_table, node_table, run_value_table
from artigraph.serializer.codec import decode, encode
from artigraph.serializer.search_key import search_key

KEY, FUNCTION, PARTS = CACHE_KEY, CACHE_FUNCTION, CACHE_PARTS
Returned = Literal["artifact", "none"]
_MOST_CANDIDATES = 5
"""The most runs of one key that are tried."""
_value = run_value_table.c


class Candidate(NamedTuple):
    """A completed run that computed a result for a key."""

    run_id: UUID
    ended_at: datetime
    artifact_id: UUID | None
    """The result. None if the function returned None, or if the result was deleted."""
    returned: str
    parts: Mapping[str, Any]
    """What its key was made of."""

    def inputs_of(self, argument: str) -> list[UUID]:
        """Return the artifacts that the run was given as an argument."""
        try:
            found: list[Any] = list(self.parts["inputs"][argument])
        except (LookupError, TypeError):  # it was no artifact, or the row was altered
            return []
        return [each for each in found if isinstance(each, UUID)]


class Recorded(NamedTuple):
    """A run that computed a result, and what its key was made of."""

    run_id: UUID
    key: bytes
    parts: Mapping[str, Any]


def rows_of_call(key: bytes, function: str, parts: Mapping[str, Any], returned: Returned) -> list[RunValueRow]:
    """Return the rows of a run that computed a result."""
    return [
        RunValueRow(CACHE, KEY, encode(returned), key),
        RunValueRow(CACHE, FUNCTION, encode(function), search_key(function)),
        RunValueRow(CACHE, PARTS, encode(dict(parts)), None),
    ]


def rows_of_hit(computed: UUID) -> list[RunValueRow]:
    """Return the rows of a run that was served from another run."""
    return [RunValueRow(CACHE, CACHED_FROM, encode(computed), computed.bytes)]


async def insert_rows(run_id: UUID, rows: Sequence[RunValueRow]) -> None:
    """Insert the rows of a call, in the session of the caller if there is one."""

    async def work(connection: AsyncConnection) -> None:
        await insert_values(connection, run_id, rows)

    async def committed(connection: AsyncConnection) -> bool:
        there = select(_value.run_id).where(_value.run_id == run_id, _value.kind == CACHE)
        return (await connection.execute(there)).first() is not None

    await db.write(work, committed=committed)


_artifact = node_table.alias("result")
_run = node_table.alias("run")
_parts = run_value_table.alias("parts")
_of_key = (
    select(_run.c.node_id, _run.c.run_ended_at, _artifact.c.node_id, _value.value, _parts.c.value)
    .select_from(
        run_value_table.join(_run, _run.c.node_id == _value.run_id)
        .outerjoin(_artifact, sa.and_(_artifact.c.parent_id == _run.c.node_id, _artifact.c.label == bindparam("label")))
        .outerjoin(_parts, sa.and_(_parts.c.run_id == _value.run_id, _parts.c.kind == CACHE, _parts.c.name == PARTS))
    )
    .where(
        _value.kind == CACHE,
        _value.name == KEY,
        _value.search_key == bindparam("key"),
        filter_only(_run.c.run_status == "completed"),
    )
    .order_by(_run.c.node_id.desc())
    .limit(_MOST_CANDIDATES)
)


async def find(key: bytes, label: str, *, since: datetime | None) -> list[Candidate]:
    """Return the runs that can serve a key, the newest first. Those without their result are left out."""

    async def work(connection: AsyncConnection) -> list[Candidate]:
        rows = await connection.execute(_of_key, {"key": key, "label": label})
        return [Candidate(row[0], row[1], row[2], _text(row[3]), _mapping(row[4])) for row in rows]

    return [
        found
        for found in await db.read(work)
        if (found.artifact_id is not None or found.returned == "none") and (since is None or found.ended_at >= since)
    ]


def _text(value: bytes) -> str:
    try:
        return str(decode(bytes(value)))
    except DeserializationError:  # the row was altered: fsck reports it, and the call is computed
        return ""


async def latest(function: str, most: int) -> list[Recorded]:
    """Return the newest runs that computed results of a function, the newest first."""
    names, keys, parts = (run_value_table.alias(name) for name in ("of_function", "of_key", "of_parts"))
    statement = (
        select(names.c.run_id, keys.c.search_key, parts.c.value)
        .select_from(
            names.join(keys, sa.and_(keys.c.run_id == names.c.run_id, keys.c.kind == CACHE, keys.c.name == KEY)).join(
                parts, sa.and_(parts.c.run_id == names.c.run_id, parts.c.kind == CACHE, parts.c.name == PARTS)
            )
        )
        .where(names.c.kind == CACHE, names.c.name == FUNCTION, names.c.search_key == search_key(function))
        .where(names.c.value == encode(function))
        .order_by(names.c.run_id.desc())
        .limit(most)
    )

    async def work(connection: AsyncConnection) -> list[Recorded]:
        rows = await connection.execute(statement)
        return [Recorded(row[0], bytes(row[1]), _mapping(row[2])) for row in rows]

    return await db.read(work)


async def read_recorded(run_id: UUID) -> Mapping[str, Any]:
    """Return the values of the kind `cache` of a run by name, decoded."""
    statement = select(_value.name, _value.value).where(_value.run_id == run_id, _value.kind == CACHE)

    async def work(connection: AsyncConnection) -> dict[str, Any]:
        return {row.name: decode(bytes(row.value)) for row in await connection.execute(statement)}

    return await db.read(work)


def _mapping(value: bytes | None) -> Mapping[str, Any]:
    try:
        found: object = None if value is None else decode(bytes(value))
    except DeserializationError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


async def insert_hit(run: RunRow, found: Candidate, used: Collection[UUID], replaced: Collection[UUID]) -> bool:
    """Insert the run of a call that was served. Return false if the result was deleted meanwhile.

    Args:
        run: the run with its values. It has ended.
        found: the run that computed the result.
        used: artifacts that the call was given.
        replaced: the artifacts that the computing run was given in their place.
    """
    dialect = (await db.current_database()).dialect

    is_given = node_table.c.node_id.in_(sorted(used))
    taken_over = select(link_table.c.source_id).where(
        link_table.c.target_id == found.run_id,
        link_table.c.kind == "used",
        link_table.c.source_id.not_in(sorted(replaced)),
    )
    own = sa.literal(run.node_id, node_table.c.node_id.type)
    inputs = select(node_table.c.node_id, own, sa.literal("used"), db.utc_now()).where(
        sa.or_(is_given, node_table.c.node_id.in_(taken_over))
    )
    result = sa.literal(found.artifact_id, node_table.c.node_id.type)
    product = select(own, result, sa.literal("produced"), db.utc_now())
    links = inputs if found.artifact_id is None else sa.union_all(inputs, product)
    insert_links = sa.insert(link_table).from_select(["source_id", "target_id", "kind", "created_at"], links)

    async def work(connection: AsyncConnection) -> None:
        await insert_ended_run(connection, run, dialect)
        await connection.execute(insert_links)  # the foreign keys lock the artifacts until the commit

    async def committed(connection: AsyncConnection) -> bool:
        there = select(node_table.c.node_id).where(node_table.c.node_id == run.node_id)
        return (await connection.execute(there)).first() is not None

    try:
        await db.write(work, committed=committed)
    except db.ReferenceVanishedError:
        return False
    return True


# For the command line and other readers ------------------------------------------------------------------------------


async def functions() -> list[tuple[str, int]]:
    """Return the functions with cached results, by name, each with the number of results."""
    statement = (
        select(_value.value, func.count())
        .where(_value.kind == CACHE, _value.name == FUNCTION)
        .group_by(_value.search_key, _value.value)
        .order_by(_value.search_key, _value.value)
    )

    async def work(connection: AsyncConnection) -> list[tuple[str, int]]:
        return [(_text(row[0]), row[1]) for row in await connection.execute(statement)]

    return await db.read(work)


async def count_hits(function: str) -> int:
    """Return how many calls of a function were served."""

    async def work(connection: AsyncConnection) -> int:
        count = 0
        computed = list((await connection.execute(_runs_of(function))).scalars())
        for ids in db.in_batches(computed):
            served = _value.search_key.in_([run_id.bytes for run_id in ids])
            statement = select(func.count()).where(_value.kind == CACHE, _value.name == CACHED_FROM, served)
            count += int(await connection.scalar(statement) or 0)
        return count

    return await db.read(work)


def _runs_of(function: str | None) -> sa.Select[*tuple[Any, ...]]:
    """Select the runs that computed results of a function, or of all functions."""
    statement = select(_value.run_id).where(_value.kind == CACHE, _value.name == FUNCTION)
    if function is None:
        return statement
    return statement.where(_value.search_key == search_key(function), _value.value == encode(function))


async def forget(function: str | None) -> int:
    """Delete the keys of all functions, or of one, so that nothing is served. Return how many results that concerns."""

    async def work(connection: AsyncConnection) -> int:
        run_ids = list((await connection.execute(_runs_of(function))).scalars())
        for ids in db.in_batches(run_ids):
            rows = delete(run_value_table).where(
                _value.run_id.in_(ids), _value.kind == CACHE, _value.name.in_((KEY, FUNCTION, PARTS))
            )
            await connection.execute(rows)
        return len(run_ids)

    async def committed(_connection: AsyncConnection) -> bool:
        return False  # deleting them again is harmless

    return await db.write(work, committed=committed)
