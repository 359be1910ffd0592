"""The sync twin of `artigraph.query`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Generic, Literal, Self, TypeVar, overload
from uuid import UUID

import artigraph.model as async_model
import artigraph.query as async_query
from artigraph.graph.nodes import Node, NodeType
from artigraph.identifiers import NodeId
from artigraph.model.failures import Errors, Loaded, LoadFailure
from artigraph.portal import iterate, wait_for
from artigraph.query import (
    Column,
    Columns,
    Condition,
    NodeColumns,
    Property,
    RunColumns,
    RunValueColumn,
    RunValues,
    StoredColumns,
    columns,
)
from artigraph.query._properties import RunOrder
from artigraph.query.columns import Order
from artigraph.run import Run
from artigraph.stored import StoredModel
from artigraph.sync._twin import Twin, twin

__all__ = [
    "ArtifactQuery",
    "ArtifactSelect",
    "Column",
    "Columns",
    "Condition",
    "NodeColumns",
    "NodeSelect",
    "Property",
    "PropertySelect",
    "RunColumns",
    "RunSelect",
    "RunValueColumn",
    "RunValues",
    "Select",
    "StoredColumns",
    "StoredSelect",
    "columns",
    "select",
]

R = TypeVar("R")
M = TypeVar("M", bound=async_model.ArtifactModel)


class Select(Twin, Generic[R], of=async_query.Select):
    """A query, immutable. Methods that narrow it return a new query; the others execute it."""

    __slots__ = ()

    _async: async_query.Select[R]

    def where(self, *conditions: Condition) -> Self:
        """Keep only results for which all these conditions are true, in addition to those of earlier calls.

        Raises:
            QueryError: an argument is not a condition, or is made of the columns of something else.
        """
        return self._of(self._async.where(*conditions))

    def in_run(self, run: NodeId, *, descendants: bool = False) -> Self:
        """Keep only results that belong to a run; with `descendants`, also those of all runs below it.

        Raises:
            InvalidNodeIdError: `run` is neither an id nor a run.
        """
        return self._of(self._async.in_run(run, descendants=descendants))

    def limit(self, count: int) -> Self:
        """Return at most `count` results.

        Raises:
            QueryError: `count` is not a whole number from 0 on.
        """
        return self._of(self._async.limit(count))

    def offset(self, count: int) -> Self:
        """Skip the first `count` results.

        Raises:
            QueryError: `count` is not a whole number from 0 on.
        """
        return self._of(self._async.offset(count))

    def ids(self) -> list[UUID]:
        """Return the ids of the nodes. Only values on which the database cannot decide are loaded."""
        return wait_for(self._async.ids())

    def count(self) -> int:
        """Return the number of results. Only values on which the database cannot decide are loaded."""
        return wait_for(self._async.count())

    @overload
    def all(self, *, errors: Literal["raise"] = "raise") -> list[R]: ...
    @overload
    def all(self, *, errors: Literal["skip"]) -> Loaded[R]: ...
    def all(self, *, errors: Errors = "raise") -> list[R]:
        """Load all results. With `errors="skip"`, those that cannot be loaded are left out and listed in `failures`.

            reports = select(Report).all(errors="skip")
            for failure in reports.failures:
                print(failure.node_id, failure.label, failure.error)

        A database or storage that fails, or a mistake in the call, still raises an error.
        """
        return wait_for(self._async.all(errors=errors))

    def iterate(self, *, errors: Errors = "raise", failures: list[LoadFailure] | None = None) -> Iterator[R]:
        """Yield the results, loaded batch by batch, as `for` over the query does.

        With `errors="skip"`, results that cannot be loaded are left out, and added to `failures` if that list is given.
        """
        return iterate(self._async.iterate(errors=errors, failures=failures))

    def first(self) -> R | None:
        """Load the first result, or return None if there is no result."""
        return wait_for(self._async.first())

    def one(self) -> R:
        """Load the only result.

        Raises:
            NodeNotFoundError: the query has no result.
            MultipleNodesFoundError: the query has several results.
        """
        return wait_for(self._async.one())

    def __iter__(self) -> Iterator[R]:
        """Yield the results, loaded batch by batch. Artifacts that are deleted meanwhile are left out."""
        return iterate(self._async)


class ArtifactQuery(Select[R], of=async_query.ArtifactQuery):
    """A query for artifacts, whatever it returns for each."""

    __slots__ = ()

    _async: async_query.ArtifactQuery[R]  # pyright: ignore[reportIncompatibleVariableOverride]

    def labeled(self, *labels: str) -> Self:
        """Keep only artifacts that were saved under one of these labels."""
        return self._of(self._async.labeled(*labels))

    def saved(self, *, since: datetime | None = None, before: datetime | None = None) -> Self:
        """Keep only artifacts that were saved in a range of time.

        The time is that of the machine that saved the artifact, to the millisecond. Both bounds are aware datetimes:
        `since` is included, `before` is not.

        Raises:
            QueryError: a bound is not an aware datetime.
        """
        return self._of(self._async.saved(since=since, before=before))

    def order_by(self, *orders: Order | Column) -> Self:
        """Order by fields. Fields of earlier calls take precedence.

        Results that are equal in all fields keep the order of their saves. The order is Python's. The database orders
        by search keys. A key holds the first 254 bytes of a text, or the leading digits of a number. If keys are equal,
        the whole values are loaded and compared.
        """
        return self._of(self._async.order_by(*orders))


class PropertySelect(Select[R], of=async_query.PropertySelect):
    """A query for rows that have properties instead of fields: runs, or nodes of any kind."""

    __slots__ = ()

    _async: async_query.PropertySelect[R]  # pyright: ignore[reportIncompatibleVariableOverride]

    def order_by(self, *orders: RunOrder | Property | RunValueColumn) -> Self:
        """Order by properties. Properties of earlier calls take precedence.

        Results that are equal in all orders stay in the order in which they were made.
        """
        return self._of(self._async.order_by(*orders))


class ArtifactSelect(ArtifactQuery[M], of=async_query.ArtifactSelect):
    """A query for artifacts of a model class."""

    __slots__ = ()

    _async: async_query.ArtifactSelect[M]  # pyright: ignore[reportIncompatibleVariableOverride]


class StoredSelect(ArtifactQuery[StoredModel], of=async_query.StoredSelect):
    """A query for artifacts by the stored name of their model. It needs no class, and runs no code of users."""

    __slots__ = ()

    _async: async_query.StoredSelect  # pyright: ignore[reportIncompatibleVariableOverride]

    def ids(self) -> list[UUID]:
        """Return the ids of the nodes. Only values on which the database cannot decide are loaded."""
        return wait_for(self._async.ids())

    def count(self) -> int:
        """Return the number of results. Only values on which the database cannot decide are loaded."""
        return wait_for(self._async.count())


class NodeSelect(PropertySelect[Node], of=async_query.NodeSelect):
    """A query for nodes of any kind."""

    __slots__ = ()

    _async: async_query.NodeSelect  # pyright: ignore[reportIncompatibleVariableOverride]

    def of_type(self, *node_types: NodeType) -> Self:
        """Keep only nodes of these types: `run`, `model`, `container` or `value`.

        Raises:
            QueryError: there is no such type.
        """
        return self._of(self._async.of_type(*node_types))

    def artifacts(self) -> Self:
        """Keep only artifacts: no parts of artifacts and no runs."""
        return self._of(self._async.artifacts())

    def labeled(self, *labels: str) -> Self:
        """Keep only nodes with one of these labels.

        A label is the one under which an artifact was saved, the name of a field, or an item's key or index as text.
        """
        return self._of(self._async.labeled(*labels))

    def of_model(self, *models: type[async_model.ArtifactModel] | str) -> Self:
        """Keep only models of these classes and of classes derived from them, and the nodes of their fields.

        Name a class that is not defined in this process by the name under which it is stored.

        Raises:
            QueryError: an argument is neither a model class nor a name.
        """
        return self._of(self._async.of_model(*models))

    def saved(self, *, since: datetime | None = None, before: datetime | None = None) -> Self:
        """Keep only nodes that were saved, or made, in a range of time.

        The time is that of the machine that made the node, to the millisecond. Both bounds are aware datetimes:
        `since` is included, `before` is not.

        Raises:
            QueryError: a bound is not an aware datetime.
        """
        return self._of(self._async.saved(since=since, before=before))

    def ids(self) -> list[UUID]:
        """Return the ids of the nodes."""
        return wait_for(self._async.ids())

    def count(self) -> int:
        """Return the number of nodes."""
        return wait_for(self._async.count())


class RunSelect(PropertySelect[Run], of=async_query.RunSelect):
    """A query for runs."""

    __slots__ = ()

    _async: async_query.RunSelect  # pyright: ignore[reportIncompatibleVariableOverride]

    def used(
        self, model_type: type[async_model.ArtifactModel] | str, *, version: int | None = None, label: str | None = None
    ) -> Self:
        """Keep only runs that used a model of this class or of a derived one, in addition to earlier calls.

            affected = select(Run).used(Tokenizer, version=3).all()

        A run used a model if it used the artifact that is the model or contains it. With `version`, only models written
        by that version of the class count. With `label`, only artifacts saved under that label count. Name a class that
        is not here by its stored name.

        Raises:
            QueryError: `model_type` is neither a model class nor a name, or `version` is not a whole number.
            InvalidLabelError: the label is not valid.
        """
        return self._of(self._async.used(model_type, version=version, label=label))


@overload
def select(kind: type[Run]) -> RunSelect: ...
@overload
def select(kind: type[Node]) -> NodeSelect: ...
@overload
def select(kind: str) -> StoredSelect: ...
@overload
def select(kind: type[M]) -> ArtifactSelect[M]: ...
def select(kind: type[Any] | str) -> Any:
    """Begin a query for artifacts of a model class and of classes derived from it, for runs, or for nodes of any kind.

        c = columns(Report)
        best = select(Report).where(c.accuracy > 0.9).order_by(c.accuracy.desc()).limit(10).all()
        for report in select(Report).in_run(run, descendants=True): ...
        failed = select(Run).where(columns(Run).status == "failed").all()
        parts = select(Node).in_run(run).labeled("accuracy").all()

    With the stored name of a model, as in `select("Report")`, the results are `StoredModel`s, as `load_stored` returns
    them. The class need not be here. Classes derived from it have names of their own.

    Artifacts are the models that were saved under a label. You reach a model inside an artifact through the artifact.
    Without an order, artifacts come in the order of their saves, and runs and nodes in the order of their creation.

    Raises:
        QueryError: `kind` is neither a model class nor a name nor `Run` nor `Node`.
        ModelDefinitionError: the class cannot be stored as it is defined.
    """
    return twin(async_query.select(kind))
