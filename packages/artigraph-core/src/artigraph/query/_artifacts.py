"""Queries for artifacts of a model class."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Self, TypeGuard, TypeVar
from uuid import UUID
from weakref import WeakSet

from sqlalchemy import ColumnElement
from sqlalchemy import Select as SqlSelect

from artigraph.errors import QueryError
from artigraph.identifiers import check_label
from artigraph.model.any_model import AnyModel
from artigraph.model.definition import define
from artigraph.model.load import load_each, load_existing
from artigraph.model.stored_names import has_class, stored_names
from artigraph.printable import quoted
from artigraph.query._base import Select
from artigraph.query._conditions import Condition, Field, OnField, RunField, leaves_of, with_leaves
from artigraph.query._moments import earliest, latest, saved_between, within
from artigraph.query._nodes import has_nodes, read_field_names, read_model_names
from artigraph.query._ordering import OrderKey, read_field_keys
from artigraph.query._sql import artifacts_of, has_key, key_of, root
from artigraph.query._table_plan import RunProperty, chosen_field, chosen_property
from artigraph.query._table_read import ArtifactRows
from artigraph.query._tables import ArtifactTables
from artigraph.query.columns import Column, Order, columns
from artigraph.stored import StoredModel
from artigraph.stored.read import read_each
from artigraph.table import Values

_log = logging.getLogger("artigraph")
_MOST = 5
"""The most names in the hint."""
_looked: WeakSet[type[Any]] = WeakSet()
"""The classes for which the store was asked once."""


async def hint_at_names(model_type: type[Any]) -> None:
    """Log which stored names have no class here, if a class has no models in the store. It looks once for each class.

    A class that was renamed without an alias finds none of its former models, and nothing else would say so.
    """
    if model_type in _looked or not _log.isEnabledFor(logging.WARNING):
        return
    _looked.add(model_type)
    names = await read_model_names()
    nameless = [name for name in names if not has_class(name)]
    if nameless and not set(names).intersection(stored_names([model_type])):
        some = ", ".join(map(quoted, nameless[:_MOST]))
        more = f" and {len(nameless) - _MOST:,} more" if len(nameless) > _MOST else ""
        _log.warning(
            "No %s is stored, and no class here has the stored names %s%s. If the class was renamed, add its former "
            "name to its class line: aliases=(%s,)",
            model_type.__qualname__,
            some,
            more,
            quoted(nameless[0]),
        )


M = TypeVar("M", bound=AnyModel)
R = TypeVar("R")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class ArtifactQuery(ArtifactTables[R]):
    """A query for artifacts, whatever it returns for each."""

    _labels: tuple[str, ...] | None = None
    _since: datetime | None = None
    _before: datetime | None = None

    def labeled(self, *labels: str) -> Self:
        """Keep only artifacts that were saved under one of these labels."""
        return replace(self, _labels=within([check_label(label) for label in labels], self._labels))

    def saved(self, *, since: datetime | None = None, before: datetime | None = None) -> Self:
        """Keep only artifacts that were saved in a range of time.

        The time is that of the machine that saved the artifact, to the millisecond. Both bounds are aware datetimes:
        `since` is included, `before` is not.

        Raises:
            QueryError: a bound is not an aware datetime.
        """
        return replace(self, _since=latest(self._since, since), _before=earliest(self._before, before))

    def order_by(self, *orders: Order | Column) -> Self:
        """Order by fields. Fields of earlier calls take precedence.

        Results that are equal in all fields keep the order of their saves. The order is Python's. The database orders
        by search keys. A key holds the first 254 bytes of a text, or the leading digits of a number. If keys are equal,
        the whole values are loaded and compared.
        """
        made = tuple(order.asc() if isinstance(order, Column) else order for order in orders)
        for order in made:
            if not isinstance(order, Order):
                msg = f"{self._kind} is ordered by columns({self._kind}), c.x or c.x.desc() say, not by {order!r:.100}"
                raise QueryError(msg)
            self._check_field(order.field)
        return replace(self, _orders=(*self._orders, *made))

    def _check(self, condition: Condition) -> None:
        if not isinstance(condition, OnField) or isinstance(condition.field, RunField):
            msg = f"This is a condition on runs. Make conditions on {self._kind} with columns({self._kind})"
            raise QueryError(msg)
        self._check_field(condition.field)

    @abstractmethod
    def _check_field(self, field: Field) -> None:
        """Check that artifacts of this kind may have a field."""

    @property
    @abstractmethod
    def _names(self) -> Sequence[str]:
        """The stored names of the models that are asked for."""

    def _rows(self) -> Sequence[ColumnElement[bool]]:
        names = tuple(self._names)
        series = self._is_series
        few = self._walks and self._labels is None and not self._is_tried(paged=True)
        rows = artifacts_of(names, self._labels, found=self._leads, few=few)
        if series:
            rows &= root.c.search_key >= b""
        return [rows]

    def _saved(self) -> Sequence[ColumnElement[bool]]:
        if self._is_series:
            return list(saved_between(root.c.search_key, self._since, self._before, as_bytes=True))
        return list(saved_between(root.c.node_id, self._since, self._before))

    async def _source(self) -> SqlSelect[Any] | list[UUID]:
        """Return the select of the ids of the results, or the ids where the database alone cannot find them."""
        source, asked = self._asked()
        is_paged = self._limit is not None or self._offset
        if is_paged or not asked.decided or any(below for _, below in self._runs):
            return await self.ids()
        found: SqlSelect[Any] = replace(self, _orders=())._statement(source, asked, paged=False)
        return found.order_by(None).correlate(None)

    @abstractmethod
    async def _all_columns(self) -> Sequence[Column]:
        """Return the columns of a table for which none were named."""

    async def _reader(self, columns: Sequence[Column], run: Sequence[RunProperty], *, label: bool) -> ArtifactRows:
        fields = [chosen_field(column, self._kind) for column in columns or await self._all_columns()]
        for chosen in fields:
            self._check_field(chosen.field)
        if isinstance(run, str):
            msg = f"run takes names of properties, run=({run!r},) say, not one text"
            raise QueryError(msg)
        return ArtifactRows(fields, [chosen_property(each, "run.") for each in run], label=label)

    @property
    def _searched(self) -> bool:
        return not self._is_series

    @property
    def _is_series(self) -> bool:
        """Whether the query wants all artifacts of one model and label. Their search key is their id."""
        one = self._labels is not None and len(self._labels) == 1 and len(self._names) == 1
        return one and not (self._conditions or self._runs or self._orders)

    def _in_order_of_saves(self) -> ColumnElement[Any]:
        return root.c.search_key if self._is_series else root.c.node_id

    def _order_key(self, order: Order) -> OrderKey:
        key = key_of(order.field)
        read = None if order.exact else partial(read_field_keys, order.field)
        return OrderKey([key], key, order.descending, partial(has_key, order.field), read)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class ArtifactSelect(ArtifactQuery[M]):
    """A query for artifacts of a model class."""

    _model_type: type[M]

    async def ids(self) -> list[UUID]:
        """Return the ids of the nodes. Only values on which the database cannot decide are loaded."""
        found = await Select[M].ids(self)
        if not found:
            await hint_at_names(self._model_type)
        return found

    async def count(self) -> int:
        """Return the number of results. Only values on which the database cannot decide are loaded."""
        found = await Select[M].count(self)
        if not found:
            await hint_at_names(self._model_type)
        return found

    @property
    def _kind(self) -> str:
        return self._model_type.__qualname__

    @property
    def _names(self) -> Sequence[str]:
        return stored_names([self._model_type])

    def _check_field(self, field: Field) -> None:
        """Check that artifacts of this class may have a field."""
        model = field.model
        if isinstance(model, str) or not (issubclass(model, self._model_type) or issubclass(self._model_type, model)):
            msg = (
                f"{'.'.join(field.path)} is a column of {field.model_name}; no {self._kind} is one: "
                f"take it from columns({self._kind})"
            )
            raise QueryError(msg)

    async def _all_columns(self) -> Sequence[Column]:
        found = columns(self._model_type)
        return [
            column for name in define(self._model_type).fields if (column := found[name]).__artigraph_is_one_value__()
        ]

    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, M]]:
        return await load_existing(partial(load_each, self._model_type), ids, self._skipped)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class StoredSelect(ArtifactQuery[StoredModel]):
    """A query for artifacts by the stored name of their model. It needs no class, and runs no code of users."""

    _name: str

    async def ids(self) -> list[UUID]:
        """Return the ids of the nodes. Only values on which the database cannot decide are loaded."""
        return await Select[StoredModel].ids(await self._placed())

    async def count(self) -> int:
        """Return the number of results. Only values on which the database cannot decide are loaded."""
        return await Select[StoredModel].count(await self._placed())

    async def _read_all(self, rows: ArtifactRows) -> Mapping[str, Values]:
        return await ArtifactQuery[StoredModel]._read_all(await self._placed(), rows)

    async def _source(self) -> SqlSelect[Any] | list[UUID]:
        return await ArtifactQuery[StoredModel]._source(await self._placed())

    @property
    def _kind(self) -> str:
        return self._name

    @property
    def _names(self) -> Sequence[str]:
        return [self._name]

    async def _placed(self) -> StoredSelect:
        """Return the query with the names of all stored models as those that may have a field of a nested model."""
        leaves = [leaf for condition in self._conditions for leaf in leaves_of(condition) if isinstance(leaf, OnField)]
        fields = [*(leaf.field for leaf in leaves), *(order.field for order in self._orders)]
        if not any(_has_no_owner(field) for field in fields):
            return self
        names = tuple(await read_model_names())
        placed = {field: await _with_owners(field, names) for field in dict.fromkeys(filter(_has_no_owner, fields))}

        def with_names(leaf: Condition) -> Condition:
            field = leaf.field if isinstance(leaf, OnField) and isinstance(leaf.field, Field) else None
            return replace(leaf, field=placed[field]) if isinstance(leaf, OnField) and field in placed else leaf

        conditions = tuple(with_leaves(condition, with_names) for condition in self._conditions)
        orders = tuple(replace(order, field=placed.get(order.field, order.field)) for order in self._orders)
        return replace(self, _conditions=conditions, _orders=orders)

    def _check_field(self, field: Field) -> None:
        if field.model != self._name:
            msg = (
                f"{'.'.join(field.path)} is a column of {field.model_name}; take those of what is stored as "
                f"{self._name!r} from columns({self._name!r})"
            )
            raise QueryError(msg)

    async def _all_columns(self) -> Sequence[Column]:
        found = columns(self._name)
        return [found[name] for name in await read_field_names(self._name)]

    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, StoredModel]]:
        return await load_existing(read_each, ids, self._skipped)


def _has_no_owner(field: Field | RunField) -> TypeGuard[Field]:
    return isinstance(field, Field) and not field.owners


async def _with_owners(field: Field, names: Sequence[str]) -> Field:
    """Return a nested field with the names of all stored models as its owners, or as an item of a mapping."""
    holder, name = field.path[-2:]
    is_item = await has_nodes("container", names, holder) or await has_nodes("container", None, holder)
    if is_item and not await has_nodes("value", names, name):
        return replace(field, items=1)
    return replace(field, owners=tuple(names), is_either=is_item)
