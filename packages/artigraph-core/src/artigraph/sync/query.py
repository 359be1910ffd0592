"""The sync twin of `artigraph.query`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Generic, Self, TypeVar, overload
from uuid import UUID

import artigraph.model as async_model
import artigraph.query as async_query
from artigraph.background import iterate, wait_for
from artigraph.query import Column, Columns, Condition, RunColumns, RunProperty, RunValueColumn, RunValues, columns
from artigraph.query.columns import Order
from artigraph.query.runs import RunOrder
from artigraph.run import Run
from artigraph.sync._twin import Twin, plain, twin
from artigraph.sync.run import RunManager

__all__ = [
    "ArtifactSelect",
    "Column",
    "Columns",
    "Condition",
    "RunColumns",
    "RunProperty",
    "RunSelect",
    "RunValueColumn",
    "RunValues",
    "Select",
    "columns",
    "select",
]

R = TypeVar("R")
M = TypeVar("M", bound=async_model.ArtifactModel)


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


class RunSelect(Select[Run], of=async_query.RunSelect):
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

    def order_by(self, *orders: RunOrder | RunProperty | RunValueColumn) -> Self:
        """Order by properties, before those of earlier calls; equal ones stay in the order in which they were made."""
        return self._of(self._async.order_by(*orders))


@overload
def select(kind: type[Run]) -> RunSelect: ...
@overload
def select(kind: type[M]) -> ArtifactSelect[M]: ...
def select(kind: type[Any]) -> Any:
    """Ask for saved artifacts of a model class, or of classes derived from it, or for runs.

        c = columns(Report)
        best = select(Report).where(c.accuracy > 0.9).order_by(c.accuracy.desc()).limit(10).all()
        for report in select(Report).in_run(run, descendants=True): ...
        failed = select(Run).where(columns(Run).status == "failed").all()

    Artifacts are what was saved under a label; models inside others are reached through these. Without an order,
    results come in that in which they were saved, or made.

    Raises:
        QueryError: it is neither a model class nor `Run`.
        ModelDefinitionError: the class cannot be stored as it is written.
    """
    return twin(async_query.select(kind))
