"""Queries for nodes of any kind: runs, artifacts and parts of artifacts. No values are loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, and_, true, union_all
from sqlalchemy import Select as SqlSelect
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.db.planner import expect_few_rows, expect_many_rows, filter_only, in_precomputed
from artigraph.errors import QueryError
from artigraph.graph.nodes import Node, NodeType, read_nodes
from artigraph.graph.run_rows import read_runs
from artigraph.graph.runs import with_runs_below
from artigraph.identifiers import check_label
from artigraph.model.any_model import AnyModel, is_class_of_models
from artigraph.model.stored_names import stored_names
from artigraph.orm import node_table
from artigraph.query._base import Select
from artigraph.query._moments import earliest, latest, saved_between, within
from artigraph.query._properties import PropertySelect
from artigraph.query._sql import is_of_type_in_order, root
from artigraph.run import Run, run_of_row


async def read_model_names() -> list[str]:
    """Return the names of all stored models. It takes one index lookup for each name, not for each node."""
    database = await db.current_database()
    types = ("model", "container", "value")
    statement = db.distinct_values(node_table.c.model_name, node_table.c.node_type, types, database.dialect)

    async def work(connection: AsyncConnection) -> list[str]:
        return sorted((await connection.execute(statement)).scalars())

    return await db.read_anywhere(work)


async def read_field_names(model_name: str) -> list[str]:
    """Return the names of the fields that hold values in stored models of a name: one index lookup for each."""
    node = node_table.c

    async def work(connection: AsyncConnection) -> list[str]:
        of_model = node.node_type == "value", node.model_name == model_name
        return await db.distinct_texts(connection, node.label, *of_model)

    return await db.read_anywhere(work)


async def has_nodes(node_type: NodeType, names: Sequence[str] | None, label: str) -> bool:
    """Return whether there is a node of this type, label and one of these model names; None for nodes without one."""
    of_model = node_table.c.model_name.is_(None) if names is None else node_table.c.model_name.in_(names)
    found = sql_select(node_table.c.node_id).where(
        node_table.c.node_type == node_type, of_model, node_table.c.label == label
    )

    async def work(connection: AsyncConnection) -> bool:
        return (await connection.execute(found.limit(1))).first() is not None

    return await db.read_anywhere(work)


_TYPES: tuple[NodeType, ...] = get_args(NodeType)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class NodeSelect(PropertySelect[Node]):
    """A query for nodes of any kind."""

    _types: tuple[NodeType, ...] = _TYPES
    _labels: tuple[str, ...] | None = None
    _models: tuple[str, ...] | None = None
    _known: tuple[str, ...] = ()
    """The stored names of all models, set where labels are asked for: in the index, labels come after model names."""
    _artifacts: bool = False
    _since: datetime | None = None
    _before: datetime | None = None

    def of_type(self, *node_types: NodeType) -> Self:
        """Keep only nodes of these types: `run`, `model`, `container` or `value`.

        Raises:
            QueryError: there is no such type.
        """
        for node_type in node_types:
            if node_type not in _TYPES:
                msg = f"The type of a node is one of {', '.join(map(repr, _TYPES))}, never {node_type!r:.100}"
                raise QueryError(msg)
        return replace(self, _types=within(node_types, self._types))

    def artifacts(self) -> Self:
        """Keep only artifacts: no parts of artifacts and no runs."""
        return replace(self, _artifacts=True)

    def labeled(self, *labels: str) -> Self:
        """Keep only nodes with one of these labels.

        A label is the one under which an artifact was saved, the name of a field, or an item's key or index as text.
        """
        return replace(self, _labels=within([check_label(label) for label in labels], self._labels))

    def of_model(self, *models: type[AnyModel] | str) -> Self:
        """Keep only models of these classes and of classes derived from them, and the nodes of their fields.

        Name a class that is not defined in this process by the name under which it is stored.

        Raises:
            QueryError: an argument is neither a model class nor a name.
        """
        names: set[str] = set()
        for model in models:
            if isinstance(model, str):
                names.add(check_label(model, "The name of a model"))
                continue
            if not is_class_of_models(model):
                msg = f"of_model takes model classes, or stored names of model classes, not {model!r:.100}"
                raise QueryError(msg)
            names.update(stored_names([model]))
        return replace(self, _models=within(sorted(names), self._models))

    def saved(self, *, since: datetime | None = None, before: datetime | None = None) -> Self:
        """Keep only nodes that were saved, or made, in a range of time.

        The time is that of the machine that made the node, to the millisecond. Both bounds are aware datetimes:
        `since` is included, `before` is not.

        Raises:
            QueryError: a bound is not an aware datetime.
        """
        return replace(self, _since=latest(self._since, since), _before=earliest(self._before, before))

    async def ids(self) -> list[UUID]:
        """Return the ids of the nodes."""
        return await Select[Node].ids(await self._named())

    async def count(self) -> int:
        """Return the number of nodes."""
        return await Select[Node].count(await self._named())

    @property
    def _kind(self) -> str:
        return "Node"

    async def _named(self) -> NodeSelect:
        if self._labels is None or self._models is not None or self._runs:
            return self
        return replace(self, _known=tuple(await read_model_names()))

    def _rows(self) -> Sequence[ColumnElement[bool]]:
        conditions = [self._found()]
        if self._artifacts:
            # No index serves this condition. Without statistics, PostgreSQL expects it to match one row in 200, which
            # looks too few to walk along the ids for.
            is_artifact = root.c.tree_root_id == root.c.node_id
            walks = self._walks and not self._is_tried(paged=True)
            conditions.append(filter_only(is_artifact) if walks else is_artifact)
        return conditions

    def _saved(self) -> Sequence[ColumnElement[bool]]:
        return list(saved_between(root.c.node_id, self._since, self._before))

    @property
    def _searched(self) -> bool:
        return self._labels is None and self._models is not None

    def _found(self) -> ColumnElement[bool]:
        """Return the conditions on the leading columns of the index of keys, in its order: type, model and label."""
        if self._runs:
            properties = list(self._properties())
            return filter_only(and_(*properties)) if properties else true()
        if self._labels is None:
            if len(self._types) == len(_TYPES) and self._models is None:
                return true()
            if len(self._types) == 1 and self._models is None and self._walks:
                return is_of_type_in_order(self._types[0])
            found: ColumnElement[bool] = root.c.node_type.in_(self._types)
            if self._models is not None:
                found &= root.c.model_name.in_(self._models)
            return expect_many_rows(found, root.c.node_id) if self._walks and not self._is_tried(paged=True) else found
        node = node_table.alias("labeled")
        labeled = sql_select(node.c.node_id).where(
            node.c.node_type.in_(_without_runs(self._types)), node.c.label.in_(self._labels)
        )
        if self._models is not None:
            return _is_one_of(labeled.where(node.c.model_name.in_(self._models)))
        # Items of collections have no model name. With an OR, SQLite would walk through all nodes in their order.
        return _is_one_of(labeled.where(node.c.model_name.in_(self._known)), labeled.where(node.c.model_name.is_(None)))

    def _properties(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on type, model and label, for rows that are found through their run."""
        if len(self._types) != len(_TYPES):
            yield root.c.node_type.in_(self._types)
        if self._models is not None:
            yield root.c.model_name.in_(self._models)
        if self._labels is not None:
            yield root.c.label.in_(self._labels)

    def _belonging(self, run_id: UUID, *, below: bool) -> ColumnElement[bool]:
        """Return the condition that rows belong to a run: its artifacts, their parts, and runs directly below it."""
        child, part = node_table.alias("child"), node_table.alias("part")
        of_run = in_precomputed(child.c.parent_id, with_runs_below(run_id)) if below else child.c.parent_id == run_id
        children = sql_select(child.c.node_id).where(expect_few_rows(of_run, child.c.parent_id))
        found = union_all(
            children.where(filter_only(child.c.node_type == "run")),
            sql_select(part.c.node_id).where(in_precomputed(part.c.tree_root_id, children)),
        )
        return in_precomputed(root.c.node_id, sql_select(found.subquery()))

    async def _to_decide(self, ids: Sequence[UUID]) -> list[tuple[UUID, Run | None]]:
        """Load the runs among the nodes. Only conditions on runs' names and values may be undecided by the database."""
        runs = await read_runs(ids)
        return [(node_id, run_of_row(runs[node_id]) if node_id in runs else None) for node_id in ids]

    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, Node]]:
        return list((await read_nodes(ids)).items())


def _without_runs(types: Sequence[NodeType]) -> tuple[NodeType, ...]:
    """Return the types without `run`: runs have neither a label nor a model name."""
    return tuple(each for each in types if each != "run")


def _is_one_of(*found: SqlSelect[UUID]) -> ColumnElement[bool]:
    """Return the condition that some selects find a row. MySQL would execute a bare union once for each row."""
    return root.c.node_id.in_(sql_select(union_all(*found).subquery()))
