"""Settle ties: rows whose search keys are cut tie in the database, and are sorted by their whole values here.

The database orders by keys, so rows that tie on a cut key are adjacent. Only ties that reach into the wanted part of
the results are settled. Of each value only a slice is held in memory at a time, so memory does not grow with the size
of the values (docs/design/query.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import in_batches, read_anywhere
from artigraph.errors import DeserializationError, NodeNotFoundError, ObjectNotFoundError
from artigraph.graph import Fetch, StoredObject, fetch, read_trees
from artigraph.model.definition import define, is_model
from artigraph.model.load import existing_ids
from artigraph.model.values import StoredValue
from artigraph.orm import SEARCH_KEY_LENGTH, blob_table, run_value_table
from artigraph.query._conditions import Field, RunField
from artigraph.query._sql import values_below
from artigraph.serializer.codec import decode
from artigraph.serializer.search_key import is_cut, uncut_key
from artigraph.stored.read import decode_stored

_HELD = 32 * 1024 * 1024
"""Bytes held of all values of a tie together. Each value gets at least `_LEAST` bytes, even if that is more."""
_LEAST = 256

ReadKeys = Callable[[Sequence[UUID]], AsyncIterator[tuple[UUID, bytes]]]
"""Reads the whole keys of some nodes, one at a time. A node whose value was deleted is left out."""

WholeTie = Callable[[Sequence[ColumnElement[bool]]], Awaitable[list["Ranked"]]]
"""Reads all rows of the results for which some conditions are true, ordered by their keys."""


class OrderKey(NamedTuple):
    """One order of a query, in the terms of the database."""

    columns: Sequence[ColumnElement[Any]]
    """The expressions for ORDER BY."""
    key: ColumnElement[Any]
    """The expression that is equal for two rows if they tie."""
    descending: bool
    equals: Callable[[Any], ColumnElement[bool]]
    """Makes the condition that a row has a given key."""
    read: ReadKeys | None = None
    """Reads whole keys; None where a key is never cut."""


class Ranked(NamedTuple):
    """A row of the results, and its key in each order."""

    node_id: UUID
    keys: tuple[Any, ...]


def orders_until(orders: Iterable[OrderKey], unique: ColumnElement[Any]) -> list[OrderKey]:
    """Return the orders up to the first one by a unique column. Orders after that change nothing."""
    found: list[OrderKey] = []
    for order in orders:
        found.append(order)
        if order.key is unique:
            break
    return found


def cut_orders(orders: Sequence[OrderKey]) -> Sequence[OrderKey]:
    """Return the orders up to the last one in which keys may be cut."""
    count = max((number for number, order in enumerate(orders, 1) if order.read is not None), default=0)
    return orders[:count]


async def in_order(rows: list[Ranked], orders: Sequence[OrderKey], whole_tie: WholeTie | None) -> list[UUID]:
    """Return the ids of rows in their true order. The rows are already ordered by their keys.

    Args:
        rows: all rows, or one page of them.
        orders: the orders up to the last one in which keys may be cut.
        whole_tie: reads all rows of a tie, which may begin before the page and end after it; None if `rows` are all
            rows.
    """
    if whole_tie is None:
        await settle(rows, orders, 0, len(rows))
        return [row.node_id for row in rows]
    page: list[UUID] = []
    for level, tie in _ties(rows, orders):
        whole, first = tie, 0
        if level is not None and (tie[0] is rows[0] or tie[-1] is rows[-1]):
            conditions = [order.equals(key) for key, order in zip(tie[0].keys[: level + 1], orders, strict=False)]
            whole = await whole_tie(conditions)
            first = next((at for at, row in enumerate(whole) if row.node_id == tie[0].node_id), 0)
        await settle(whole, orders, first, first + len(tie))
        page += [row.node_id for row in whole[first : first + len(tie)]]
    return page


def _ties(rows: Sequence[Ranked], orders: Sequence[OrderKey]) -> Iterator[tuple[int | None, list[Ranked]]]:
    """Yield groups of adjacent rows that tie up to the first order in which their key is cut, with that order's index.

    Rows without a cut key are already in their place. They are yielded with None.
    """
    for (level, _), tie in groupby(rows, lambda row: _tie_of(row, orders)):
        yield level, list(tie)


def _tie_of(row: Ranked, orders: Sequence[OrderKey]) -> tuple[int | None, tuple[Any, ...]]:
    for level, (key, order) in enumerate(zip(row.keys, orders, strict=True)):
        if order.read is not None and is_cut(key):
            return level, row.keys[: level + 1]
    return None, ()


async def settle(rows: list[Ranked], orders: Sequence[OrderKey], first: int, last: int) -> None:
    """Sort the rows from `first` up to but excluding `last` in place. The rows are already ordered by their keys."""
    pending = [(0, len(rows), 0)]
    while pending:
        start, end, level = pending.pop()
        if level == len(orders):
            continue
        order = orders[level]
        for low, high in _runs([row.keys[level] for row in rows[start:end]], start):
            if high <= first or low >= last:
                continue
            if order.read is None or not is_cut(rows[low].keys[level]):
                pending.append((low, high, level + 1))
            else:
                pending += [(*equal, level + 1) for equal in await _sort(rows, low, high, order, level)]


async def _sort(rows: list[Ranked], low: int, high: int, order: OrderKey, level: int) -> list[tuple[int, int]]:
    """Sort a tie by its values, and return the ranges of rows whose values are equal.

    Each round compares one slice of the values. The next round compares the next slice of those values whose slices
    are equal but whose digests differ.
    """
    at = SEARCH_KEY_LENGTH - 1 if len(rows[low].keys[level]) >= SEARCH_KEY_LENGTH else 0
    equal: list[tuple[int, int]] = []
    pending = [(low, high, at)]
    while pending:
        start, end, at = pending.pop()
        width = max(_LEAST, _HELD // (end - start))
        slices = await _slices(order, [row.node_id for row in rows[start:end]], at, width)
        missing = _Slice(b"", b"")
        rows[start:end] = sorted(  # stable: rows that are equal here keep the database's order
            rows[start:end], key=lambda row: slices.get(row.node_id, missing).part, reverse=order.descending
        )
        found = [slices.get(row.node_id, missing) for row in rows[start:end]]
        for first, last in _runs([each.part for each in found], start):
            alike = found[first - start : last - start]
            if last - first < 2:  # noqa: PLR2004 (a tie is of two at least)
                continue
            if len(alike[0].part) < width or len({each.digest for each in alike}) == 1:
                equal.append((first, last))
            else:
                pending.append((first, last, at + width))
    return equal


class _Slice(NamedTuple):
    part: bytes
    digest: bytes
    """The digest of the whole key."""


async def _slices(order: OrderKey, ids: Sequence[UUID], at: int, width: int) -> dict[UUID, _Slice]:
    assert order.read is not None  # for type checkers: only such orders have ties
    found: dict[UUID, _Slice] = {}
    async for node_id, key in order.read(ids):
        found[node_id] = _Slice(key[at : at + width], hashlib.sha256(key).digest())
    return found


def _runs(values: Sequence[Any], start: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of two or more adjacent equal values, with indexes counted from `start`."""
    borders = [start, *(start + 1 + index for index, (a, b) in enumerate(pairwise(values)) if a != b)]
    for low, high in pairwise([*borders, start + len(values)]):
        if high - low > 1:
            yield low, high


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
    classes = classes_of(field)
    for some in in_batches(ids):
        for batch in _batches(await _places(field, some)):
            artifact_of = {place.node_id: place.artifact_id for place in batch}
            for node_id, value in await _values(field, list(artifact_of), classes):
                yield artifact_of[node_id], uncut_key(value) or b""


