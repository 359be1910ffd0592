"""The sync twin of `artigraph.query`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, Self, TypeVar, overload
from uuid import UUID

import artigraph.query as async_query
from artigraph.graph.nodes import Node, NodeType
from artigraph.identifiers import NodeId
from artigraph.model.any_model import AnyModel
from artigraph.model.failures import Errors, Loaded, LoadFailure
from artigraph.portal import iterate, wait_for
from artigraph.progress import ProgressCallback
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
from artigraph.query._table_plan import RunProperty
from artigraph.query.columns import Order
from artigraph.run import Run
from artigraph.stored import StoredModel
from artigraph.sync._twin import Twin, plain, twin
from artigraph.table import Table

__all__ = [
    "ArtifactQuery",
    "ArtifactSelect",
    "ArtifactTables",
    "Column",
    "Columns",
    "Condition",
    "NodeColumns",
    "NodeSelect",
    "Property",
    "PropertySelect",
    "RunColumns",
    "RunSelect",
    "RunTables",
    "RunValueColumn",
    "RunValues",
    "Select",
    "StoredColumns",
    "StoredSelect",
    "columns",
    "select",
]

R = TypeVar("R")
M = TypeVar("M", bound=AnyModel)


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

    def older_than(self, node: NodeId) -> Self:
        """Keep only results that were made before a node: those with a smaller id.

            page = select(Run).newest_first().limit(50).all()
            following = select(Run).newest_first().older_than(page[-1]).limit(50).all()

        So you read pages of any depth at the same cost, which `offset` cannot do. The node need not exist any more.

        Raises:
            InvalidNodeIdError: `node` denotes no node.
        """
        return self._of(self._async.older_than(node))

    def newer_than(self, node: NodeId) -> Self:
        """Keep only results that were made after a node: those with a greater id. See `older_than`.

        Raises:
            InvalidNodeIdError: `node` denotes no node.
        """
        return self._of(self._async.newer_than(node))

    def newest_first(self) -> Self:
        """Return the newest results first. It replaces the orders of earlier calls."""
        return self._of(self._async.newest_first())

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

    def items(self, *, errors: Errors = "raise") -> list[tuple[UUID, R]]:
        """Load all results, each with its id. With `errors="skip"`, those that cannot be loaded are left out.

        for node_id, report in select(Report).items():
            print(node_id, report.accuracy)
        """
        return wait_for(self._async.items(errors=errors))

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


class PropertySelect(Select[R], of=async_query.PropertySelect):
    """A query for rows that have properties instead of fields: runs, or nodes of any kind."""

    __slots__ = ()

    _async: async_query.PropertySelect[R]  # pyright: ignore[reportIncompatibleVariableOverride]

    def order_by(self, *orders: RunOrder | Property | RunValueColumn) -> Self:
        """Order by properties. Properties of earlier calls take precedence.

        Results that are equal in all orders stay in the order in which they were made.
        """
        return self._of(self._async.order_by(*orders))


class ArtifactTables(Select[R], of=async_query.ArtifactTables):
    """A query for artifacts, whose fields can be the columns of a table."""

    __slots__ = ()

    _async: async_query.ArtifactTables[R]  # pyright: ignore[reportIncompatibleVariableOverride]

    def table(
        self, *columns: Column, run: Sequence[RunProperty] = (), label: bool = False, as_text: bool = False
    ) -> Table:
        """Return an Arrow table of the results: one row for each, and one column for each field that you name.

            c = columns(Report)
            found = select(Report).table(c.title, c.metrics["loss"], run=("name", "parameters.rate"))
            found.to_pandas(), found.to_polars(), found.arrow        # the same table, for each library

        The first columns are `node_id` and `run_id`. A field's column has its path as its name: `data.name`. Without
        columns you get all fields but models and collections. No model is built, and no object is loaded: the column
        of a frame says where its bytes are, and how many.

        The annotation decides the Arrow type. If it allows several types, the values decide. Ids and paths are text,
        enums are dictionaries of their members' names, aware datetimes are in UTC, and decimals have 18 digits after
        the point. A field that an older version of the class did not have is null, as None is.

        It takes one statement. A query with a limit takes one for the ids, and one for each 8,000 values. So does a
        query that the database cannot decide alone.

        Args:
            columns: fields of the model, of models in it, or keys of mappings: `c.data.name`, `c.metrics["loss"]`.
            run: properties of the run of each artifact, by name (`name`, `parameters.rate`) or as columns of `Run`.
            label: whether there is a column `label`.
            as_text: whether a column is text if its values are of several types, or fit into no Arrow type.

        Raises:
            QueryError: a column is not one of this model, or runs have no such property.
            TableError: a column holds values of several types, or one that its Arrow type cannot hold exactly.
            MissingDependencyError: pyarrow is not installed. `rows` does without it.
            DeserializationError: a value cannot be read.
        """
        return wait_for(self._async.table(*columns, run=run, label=label, as_text=as_text))

    def table_batches(
        self,
        *columns: Column,
        run: Sequence[RunProperty] = (),
        label: bool = False,
        as_text: bool = False,
        size: int = 10000,
        progress: ProgressCallback | None = None,
    ) -> Iterator[Table]:
        """Yield the results as tables of at most `size` rows, so that memory does not grow with their number.

            for batch in select(Report).table_batches(c.title, c.accuracy):
                writer.write_table(batch.arrow)

        All batches have one schema. A column keeps the type that its annotation, or the first batch, gives it. With
        `as_text` a column without an annotation of one type is text from the start. Artifacts that are saved or
        deleted meanwhile may be in it or not. With an order, or with a comparison that the database cannot decide, the
        ids of all results are held in memory. `progress` receives the number of rows so far.

        Raises:
            QueryError, TableError, MissingDependencyError, DeserializationError: as `table`.
        """
        return iterate(
            self._async.table_batches(*columns, run=run, label=label, as_text=as_text, size=size, progress=progress)
        )

    def rows(self, *columns: Column, run: Sequence[RunProperty] = (), label: bool = False) -> list[dict[str, Any]]:
        """Return a dict for each result, with the same keys as the columns of `table`. It needs no pyarrow.

            for row in select(Report).rows(c.title, c.accuracy):
                print(row["node_id"], row["title"], row["accuracy"])

        Each value is exactly the one that was saved, whatever its type. An `ObjectCell` stands for a value that only
        its serializer reads, or that was too large for its row. If you ask by a stored name, a `StoredEnum` or
        `StoredStruct` stands for an instance of a class.

        Raises:
            QueryError: a column is not one of this model, or runs have no such property.
            TableError: a column is a model in some artifacts.
            DeserializationError: a value cannot be read.
        """
        return wait_for(self._async.rows(*columns, run=run, label=label))


class ArtifactQuery(ArtifactTables[R], of=async_query.ArtifactQuery):
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

    def of_model(self, *models: type[AnyModel] | str) -> Self:
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


class RunTables(PropertySelect[Run], of=async_query.RunTables):
    """A query for runs, whose properties can be the columns of a table."""

    __slots__ = ()

    _async: async_query.RunTables  # pyright: ignore[reportIncompatibleVariableOverride]

    def table(self, *columns: RunProperty, as_text: bool = False) -> Table:
        """Return an Arrow table of the runs: one row for each, and one column for each property that you name.

            found = select(Run).where(columns(Run).name == "train").table("started_at", "parameters.rate")
            found.to_pandas(), found.to_polars(), found.arrow        # the same table, for each library

        The first column is `node_id`. Without columns you get the name, status, start, end and type of error. Types
        are as in tables of artifacts. It takes one statement for the ids and two for each 1,000 runs.

        Args:
            columns: properties, by name (`name`, `parameters.rate`, `tags.team`) or as columns of `Run`.
            as_text: whether a column is text if its values are of several types, or fit into no Arrow type.

        Raises:
            QueryError: runs have no such property.
            TableError: a column holds values of several types, or one that its Arrow type cannot hold exactly.
            MissingDependencyError: pyarrow is not installed. `rows` does without it.
            DeserializationError: a value cannot be read.
        """
        return wait_for(self._async.table(*columns, as_text=as_text))

    def table_batches(
        self, *columns: RunProperty, as_text: bool = False, size: int = 10000, progress: ProgressCallback | None = None
    ) -> Iterator[Table]:
        """Yield the runs as tables of at most `size` rows, so that memory does not grow with their number.

        All batches have one schema, as those of artifacts have.

        Raises:
            QueryError, TableError, MissingDependencyError, DeserializationError: as `table`.
        """
        return iterate(self._async.table_batches(*columns, as_text=as_text, size=size, progress=progress))

    def rows(self, *columns: RunProperty) -> list[dict[str, Any]]:
        """Return a dict for each run, with the same keys as the columns of `table`. It needs no pyarrow.

        Raises:
            QueryError: runs have no such property.
            DeserializationError: a value cannot be read.
        """
        return wait_for(self._async.rows(*columns))


class ArtifactSelect(ArtifactQuery[M], of=async_query.ArtifactSelect):
    """A query for artifacts of a model class."""

    __slots__ = ()

    _async: async_query.ArtifactSelect[M]  # pyright: ignore[reportIncompatibleVariableOverride]

    def ids(self) -> list[UUID]:
        """Return the ids of the nodes. Only values on which the database cannot decide are loaded."""
        return wait_for(self._async.ids())

    def count(self) -> int:
        """Return the number of results. Only values on which the database cannot decide are loaded."""
        return wait_for(self._async.count())


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


class RunSelect(RunTables, of=async_query.RunSelect):
    """A query for runs."""

    __slots__ = ()

    _async: async_query.RunSelect  # pyright: ignore[reportIncompatibleVariableOverride]

    def top_level(self) -> Self:
        """Keep only runs that belong to no other run."""
        return self._of(self._async.top_level())

    def used(
        self,
        artifact: type[AnyModel] | NodeId | ArtifactQuery[Any],
        *,
        version: int | None = None,
        label: str | None = None,
    ) -> Self:
        """Keep only runs that used an artifact, in addition to earlier calls.

            affected = select(Run).used(Tokenizer, version=3).all()       # any model of this class
            affected = select(Run).used(tokenizer.node_id).all()         # this one
            affected = select(Run).used(select(Report).where(c.accuracy < 0.1)).all()

        A run used a model if it used the artifact that is the model or contains it. A class stands for the models of
        this class and of derived ones. With `version`, only models written by that version of the class count. With
        `label`, only artifacts saved under that label count.

        Args:
            artifact: a model class, the stored name of a class that is not here, an artifact or its id, or a query.
            version: the version of the class.
            label: the label of the artifact.

        Raises:
            QueryError: `artifact` is of another type, or a version or label is given with an id or a query.
            InvalidLabelError: the label is not valid.
        """
        return self._of(self._async.used(plain(artifact), version=version, label=label))

    def having(self, artifacts: ArtifactQuery[Any]) -> Self:
        """Keep only runs to which at least one result of a query belongs, in addition to earlier calls.

            c = columns(Report)
            good = select(Run).having(select(Report).where(c.accuracy > 0.9)).all()

        Raises:
            QueryError: `artifacts` is no query for artifacts.
        """
        return self._of(self._async.having(plain(artifacts)))

    def ids(self) -> list[UUID]:
        """Return the ids of the runs. Only values on which the database cannot decide are loaded."""
        return wait_for(self._async.ids())

    def count(self) -> int:
        """Return the number of runs. Only values on which the database cannot decide are loaded."""
        return wait_for(self._async.count())


@overload
def select(kind: type[Run]) -> RunSelect: ...  # pyright: ignore[reportOverlappingOverload] (Run is no model)
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
