"""Pages of artifacts, the newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    bindparam,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import DialectName, FixedSelect, Row, SelectByIds, dialect_name, read_anywhere, recursive
from artigraph.db.planner import expect_few_rows, filter_only, lookup_join, unsearched_by_sqlite
from artigraph.errors import QueryError
from artigraph.identifiers import NodeId, check_id, id_of, moment_of
from artigraph.lineage.sql import own_input
from artigraph.orm import alias_table, link_table, node_table
from artigraph.query import StoredSelect
from artigraph.query import select as query_of
from artigraph.serializer.preview import Cell
from artigraph.view._document import Page, Record, check_limit, cursor_after, last_of
from artigraph.view._fields import Path, field_paths, read_cells


@dataclass(frozen=True, slots=True)
class ArtifactItem(Record):
    """An artifact in a list of artifacts."""

    artifact_id: UUID
    model_name: str
    """The stored name of the class."""
    class_version: int
    """The version of the class that wrote it."""
    label: str
    created_at: datetime
    """When it was saved: in UTC, to the millisecond, by the clock of that machine."""
    run_id: UUID | None
    """The run to which it belongs."""
    aliases: tuple[str, ...]
    """The aliases that point to it, ordered by name."""
    columns: Mapping[str, Cell]
    """The chosen fields by path. One that the artifact does not have is left out."""
    problems: Mapping[str, str]
    """Why chosen fields cannot be shown, by path."""

    def __artigraph_node_id__(self) -> UUID:
        return self.artifact_id


@dataclass(frozen=True, slots=True)
class ArtifactsPage(Page[ArtifactItem]):
    """A page of artifacts."""

    schema: ClassVar[str] = "artigraph.artifacts/1"


async def artifacts_page(
    query: StoredSelect | str | None = None,
    *,
    made_by: NodeId | None = None,
    used_by: NodeId | None = None,
    columns: Sequence[str | Sequence[str]] | None = None,
    limit: int = 50,
    after: str | None = None,
) -> ArtifactsPage:
    """Return a page of artifacts, the newest first.

        page = await artifacts_page("Report", columns=["accuracy", "data.name"])
        following = await artifacts_page("Report", columns=["accuracy", "data.name"], after=page.next)
        good = await artifacts_page(select("Report").where(columns("Report").accuracy > 0.9))

    The number of statements depends on the columns only, not on how many artifacts there are.

    Args:
        query: the stored name of a model, or a query by one. None for artifacts of all models. The order, limit and
            offset of a query have no effect.
        made_by: only artifacts that this run produced, or was served by the cache. It excludes `query` and `used_by`.
        used_by: only artifacts that this run used. It excludes `query` and `made_by`.
        columns: the fields to show, by path: "data.name", or a list of labels where a label has a dot. None means all
            plain fields of at most 1,000 bytes. A field that is no plain value is shown by what it is.
        limit: the most artifacts of the page, up to 1,000.
        after: the `next` of the page before.

    Raises:
        InvalidCursorError: `after` is no cursor of artifacts.
        QueryError: a column or the limit is invalid, or arguments exclude each other.
        InvalidNodeIdError: `made_by` or `used_by` denotes no node.
    """
    last, paths = last_of("artifacts", after), field_paths(columns)
    check_limit(limit)
    if sum(each is not None for each in (query, made_by, used_by)) > 1:
        msg = "query, made_by and used_by exclude each other: each says which artifacts"
        raise QueryError(msg)
    if query is None:
        made_by = None if made_by is None else check_id(made_by)
        used_by = None if used_by is None else check_id(used_by)

        async def work(connection: AsyncConnection) -> ArtifactsPage:
            if made_by is not None:
                rows = await read_produced(connection, made_by, last, limit)
            elif used_by is not None:
                rows = await read_used(connection, used_by, last, limit)
            else:
                rows = await _read_newest(connection, last, limit)
            [page] = await pages_of_rows(connection, [rows], paths, limit)
            return page

        return await read_anywhere(work)
    asked = query_of(query) if isinstance(query, str) else query
    if not isinstance(asked, StoredSelect):
        msg = f'query is the stored name of a model, or is made by select("Name"), not {query!r:.100}'
        raise QueryError(msg)
    asked = asked if last is None else asked.older_than(last)
    ids = await asked.newest_first().offset(0).limit(limit + 1).ids()
    items = await read_artifact_items(ids[:limit], paths)
    return ArtifactsPage(items, cursor_after("artifacts", ids[limit - 1]) if len(ids) > limit else None)


async def read_artifact_items(
    artifact_ids: Sequence[UUID], paths: Mapping[str, Path] | None
) -> tuple[ArtifactItem, ...]:
    """Return the artifacts that exist, in the order of the ids."""
    if not artifact_ids:
        return ()

    async def work(connection: AsyncConnection) -> Iterable[ArtifactItem]:
        rows = await _nodes_by_ids.converted(connection, artifact_ids)
        return (await _items(connection, rows, paths)).values()

    found = {item.artifact_id: item for item in await read_anywhere(work)}
    return tuple(found[node_id] for node_id in artifact_ids if node_id in found)


async def read_produced(connection: AsyncConnection, run_id: UUID, last: UUID | None, limit: int) -> list[Row]:
    """Return the rows of what a run produced, or was served, for `pages_of_rows`."""
    select_produced = _select_produced(older=last is not None)
    rows = await select_produced.converted(connection, {"run": run_id, "last": last, "limit": limit + 1})
    by_id = {id_of(row[0]): row for row in rows}  # a run may have been served what it made itself
    return [by_id[node_id] for node_id in sorted(by_id, reverse=True)][: limit + 1]


async def read_used(connection: AsyncConnection, run_id: UUID, last: UUID | None, limit: int) -> list[Row]:
    """Return the rows of what a run used, for `pages_of_rows`."""
    select_used = _select_used(older=last is not None)
    return await select_used.converted(connection, {"run": run_id, "last": last, "limit": limit + 1})


async def _read_newest(connection: AsyncConnection, last: UUID | None, limit: int) -> list[Row]:
    """Return the rows of the newest artifacts of all models, for `pages_of_rows`."""
    select_newest = _select_newest(dialect_name(connection.dialect), older=last is not None)
    return await select_newest.converted(connection, {"last": last, "limit": limit + 1})


async def pages_of_rows(
    connection: AsyncConnection, found: Sequence[Sequence[Row]], paths: Mapping[str, Path] | None, limit: int
) -> list[ArtifactsPage]:
    """Return a page of the rows of each list. A list with more than `limit` rows has a following page.

    For all pages together it takes the statements of one.
    """
    items = await _items(connection, [row for rows in found for row in rows[:limit]], paths)
    return [
        ArtifactsPage(
            tuple(items[row[0]] for row in rows[:limit] if row[0] in items),
            cursor_after("artifacts", id_of(rows[limit - 1][0])) if len(rows) > limit else None,
        )
        for rows in found
    ]


async def _items(
    connection: AsyncConnection, rows: Sequence[Row], paths: Mapping[str, Path] | None
) -> Mapping[Any, ArtifactItem]:
    """Return the artifacts of rows with the columns of `_columns`, by the driver's ids. Other rows are left out.

    Ids as the driver returns them are found faster than UUIDs, and each id is converted once.
    """
    nodes = {row[0]: row for row in rows if row[-1] == "model"}
    named: dict[Any, list[str]] = {}
    for driver_id, alias in await _aliases_by_ids.converted(connection, list(nodes)):
        named.setdefault(driver_id, []).append(alias)
    node_ids = [id_of(driver_id) for driver_id in nodes]
    cells = await read_cells(connection, node_ids, paths)
    items: dict[Any, ArtifactItem] = {}
    for node_id, (driver_id, run_id, label, model_name, class_version, _) in zip(node_ids, nodes.values(), strict=True):
        shown = cells[node_id]
        items[driver_id] = ArtifactItem(
            artifact_id=node_id,
            model_name=model_name,
            class_version=class_version,
            label=label,
            created_at=moment_of(node_id),
            run_id=None if run_id is None else id_of(run_id),
            aliases=tuple(named.get(driver_id, ())),
            columns=shown.cells,
            problems=shown.problems,
        )
    return items


# The statements ------------------------------------------------------------------------------------------------------

_node, _link, _alias = node_table.c, link_table.c, alias_table.c
_columns = _node.parent_id, _node.label, _node.model_name, _node.model_version, _node.node_type
"""What is read of an artifact, after its id."""
_run, _last = bindparam("run", type_=_node.node_id.type), bindparam("last", type_=_node.node_id.type)
_limit = bindparam("limit", type_=Integer())


def _select_nodes(ids: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    return select(_node.node_id, *_columns).where(_node.node_id.in_(ids), filter_only(_node.node_type == "model"))


def _select_aliases(ids: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    return select(_alias.node_id, _alias.alias).where(_alias.node_id.in_(ids)).order_by(_alias.alias)


_nodes_by_ids, _aliases_by_ids = SelectByIds(_select_nodes), SelectByIds(_select_aliases)


def _with_nodes(found: FromClause, node_id: ColumnElement[UUID]) -> Select[*tuple[Any, ...]]:
    """Select the columns of the nodes of a few ids. An id without a node remains, so that cursors stay right."""
    nodes = lookup_join(found, node_table, _node.node_id == node_id, outer=True)
    return select(node_id, *_columns).select_from(nodes)


@cache
def _select_produced(*, older: bool) -> FixedSelect:
    """Return the select of what a run made, without the inputs that were saved with it, and of what it was served."""
    made = select(_node.node_id, *_columns).where(
        expect_few_rows(_node.parent_id == _run, _node.parent_id),
        _node.label.is_not(None),
        filter_only(_node.node_type == "model"),
        ~own_input(node_table),
    )
    made = made.where(_node.node_id < _last) if older else made
    made = made.order_by(unsearched_by_sqlite(_node.node_id).desc()).limit(_limit)
    result = _link.target_id.label("result")
    served = select(result).where(_link.source_id == _run, filter_only(_link.kind == "produced"))
    served = served.where(_link.target_id < _last) if older else served
    results = served.order_by(_link.target_id.desc()).limit(_limit).subquery("served")
    both = union_all(select(made.subquery("made")), _with_nodes(results, results.c.result)).subquery("produced")
    return FixedSelect(select(both))


@cache
def _select_used(*, older: bool) -> FixedSelect:
    """Return the select of what a run used."""
    uses = select(_link.source_id).where(_link.target_id == _run, filter_only(_link.kind == "used"))
    uses = uses.where(_link.source_id < _last) if older else uses
    found = uses.order_by(_link.source_id.desc()).limit(_limit).subquery("uses")
    return FixedSelect(_with_nodes(found, found.c.source_id).order_by(found.c.source_id.desc()))


@cache
def _select_newest(dialect: DialectName, *, older: bool) -> FixedSelect:
    """Return the select of the newest artifacts of all models.

    Each takes one lookup in the index of trees, whatever the size of its tree.
    """
    tree, other = node_table.alias(), node_table.alias()
    newest = select(tree.c.tree_root_id).where(tree.c.tree_root_id.is_not(None))
    newest = newest.where(tree.c.tree_root_id < _last) if older else newest
    first = newest.order_by(tree.c.tree_root_id.desc()).limit(1).scalar_subquery()
    number = literal_column("1", Integer).label("number")
    found = select(first.label("root_id"), number).cte("newest", recursive=True)
    before = select(other.c.tree_root_id).where(other.c.tree_root_id < found.c.root_id)
    before = before.order_by(other.c.tree_root_id.desc()).limit(1)
    found = found.union_all(
        select(before.scalar_subquery(), found.c.number + 1).where(
            found.c.root_id.is_not(None), found.c.number < _limit
        )
    )
    statement = _with_nodes(found, found.c.root_id).where(found.c.root_id.is_not(None))
    return FixedSelect(recursive(statement.order_by(found.c.number), dialect))
