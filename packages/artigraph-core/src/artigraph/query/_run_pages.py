"""Pages of runs by fixed statements: of all runs, of those inside of a run, and of those with a name or a status.

To make a statement takes as long as to execute it, so each form is made once.

The runs with a name are found by the index of keys, or by a walk along all runs. The first is fast for rare names, and
the second for frequent ones. SQLite and PostgreSQL's prepared statements do not know which names are rare. So there:

1. A statement counts the runs with the name, up to a thousand. If they are fewer, the index finds and sorts them.
2. Otherwise the newest 2,000 runs are looked through. They have a page of nearly every frequent name.
3. If they have not, a larger count decides between the index and a walk along all runs.

In InnoDB the index of keys ends with the id, so there it has the order, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, and_, bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import FixedSelect, Row, SelectByIds
from artigraph.db.planner import filter_only, in_precomputed, unsearched_by_sqlite, variant_for_postgresql
from artigraph.graph.leases import status_of
from artigraph.graph.run_rows import FetchRows, cached_from_of, child_count, run_columns
from artigraph.orm import node_table
from artigraph.query._conditions import All, Compare, Condition, PropertyCompare, RunField, bounds_ids
from artigraph.query._sql import root
from artigraph.serializer.search_key import is_cut, search_key

FEW_NAMED = 1_000
"""Fewer runs of a name are all found by the index of keys, and sorted."""
NEAR = 2_000
"""How many runs are looked through first for a frequent name."""
MANY_NAMED = 50_000
"""From this number of runs of a name on, a walk along all runs replaces the index of keys."""
_BY_KEYS = "ix_artigraph_node_search"
_LEASED = ("running", "lost")
"""The statuses on which leases decide."""
_columns = run_columns(root)

Which = Literal["all", "inside", "name", "status"]
Form = Literal["all", "inside", "name", "near", "status", "leased"]


class PageKind(NamedTuple):
    """Which runs a page has."""

    which: Which
    value: Any
    """The run, the key of the name, or the status."""
    bounds: Sequence[Condition]
    """The conditions on ids."""


class PageForm(NamedTuple):
    """What the texts of the statements depend on."""

    bounds: tuple[str, ...]
    top: bool
    """Whether only runs that belong to no other run count."""
    backwards: bool
    counted: bool


Walking = Callable[[PageForm, Any], Any]
"""Makes a statement that walks along the ids, or finds the runs inside of a run, with a limit."""
_BEYOND = {True: UUID(int=0), False: UUID(int=2**128 - 1)}
"""The id behind all others, by whether a page goes backwards."""


def kind_of_page(conditions: Sequence[Condition]) -> PageKind | None:
    """Return the kind of page that conditions ask for: of all runs, of a name or of a status, between some ids."""
    kind = PageKind("all", None, ())
    pending, bounds = list(conditions), list[Condition]()
    while pending:
        condition = pending.pop()
        match condition:
            case All(parts):
                pending += parts
            case _ if bounds_ids(condition):
                bounds.append(condition)
            case Compare(RunField("name"), "==", str() as name) if kind.which == "all":
                key = search_key(name)
                if key is None or is_cut(key):
                    return None
                kind = PageKind("name", key, ())
            case PropertyCompare("run_status", "==", status) if kind.which == "all":
                kind = PageKind("status", status, ())
            case _:
                return None
    return kind._replace(bounds=bounds)


def fetch_page(kind: PageKind, form: PageForm, parameters: Mapping[str, Any], walking: Walking) -> FetchRows:
    """Return a function that fetches the rows of a page.

    Args:
        kind: which runs.
        form: the form of the statements.
        parameters: the bounds and the limit.
        walking: makes a statement that walks along the ids.
    """
    if kind.which == "name":
        return lambda connection: _fetch_named(connection, form, {**parameters, "name": kind.value}, walking)
    if kind.which == "status":
        return lambda connection: _fetch_of_status(connection, form, {**parameters, "status": kind.value}, walking)
    fixed = _fixed_page(kind.which, form, walking)
    given = {**parameters, "inside": kind.value}
    return lambda connection: fixed.rows(connection, given)


async def _fetch_named(
    connection: AsyncConnection, form: PageForm, parameters: Mapping[str, Any], walking: Walking
) -> list[Row]:
    if _is_innodb(connection) or not await _has_named(connection, parameters["name"], FEW_NAMED):
        return await _rows_of(connection, _ids_by_key(form), form, parameters)
    near = {**parameters, "skipped": NEAR, "beyond": _BEYOND[form.backwards]}
    rows = await _fixed_page("near", form, walking).rows(connection, near)
    if len(rows) == parameters["limit"]:
        return rows
    if await _has_named(connection, parameters["name"], MANY_NAMED):
        return await _fixed_page("name", form, walking).rows(connection, parameters)
    return await _rows_of(connection, _ids_by_key(form), form, parameters)


async def _has_named(connection: AsyncConnection, key: bytes, count: int) -> bool:
    """Return whether at least `count` runs have a name."""
    [(found,)] = await _count_named.rows(connection, {"name": key, "most": count})
    return bool(found >= count)


async def _fetch_of_status(
    connection: AsyncConnection, form: PageForm, parameters: Mapping[str, Any], walking: Walking
) -> list[Row]:
    which = "leased" if parameters["status"] in _LEASED else "status"
    if not _is_innodb(connection):
        return await _fixed_page(which, form, walking).rows(connection, parameters)
    # InnoDB reads all columns of each row that it walks along, and has no index of runs alone.
    return await _rows_of(connection, _ids_of_status(which, form), form, parameters)


async def _rows_of(
    connection: AsyncConnection, select_ids: FixedSelect, form: PageForm, parameters: Mapping[str, Any]
) -> list[Row]:
    """Return the rows of the ids that are selected. A sort of whole rows would compute all columns of each one."""
    ids = [row[0] for row in await select_ids.rows(connection, parameters)]
    found = {row[0]: row for row in await _by_ids(counted=form.counted).rows(connection, ids)}
    return [found[node_id] for node_id in ids if node_id in found]


def _is_innodb(connection: AsyncConnection) -> bool:
    return connection.dialect.name in ("mysql", "mariadb")


@cache
def _fixed_page(which: Form, form: PageForm, walking: Walking) -> FixedSelect:
    inside = bindparam("inside", type_=root.c.node_id.type) if which == "inside" else None
    statement = walking(form, inside)
    if which in ("name", "near"):
        statement = statement.where(filter_only(root.c.search_key == _name))
    if which in ("status", "leased"):
        statement = statement.where(_has_status(which))
    if which == "near":
        statement = statement.where(_is_near(form))
    return _page(statement, form)


def _has_status(which: Form) -> ColumnElement[bool]:
    status: ColumnElement[Any] = status_of(root) if which == "leased" else root.c.run_status
    return status == bindparam("status", type_=root.c.run_status.type)


def _is_near(form: PageForm) -> ColumnElement[bool]:
    """Return the condition that a run is among the first in the order of the page, by one walk along their index."""
    near = node_table.alias("near")
    runs = select(near.c.node_id).where(near.c.run_status.is_not(None), *_between(near, form))
    order = near.c.node_id.desc() if form.backwards else near.c.node_id
    last = runs.order_by(order).limit(1).offset(bindparam("skipped", type_=Integer())).scalar_subquery()
    place = func.coalesce(last, bindparam("beyond", type_=near.c.node_id.type), type_=near.c.node_id.type)
    return root.c.node_id >= place if form.backwards else root.c.node_id <= place


def _between(run: Any, form: PageForm) -> list[ColumnElement[bool]]:
    """Return the conditions that runs are between the bounds of a page."""
    bounds = {name: bindparam(name, type_=run.c.node_id.type) for name in form.bounds}
    return [run.c.node_id < bound if name == "older" else run.c.node_id > bound for name, bound in bounds.items()]


@cache
def _ids_of_status(which: Form, form: PageForm) -> FixedSelect:
    statement = select(root.c.node_id).where(root.c.node_type == "run", _has_status(which), *_between(root, form))
    statement = statement.where(root.c.parent_id.is_(None)) if form.top else statement
    order = root.c.node_id.desc() if form.backwards else root.c.node_id
    return FixedSelect(statement.order_by(order).limit(bindparam("limit", type_=Integer())))


@cache
def _by_ids(*, counted: bool) -> SelectByIds:
    return SelectByIds(lambda ids: with_columns(select(root.c.node_id).where(root.c.node_id.in_(ids)), counted=counted))


@cache
def _ids_by_key(form: PageForm) -> FixedSelect:
    """Return the select of the ids of a page of runs with a name, which the index of keys finds."""
    ids_named = select(_named.c.node_id).where(_has_name(_named))
    by_key = variant_for_postgresql(_has_name(root), in_precomputed(root.c.node_id, ids_named))
    statement = select(root.c.node_id).where(by_key, *_between(root, form))
    for dialect in ("mysql", "mariadb"):
        statement = statement.with_hint(root, f"FORCE INDEX ({_BY_KEYS})", dialect)
    if form.top:
        statement = statement.where(filter_only(root.c.parent_id.is_(None)))
    order = unsearched_by_sqlite(root.c.node_id)
    ordered = statement.order_by(order.desc() if form.backwards else order)
    return FixedSelect(ordered.limit(bindparam("limit", type_=Integer())))


def _page(statement: Any, form: PageForm) -> FixedSelect:
    statement = with_columns(statement, counted=form.counted)
    statement = statement.where(*_between(root, form))
    return FixedSelect(statement.limit(bindparam("limit", type_=Integer())))


def with_columns(statement: Any, *, counted: bool) -> Any:
    """Return a select of ids of runs with the columns of runs instead."""
    return statement.with_only_columns(*_columns, *([cached_from_of(root), child_count(root)] if counted else []))


_named = node_table.alias("named")
_name = bindparam("name", type_=node_table.c.search_key.type)


def _is_run_by_key(run: Any) -> ColumnElement[bool]:
    """Return the condition on the columns that precede the key in the index of keys."""
    return and_(run.c.node_type == "run", run.c.model_name.is_(None), run.c.label.is_(None))


def _has_name(run: Any) -> ColumnElement[bool]:
    return and_(_is_run_by_key(run), run.c.search_key == _name)


_most = bindparam("most", type_=Integer())
# Equal keys are asked for as a range, in the order of the index: PostgreSQL would gather all of them before it counts.
_keys = node_table.c.search_key.between(_name, _name)
_first_named = (
    select(literal_column("1", Integer).label("found"))
    .where(_is_run_by_key(node_table), _keys)
    .order_by(node_table.c.model_name, node_table.c.label, node_table.c.search_key)
    .limit(_most)
)
_count_named = FixedSelect(select(func.count()).select_from(_first_named.subquery("first")))
