"""Rows of cached calls. They are values of runs of the kind `cache`, so no table is for them alone.

| name | value | search key |
| --- | --- | --- |
| `key` | whether the call returned an artifact or None | the key of the call, 32 bytes |
| `function` | the name of the function with its module | the SHA-256 of the name, and the id of the run |
| `parts` | what the key was made of, for explanations | - |
| `cached_from` | on a run that was served: the run that computed the result | the id, 16 bytes |
| `served` | on a run that was served: the name of the function | as of `function` |

So one range of the index has the runs of a function, in the order of their ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import BindParameter, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.db.planner import filter_only
from artigraph.errors import DeserializationError
from artigraph.graph.run_rows import (
    CACHE,
    CACHE_FUNCTION,
    CACHE_KEY,
    CACHE_PARTS,
    CACHE_SERVED,
    CACHED_FROM,
    RunRow,
    RunValueRow,
)
from artigraph.graph.runs import insert_ended_run
from artigraph.identifiers import id_of
from artigraph.orm import link_table, node_table, run_value_table
from artigraph.orm.types import Id
from artigraph.serializer.codec import decode, encode

KEY, FUNCTION, PARTS, SERVED = CACHE_KEY, CACHE_FUNCTION, CACHE_PARTS, CACHE_SERVED
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
    parts: bytes | None
    """What its key was made of, encoded."""

    def inputs_of(self, arguments: Collection[str]) -> set[UUID]:
        """Return the artifacts that the run was given as these arguments."""
        try:
            given: Any = _mapping(self.parts)["inputs"] if arguments else {}
            found = {each for name in arguments for each in given.get(name, ())}
        except (LookupError, TypeError, AttributeError):  # the row was altered
            return set()
        return {each for each in found if isinstance(each, UUID)}


class Recorded(NamedTuple):
    """A run that computed a result, and what its key was made of."""

    run_id: UUID
    key: bytes
    parts: Mapping[str, Any]


def rows_of_call(
    run_id: UUID, key: bytes, function: str, parts: Mapping[str, Any], returned: Returned
) -> list[RunValueRow]:
    """Return the rows of a run that computed a result."""
    return [
        RunValueRow(CACHE, KEY, encode(returned), key),
        RunValueRow(CACHE, FUNCTION, encode(function), _digest(function) + run_id.bytes),
        RunValueRow(CACHE, PARTS, encode(dict(parts)), None),
    ]


def rows_of_hit(run_id: UUID, function: str, computed: UUID) -> list[RunValueRow]:
    """Return the rows of a run that was served from another run."""
    plain = UUID(int=computed.int)  # asyncpg's ids are of a class of its own, which no value keeps
    return [
        RunValueRow(CACHE, CACHED_FROM, encode(plain), computed.bytes),
        RunValueRow(CACHE, SERVED, encode(function), _digest(function) + run_id.bytes),
    ]


def _digest(function: str) -> bytes:
    return hashlib.sha256(function.encode("utf-8", "surrogatepass")).digest()


def _of_function(function: str, name: str = FUNCTION, *, before: UUID | None = None) -> sa.ColumnElement[bool]:
    """Return the condition for the rows of a name that calls of a function have: a range of the index."""
    digest = _digest(function)
    end = _value.search_key < digest + before.bytes if before else _value.search_key <= digest + b"\xff" * 16
    return sa.and_(_value.kind == CACHE, _value.name == name, _value.search_key >= digest, end)


_artifact = node_table.alias("result")
_run = node_table.alias("run")
_parts = run_value_table.alias("parts")
_of_key = db.FixedSelect(
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
    return await db.read(lambda connection: find_on(connection, key, label, since=since))


async def find_on(connection: AsyncConnection, key: bytes, label: str, *, since: datetime | None) -> list[Candidate]:
    """Return what `find` returns, on a connection."""
    rows = await _of_key.converted(connection, {"key": key, "label": label})
    found = (Candidate(id_of(row[0]), row[1], row[2] and id_of(row[2]), _text(row[3]), row[4]) for row in rows)
    return [
        each
        for each in found
        if (each.artifact_id is not None or each.returned == "none") and (since is None or each.ended_at >= since)
    ]


def _text(value: bytes) -> str:
    try:
        return str(decode(bytes(value)))
    except DeserializationError:  # the row was altered: fsck reports it, and the call is computed
        return ""


async def latest(function: str, most: int, *, before: UUID | None = None) -> list[Recorded]:
    """Return the newest runs that computed results of a function, the newest first.

    Args:
        function: the name of the function with its module.
        most: the most runs.
        before: only runs that were made before this one.
    """
    newest = (
        select(_value.run_id)
        .where(_of_function(function, before=before))
        .order_by(_value.search_key.desc())
        .limit(most)
        .subquery("newest")
    )
    keys, parts = (run_value_table.alias(name) for name in ("of_key", "of_parts"))
    statement = (
        select(newest.c.run_id, keys.c.search_key, parts.c.value)
        .select_from(
            newest.join(keys, sa.and_(keys.c.run_id == newest.c.run_id, keys.c.kind == CACHE, keys.c.name == KEY)).join(
                parts, sa.and_(parts.c.run_id == newest.c.run_id, parts.c.kind == CACHE, parts.c.name == PARTS)
            )
        )
        .order_by(newest.c.run_id.desc())
    )

    async def work(connection: AsyncConnection) -> list[Recorded]:
        rows = await connection.execute(statement)
        return [Recorded(row[0], bytes(row[1] or b""), parts_of(_decoded(row[2]))) for row in rows]

    return await db.read(work)


async def read_recorded(run_id: UUID) -> Mapping[str, Any]:
    """Return the values of the kind `cache` of a run by name, decoded, and its key in place of that one's value."""
    statement = select(_value.name, _value.value, _value.search_key).where(
        _value.run_id == run_id, _value.kind == CACHE
    )

    async def work(connection: AsyncConnection) -> dict[str, Any]:
        return {
            row.name: bytes(row.search_key or b"") if row.name == KEY else _decoded(row.value)
            for row in await connection.execute(statement)
        }

    return await db.read(work)