async def read_run_keys(field: RunField, ids: Sequence[UUID]) -> AsyncIterator[tuple[UUID, bytes]]:
    """Yield the whole search key of a named value for each run that still has the value.

    Raises:
        DeserializationError: a value cannot be decoded.
    """
    table = run_value_table.c
    for some in in_batches(ids):
        statement = select(table.run_id, table.value).where(
            table.run_id.in_(some), table.kind == field.kind, table.name == field.name
        )

        async def work(connection: AsyncConnection, statement: Any = statement) -> Sequence[Any]:
            return (await connection.execute(statement)).all()

        for run_id, data in await read_anywhere(work):
            try:
                value = decode(bytes(data))
            except DeserializationError as error:
                msg = f"The {field.kind} {field.name!r} of run {run_id} cannot be read: {error}"
                raise DeserializationError(msg) from error
            yield run_id, uncut_key(value) or b""


async def _places(field: Field, ids: Sequence[UUID]) -> list[_Place]:
    owner_id, value, values = values_below(field, ids)
    size = func.coalesce(func.length(value.c.value), blob_table.c.size)
    statement = values.outerjoin(blob_table, blob_table.c.blob_id == value.c.blob_id)
    statement = statement.with_only_columns(owner_id, value.c.node_id, size)

    async def work(connection: AsyncConnection) -> list[_Place]:
        return [_Place(*row) for row in await connection.execute(statement)]

    return await read_anywhere(work)


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
    path = f"{field.model_name}.{'.'.join(field.path)}"
    if serializer is None or source is None:
        msg = f"{path} (node {at}) has neither a value nor an object; the row was altered"
        raise DeserializationError(msg)
    stored = StoredValue(serializer, source, classes, partial("{} (node {})".format, path, at), at)
    decode_value = partial(decode_stored, serializer) if isinstance(field.model, str) else stored.decode
    decoded: list[Any] = []
    await fetch([Fetch(source, lambda data: decoded.append(decode_value(data)), needs_bytes=True)])
    return decoded[0]


def classes_of(field: Field) -> dict[str, type[Any]]:
    """Return by name the classes that values of a field may have. Define the models that have the field on the way."""
    found: dict[str, type[Any]] = {}
    pending: list[type[Any]] = [owner for owner in field.owners if not isinstance(owner, str)]
    while pending:
        cls = pending.pop()
        pending += cls.__subclasses__()
        if is_model(cls) and (definition := define(cls).fields.get(field.field_name)) is not None:
            found |= definition.classes
    return found
