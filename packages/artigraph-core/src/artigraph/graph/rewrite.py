"""Writing the rows of an artifact anew, in the form of today's classes (docs/design/upgrade.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.graph._tree import Tree
from artigraph.graph._write import write_values
from artigraph.orm import alias_table, blob_table, node_table
from artigraph.progress import ProgressReporter

__all__ = ["Part", "TreeChangedError", "read_parts", "rewrite_tree"]

Path = tuple[str, ...]


class Part(NamedTuple):
    """A row of a tree, without its value."""

    node_id: UUID
    parent_id: UUID | None
    label: str
    node_type: str
    model_name: str | None
    model_version: int | None
    position: int
    size: int
    """The bytes of its value, in the row or in an object."""


class TreeChangedError(Exception):
    """The rows of a tree are not those that were read: it was deleted, or written anew."""


async def read_parts(root_id: UUID) -> list[Part]:
    """Return the rows of a tree in the order of their positions: none if the tree does not exist."""
    return await db.read(partial(_read, _parts(root_id)))


async def rewrite_tree(tree: Tree, before: Sequence[Part], report: ProgressReporter) -> None:
    """Replace the rows of an artifact with the rows of a tree, in one transaction.

    The root keeps its id, parent, label, uses and aliases. A part keeps its id if its path and kind stay.

    Args:
        tree: the new rows, made as for a save. Their ids are replaced.
        before: the rows of the artifact, as they were read before its model was loaded.
        report: reports the progress of the values.

    Raises:
        TreeChangedError: the rows are not those of `before`. Nothing was changed.
        SerializationError, StorageError, DatabaseError: as for a save. Nothing was changed.
    """
    root_id = before[0].node_id
    kept = {path: part.node_id.bytes for path, part in zip(_paths(before), before, strict=True)}
    ids: dict[bytes, bytes] = {}
    paths: dict[bytes, Path] = {}
    for row in tree.rows:
        new_id: bytes = row["node_id"]
        is_root = row["position"] == 0
        paths[new_id] = () if is_root else (*paths[row["parent_id"]], row["label"], row["node_type"])
        ids[new_id] = kept.get(paths[new_id], new_id)
    database = await db.current_database()
    locked = _parts(root_id).with_for_update(of=node_table)
    model_name = tree.rows[0]["model_name"]

    async def replace(connection: AsyncConnection) -> None:
        if await _read(locked, connection) != list(before):
            raise TreeChangedError
        parts = delete(node_table).where(node_table.c.tree_root_id == root_id, node_table.c.node_id != root_id)
        await connection.execute(db.parts_first(parts, node_table.c.position, database.dialect))
        root, *others = (_with_ids(row, ids, root_id) for row in tree.rows)
        changed = {name: root[name] for name in ("model_name", "model_version", "span")}
        await connection.execute(update(node_table).where(node_table.c.node_id == root_id).values(**changed))
        if others:
            await db.insert_rows(connection, node_table, others)
        if model_name != before[0].model_name:
            await _rename_aliases(connection, root_id, model_name)

    async def committed(connection: AsyncConnection) -> bool:
        found = await _read(_parts(root_id), connection)
        return [part[:6] for part in found] == [
            (UUID(bytes=ids[row["node_id"]]), *_parent(row, ids, before[0]), *(row[name] for name in Part._fields[2:6]))
            for row in tree.rows
        ]

    await write_values(replace, committed, tree.pending, database, report, len(tree.rows))


def _parent(row: Mapping[str, Any], ids: Mapping[bytes, bytes], root: Part) -> tuple[UUID | None]:
    return (root.parent_id,) if row["position"] == 0 else (UUID(bytes=ids[row["parent_id"]]),)


def _with_ids(row: Mapping[str, Any], ids: Mapping[bytes, bytes], root_id: UUID) -> dict[str, Any]:
    parent_id = row["parent_id"]
    return {
        **row,
        "node_id": ids[row["node_id"]],
        "parent_id": ids.get(parent_id, parent_id),
        "tree_root_id": root_id.bytes,
    }


async def _rename_aliases(connection: AsyncConnection, root_id: UUID, model_name: str) -> None:
    """Give the aliases of a root the name of its model. One that another artifact has under that name is newer."""
    former = select(alias_table.c.model_name, alias_table.c.label, alias_table.c.alias).where(
        alias_table.c.node_id == root_id, alias_table.c.model_name != model_name
    )
    for row in (await connection.execute(former.with_for_update())).all():
        key = (alias_table.c.label == row.label) & (alias_table.c.alias == row.alias)
        taken = select(alias_table.c.node_id).where(key, alias_table.c.model_name == model_name)
        this = key & (alias_table.c.model_name == row.model_name)
        if (await connection.execute(taken.with_for_update())).first() is not None:
            await connection.execute(delete(alias_table).where(this))
        else:
            await connection.execute(update(alias_table).where(this).values(model_name=model_name))


def _parts(root_id: UUID) -> Select[*tuple[Any, ...]]:
    size = func.coalesce(func.length(node_table.c.value), blob_table.c.size, 0)
    columns = [node_table.c[name] for name in Part._fields[:-1]]
    rows = node_table.outerjoin(blob_table, blob_table.c.blob_id == node_table.c.blob_id)
    whole = select(*columns, size).select_from(rows).where(node_table.c.tree_root_id == root_id)
    return whole.order_by(node_table.c.position)


async def _read(statement: Select[*tuple[Any, ...]], connection: AsyncConnection) -> list[Part]:
    return [Part(*row) for row in await connection.execute(statement)]


def _paths(parts: Sequence[Part]) -> list[Path]:
    """Return the path of each row: for each step from the root its label and its kind."""
    paths: dict[UUID | None, Path] = {parts[0].node_id: ()}
    for part in parts[1:]:
        paths[part.node_id] = (*paths.get(part.parent_id, ()), part.label, part.node_type)
    return [paths[part.node_id] for part in parts]