def _decoded(value: bytes | None) -> object:
    try:
        return None if value is None else decode(bytes(value))
    except DeserializationError:
        return None


def _mapping(value: bytes | None) -> Mapping[str, Any]:
    found = _decoded(value)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


_SHAPES: Mapping[str, type[Any] | tuple[type[Any], ...]] = {
    "python": str,
    "version": (str, type(None)),
    "label": (str, type(None)),
    "code": dict,
    "arguments": dict,
    "shown": dict,
    "not_followed": list,
}
"""The types of what a key was made of."""


def parts_of(value: Any) -> Mapping[str, Any]:
    """Return what a key was made of. Of a row that was altered, only what has the right type is left."""
    given = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    found: dict[str, Any] = {
        "python": "",
        "version": None,
        "label": None,
        "code": {},
        "arguments": {},
        "shown": {},
        "not_followed": [],
    }
    for name, shape in _SHAPES.items():
        if name in given and isinstance(given[name], shape):
            found[name] = given[name]
    for name in ("code", "arguments", "shown"):
        found[name] = {key: text for key, text in found[name].items() if isinstance(key, str) and isinstance(text, str)}
    return found


@lru_cache(maxsize=100)
def _insert_links(used: int, replaced: int, *, with_result: bool) -> db.FixedInsert:
    """Return the insert of the links of a call that is served. It used some artifacts, and what the computing run used.

    Of the latter, some are left out: the call was given others in their place. A list in a parameter would be written
    into the statement each time, so each number of them has a statement of its own.
    """
    own: BindParameter[UUID] = bindparam("own", type_=Id())
    of_computed = select(link_table.c.source_id).where(
        link_table.c.target_id == bindparam("computed"),
        link_table.c.kind == "used",
        link_table.c.source_id.not_in(_ids("replaced", replaced)) if replaced else sa.true(),
    )
    chosen: sa.ColumnElement[bool] = node_table.c.node_id.in_(of_computed)
    if used:
        chosen = sa.or_(node_table.c.node_id.in_(_ids("used", used)), chosen)
    rows: Any = select(node_table.c.node_id, own, sa.literal("used"), db.utc_now()).where(chosen)
    if with_result:
        result = select(own, bindparam("result", type_=Id()), sa.literal("produced"), db.utc_now())
        rows = sa.union_all(rows, result)
    return db.FixedInsert(sa.insert(link_table).from_select(["source_id", "target_id", "kind", "created_at"], rows))


def _ids(name: str, count: int) -> list[BindParameter[UUID]]:
    return [bindparam(f"{name}_{number}", type_=Id()) for number in range(count)]


def _named(name: str, ids: Iterable[UUID]) -> dict[str, UUID]:
    return {f"{name}_{number}": each for number, each in enumerate(sorted(ids))}


