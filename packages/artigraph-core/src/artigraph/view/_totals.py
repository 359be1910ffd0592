"""Totals of the whole store: how many artifacts of each model there are, and how much they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read_anywhere
from artigraph.db.planner import unsearched_by_sqlite
from artigraph.orm import TOMBSTONE_SIZE, blob_table, node_table, store_table
from artigraph.view._document import Document, Page, Record

_MOST_GROUPS = 100


@dataclass(frozen=True, slots=True)
class ClassVersionItem(Record):
    """A version of a model's class, and what it wrote."""

    class_version: int
    artifacts: int
    """How many artifacts it wrote."""
    nested: int
    """How many models inside of artifacts it wrote."""


@dataclass(frozen=True, slots=True)
class ModelItem(Record):
    """A model by its stored name."""

    model_name: str
    artifacts: int
    """How many artifacts are of it."""
    nested: int
    """How many models inside of artifacts are of it."""
    class_versions: tuple[ClassVersionItem, ...]
    """The versions of its class, the newest first."""


@dataclass(frozen=True, slots=True)
class ModelsPage(Page[ModelItem]):
    """All models, ordered by name."""

    schema: ClassVar[str] = "artigraph.models/1"


@dataclass(frozen=True, slots=True)
class StorageItem(Record):
    """What a storage holds."""

    storage: str | None
    """The name of the storage. None means the rows of the database."""
    objects: int
    """How many objects it holds; for the database, how many values are in its rows."""
    bytes: int
    """Their size. Equal objects of a storage are stored, and counted, once."""


@dataclass(frozen=True, slots=True)
class SizeItem(Record):
    """How much the values of a group of artifacts take."""

    name: str | None
    """The stored name of their model, or the name of their run. None means runs without a name, or no run."""
    artifacts: int
    values: int
    """How many values they have."""
    bytes: int
    """The size of these values. An object that several values share is counted for each."""


@dataclass(frozen=True, slots=True)
class LastFsck(Record):
    """The last `fsck` whose outcome was recorded."""

    ended_at: datetime
    """In UTC, by the clock of the database."""
    problems: int
    """How many problems it found."""
    objects_read: int
    """How many objects it read and compared with their hashes."""


@dataclass(frozen=True, slots=True)
class StorageDocument(Document):
    """What takes how much."""

    schema: ClassVar[str] = "artigraph.storage/1"

    storages: tuple[StorageItem, ...]
    """The storages and the database, the largest first."""
    models: tuple[SizeItem, ...]
    """The 100 models whose artifacts take most, the largest first."""
    runs: tuple[SizeItem, ...]
    """The 100 names of runs whose artifacts take most, the largest first."""
    last_fsck: LastFsck | None
    """The last `fsck`; None if none was recorded."""


async def models_page() -> ModelsPage:
    """Return all models by their stored names, with the versions of their classes and how many there are.

    It takes one statement, which reads the rows of all models. All names are on one page.
    """
    node = node_table.c
    artifacts = func.coalesce(func.sum(case((node.tree_root_id == node.node_id, 1), else_=0)), 0)
    statement = (
        select(node.model_name, node.model_version, func.count(), artifacts)
        .where(node.node_type == "model", node.model_name.is_not(None), node.model_version.is_not(None))
        .group_by(node.model_name, node.model_version)
        .order_by(node.model_name, node.model_version.desc())
    )
    items: list[ModelItem] = []
    for name, rows in groupby(await _rows(statement), lambda row: row[0]):
        versions = tuple(ClassVersionItem(row[1], int(row[3]), row[2] - int(row[3])) for row in rows)
        total = sum(version.artifacts for version in versions)
        items.append(ModelItem(name, total, sum(version.nested for version in versions), versions))
    return ModelsPage(tuple(items), None)


async def storage_document() -> StorageDocument:
    """Return how much the storages, the artifacts of each model, and those of each run take.

    It takes five statements, which read the rows of all values and objects. With millions of nodes that takes seconds.
    """
    node, blob = node_table.c, blob_table.c
    size = func.coalesce(func.sum(blob.size), 0)
    objects = select(blob.storage, func.count(), size).where(blob.size != TOMBSTONE_SIZE).group_by(blob.storage)
    inline = select(func.count(), func.coalesce(func.sum(func.length(node.value)), 0)).where(
        node.node_type == "value", node.blob_id.is_(None)
    )
    storages = [StorageItem(*_numbers(row)) for row in await _rows(objects)]
    storages += [StorageItem(None, row[0], int(row[1])) for row in await _rows(inline) if row[0]]
    root, run = node_table.alias("root"), node_table.alias("run")
    by_model = _sizes(root.c.model_name, root, run)
    by_run = _sizes(run.c.run_name, root, run)
    store = store_table.c
    fsck = select(store.fsck_at, store.fsck_problems, store.fsck_objects_read).where(store.fsck_at.is_not(None))
    checks = [LastFsck(row[0], int(row[1] or 0), int(row[2] or 0)) for row in await _rows(fsck)]
    return StorageDocument(
        storages=tuple(sorted(storages, key=lambda item: (-item.bytes, item.storage or ""))),
        models=tuple(SizeItem(*_numbers(row)) for row in await _rows(by_model)),
        runs=tuple(SizeItem(*_numbers(row)) for row in await _rows(by_run)),
        last_fsck=checks[0] if checks else None,
    )


def _sizes(name: ColumnElement[Any], root: Any, run: Any) -> Select[*tuple[Any, ...]]:
    """Select the largest groups of artifacts: name, number of artifacts, number of values, bytes.

    The values are summed up tree by tree, in the order of the index of trees. So a root is looked up once for its tree,
    and not once for each value.
    """
    value = node_table.alias("value")
    tree = (
        select(
            value.c.tree_root_id,
            func.count().label("values"),
            func.sum(func.coalesce(blob_table.c.size, func.length(value.c.value), 0)).label("bytes"),
        )
        .select_from(value.outerjoin(blob_table, blob_table.c.blob_id == value.c.blob_id))
        .where(unsearched_by_sqlite(value.c.node_type) == "value", value.c.tree_root_id.is_not(None))
        .group_by(value.c.tree_root_id)
        .subquery("tree")
    )
    source = tree.join(root, root.c.node_id == tree.c.tree_root_id)
    size = func.sum(tree.c.bytes)
    return (
        select(name, func.count(), func.sum(tree.c["values"]), size)
        .select_from(source.outerjoin(run, run.c.node_id == root.c.parent_id))
        .group_by(name)
        .order_by(size.desc(), name)
        .limit(_MOST_GROUPS)
    )


def _numbers(row: Any) -> tuple[Any, ...]:
    """Return the name and the numbers of a row. Sums of integers are decimals on some databases."""
    return row[0], *(int(number) for number in row[1:])


async def _rows(statement: Any) -> Sequence[Any]:
    async def work(connection: AsyncConnection) -> Sequence[Any]:
        return (await connection.execute(statement)).all()

    return await read_anywhere(work)
