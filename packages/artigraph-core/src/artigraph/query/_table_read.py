"""Read the rows of a table: chosen fields of artifacts, and chosen properties of runs, without building a model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.db.planner import lookup_join
from artigraph.errors import DeserializationError, MalformedRowError, TableError
from artigraph.graph.run_rows import read_runs
from artigraph.identifiers import id_of
from artigraph.orm import blob_table, node_table
from artigraph.query._evaluate import is_mapping
from artigraph.query._ordering import classes_of
from artigraph.query._sql import root
from artigraph.query._table_plan import ChosenField, ChosenProperty
from artigraph.run.values import value_of
from artigraph.serializer.codec import decode, decode_each
from artigraph.serializer.json import json_serializer
from artigraph.stored.read import PLAIN_SERIALIZERS, decode_stored
from artigraph.table import ObjectCell, TableColumn, Values

_LOOKUPS = 8_000
"""The most rows that one statement looks up. PostgreSQL compiles a statement first that it expects to take longer."""
_JOINS = 50
"""The most tables that one statement joins. MySQL and MariaDB take 61."""
_ON_THE_LOOP = 2_000
"""The most values that are decoded on the event loop."""
_BLOB = ("storage", "location", "size", "sha256")


class _Cells(NamedTuple):
    """A chosen field in a statement, and where its columns are in a row."""

    chosen: ChosenField
    at: int
    """The index of the serializer, or of the type of a node without one. `value` follows."""
    more_at: int | None
    """The index of `node_type`. The columns of the blob follow. None if a small value is expected in each row."""
    owner_at: int | None
    """The index of the `serializer` of the value that may be a dict with the field as a key. Its `value` follows."""


class _Statement:
    """A statement that reads some fields of artifacts.

    It looks up the node of each field, and the blob if the field may have one. With `every_blob` it looks up all of
    them.
    """

    def __init__(self, fields: Sequence[ChosenField], source: Any, *, every_blob: bool) -> None:
        self._source = source
        self._every_blob = every_blob
        self._owners: dict[tuple[str, ...], Any] = {(): root}
        self._columns: list[Any] = [root.c.node_id, root.c.parent_id, root.c.label]
        self.cells = [self._add(chosen) for chosen in fields]

    def added_to(self, statement: Any) -> Any:
        """Return a select of artifacts with these fields as its columns."""
        return statement.select_from(self._source).with_only_columns(*self._columns)

    def _add(self, chosen: ChosenField) -> _Cells:
        path = chosen.field.path
        for depth in range(1, len(path)):
            if path[:depth] not in self._owners:
                self._owners[path[:depth]] = self._join(path[:depth])
        value, owner, more_at = self._join(path), self._owners[path[:-1]], None
        if self._every_blob or not chosen.is_small:
            blob = blob_table.alias(f"blob_{len(self._columns)}")
            self._source = lookup_join(self._source, blob, blob.c.blob_id == value.c.blob_id, outer=True)
            more_at = self._select(value.c.node_type, *(blob.c[name] for name in _BLOB))
        owner_at = self._select(owner.c.serializer, owner.c.value) if chosen.may_be_key else None
        wrote = sa.func.coalesce(value.c.serializer, value.c.node_type)  # a model has no serializer
        return _Cells(chosen, self._select(wrote, value.c.value), more_at, owner_at)

    def _join(self, path: tuple[str, ...]) -> Any:
        node, above = node_table.alias(f"node_{len(self._owners)}_{len(self._columns)}"), self._owners[path[:-1]]
        on = sa.and_(node.c.parent_id == above.c.node_id, node.c.label == path[-1])
        self._source = lookup_join(self._source, node, on, outer=True)
        return node

    def _select(self, *columns: Any) -> int:
        self._columns += columns
        return len(self._columns) - len(columns)


class _BlobNeededError(Exception):
    """A value that was expected in its row may be an object."""


class ArtifactRows:
    """Reads the rows of a table of artifacts.

    Blobs of small values, such as numbers, are looked up only after one was missing in its row.
    """

    def __init__(self, fields: Sequence[ChosenField], run: Sequence[ChosenProperty], *, label: bool) -> None:
        self._fields, self._run, self._label = fields, run, label
        self._classes = {chosen.name: classes_of(chosen.field) for chosen in fields}
        self._groups = _in_groups(fields)
        self._every_blob = False
        lookups = max(sum(map(_joins, group)) for group in self._groups)
        self.batch = max(1, min(1_000, _LOOKUPS // lookups))
        """The number of artifacts that one statement reads."""

    @property
    def columns(self) -> list[TableColumn]:
        """The columns of the table."""
        label = [TableColumn("label", frozenset({str}))] if self._label else []
        chosen: list[ChosenField | ChosenProperty] = [*self._fields, *self._run]
        ids = [TableColumn(name, frozenset({UUID})) for name in ("node_id", "run_id")]
        return [*ids, *label, *(each.column for each in chosen)]

    @cached_property
    def _of_ids(self) -> Sequence[tuple[_Statement, Any]]:
        """The statements that read artifacts by their ids, the parameter `ids`."""
        some = sa.select(root.c.node_id).where(root.c.node_id.in_(sa.bindparam("ids", expanding=True)))
        statements = [_Statement(group, root, every_blob=self._every_blob) for group in self._groups]
        return [(statement, statement.added_to(some)) for statement in statements]

    async def read(self, ids: Sequence[UUID]) -> dict[str, Values]:
        """Return the values of each column for the artifacts that still exist, in the order of their ids."""

        async def work(connection: AsyncConnection) -> list[list[db.Row]]:
            return [await db.fetch_rows(connection, select, {"ids": ids}) for _, select in self._of_ids]

        found = [{row[0]: row for row in rows} for rows in await db.read_anywhere(work)]
        key_of = {id_of(key): key for key in found[0] if all(key in group for group in found)}
        keys = [key_of[node_id] for node_id in ids if node_id in key_of]
        statements = [statement for statement, _ in self._of_ids]
        try:
            return await self._values(statements, [[group[key] for key in keys] for group in found])
        except _BlobNeededError:
            self._every_blob = True
            del self._of_ids
            return await self.read(ids)

    async def read_found(
        self, source: Any, complete: Callable[[Callable[[Any], Any]], Awaitable[Any]]
    ) -> dict[str, Values] | None:
        """Return the values of each column for all results of a select of artifacts, in its order, by one statement.

        Args:
            source: the FROM clause of the select.
            complete: returns the select. It calls the function that it gets to add the fields to it.

        Returns:
            The values by column, or None if one statement cannot join all columns.
        """
        if len(self._groups) > 1:
            return None
        statement = _Statement(self._fields, source, every_blob=self._every_blob)
        select = await complete(statement.added_to)

        async def work(connection: AsyncConnection) -> list[db.Row]:
            return await db.fetch_rows(connection, select, {})

        try:
            return await self._values([statement], [await db.read_anywhere(work)])
        except _BlobNeededError:
            self._every_blob = True
            return await self.read_found(source, complete)

    async def _values(self, statements: Sequence[_Statement], groups: Sequence[Sequence[db.Row]]) -> dict[str, Values]:
        first = groups[0]
        ids: dict[Any, UUID] = {}
        for row in first:
            for key in (row[0], row[1]):
                if key is not None and key not in ids:
                    ids[key] = id_of(key)
        parents = [ids.get(row[1]) for row in first]
        values: dict[str, Values] = {"node_id": [ids[row[0]] for row in first], "run_id": parents}
        if self._label:
            values["label"] = [row[2] for row in first]
        decoded = partial(self._decode, statements, groups, values["node_id"])
        heavy = len(first) * len(self._fields) > _ON_THE_LOOP
        values |= await asyncio.to_thread(decoded) if heavy else decoded()
        runs = await read_properties({each for each in parents if each is not None}, self._run) if self._run else {}
        for chosen in self._run:
            values[chosen.name] = [None if each is None else runs.get(each, {}).get(chosen.name) for each in parents]
        return values

    def _decode(
        self, statements: Sequence[_Statement], groups: Sequence[Sequence[db.Row]], node_ids: Values
    ) -> dict[str, Values]:
        return {
            cells.chosen.name: self._column(cells, rows, node_ids)
            for statement, rows in zip(statements, groups, strict=True)
            for cells in statement.cells
        }

    def _column(self, cells: _Cells, rows: Sequence[db.Row], node_ids: Values) -> list[object]:
        chosen = cells.chosen
        found: list[object] = [None] * len(rows)
        stored: dict[str, list[int]] = {}
        at = cells.at
        for number, row in enumerate(rows):
            serializer, data = row[at], row[at + 1]
            if type(data) is bytes and serializer in PLAIN_SERIALIZERS:
                stored.setdefault(serializer, []).append(number)
            elif serializer is not None:
                found[number] = _described(cells, row, node_ids[number])
        for serializer, numbers in stored.items():
            self._fill(found, chosen, serializer, numbers, [rows[number][at + 1] for number in numbers], node_ids)
        if cells.owner_at is not None:
            self._fill_keys(found, cells, rows, node_ids)
        return _within(found, chosen.field.keys) if chosen.field.keys else found

    def _fill(
        self,
        found: list[object],
        chosen: ChosenField,
        serializer: str,
        numbers: Sequence[int],
        stored: Sequence[bytes],
        node_ids: Values,
    ) -> None:
        classes = self._classes[chosen.name]
        is_json = serializer == json_serializer.name
        one: Callable[[bytes], object]
        one = partial(decode, classes=classes) if is_json and classes else partial(decode_stored, serializer)

        def decode_at(index: int) -> object:
            try:
                return one(stored[index])
            except DeserializationError as error:
                msg = f"{chosen.name} of node {node_ids[numbers[index]]} cannot be read: {error}"
                raise DeserializationError(msg) from error

        values = decode_each(stored, decode_at) if is_json else map(decode_at, range(len(stored)))
        for number, value in zip(numbers, values, strict=True):
            found[number] = value

    def _fill_keys(self, found: list[object], cells: _Cells, rows: Sequence[db.Row], node_ids: Values) -> None:
        """Fill in the items of dicts that are one value, where there is no node of that name."""
        at, key = cells.owner_at or 0, cells.chosen.field.path[-1]
        numbers = [
            number
            for number, row in enumerate(rows)
            if row[cells.at] is None and row[at] == json_serializer.name and type(row[at + 1]) is bytes
        ]
        dicts: list[object] = [None] * len(rows)
        self._fill(
            dicts, cells.chosen, json_serializer.name, numbers, [rows[each][at + 1] for each in numbers], node_ids
        )
        items = _within(dicts, (key,))
        for number in numbers:
            found[number] = items[number]


def _described(cells: _Cells, row: db.Row, node_id: object) -> ObjectCell:
    """Return what describes a value that is not decoded.

    Raises:
        TableError: it is a model or a container.
    """
    data, name = row[cells.at + 1], cells.chosen.name
    if type(data) is bytes:
        return ObjectCell(None, None, len(data), None)
    if cells.more_at is None:
        raise _BlobNeededError
    node_type, storage, location, size, digest = row[cells.more_at : cells.more_at + 5]
    if node_type != "value":
        what = "field" if node_type == "model" else "item"
        msg = f"{name} of node {node_id} is a {node_type}, and no value of a row. Name a {what} of it: c.{name}[...]"
        raise TableError(msg)
    if storage is None:
        _refuse(name, node_id, data)
    return ObjectCell(storage, location, size, bytes(digest))


def _joins(chosen: ChosenField) -> int:
    """Return how many tables a field takes at most: its owners, its node and its blob."""
    return len(chosen.field.path) + 1


def _in_groups(fields: Sequence[ChosenField]) -> list[list[ChosenField]]:
    """Split fields so that each group takes few enough joins."""
    groups: list[list[ChosenField]] = [[]]
    for chosen in fields:
        if groups[-1] and sum(map(_joins, groups[-1])) + _joins(chosen) > _JOINS:
            groups.append([])
        groups[-1].append(chosen)
    return groups


def _within(values: Sequence[object], keys: Sequence[str]) -> list[object]:
    """Return what plain dicts hold under some keys, one in the other; None where there is no such key."""
    found = list(values)
    for key in keys:
        found = [value.get(key) if is_mapping(value) else None for value in found]
    return found


def _refuse(name: str, node_id: object, value: object) -> NoReturn:
    msg = (
        f"{name} of node {node_id} holds {value!r:.100} in column value of {node_table.name}, which cannot be. The row "
        "was altered by hand, or the database is damaged: artigraph.maintenance.fsck lists all such"
    )
    raise MalformedRowError(msg, table=node_table.name, column="value")


class RunRows:
    """Reads the rows of a table of runs."""

    batch = 1_000

    def __init__(self, properties: Sequence[ChosenProperty]) -> None:
        self._properties = properties

    @property
    def columns(self) -> list[TableColumn]:
        """The columns of the table."""
        return [TableColumn("node_id", frozenset({UUID})), *(each.column for each in self._properties)]

    async def read(self, ids: Sequence[UUID]) -> dict[str, Values]:
        """Return the values of each column for the runs that still exist, in the order of their ids."""
        runs = await read_properties(ids, self._properties)
        existing = [node_id for node_id in ids if node_id in runs]
        values: dict[str, Values] = {"node_id": existing}
        return values | {chosen.name: [runs[each].get(chosen.name) for each in existing] for chosen in self._properties}


async def read_properties(
    run_ids: Collection[UUID], properties: Sequence[ChosenProperty]
) -> dict[UUID, dict[str, object]]:
    """Return chosen properties of the runs that exist, by their names.

    Raises:
        DeserializationError: a parameter, or an entry of the environment, cannot be read.
    """
    own = {chosen.source: chosen.name for chosen in properties if isinstance(chosen.source, str)}
    fields = {chosen.source: chosen.name for chosen in properties if not isinstance(chosen.source, str)}
    found: dict[UUID, dict[str, object]] = {}
    for run_id, run in (await read_runs(list(run_ids), [*fields])).items():
        found[run_id] = {name: getattr(run, attribute) for attribute, name in own.items()}
        found[run_id] |= {fields[row.kind, row.name]: value_of(run, row) for row in run.values}
    return found
