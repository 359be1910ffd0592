"""Selecting artifacts and runs: a question that is built step by step, and asked when its results are awaited."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, Self, TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, func
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, fetch_rows, id_of, read, recursive
from artigraph.errors import MultipleNodesFoundError, NodeNotFoundError, QueryError
from artigraph.graph import read_runs, runs_below, unrecorded
from artigraph.ids import check_id
from artigraph.labels import check_label
from artigraph.model import ArtifactModel
from artigraph.query.columns import Column, Order
from artigraph.query.conditions import All, Compare, Condition, Field, IsNone, OneOf, RunField, Text, leaves_of
from artigraph.query.holds import holds
from artigraph.query.keys import Asked
from artigraph.query.narrow import earliest, latest, load_there, saved_between, within
from artigraph.query.runs import RunOrder, RunProperty, RunValueColumn
from artigraph.query.sql import (
    artifacts_of,
    ask_all,
    column_keys,
    ids_from,
    key_of,
    property_of,
    root,
    stored_names,
    verdict_of,
)
from artigraph.query.users import Used, checked_use, users_of
from artigraph.run import Run, RunManager, run_of_row

__all__ = ["ArtifactSelect", "PropertySelect", "RunSelect", "Select"]

R = TypeVar("R")
M = TypeVar("M", bound=ArtifactModel)

_BATCH = 200
"""Results that are loaded at once while they are iterated over."""
_ALL = 2**62
"""More results than a database counts."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Select(ABC, Generic[R]):
    """A question; each method that narrows it returns a new one, and the others ask it."""

    _conditions: tuple[Condition, ...] = ()
    _orders: tuple[Any, ...] = ()
    _runs: tuple[tuple[UUID, bool], ...] = ()
    """The runs that it is about, and whether those below each are, too."""
    _limit: int | None = None
    _offset: int = 0

    # Narrowing it --------------------------------------------------------------------------------------------------

    def where(self, *conditions: Condition) -> Self:
        """Ask for those of which all conditions are true, beside those of earlier calls.

        Raises:
            QueryError: one is no condition, or is about the columns of something else.
        """
        for condition in conditions:
            if not isinstance(cast("object", condition), Condition):
                msg = f"where takes conditions, columns(...).x > 1 say, not {condition!r:.100}"
                raise QueryError(msg)
            for leaf in leaves_of(condition):
                self._check(leaf)
        return replace(self, _conditions=(*self._conditions, *conditions))

    def in_run(self, run: Run | RunManager | UUID, *, descendants: bool = False) -> Self:
        """Ask for those that belong to a run, with `descendants` also for those of all runs below it."""
        run_id = run.run.node_id if isinstance(run, RunManager) else run.node_id if isinstance(run, Run) else run
        return replace(self, _runs=(*self._runs, (check_id(run_id), descendants)))

    def limit(self, count: int) -> Self:
        """Ask for so many at most."""
        return replace(self, _limit=_count(count, "limit"))

    def offset(self, count: int) -> Self:
        """Leave out the first so many."""
        return replace(self, _offset=_count(count, "offset"))

    # Asking it -----------------------------------------------------------------------------------------------------

    async def ids(self) -> list[UUID]:
        """Return the ids of the nodes, without loading anything but what the database cannot decide."""
        source, asked = ask_all(self._conditions)
        if asked.decided:
            return await self._fetch_ids(self._statement(source, asked, paged=True))
        statement = self._statement(source, asked, paged=False).add_columns(asked.certain.label("certain"))
        found = await self._fetch(statement)
        accepted = await self._decide([row.node_id for row in found if not row.certain])
        ids = [row.node_id for row in found if row.certain or row.node_id in accepted]
        return ids[self._offset : None if self._limit is None else self._offset + self._limit]

    async def count(self) -> int:
        """Return how many there are; nothing is loaded but what the database cannot decide."""
        source, asked = ask_all(self._conditions)
        if not asked.decided or self._limit is not None or self._offset:
            return len(await self.ids())
        statement = self._statement(source, asked, paged=False).with_only_columns(func.count()).order_by(None)
        return int((await self._fetch(statement))[0][0])

    async def all(self) -> list[R]:
        """Load all of them."""
        return [found async for found in self]

    async def first(self) -> R | None:
        """Load the first one, or return None if there is none."""
        async for found in self.limit(1 if self._limit is None else min(1, self._limit)):
            return found
        return None

    async def one(self) -> R:
        """Load the only one.

        Raises:
            NodeNotFoundError: there is none.
            MultipleNodesFoundError: there are several.
        """
        ids = await self.limit(2 if self._limit is None else min(2, self._limit)).ids()
        if len(ids) > 1:
            msg = f"There are several {self._kind} such as is asked for; first() takes the first one"
            raise MultipleNodesFoundError(msg)
        for _, found in await self._load(ids):
            return found
        msg = f"There is no {self._kind} such as is asked for"
        raise NodeNotFoundError(msg)

    async def __aiter__(self) -> AsyncIterator[R]:
        """Load them one batch after the other. What is deleted meanwhile is left out."""
        ids = await self.ids()
        for start in range(0, len(ids), _BATCH):
            for _, found in await self._load(ids[start : start + _BATCH]):
                yield found

    def __repr__(self) -> str:
        return f"<select of {self._kind}>"

    @property
    @abstractmethod
    def _kind(self) -> str:
        """What is asked for, in words."""

    @abstractmethod
    def _check(self, condition: Condition) -> None:
        """See that a condition, which is not made of others, is about what is asked for."""

    @abstractmethod
    def _rows(self) -> Sequence[ColumnElement[bool]]:
        """Return what all rows of `root` have in common that are of the kind that is asked for."""

    def _belonging(self, run_id: UUID, *, below: bool) -> ColumnElement[bool]:
        """Return which rows of `root` belong to a run, or to one below it."""
        run = root.c.parent_id == run_id
        return run | root.c.parent_id.in_(runs_below(run_id)) if below else run

    @abstractmethod
    def _keys(self, order: Any) -> Sequence[ColumnElement[Any]]:
        """Return what an order goes by."""

    @abstractmethod
    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, R]]:
        """Load what is there still of some nodes, with their ids, in the order of these."""

    async def _to_decide(self, ids: Sequence[UUID]) -> Sequence[tuple[UUID, object]]:
        """Load what the database cannot decide is to be decided of."""
        return await self._load(ids)

    async def _decide(self, ids: Sequence[UUID]) -> set[UUID]:
        """Return those of which the conditions are true, where the database cannot say."""
        accepted: set[UUID] = set()
        condition = All(self._conditions)
        for start in range(0, len(ids), _BATCH):
            some = ids[start : start + _BATCH]
            verdicts = await self._verdicts(some, list(dict.fromkeys(leaves_of(condition))))
            with unrecorded():
                for node_id, loaded in await self._to_decide([node_id for node_id in some if node_id in verdicts]):
                    if await holds(condition, loaded, verdicts[node_id]):
                        accepted.add(node_id)
        return accepted

    async def _verdicts(
        self, ids: Sequence[UUID], leaves: Sequence[Condition]
    ) -> dict[UUID, dict[Condition, bool | None]]:
        """Return what the database says of each condition that is not made of others, by node; None if it cannot."""
        found: dict[UUID, dict[Condition, bool | None]] = {node_id: {} for node_id in ids}
        for start in range(0, len(leaves), _BATCH):
            asked = [(leaf, verdict_of(leaf)) for leaf in leaves[start : start + _BATCH]]
            columns = [part.label(None) for _, both in asked for part in both]
            rows = await self._fetch(ids_from(root).add_columns(*columns).where(root.c.node_id.in_(ids)))
            there = {row[0]: row[1:] for row in rows}
            found = {node_id: said for node_id, said in found.items() if node_id in there}
            for node_id, said in found.items():
                pairs = zip(there[node_id][::2], there[node_id][1::2], strict=True)
                for (leaf, _), (certain, possible) in zip(asked, pairs, strict=True):
                    said[leaf] = True if certain else None if possible else False
        return found

    async def _fetch_ids(self, statement: Any) -> list[UUID]:
        async def work(connection: AsyncConnection) -> list[UUID]:
            return [id_of(row[0]) for row in await fetch_rows(connection, statement, {})]

        statement = await self._deep(statement)
        return await read(work)

    async def _deep(self, statement: Any) -> Any:
        """Lift the limits of databases on recursion where there is any."""
        database = await current_database()
        return recursive(statement, database.dialect) if any(below for _, below in self._runs) else statement

    async def _fetch(self, statement: Any) -> Sequence[Any]:
        async def work(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(statement)).all()

        statement = await self._deep(statement)
        return await read(work)

    def _statement(self, source: FromClause, asked: Asked, *, paged: bool) -> Any:
        statement = ids_from(source).where(*self._rows(), asked.possible)
        statement = statement.where(*(self._belonging(run_id, below=below) for run_id, below in self._runs))
        for order in self._orders:
            keys = self._keys(order)
            statement = statement.order_by(*(key.desc() if order.descending else key for key in keys))
        statement = statement.order_by(root.c.node_id)
        if paged and self._limit is not None:
            statement = statement.limit(self._limit)
        if paged and self._offset:
            statement = statement.limit(_ALL if self._limit is None else self._limit).offset(self._offset)
        return statement


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class ArtifactSelect(Select[M]):
    """A question for artifacts."""

    _model_type: type[M]
    _labels: tuple[str, ...] | None = None
    _since: datetime | None = None
    _before: datetime | None = None

    def labeled(self, *labels: str) -> Self:
        """Ask for those that were saved under one of some labels."""
        return replace(self, _labels=within([check_label(label) for label in labels], self._labels))

    def saved(self, *, since: datetime | None = None, before: datetime | None = None) -> Self:
        """Ask for those that were saved in a time, by the clock of the machine that saved them, to the millisecond."""
        return replace(self, _since=latest(self._since, since), _before=earliest(self._before, before))

    def order_by(self, *orders: Order | Column) -> Self:
        """Order by fields, before those of earlier calls; equal ones stay in the order of their saves.

        Texts are ordered by their first 254 bytes in UTF-8, numbers beyond the greatest float by how many digits
        they have.
        """
        made = tuple(order.asc() if isinstance(order, Column) else order for order in orders)
        for order in made:
            if not isinstance(cast("object", order), Order):
                msg = f"{self._kind} is ordered by columns({self._kind}), c.x or c.x.desc() say, not by {order!r:.100}"
                raise QueryError(msg)
            self._check_field(order.field)
        return replace(self, _orders=(*self._orders, *made))

    @property
    def _kind(self) -> str:
        return self._model_type.__qualname__

    def _check(self, condition: Condition) -> None:
        if not isinstance(condition, (Compare, OneOf, IsNone, Text)) or isinstance(condition.field, RunField):
            msg = f"This is a condition on runs; those of {self._kind} are made of columns({self._kind})"
            raise QueryError(msg)
        self._check_field(condition.field)

    def _check_field(self, field: Field) -> None:
        """See that artifacts of this class may have a field."""
        if not (issubclass(field.model, self._model_type) or issubclass(self._model_type, field.model)):
            msg = (
                f"{'.'.join(field.path)} is a column of {field.model.__qualname__}; no {self._kind} is one: "
                f"take it from columns({self._kind})"
            )
            raise QueryError(msg)

    def _rows(self) -> Sequence[ColumnElement[bool]]:
        rows = artifacts_of(tuple(stored_names([self._model_type])), self._labels)
        return [rows, *saved_between(root.c.node_id, self._since, self._before)]

    def _keys(self, order: Order) -> Sequence[ColumnElement[Any]]:
        return [key_of(order.field)]

    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, M]]:
        return await load_there(self._model_type, ids)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class PropertySelect(Select[R]):
    """A question for what has properties instead of fields: runs, or nodes of any kind."""

    def order_by(self, *orders: RunOrder | RunProperty | RunValueColumn) -> Self:
        """Order by properties, before those of earlier calls; equal ones stay in the order in which they were made."""
        for order in orders:
            if not isinstance(cast("object", order), (RunOrder, RunProperty, RunValueColumn)):
                msg = f"{self._kind} is ordered by columns({self._kind}), c.x or c.x.desc() say, not by {order!r:.100}"
                raise QueryError(msg)
        made = tuple(order if isinstance(order, RunOrder) else order.asc() for order in orders)
        return replace(self, _orders=(*self._orders, *made))

    def _check(self, condition: Condition) -> None:
        if isinstance(condition, (Compare, OneOf, IsNone, Text)) and isinstance(condition.field, Field):
            msg = (
                f"This is a condition on {condition.field.model.__qualname__}; those on what is asked for are made of "
                f"columns({self._kind})"
            )
            raise QueryError(msg)

    def _keys(self, order: RunOrder) -> Sequence[ColumnElement[Any]]:
        if isinstance(order.column, RunField):
            return [key_of(order.column)]
        return column_keys(property_of(order.column))


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class RunSelect(PropertySelect[Run]):
    """A question for runs."""

    _used: tuple[Used, ...] = ()

    def used(self, model_type: type[ArtifactModel], *, version: int | None = None, label: str | None = None) -> Self:
        """Ask for those that used a model of a class or one derived from it, beside those of earlier calls.

            affected = await select(Run).used(Tokenizer, version=3).all()

        It may be the artifact itself or a model in it. With a `version` only what that version of the class wrote
        counts, with a `label` only what was saved under it.

        Raises:
            QueryError: it is no model class, or the version is no number.
            InvalidLabel: the label is none.
        """
        return replace(self, _used=(*self._used, checked_use(model_type, version, label)))

    @property
    def _kind(self) -> str:
        return "Run"

    def _rows(self) -> Sequence[ColumnElement[bool]]:
        return [root.c.node_type == "run", *(root.c.node_id.in_(users_of(used)) for used in self._used)]

    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, Run]]:
        found = await read_runs(ids)
        return [(node_id, run_of_row(found[node_id])) for node_id in ids if node_id in found]


def _count(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _ALL:
        msg = f"{what} is a number of results, 0 or more, not {value!r:.100}"
        raise QueryError(msg)
    return value
