"""Selecting nodes of any kind: runs, artifacts and parts of artifacts, none of them loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self, cast, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, union_all
from sqlalchemy import Select as SqlSelect
from sqlalchemy import select as sql_select

from artigraph.errors import QueryError
from artigraph.graph import read_runs, runs_below
from artigraph.graph.names import read_model_names
from artigraph.graph.nodes import Node, NodeType, read_nodes
from artigraph.labels import check_label
from artigraph.model import ArtifactModel
from artigraph.orm import node_table
from artigraph.query.narrow import earliest, latest, saved_between, within
from artigraph.query.select import PropertySelect, Select
from artigraph.query.sql import root, stored_names
from artigraph.run import Run, run_of_row

__all__ = ["NodeSelect"]

_TYPES: tuple[NodeType, ...] = get_args(NodeType)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class NodeSelect(PropertySelect[Node]):
    """A question for nodes of any kind."""

    _types: tuple[NodeType, ...] = _TYPES
    _labels: tuple[str, ...] | None = None
    _models: tuple[str, ...] | None = None
    _known: tuple[str, ...] = ()
    """The stored names of all models, where labels are asked for, which the index of keys has behind these."""
    _artifacts: bool = False
    _since: datetime | None = None
    _before: datetime | None = None

    def of_type(self, *node_types: NodeType) -> Self:
        """Ask for nodes of one of some types: `run`, `model`, `container`, `value`.

        Raises:
            QueryError: there is no such type.
        """
        for node_type in node_types:
            if node_type not in _TYPES:
                msg = f"The type of a node is one of {', '.join(map(repr, _TYPES))}, never {node_type!r:.100}"
                raise QueryError(msg)
        return replace(self, _types=within(node_types, self._types))

    def artifacts(self) -> Self:
        """Ask for what was saved under a label, not for parts of that, nor for runs."""
        return replace(self, _artifacts=True)

    def labeled(self, *labels: str) -> Self:
        """Ask for those of one of some labels: an artifact's, the name of a field, an item's key or index as text."""
        return replace(self, _labels=within([check_label(label) for label in labels], self._labels))

    def of_model(self, *models: type[ArtifactModel] | str) -> Self:
        """Ask for models of some classes, or of classes derived from them, and for all that is stored of their fields.

        A class that is not defined here is named as it is stored.

        Raises:
            QueryError: it is neither a model class nor a name.
        """
        names: set[str] = set()
        for model in models:
            if isinstance(model, str):
                names.add(check_label(model, "The name of a model"))
                continue
            cls = cast("object", model)
            if not isinstance(cls, type) or not issubclass(cls, ArtifactModel):
                msg = f"of_model takes model classes, or names that such are stored under, not {model!r:.100}"
                raise QueryError(msg)
            names.update(stored_names([cls]))
        return replace(self, _models=within(sorted(names), self._models))

    def saved(self, *, since: datetime | None = None, before: datetime | None = None) -> Self:
        """Ask for those that were saved, or made, in a time, by the clock of that machine, to the millisecond."""
        return replace(self, _since=latest(self._since, since), _before=earliest(self._before, before))

    async def ids(self) -> list[UUID]:
        """Return the ids of the nodes."""
        return await Select[Node].ids(await self._named())

    async def count(self) -> int:
        """Return how many there are."""
        return await Select[Node].count(await self._named())

    @property
    def _kind(self) -> str:
        return "Node"

    async def _named(self) -> NodeSelect:
        if self._labels is None or self._models is not None:
            return self
        return replace(self, _known=tuple(await read_model_names()))

    def _rows(self) -> Sequence[ColumnElement[bool]]:
        conditions = [self._found(), *saved_between(root.c.node_id, self._since, self._before)]
        if self._artifacts:
            conditions.append(root.c.tree_root_id == root.c.node_id)
        return conditions

    def _found(self) -> ColumnElement[bool]:
        """Return the conditions that the index of keys goes by: types, models and labels, one behind the other."""
        if self._labels is None:
            of_type = root.c.node_type.in_(self._types)
            return of_type if self._models is None else of_type & root.c.model_name.in_(self._models)
        node = node_table.alias("labeled")
        labeled = sql_select(node.c.node_id).where(
            node.c.node_type.in_(_without_runs(self._types)), node.c.label.in_(self._labels)
        )
        if self._models is not None:
            return _is_one_of(labeled.where(node.c.model_name.in_(self._models)))
        # The items of collections are of no model. Put as an OR, SQLite went through all nodes in their order.
        return _is_one_of(labeled.where(node.c.model_name.in_(self._known)), labeled.where(node.c.model_name.is_(None)))

    def _belonging(self, run_id: UUID, *, below: bool) -> ColumnElement[bool]:
        """Return which rows belong to a run: its artifacts with all their parts, and the runs directly below it."""
        child, part = node_table.alias("child"), node_table.alias("part")
        of_run = child.c.parent_id == run_id
        if below:
            itself = sql_select(node_table.c.node_id).where(node_table.c.node_id == run_id)
            of_run = child.c.parent_id.in_(sql_select(union_all(itself, runs_below(run_id)).subquery("above")))
        children = sql_select(child.c.node_id).where(of_run)
        return _is_one_of(
            children.where(child.c.node_type == "run"),
            sql_select(part.c.node_id).where(part.c.tree_root_id.in_(children)),
        )

    async def _to_decide(self, ids: Sequence[UUID]) -> list[tuple[UUID, Run | None]]:
        """Load the runs among them: names and values of these alone are not always decided by the database."""
        runs = await read_runs(ids)
        return [(node_id, run_of_row(runs[node_id]) if node_id in runs else None) for node_id in ids]

    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, Node]]:
        return list((await read_nodes(ids)).items())


def _without_runs(types: Sequence[NodeType]) -> tuple[NodeType, ...]:
    """Return the types of nodes that have labels, and model names."""
    return tuple(each for each in types if each != "run")


def _is_one_of(*found: SqlSelect[UUID]) -> ColumnElement[bool]:
    """Say whether a row is one of those that some selects find; a union by itself MySQL would ask for each row."""
    return root.c.node_id.in_(sql_select(union_all(*found).subquery()))
