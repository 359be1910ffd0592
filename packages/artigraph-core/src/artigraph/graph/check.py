"""Looking for broken trees: a constant number of statements, whatever the database holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Database, read, recursive
from artigraph.graph.tombstones import is_object
from artigraph.orm import alias_table, blob_table, link_table, node_table

__all__ = ["CHECKS", "Broken", "find_broken", "serializers_in_use"]

_node = node_table.alias("node")
_parent = node_table.alias("parent")
_root = node_table.alias("root")
_with_parent = _node.outerjoin(_parent, _node.c.parent_id == _parent.c.node_id)
_is_root = _node.c.tree_root_id == _node.c.node_id
_in_tree = _node.c.tree_root_id.is_not(None)
_is_run = _node.c.node_type == "run"
_no_place = or_(_node.c.tree_root_id.is_(None), _node.c.position.is_(None), _node.c.span.is_(None))
_a_place = or_(_node.c.tree_root_id.is_not(None), _node.c.position.is_not(None), _node.c.span.is_not(None))
_here, _there = _node.c.value.is_not(None), _node.c.blob_id.is_not(None)

_trees = (
    select(node_table.c.tree_root_id, func.count().label("nodes"))
    .where(node_table.c.tree_root_id.is_not(None))
    .group_by(node_table.c.tree_root_id)
    .subquery("trees")
)
_children = (
    select(node_table.c.parent_id, func.sum(node_table.c.span).label("nodes"))
    .where(node_table.c.tree_root_id != node_table.c.node_id)
    .group_by(node_table.c.parent_id)
    .subquery("children")
)


def _runs_that_are_below_others_alone() -> Select[*tuple[Any, ...]]:
    """Return a select of the runs that no chain of runs leads to from one without a parent: they run in a circle."""
    top = select(_node.c.node_id).select_from(_with_parent)
    top = top.where(_is_run, or_(_parent.c.node_id.is_(None), _parent.c.node_type != "run"))
    reached = top.cte("reached", recursive=True)
    child = node_table.alias("child")
    reached = reached.union(
        select(child.c.node_id).join(reached, child.c.parent_id == reached.c.node_id).where(child.c.node_type == "run")
    )
    others = _node.outerjoin(reached, _node.c.node_id == reached.c.node_id)
    return select(_node.c.node_id).select_from(others).where(_is_run, reached.c.node_id.is_(None))


CHECKS: dict[str, tuple[str, Select[*tuple[Any, ...]]]] = {
    "unknown-type": (
        "is of a type that this release does not know",
        select(_node.c.node_id).where(_node.c.node_type.not_in(["run", "model", "container", "value"])),
    ),
    "parent-missing": (
        "has a parent that does not exist",
        select(_node.c.node_id)
        .select_from(_with_parent)
        .where(_node.c.parent_id.is_not(None), _parent.c.node_id.is_(None)),
    ),
    "parent-no-run": (
        "is a run or an artifact, and its parent is no run",
        select(_node.c.node_id).select_from(_with_parent).where(or_(_is_run, _is_root), _parent.c.node_type != "run"),
    ),
    "circle": ("is a run that is above itself, or below such a one", _runs_that_are_below_others_alone()),
    "no-place": (
        "has no place in a tree, or is a run and has one",
        select(_node.c.node_id).where(or_(and_(not_(_is_run), _no_place), and_(_is_run, _a_place))),
    ),
    "root-missing": (
        "is in a tree whose root does not exist, or is no root",
        select(_node.c.node_id)
        .select_from(_node.outerjoin(_root, _node.c.tree_root_id == _root.c.node_id))
        .where(
            _in_tree,
            or_(
                _root.c.node_id.is_(None),
                _root.c.tree_root_id.is_(None),
                _root.c.tree_root_id != _root.c.node_id,
            ),
        ),
    ),
    "positions": (
        "is the root of a tree whose positions are not those from 0 on without a gap",
        select(_node.c.tree_root_id.label("node_id"))
        .where(_in_tree)
        .group_by(_node.c.tree_root_id)
        .having(
            or_(
                func.min(_node.c.position) != 0,
                func.max(_node.c.position) != func.count() - 1,
                func.count(_node.c.position.distinct()) != func.count(),
            )
        ),
    ),
    "root-span": (
        "is the root of a tree of another number of nodes than it says",
        select(_node.c.node_id)
        .select_from(_node.join(_trees, _node.c.node_id == _trees.c.tree_root_id))
        .where(_is_root, _node.c.span != _trees.c.nodes),
    ),
    "span": (
        "has more or fewer nodes below it than it says",
        select(_node.c.node_id)
        .select_from(_node.outerjoin(_children, _node.c.node_id == _children.c.parent_id))
        .where(_in_tree, _node.c.span != func.coalesce(_children.c.nodes, 0) + 1),
    ),
    "outside-parent": (
        "is a part of a tree, and is not within the node that it is a part of",
        select(_node.c.node_id)
        .select_from(_with_parent)
        .where(
            _in_tree,
            not_(_is_root),
            or_(
                _node.c.parent_id.is_(None),
                and_(_parent.c.node_id.is_not(None), _parent.c.tree_root_id.is_(None)),
                _parent.c.tree_root_id != _node.c.tree_root_id,
                _node.c.position <= _parent.c.position,
                _node.c.position + _node.c.span > _parent.c.position + _parent.c.span,
            ),
        ),
    ),
    "value": (
        "is a value that is nowhere or in two places, or is no value and has one",
        select(_node.c.node_id).where(
            or_(
                and_(_node.c.node_type == "value", or_(and_(_here, _there), and_(not_(_here), not_(_there)))),
                and_(_node.c.node_type != "value", or_(_here, _there)),
            )
        ),
    ),
    "blob-missing": (
        "has its value in an object that has no row",
        select(_node.c.node_id)
        .select_from(_node.outerjoin(blob_table, and_(_node.c.blob_id == blob_table.c.blob_id, is_object)))
        .where(_there, blob_table.c.blob_id.is_(None)),
    ),
    "link-missing": (
        "is an end of a link whose other end, or itself, does not exist",
        select(link_table.c.source_id.label("node_id"))
        .select_from(
            link_table.outerjoin(_node, link_table.c.source_id == _node.c.node_id).outerjoin(
                _parent, link_table.c.target_id == _parent.c.node_id
            )
        )
        .where(or_(_node.c.node_id.is_(None), _parent.c.node_id.is_(None))),
    ),
    "alias": (
        "is what an alias points to, and does not exist, or is no artifact of the alias's label and model",
        select(alias_table.c.node_id)
        .select_from(alias_table.outerjoin(_node, alias_table.c.node_id == _node.c.node_id))
        .where(
            or_(
                _node.c.node_id.is_(None),
                _node.c.tree_root_id.is_(None),
                _node.c.tree_root_id != _node.c.node_id,
                _node.c.label.is_(None),
                _node.c.label != alias_table.c.label,
                _node.c.model_name.is_(None),
                _node.c.model_name != alias_table.c.model_name,
            )
        ),
    ),
}
"""What can be wrong with nodes: a sentence, of which the node is the subject, and a select of the ids of such nodes."""


@dataclass(frozen=True, slots=True)
class Broken:
    """What one check found."""

    kind: str
    text: str
    count: int
    examples: tuple[UUID, ...]


async def find_broken(database: Database, examples: int) -> AsyncGenerator[Broken]:
    """Do each check, and yield what it found, nothing included; each sees one state of the database."""
    for kind, (text, statement) in CHECKS.items():
        found = statement.subquery("found")
        counted = recursive(select(func.count()).select_from(found), database.dialect)
        some = recursive(select(found.c.node_id).order_by(found.c.node_id).limit(examples), database.dialect)

        async def work(
            connection: AsyncConnection, counted: Any = counted, some: Any = some
        ) -> tuple[int, tuple[UUID, ...]]:
            count = (await connection.execute(counted)).scalar_one()
            ids = (await connection.execute(some)).scalars().all() if count else ()
            return count, tuple(ids)

        count, ids = await read(work)
        yield Broken(kind, text, count, ids)


async def serializers_in_use() -> list[tuple[str | None, int]]:
    """Return the serializers that values name, and how many values name each."""
    statement = (
        select(node_table.c.serializer, func.count().label("values"))
        .where(node_table.c.node_type == "value")
        .group_by(node_table.c.serializer)
    )

    async def work(connection: AsyncConnection) -> list[tuple[str | None, int]]:
        return [(row[0], row[1]) for row in await connection.execute(statement)]

    return await read(work)
