"""The sync twin of `artigraph.query`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Generic, Self, TypeVar, cast, overload
from uuid import UUID

import artigraph.model as async_model
import artigraph.query as async_query
from artigraph.background import iterate, wait_for
from artigraph.difference import ModelDiff
from artigraph.graph.nodes import Node, NodeType
from artigraph.query import (
    Column,
    Columns,
    Condition,
    NodeColumns,
    NodeProperty,
    RunColumns,
    RunProperty,
    RunValueColumn,
    RunValues,
    Version,
    columns,
)
from artigraph.query.columns import Order
from artigraph.query.runs import RunOrder
from artigraph.query.series import Which
from artigraph.run import Run
from artigraph.sync._twin import Twin, plain, twin
from artigraph.sync.run import RunManager

__all__ = [
    "ArtifactSelect",
    "Column",
    "Columns",
    "Condition",
    "NodeColumns",
    "NodeProperty",
    "NodeSelect",
    "PropertySelect",
    "RunColumns",
    "RunProperty",
    "RunSelect",
    "RunValueColumn",
    "RunValues",
    "Select",
    "Series",
    "Version",
    "columns",
    "select",
    "series",
]

M = TypeVar("M", bound=async_model.ArtifactModel)
R = TypeVar("R")


class Series(Twin, Generic[M], of=async_query.Series):
    """The artifacts of one label and model class, in the order of their saves, and the aliases of some of them.

    That order is the one of their ids, and so of the clocks of the machines that saved them. What is deleted while it
    is asked for is left out.
    """

    __slots__ = ()

    _async: async_query.Series[M]

    @property
    def model_type(self) -> type[M]:
        """The model_type of the async Series."""
        return self._async.model_type

    @property
    def label(self) -> str:
        """The label of the async Series."""
        return self._async.label

    def latest(self) -> M:
        """Load the newest version.

        Raises:
            VersionNotFoundError: there is none. (`select(Model).labeled(label).first()` is None then.)
        """
        return wait_for(self._async.latest())

    def nth(self, number: int) -> M:
        """Load the version of a number: 0 is the oldest one, -1 the newest.

        Raises:
            VersionNotFoundError: there are not so many.
        """
        return wait_for(self._async.nth(number))

    def at(self, moment: datetime) -> M:
        """Load the version that was the newest at a moment, which is an aware datetime.

        Raises:
            VersionNotFoundError: there was none yet.
        """
        return wait_for(self._async.at(moment))

    def between(self, since: datetime | None = None, before: datetime | None = None) -> list[M]:
        """Load the versions that were saved from a moment on and before another one, both aware datetimes."""
        return wait_for(self._async.between(since, before))

    def all(self) -> list[M]:
        """Load all versions, the oldest first."""
        return wait_for(self._async.all())

    def __iter__(self) -> Iterator[M]:
        """Load one version after the other, the oldest first, in batches."""
        return iterate(self._async)

    def count(self) -> int:
        """Return how many versions there are."""
        return wait_for(self._async.count())

    def ids(self) -> list[UUID]:
        """Return the ids of all versions, the oldest first."""
        return wait_for(self._async.ids())

    def versions(self) -> list[Version]:
        """Return what is known of all versions without loading them, the oldest first."""
        return wait_for(self._async.versions())

    def diff(self, before: Which = -2, after: Which = -1) -> ModelDiff:
        """Load two versions and say what changed from the one to the other; see `artigraph.diff`.

        Raises:
            VersionNotFoundError: there is no such version or alias.
            NodeNotFoundError: there is no node of an id.
        """
        return wait_for(self._async.diff(before, after))

    def set_alias(self, name: str, version: Which) -> None:
        """Make an alias point to a version, wherever it pointed before, in one step.

        Where several do so at once, all succeed and the last one holds. While it is pointed to, the version is not
        deleted.

        Raises:
            InvalidLabel: the name is no text of at most 100 code points without NUL and surrogates.
            VersionNotFoundError: it is no version of this series.
        """
        wait_for(self._async.set_alias(name, version))

    def alias(self, name: str) -> M:
        """Load the version that an alias points to.

        Raises:
            VersionNotFoundError: there is no such alias.
        """
        return wait_for(self._async.alias(name))

    def alias_id(self, name: str) -> UUID:
        """Return the id of the version that an alias points to.

        Raises:
            VersionNotFoundError: there is no such alias.
        """
        return wait_for(self._async.alias_id(name))

    def aliases(self) -> dict[str, UUID]:
        """Return the aliases, in order of their names, with the ids of the versions that they point to."""
        return wait_for(self._async.aliases())

    def remove_alias(self, name: str) -> bool:
        """Remove an alias, not what it points to, and say whether it was there."""
        return wait_for(self._async.remove_alias(name))


class Select(Twin, Generic[R], of=async_query.Select):
    """A question; each method that narrows it returns a new one, and the others ask it."""

    __slots__ = ()

    _async: async_query.Select[R]

    def where(self, *conditions: Condition) -> Self:
        """Ask for those of which all conditions are true, beside those of earlier calls.

        Raises:
            QueryError: one is no condition, or is about the columns of something else.
        """
        return self._of(self._async.where(*conditions))

    def in_run(self, run: Run | RunManager | UUID, *, descendants: bool = False) -> Self:
        """Ask for those that belong to a run, with `descendants` also for those of all runs below it."""
        return self._of(self._async.in_run(plain(run), descendants=descendants))

    def limit(self, count: int) -> Self:
        """Ask for so many at most."""
        return self._of(self._async.limit(count))

    def offset(self, count: int) -> Self:
        """Leave out the first so many."""
        return self._of(self._async.offset(count))

    def ids(self) -> list[UUID]:
        """Return the ids of the nodes, without loading anything but what the database cannot decide."""
        return wait_for(self._async.ids())

    def count(self) -> int:
        """Return how many there are; nothing is loaded but what the database cannot decide."""
        return wait_for(self._async.count())

    def all(self) -> list[R]:
        """Load all of them."""
        return wait_for(self._async.all())

    def first(self) -> R | None:
        """Load the first one, or return None if there is none."""
        return wait_for(self._async.first())

    def one(self) -> R:
        """Load the only one.

        Raises:
            NodeNotFoundError: there is none.
            MultipleNodesFoundError: there are several.
        """
        return wait_for(self._async.one())

    def __iter__(self) -> Iterator[R]:
        """Load them one batch after the other. What is deleted meanwhile is left out."""
        return iterate(self._async)


class ArtifactSelect(Select[M], of=async_query.ArtifactSelect):
    """A question for artifacts."""

    __slots__ = ()

    _async: async_query.ArtifactSelect[M]  # pyright: ignore[reportIncompatibleVariableOverride]

    def labeled(self, *labels: str) -> Self:
        """Ask for those that were saved under one of some labels."""
        return self._of(self._async.labeled(*labels))

    def saved(self, *, since: datetime | None = None, before: datetime | None = None) -> Self:
        """Ask for those that were saved in a time, by the clock of the machine that saved them, to the millisecond."""
        return self._of(self._async.saved(since=since, before=before))

    def order_by(self, *orders: Order | Column) -> Self:
        """Order by fields, before those of earlier calls; equal ones stay in the order of their saves.

        Texts are ordered by their first 254 bytes in UTF-8, numbers beyond the greatest float by how many digits
        they have.
        """
        return self._of(self._async.order_by(*orders))


class PropertySelect(Select[R], of=async_query.PropertySelect):
    """A question for what has properties instead of fields: runs, or nodes of any kind."""

    __slots__ = ()

    _async: async_query.PropertySelect[R]  # pyright: ignore[reportIncompatibleVariableOverride]

    def order_by(self, *orders: RunOrder | RunProperty | RunValueColumn) -> Self:
        """Order by properties, before those of earlier calls; equal ones stay in the order in which they were made."""
        return self._of(self._async.order_by(*orders))


class NodeSelect(PropertySelect[Node], of=async_query.NodeSelect):
    """A question for nodes of any kind."""

    __slots__ = ()

    _async: async_query.NodeSelect  # pyright: ignore[reportIncompatibleVariableOverride]

    def of_type(self, *node_types: NodeType) -> Self:
        """Ask for nodes of one of some types: `run`, `model`, `container`, `value`.

        Raises:
            QueryError: there is no such type.
        """
        return self._of(self._async.of_type(*node_types))

    def artifacts(self) -> Self:
        """Ask for what was saved under a label, not for parts of that, nor for runs."""
        return self._of(self._async.artifacts())

    def labeled(self, *labels: str) -> Self:
        """Ask for those of one of some labels: an artifact's, the name of a field, an item's key or index as text."""
        return self._of(self._async.labeled(*labels))

    def of_model(self, *models: type[async_model.ArtifactModel] | str) -> Self:
        """Ask for models of some classes, or of classes derived from them, and for all that is stored of their fields.

        A class that is not defined here is named as it is stored.

        Raises:
            QueryError: it is neither a model class nor a name.
        """
        return self._of(self._async.of_model(*models))

    def saved(self, *, since: datetime | None = None, before: datetime | None = None) -> Self:
        """Ask for those that were saved, or made, in a time, by the clock of that machine, to the millisecond."""
        return self._of(self._async.saved(since=since, before=before))

    def ids(self) -> list[UUID]:
        """Return the ids of the nodes."""
        return wait_for(self._async.ids())

    def count(self) -> int:
        """Return how many there are."""
        return wait_for(self._async.count())


class RunSelect(PropertySelect[Run], of=async_query.RunSelect):
    """A question for runs."""

    __slots__ = ()

    _async: async_query.RunSelect  # pyright: ignore[reportIncompatibleVariableOverride]

    def used(
        self, model_type: type[async_model.ArtifactModel], *, version: int | None = None, label: str | None = None
    ) -> Self:
        """Ask for those that used a model of a class or one derived from it, beside those of earlier calls.

            affected = select(Run).used(Tokenizer, version=3).all()

        It may be the artifact itself or a model in it. With a `version` only what that version of the class wrote
        counts, with a `label` only what was saved under it.

        Raises:
            QueryError: it is no model class, or the version is no number.
            InvalidLabel: the label is none.
        """
        return self._of(self._async.used(model_type, version=version, label=label))


@overload
def select(kind: type[Run]) -> RunSelect: ...
@overload
def select(kind: type[Node]) -> NodeSelect: ...
@overload
def select(kind: type[M]) -> ArtifactSelect[M]: ...
def select(kind: type[Any]) -> Any:
    """Ask for saved artifacts of a model class, or of classes derived from it, for runs, or for nodes of any kind.

        c = columns(Report)
        best = select(Report).where(c.accuracy > 0.9).order_by(c.accuracy.desc()).limit(10).all()
        for report in select(Report).in_run(run, descendants=True): ...
        failed = select(Run).where(columns(Run).status == "failed").all()
        parts = select(Node).in_run(run).labeled("accuracy").all()

    Artifacts are what was saved under a label; models inside others are reached through these. Without an order,
    results come in that in which they were saved, or made.

    Raises:
        QueryError: it is neither a model class nor `Run` nor `Node`.
        ModelDefinitionError: the class cannot be stored as it is written.
    """
    return twin(async_query.select(kind))


def series(model_type: type[M], label: str) -> Series[M]:
    """Return the series of what was saved under a label as a model class, in whichever runs.

        checkpoints = series(Checkpoint, "checkpoint")
        newest = checkpoints.latest()
        checkpoints.set_alias("production", -1)

    Those of classes derived from it are not among them: their series are others.

    Raises:
        QueryError: it is no model class that has artifacts of its own, as `ArtifactModel` has none.
        InvalidLabel: the label is not valid.
        ModelDefinitionError: the class cannot be stored as it is written.
    """
    return cast("Series[M]", twin(async_query.series(model_type, label)))
