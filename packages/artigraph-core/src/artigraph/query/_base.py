"""Queries for artifacts: built step by step, and executed when you await their results."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, Self, TypeVar, overload
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, and_, func
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.db.planner import expect_few_rows, in_precomputed, scan_range_first, unsearched_by_sqlite
from artigraph.errors import MultipleNodesFoundError, NodeNotFoundError, QueryError
from artigraph.graph import without_recording
from artigraph.graph.runs import with_runs_below
from artigraph.identifiers import NodeId, check_id, id_of
from artigraph.model.any_model import AnyModel
from artigraph.model.failures import Errors, Loaded, LoadFailure, check_errors, log_failures
from artigraph.query._conditions import All, Condition, bounds_ids, leaves_of
from artigraph.query._evaluate import is_true, read_verdicts
from artigraph.query._key_ranges import Asked
from artigraph.query._moments import MOST, check_count
from artigraph.query._ordering import OrderKey, Ranked, cut_orders, in_order, orders_until, settle
from artigraph.query._sql import ask_all, ids_from, leads, root

R = TypeVar("R")
M = TypeVar("M", bound=AnyModel)

_BATCH = 200
"""The number of results that are loaded together during iteration."""
_HELD = 100_000
"""The number of ids that are held at once while results are read page by page."""
_FEW = 1000
"""As many first results are looked for among the first ids, where the database has no statistics."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Select(ABC, Generic[R]):
    """A query, immutable. Methods that narrow it return a new query; the others execute it."""

    _conditions: tuple[Condition, ...] = ()
    _orders: tuple[Any, ...] = ()
    _runs: tuple[tuple[UUID, bool], ...] = ()
    """The runs to which results must belong, each with whether belonging to a run below it is enough."""
    _limit: int | None = None
    _offset: int = 0
    _older: UUID | None = None
    """The node before which results must have been made."""
    _newer: UUID | None = None
    """The node after which results must have been made."""
    _newest_first: bool = False
    """Whether results that are equal in all orders come newest first."""
    _skipped: list[LoadFailure] | None = None
    """The list to which failures to load are added; None if a failure is raised."""

    # Narrowing it --------------------------------------------------------------------------------------------------

    def where(self, *conditions: Condition) -> Self:
        """Keep only results for which all these conditions are true, in addition to those of earlier calls.

        Raises:
            QueryError: an argument is not a condition, or is made of the columns of something else.
        """
        for condition in conditions:
            if not isinstance(condition, Condition):
                msg = f"where takes conditions, columns(...).x > 1 say, not {condition!r:.100}"
                raise QueryError(msg)
            for leaf in leaves_of(condition):
                self._check(leaf)
        return replace(self, _conditions=(*self._conditions, *conditions))

    def in_run(self, run: NodeId, *, descendants: bool = False) -> Self:
        """Keep only results that belong to a run; with `descendants`, also those of all runs below it.

        Raises:
            InvalidNodeIdError: `run` is neither an id nor a run.
        """
        return replace(self, _runs=(*self._runs, (check_id(run), descendants)))

    def older_than(self, node: NodeId) -> Self:
        """Keep only results that were made before a node: those with a smaller id.

            page = await select(Run).newest_first().limit(50).all()
            following = await select(Run).newest_first().older_than(page[-1]).limit(50).all()

        So you read pages of any depth at the same cost, which `offset` cannot do. The node need not exist any more.

        Raises:
            InvalidNodeIdError: `node` denotes no node.
        """
        node_id = check_id(node)
        return replace(self, _older=node_id if self._older is None else min(self._older, node_id))

    def newer_than(self, node: NodeId) -> Self:
        """Keep only results that were made after a node: those with a greater id. See `older_than`.

        Raises:
            InvalidNodeIdError: `node` denotes no node.
        """
        node_id = check_id(node)
        return replace(self, _newer=node_id if self._newer is None else max(self._newer, node_id))

    def newest_first(self) -> Self:
        """Return the newest results first. It replaces the orders of earlier calls."""
        return replace(self, _orders=(), _newest_first=True)

    def limit(self, count: int) -> Self:
        """Return at most `count` results.

        Raises:
            QueryError: `count` is not a whole number from 0 on.
        """
        return replace(self, _limit=check_count(count, "limit"))

    def offset(self, count: int) -> Self:
        """Skip the first `count` results.

        Raises:
            QueryError: `count` is not a whole number from 0 on.
        """
        return replace(self, _offset=check_count(count, "offset"))

    # Asking it -----------------------------------------------------------------------------------------------------

    async def ids(self) -> list[UUID]:
        """Return the ids of the nodes. Only values on which the database cannot decide are loaded."""
        source, asked = self._asked()
        orders = cut_orders(self._order_keys())
        if asked.decided and not orders:
            return await self._fetch_ids(self._statement(source, asked, paged=True))
        statement = self._statement(source, asked, paged=asked.decided)
        statement = statement.add_columns(*(order.key for order in orders), asked.certain)
        found = [(Ranked(row[0], tuple(row[1:-1])), row[-1]) for row in await self._fetch(statement)]
        if asked.decided:

            async def whole_tie(conditions: Sequence[ColumnElement[bool]]) -> list[Ranked]:
                tie = self._statement(source, asked, paged=False).where(*conditions)
                tie = tie.add_columns(*(order.key for order in orders))
                return [Ranked(row[0], tuple(row[1:])) for row in await self._fetch(tie)]

            page = self._limit is not None or self._offset > 0
            return await in_order([row for row, _ in found], orders, whole_tie if page else None)
        accepted = await self._decide([row.node_id for row, certain in found if not certain])
        rows = [row for row, certain in found if certain or row.node_id in accepted]
        end = len(rows) if self._limit is None else min(len(rows), self._offset + self._limit)
        await settle(rows, orders, self._offset, end)
        return [row.node_id for row in rows[self._offset : end]]

    async def count(self) -> int:
        """Return the number of results. Only values on which the database cannot decide are loaded."""
        source, asked = self._asked()
        if not asked.decided or self._limit is not None or self._offset:
            return len(await replace(self, _orders=()).ids())
        counted = self._statement(source, asked, paged=False).with_only_columns(func.count()).order_by(None)
        return int((await self._fetch(counted))[0][0])

    @overload
    async def all(self, *, errors: Literal["raise"] = "raise") -> list[R]: ...
    @overload
    async def all(self, *, errors: Literal["skip"]) -> Loaded[R]: ...
    async def all(self, *, errors: Errors = "raise") -> list[R]:
        """Load all results. With `errors="skip"`, those that cannot be loaded are left out and listed in `failures`.

            reports = await select(Report).all(errors="skip")
            for failure in reports.failures:
                print(failure.node_id, failure.label, failure.error)

        A database or storage that fails, or a mistake in the call, still raises an error.
        """
        failures: list[LoadFailure] = []
        found = [each async for batch in self._batches(errors, failures) for _, each in batch]
        return Loaded(found, failures) if errors == "skip" else found

    async def items(self, *, errors: Errors = "raise") -> list[tuple[UUID, R]]:
        """Load all results, each with its id. With `errors="skip"`, those that cannot be loaded are left out.

        for node_id, report in await select(Report).items():
            print(node_id, report.accuracy)
        """
        return [item async for batch in self._batches(errors, []) for item in batch]

    async def iterate(self, *, errors: Errors = "raise", failures: list[LoadFailure] | None = None) -> AsyncIterator[R]:
        """Yield the results, loaded batch by batch, as `async for` over the query does.

        With `errors="skip"`, results that cannot be loaded are left out, and added to `failures` if that list is given.
        """
        async for batch in self._batches(errors, [] if failures is None else failures):
            for _, found in batch:
                yield found

    async def _batches(self, errors: Errors, failures: list[LoadFailure]) -> AsyncIterator[list[tuple[UUID, R]]]:
        asked, before, loaded = replace(self, _skipped=failures if check_errors(errors) else None), len(failures), 0
        page = await asked._load_page()
        if page is not None:
            loaded += len(page)
            yield page
        ids = await asked.ids() if page is None else []
        for start in range(0, len(ids), _BATCH):
            batch = await asked._load(ids[start : start + _BATCH])
            loaded += len(batch)
            yield batch
        log_failures(failures[before:], loaded)

    async def first(self) -> R | None:
        """Load the first result, or return None if there is no result."""
        async for found in self.limit(1 if self._limit is None else min(1, self._limit)):
            return found
        return None

    async def one(self) -> R:
        """Load the only result.

        Raises:
            NodeNotFoundError: the query has no result.
            MultipleNodesFoundError: the query has several results.
        """
        ids = await self.limit(2 if self._limit is None else min(2, self._limit)).ids()
        if len(ids) > 1:
            msg = f"Expected one {self._kind}, found several. Use first() to take the first one."
            raise MultipleNodesFoundError(msg)
        for _, found in await self._load(ids):
            return found
        msg = f"Expected one {self._kind}, found none. Use first() to get None instead."
        raise NodeNotFoundError(msg)

    async def __aiter__(self) -> AsyncIterator[R]:
        """Yield the results, loaded batch by batch. Artifacts that are deleted meanwhile are left out."""
        async for found in self.iterate():
            yield found

    def __repr__(self) -> str:
        return f"<select of {self._kind}>"

    @property
    @abstractmethod
    def _kind(self) -> str:
        """The name of the results in messages."""

    @abstractmethod
    def _check(self, condition: Condition) -> None:
        """Check that a leaf condition is about the kind of results that the query returns."""

    @abstractmethod
    def _rows(self) -> Sequence[ColumnElement[bool]]:
        """Return the conditions for rows of `root` to be of the kind that the query returns."""

    def _saved(self) -> Sequence[ColumnElement[bool]]:
        """Return the conditions on the ids of `root` that say when a node was saved."""
        return []

    def _bounds(self) -> Sequence[ColumnElement[bool]]:
        """Return the conditions on the ids of `root`: between which others they are, and when a node was saved."""
        place = self._in_order_of_saves()
        found = list(self._saved())
        for bound, compare in ((self._older, operator.lt), (self._newer, operator.gt)):
            if bound is not None:
                found.append(compare(place, bound if place is root.c.node_id else bound.bytes))
        return found

    def _belonging(self, run_id: UUID, *, below: bool) -> ColumnElement[bool]:
        """Return the condition that rows of `root` belong to a run, or to a run below it."""
        of_run = in_precomputed(root.c.parent_id, with_runs_below(run_id)) if below else root.c.parent_id == run_id
        return expect_few_rows(of_run, root.c.parent_id)

    @abstractmethod
    def _order_key(self, order: Any) -> OrderKey:
        """Return an order in the terms of the database."""

    def _in_order_of_saves(self) -> ColumnElement[Any]:
        """Return the column that orders rows which the query's own orders leave equal."""
        return root.c.node_id

    def _order_keys(self) -> list[OrderKey]:
        """Return the orders that have an effect: an order after one by the id has none, because ids are unique."""
        return orders_until(map(self._order_key, self._orders), root.c.node_id)

    @abstractmethod
    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, R]]:
        """Load the nodes that still exist, with their ids, in the order of `ids`."""

    async def _load_page(self) -> list[tuple[UUID, R]] | None:
        """Load the results with the statement that finds them, where one can; else return None."""
        return None

    async def _to_decide(self, ids: Sequence[UUID]) -> Sequence[tuple[UUID, object]]:
        """Load the nodes on which the database could not decide."""
        return await self._load(ids)

    async def _decide(self, ids: Sequence[UUID]) -> set[UUID]:
        """Return the nodes for which the conditions are true, evaluated in Python where the database cannot decide."""
        accepted: set[UUID] = set()
        condition = All(self._conditions)
        for start in range(0, len(ids), _BATCH):
            some = ids[start : start + _BATCH]
            verdicts = await read_verdicts(some, list(dict.fromkeys(leaves_of(condition))), self._fetch)
            with without_recording():
                for node_id, loaded in await self._to_decide([node_id for node_id in some if node_id in verdicts]):
                    if await is_true(condition, loaded, verdicts[node_id]):
                        accepted.add(node_id)
        return accepted

    async def _pages(self, size: int) -> AsyncIterator[Sequence[UUID]]:
        """Yield the ids of the results in parts of at most `size`, without holding all, where that is possible."""
        page, remaining, held = self, self._limit, max(size, _HELD)
        steps = not self._orders and self._asked()[1].decided and not self._offset
        while True:
            if steps:
                page = page.limit(held if remaining is None else min(held, remaining))
            ids = await page.ids()
            for start in range(0, len(ids), size):
                yield ids[start : start + size]
            if not steps or len(ids) < held:
                return
            remaining = None if remaining is None else remaining - len(ids)
            page = page.older_than(ids[-1]) if self._newest_first else page.newer_than(ids[-1])

    async def _fetch_ids(self, statement: Any) -> list[UUID]:
        deep = await self._deep(statement)

        async def work(connection: AsyncConnection) -> list[UUID]:
            return [id_of(row[0]) for row in await db.fetch_rows(connection, deep, {})]  # an error names the row

        return await db.read_anywhere(work)

    async def _deep(self, statement: Any) -> Any:
        """Lift the database's limit on recursion if the statement is recursive."""
        database = await db.current_database()
        return db.recursive(statement, database.dialect) if any(below for _, below in self._runs) else statement

    async def _fetch(self, statement: Any) -> Sequence[Any]:
        async def work(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(deep)).all()

        deep = await self._deep(statement)
        return await db.read_anywhere(work)

    @property
    def _leads(self) -> bool:
        """Whether the database finds the nodes through a value that must exist, or through a run."""
        return bool(self._runs) or any(map(leads, self._conditions))

    @property
    def _few(self) -> bool:
        """Whether the query wants only the first or last few nodes by id."""
        if self._limit is None:
            return False
        return not self._orders or self._order_key(self._orders[0]).key is root.c.node_id

    @property
    def _walks(self) -> bool:
        """Whether the query wants only the first or last few ids of a kind of nodes, perhaps beyond a given id."""
        if self._runs or not self._few:
            return False
        return not self._conditions or (not self._searched and all(map(bounds_ids, self._conditions)))

    @property
    def _searched(self) -> bool:
        """Whether an index of the names of models finds the nodes, but not in the order of their ids."""
        return False

    def _is_tried(self, *, paged: bool) -> bool:
        """Whether the nodes may soon be found among the first ids of those that may be in the results."""
        if self._conditions or self._runs or not self._searched:
            return False
        if paged and self._limit is not None:
            return self._few and self._offset + self._limit <= _FEW
        return bool(self._bounds()) and not self._orders

    def _asked(self) -> tuple[FromClause, Asked]:
        """Return the FROM clause of the query, and its conditions in SQL."""
        return ask_all(self._conditions, of_runs=bool(self._runs))

    def _statement(self, source: FromClause, asked: Asked, *, paged: bool) -> Any:
        rows, saved = self._rows(), self._bounds()
        orders = self._order_keys()
        if self._is_tried(paged=paged):
            count = None if self._limit is None or not paged else self._offset + self._limit
            backwards = orders[0].descending if orders else self._newest_first
            source, found = scan_range_first(root, and_(*rows), saved, count=count, backwards=backwards)
            statement = ids_from(source).where(found)
        else:
            statement = ids_from(source).where(*rows, *saved, asked.possible)
        statement = statement.where(*(self._belonging(run_id, below=below) for run_id, below in self._runs))
        for order in orders:
            statement = statement.order_by(*(key.desc() if order.descending else key for key in order.columns))
        if not orders or orders[-1].key is not root.c.node_id:
            saves = self._in_order_of_saves()
            saves = unsearched_by_sqlite(saves) if self._runs else saves
            statement = statement.order_by(saves.desc() if self._newest_first else saves)
        if paged and (self._limit is not None or self._offset):
            statement = statement.limit(MOST if self._limit is None else self._limit).offset(self._offset or None)
        return statement
