"""Read the values whose search keys are cut, for an order: one after the other, with few in memory at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import chunks, current_database, read
from artigraph.errors import DeserializationError, NodeNotFoundError, ObjectNotFoundError
from artigraph.graph import Fetch, StoredObject, fetch, read_trees
from artigraph.model.definition import define, is_model
from artigraph.model.load import existing_ids
from artigraph.model.values import StoredValue
from artigraph.orm import blob_table, run_value_table
from artigraph.query._conditions import Field, RunField
from artigraph.query._sql import values_below
from artigraph.serializer.codec import decode
from artigraph.serializer.search_key import uncut_key

_AT_ONCE = 8 * 1024 * 1024
"""The most bytes of values that are read at once; a single larger value is read alone."""


class _Place(NamedTuple):
    """A value of a field: the id of its artifact, the id of its own node, and its size in bytes."""

    artifact_id: UUID
    node_id: UUID
    size: int | None


async def read_field_keys(field: Field, ids: Sequence[UUID]) -> AsyncIterator[tuple[UUID, bytes]]:
    """Yield the whole search key of a field for each artifact that still has the field.

    Raises:
        DeserializationError: a value cannot be decoded.
    """
    classes = _classes_of(field)
    for some in chunks(ids):
        for batch in _batches(await _places(field, some)):
            artifact_of = {place.node_id: place.artifact_id for place in batch}
            for node_id, value in await _values(field, list(artifact_of), classes):
                yield artifact_of[node_id], uncut_key(value) or b""


async def read_run_keys(field: RunField, ids: Sequence[UUID]) -> AsyncIterator[tuple[UUID, bytes]]:
    """Yield the whole search key of a named value for each run that still has the value.

    Raises:
        DeserializationError: a value cannot be decoded.
    """
    await current_database()
    table = run_value_table.c
    for some in chunks(ids):
        statement = select(table.run_id, table.value).where(
            table.run_id.in_(some), table.kind == field.kind, table.name == field.name
        )

        async def work(connection: AsyncConnection, statement: Any = statement) -> Sequence[Any]:
            return (await connection.execute(statement)).all()

        for run_id, data in await read(work):
            try:
                value = decode(bytes(data))
            except DeserializationError as error:
                msg = f"The {field.kind} {field.name!r} of run {run_id} cannot be read: {error}"
                raise DeserializationError(msg) from error
            yield run_id, uncut_key(value) or b""


async def _places(field: Field, ids: Sequence[UUID]) -> list[_Place]:
    await current_database()
    owner_id, value, values = values_below(field, ids)
    size = func.coalesce(func.length(value.c.value), blob_table.c.size)
    statement = values.outerjoin(blob_table, blob_table.c.blob_id == value.c.blob_id)
    statement = statement.with_only_columns(owner_id, value.c.node_id, size)

    async def work(connection: AsyncConnection) -> list[_Place]:
        return [_Place(*row) for row in await connection.execute(statement)]

    return await read(work)


def _batches(places: Sequence[_Place]) -> Iterator[list[_Place]]:
    batch: list[_Place] = []
    size = 0
    for place in places:
        if batch and size + (place.size or 0) > _AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(place)
        size += place.size or 0
    if batch:
        yield batch


async def _values(field: Field, node_ids: Sequence[UUID], classes: dict[str, type[Any]]) -> list[tuple[UUID, Any]]:
    """Return the values of the nodes that still exist."""
    while True:
        try:
            trees = await read_trees(node_ids)
            return [
                (node_id, await _decoded(field, tree.root.serializer, tree.root.value, classes, node_id))
                for node_id, tree in trees.items()
            ]
        except (NodeNotFoundError, ObjectNotFoundError):
            remaining = await existing_ids(node_ids)
            if remaining.issuperset(node_ids):
                raise
            node_ids = [node_id for node_id in node_ids if node_id in remaining]


async def _decoded(
    field: Field, serializer: str | None, source: bytes | StoredObject | None, classes: dict[str, type[Any]], at: UUID
) -> Any:
    path = f"{field.model.__qualname__}.{'.'.join(field.path)}"
    if serializer is None or source is None:
        msg = f"{path} (node {at}) has neither a value nor an object; the row was altered"
        raise DeserializationError(msg)
    stored = StoredValue(serializer, source, classes, partial("{} (node {})".format, path, at), at)
    decoded: list[Any] = []
    await fetch([Fetch(source, lambda data: decoded.append(stored.decode(data)), needs_bytes=True)])
    return decoded[0]


def _classes_of(field: Field) -> dict[str, type[Any]]:
    """Return by name the classes that values of a field may have. Define the models that have the field on the way."""
    found: dict[str, type[Any]] = {}
    pending: list[type[Any]] = list(field.owners)
    while pending:
        cls = pending.pop()
        pending += cls.__subclasses__()
        if is_model(cls) and (definition := define(cls).fields.get(field.path[-1])) is not None:
            found |= definition.classes
    return found
