"""The rows that the floors insert: copies of Artigraph's rows with new ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select

from artigraph.identifiers import new_ids
from artigraph.orm import node_table

__all__ = ["COLUMNS", "Rows", "insert_nodes", "load_columns", "load_tree", "renewed", "whole_tree"]

Rows = list[dict[str, Any]]

COLUMNS = tuple(column.name for column in node_table.c if not column.name.startswith("run_"))
"""The columns of a node in a saved tree. The others are those of runs."""

insert_nodes = insert(node_table)
whole_tree = (
    select(*(node_table.c[name] for name in COLUMNS))
    .where(node_table.c.tree_root_id == bindparam("root"))
    .order_by(node_table.c.position)
)
"""The columns of the rows of a tree."""

load_columns = tuple(
    node_table.c[name]
    for name in (
        "position",
        "span",
        "node_type",
        "label",
        "model_name",
        "model_version",
        "serializer",
        "value",
        "blob_id",
    )
)
"""The columns that a model is built from."""
load_tree = select(*load_columns).where(node_table.c.tree_root_id == bindparam("root")).order_by(node_table.c.position)


def renewed(rows: Sequence[dict[str, Any]]) -> Rows:
    """Return the rows of one or more trees with new ids, as trees that belong to no run."""
    ids: dict[UUID, UUID] = dict(zip((row["node_id"] for row in rows), new_ids(len(rows)), strict=True))
    return [
        row
        | {
            "node_id": ids[row["node_id"]],
            "parent_id": None if row["position"] == 0 else ids[row["parent_id"]],
            "tree_root_id": ids[row["tree_root_id"]],
        }
        for row in rows
    ]