async def insert_hit(run: RunRow, found: Candidate, used: Collection[UUID], replaced: Collection[UUID]) -> bool:
    """Insert the run of a call that was served. Return false if the result was deleted meanwhile.

    Args:
        run: the run with its values. It has ended.
        found: the run that computed the result.
        used: artifacts that the call was given.
        replaced: the artifacts that the computing run was given in their place.
    """
    dialect = (await db.current_database()).dialect
    given = {"own": run.node_id, "computed": found.run_id, **_named("used", used), **_named("replaced", replaced)}
    if found.artifact_id is not None:
        given["result"] = found.artifact_id
    insert_links = _insert_links(len(used), len(replaced), with_result=found.artifact_id is not None)

    async def work(connection: AsyncConnection) -> None:
        await insert_ended_run(connection, run, dialect)
        await insert_links.run(connection, given)  # the foreign keys lock the artifacts until the commit

    async def committed(connection: AsyncConnection) -> bool:
        there = select(node_table.c.node_id).where(node_table.c.node_id == run.node_id)
        return (await connection.execute(there)).first() is not None

    try:
        await db.write(work, committed=committed)
    except db.ReferenceVanishedError:
        return False
    return True


# For the command line and other readers ------------------------------------------------------------------------------


class FunctionRows(NamedTuple):
    """What is recorded of the calls of a function."""

    function: str
    results: int
    hits: int
    newest: UUID
    """The newest run that computed a result."""
    newest_at: datetime
    """When that run started."""


_FIRST: sa.ColumnElement[int] = sa.literal_column("1", sa.Integer)
_SIZE: sa.ColumnElement[int] = sa.literal_column("32", sa.Integer)
_HEX_SIZE = 64
_counts = (
    select(func.count(), func.max(db.hex_text(_value.search_key)))
    .where(_value.kind == CACHE, _value.name == bindparam("name"))
    .group_by(func.substr(_value.search_key, _FIRST, _SIZE))
)
"""Counts the rows of each function, and gives the greatest key, which has the newest run. No row is read but the index.

PostgreSQL has no greatest value of an id or of bytes, so the key is compared as hexadecimal digits.
"""
_newest = (
    select(_value.run_id, _value.value, node_table.c.run_started_at)
    .select_from(run_value_table.join(node_table, node_table.c.node_id == _value.run_id))
    .where(
        _value.run_id.in_(bindparam("ids", expanding=True)),
        filter_only(sa.and_(_value.kind == CACHE, _value.name == FUNCTION)),
    )
)


async def functions(function: str | None = None) -> list[FunctionRows]:
    """Return the functions that have cached results, or one of them, by name.

    It takes three statements, and one more for each further thousand functions.
    """
    named = [
        _counts.where(sa.true() if function is None else _of_function(function, name)) for name in (SERVED, FUNCTION)
    ]

    async def work(connection: AsyncConnection) -> list[FunctionRows]:
        served = (await connection.execute(named[0], {"name": SERVED})).all()
        hits = {text[:_HEX_SIZE]: count for count, text in served if _is_key(text)}
        counted = (await connection.execute(named[1], {"name": FUNCTION})).all()
        counts = {UUID(text[_HEX_SIZE:]): (count, text[:_HEX_SIZE]) for count, text in counted if _is_key(text)}
        found: list[FunctionRows] = []
        for ids in db.in_batches(list(counts)):
            for run_id, value, started_at in await connection.execute(_newest, {"ids": ids}):
                count, digest = counts[run_id]
                found.append(FunctionRows(_text(value), count, hits.get(digest, 0), run_id, started_at))
        return sorted(found)

    return await db.read(work)


def _is_key(text: str | None) -> bool:
    """Say whether a key has the digest of a name and an id. A row that was altered by hand may have another one."""
    return text is not None and len(text) == _HEX_SIZE + 32


async def forget(function: str | None) -> int:
    """Delete the keys of one function, or of all, in one transaction. Return how many results that concerns."""
    ours = run_value_table.delete().where(_value.kind == CACHE)

    async def work(connection: AsyncConnection) -> int:
        if function is None:
            concerned = await connection.scalar(select(func.count()).where(_value.kind == CACHE, _value.name == KEY))
            await connection.execute(ours.where(_value.name.in_(_OF_RESULTS)))
            return int(concerned or 0)
        run_ids = list((await connection.execute(select(_value.run_id).where(_of_function(function)))).scalars())
        for ids in db.in_batches(run_ids):
            await connection.execute(ours.where(_value.run_id.in_(ids), _value.name.in_(_OF_RESULTS)))
        return len(run_ids)

    async def committed(_connection: AsyncConnection) -> bool:
        return False  # deleting them again is harmless

    return await db.write(work, committed=committed)


_OF_RESULTS: Iterable[str] = (KEY, FUNCTION, PARTS)
"""The rows of a run that computed a result. Without them it serves no call."""
