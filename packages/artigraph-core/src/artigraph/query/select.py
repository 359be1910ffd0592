"""Selecting artifacts: a question that is built step by step, and asked when its results are awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from sqlalchemy import func
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import chunks, current_database, read, recursive
from artigraph.errors import MultipleNodesFoundError, NodeNotFoundError, QueryError
from artigraph.graph import runs_below
from artigraph.ids import check_id, first_id
from artigraph.labels import check_label
from artigraph.model import ArtifactModel
from artigraph.model.definition import define, is_model
from artigraph.model.load import load_models
from artigraph.orm import node_table
from artigraph.query.columns import Column, Order
from artigraph.query.conditions import All, Condition, Field, fields_of, holds
from artigraph.query.sql import ask, key_of, root, stored_names
from artigraph.run import Run, RunManager

__all__ = ["Select", "select"]

M = TypeVar("M", bound=ArtifactModel)

_BATCH = 200
"""Models that are loaded at once while results are iterated over."""


def select(model_type: type[M]) -> Select[M]:
    """Ask for saved artifacts of a model class, or of classes derived from it.

        c = columns(Report)
        best = await select(Report).where(c.accuracy > 0.9).order_by(c.accuracy.desc()).limit(10).all()
        async for report in select(Report).in_run(run, descendants=True): ...

    Artifacts are what was saved under a label; models inside others are reached through these. Without an order,
    results come in that of their saves.

    Raises:
        ModelDefinitionError: the class cannot be stored as it is written.
    """
    if is_model(model_type) and model_type is not ArtifactModel:
        define(model_type)
    return Select(model_type)


@dataclass(frozen=True, eq=False, slots=True)
class Select(Generic[M]):
    """A question for artifacts; each method that narrows it returns a new one, and each that is awaited asks it."""

    _model_type: type[M]
    _conditions: tuple[Condition, ...] = ()
    _orders: tuple[Order, ...] = ()
    _labels: tuple[str, ...] | None = None
    _run_id: UUID | None = None
    _descendants: bool = False
    _since: datetime | None = None
    _before: datetime | None = None
    _limit: int | None = None
    _offset: int = 0

    def __repr__(self) -> str:
        return f"<select of {self._model_type.__qualname__}>"

    # Narrowing it --------------------------------------------------------------------------------------------------

    def where(self, *conditions: Condition) -> Select[M]:
        """Ask for those of which all conditions are true, beside those of earlier calls."""
        for condition in conditions:
            if not isinstance(condition, Condition):  # pyright: ignore[reportUnnecessaryIsInstance]
                msg = f"where takes conditions, columns(M).x > 1 say, not {condition!r:.100}"
                raise QueryError(msg)
            for field in fields_of(condition):
                self._check(field)
        return replace(self, _conditions=(*self._conditions, *conditions))

    def labeled(self, *labels: str) -> Select[M]:
        """Ask for those that were saved under one of some labels."""
        return replace(self, _labels=tuple(check_label(label) for label in labels))

    def in_run(self, run: Run | RunManager | UUID, *, descendants: bool = False) -> Select[M]:
        """Ask for those of a run, with `descendants` also for those of all runs below it."""
        run_id = run.run.node_id if isinstance(run, RunManager) else run.node_id if isinstance(run, Run) else run
        return replace(self, _run_id=check_id(run_id), _descendants=descendants)

    def saved(self, *, since: datetime | None = None, before: datetime | None = None) -> Select[M]:
        """Ask for those that were saved in a time, by the clock of the machine that saved them, to the millisecond."""
        for moment in (since, before):
            if moment is not None and (not isinstance(cast("object", moment), datetime) or moment.tzinfo is None):
                msg = f"A time of saving is an aware datetime, datetime.now(UTC) say, not {moment!r:.100}"
                raise QueryError(msg)
        return replace(self, _since=since, _before=before)

    def order_by(self, *orders: Order | Column) -> Select[M]:
        """Order by fields, before those of earlier calls; equal ones stay in the order of their saves.

        Texts are ordered by their first 254 bytes in UTF-8, numbers beyond the greatest float by how many digits
        they have.
        """
        made = tuple(order.asc() if isinstance(order, Column) else order for order in orders)
        for order in made:
            self._check(order.field)
        return replace(self, _orders=(*self._orders, *made))

    def _check(self, field: Field) -> None:
        """See that artifacts of this class may have a field."""
        if not (issubclass(field.model, self._model_type) or issubclass(self._model_type, field.model)):
            msg = (
                f"{'.'.join(field.path)} is a column of {field.model.__qualname__}; no {self._model_type.__qualname__} "
                f"is one: take it from columns({self._model_type.__qualname__})"
            )
            raise QueryError(msg)

    def limit(self, count: int) -> Select[M]:
        """Ask for so many at most."""
        return replace(self, _limit=_count(count, "limit"))

    def offset(self, count: int) -> Select[M]:
        """Leave out the first so many."""
        return replace(self, _offset=_count(count, "offset"))

    # Asking it -----------------------------------------------------------------------------------------------------

    async def ids(self) -> list[UUID]:
        """Return the ids of the nodes, without loading anything but what the database cannot decide."""
        asked = ask(All(self._conditions))
        if asked.decided:
            return [row.node_id for row in await self._fetch(self._statement(asked.certain, paged=True))]
        statement = self._statement(asked.possible, paged=False).add_columns(asked.certain.label("certain"))
        found = await self._fetch(statement)
        doubtful = [row.node_id for row in found if not row.certain]
        accepted: set[UUID] = set()
        condition = All(self._conditions)
        for batch in chunks(doubtful):
            for start in range(0, len(batch), _BATCH):
                for node_id, model in await self._load(batch[start : start + _BATCH]):
                    if holds(condition, model):
                        accepted.add(node_id)
        ids = [row.node_id for row in found if row.certain or row.node_id in accepted]
        return ids[self._offset : None if self._limit is None else self._offset + self._limit]

    async def count(self) -> int:
        """Return how many there are."""
        asked = ask(All(self._conditions))
        if not asked.decided or self._limit is not None or self._offset:
            return len(await self.ids())
        statement = self._statement(asked.certain, paged=False).with_only_columns(func.count()).order_by(None)
        return int((await self._fetch(statement))[0][0])

    async def all(self) -> list[M]:
        """Load all of them."""
        return [model async for model in self]

    async def first(self) -> M | None:
        """Load the first one, or return None if there is none."""
        async for model in self.limit(1 if self._limit is None else min(1, self._limit)):
            return model
        return None

    async def one(self) -> M:
        """Load the only one.

        Raises:
            NodeNotFoundError: there is none.
            MultipleNodesFoundError: there are several.
        """
        found = await self.limit(2 if self._limit is None else min(2, self._limit)).all()
        if not found:
            msg = f"There is no {self._model_type.__qualname__} such as is asked for"
            raise NodeNotFoundError(msg)
        if len(found) > 1:
            msg = f"There are several {self._model_type.__qualname__} such as is asked for; first() takes the first one"
            raise MultipleNodesFoundError(msg)
        return found[0]

    async def __aiter__(self) -> AsyncIterator[M]:
        """Load them one batch after the other. What is deleted meanwhile is left out."""
        ids = await self.ids()
        for start in range(0, len(ids), _BATCH):
            for _, model in await self._load(ids[start : start + _BATCH]):
                yield model

    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, M]]:
        while True:
            try:
                return list(zip(ids, await load_models(self._model_type, ids), strict=True))
            except NodeNotFoundError:
                there = {row.node_id for row in await self._fetch(_there(ids))}
                if there.issuperset(ids):
                    raise
                ids = [node_id for node_id in ids if node_id in there]

    async def _fetch(self, statement: Any) -> Sequence[Any]:
        database = await current_database()
        deep = recursive(statement, database.dialect) if self._descendants else statement

        async def work(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(deep)).all()

        return await read(work)

    def _statement(self, condition: Any, *, paged: bool) -> Any:
        statement = sql_select(root.c.node_id).where(
            root.c.node_type == "model",
            root.c.model_name.in_(stored_names([self._model_type])),
            root.c.tree_root_id == root.c.node_id,
            condition,
        )
        if self._labels is not None:
            statement = statement.where(root.c.label.in_(self._labels))
        if self._run_id is not None:
            run = root.c.parent_id == self._run_id
            below = root.c.parent_id.in_(runs_below(self._run_id))
            statement = statement.where(run | below if self._descendants else run)
        if self._since is not None:
            statement = statement.where(root.c.node_id >= first_id(self._since))
        if self._before is not None:
            statement = statement.where(root.c.node_id < first_id(self._before))
        for order in self._orders:
            key = key_of(order.field)
            statement = statement.order_by(key.desc() if order.descending else key)
        statement = statement.order_by(root.c.node_id)
        if paged and self._limit is not None:
            statement = statement.limit(self._limit)
        if paged and self._offset:
            statement = statement.limit(2**62 if self._limit is None else self._limit).offset(self._offset)
        return statement


def _there(ids: Sequence[UUID]) -> Any:
    return sql_select(node_table.c.node_id).where(node_table.c.node_id.in_(ids))


def _count(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        msg = f"{what} is a number of results, not {value!r:.100}"
        raise QueryError(msg)
    return value
