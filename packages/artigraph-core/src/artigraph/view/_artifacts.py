"""Pages of artifacts, the newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BindParameter, Integer, Select, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import SelectByIds, current_database, read_anywhere, recursive
from artigraph.db.planner import expect_few_rows, filter_only, unsearched_by_sqlite
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
    if made_by is not None:
        ids = await _made_or_served(check_id(made_by), last, limit + 1)
    elif used_by is not None:
        ids = await _ids(_used_by(check_id(used_by), last), limit + 1)
    elif query is None:
        ids = await _newest(last, limit + 1)
    else:
        asked = query_of(query) if isinstance(query, str) else query
        if not isinstance(asked, StoredSelect):
            msg = f'query is the stored name of a model, or is made by select("Name"), not {query!r:.100}'
            raise QueryError(msg)
        asked = asked if last is None else asked.older_than(last)
        ids = await asked.newest_first().offset(0).limit(limit + 1).ids()
    items = await read_artifact_items(ids[:limit], paths)
    return ArtifactsPage(items, cursor_after("artifacts", ids[limit - 1]) if len(ids) > limit else None)


def _made_by(run_id: UUID, last: UUID | None) -> Any:
    """Select what a run produced: what belongs to it, without the inputs that were saved with it."""
    node = node_table.c
    statement = select(node.node_id).where(
        expect_few_rows(node.parent_id == run_id, node.parent_id),
        node.label.is_not(None),
        filter_only(node.node_type == "model"),
        ~own_input(node_table),
    )
    return (statement if last is None else statement.where(node.node_id < last)).order_by(
        unsearched_by_sqlite(node.node_id).desc()
    )


async def _made_or_served(run_id: UUID, last: UUID | None, limit: int) -> list[UUID]:
    result = link_table.c.target_id
    served = select(result).where(link_table.c.source_id == run_id, filter_only(link_table.c.kind == "produced"))
    served = (served if last is None else served.where(result < last)).order_by(result.desc())
    made = await _ids(_made_by(run_id, last), limit)
    return sorted({*made, *await _ids(served, limit)}, reverse=True)[:limit]


def _used_by(run_id: UUID, last: UUID | None) -> Any:
    uses = link_table.c
    statement = select(uses.source_id).where(uses.target_id == run_id, filter_only(uses.kind == "used"))
    statement = statement if last is None else statement.where(uses.source_id < last)
    return statement.order_by(uses.source_id.desc())


async def _newest(last: UUID | None, limit: int) -> list[UUID]:
    """Return the newest artifacts of all models. Each takes one lookup in the index of trees, whatever their size."""
    tree, other = node_table.alias(), node_table.alias()
    newest = select(tree.c.tree_root_id).where(tree.c.tree_root_id.is_not(None))
    newest = newest if last is None else newest.where(tree.c.tree_root_id < last)
    first = newest.order_by(tree.c.tree_root_id.desc()).limit(1).scalar_subquery()
    number = literal_column("1", Integer).label("number")
    found = select(first.label("root_id"), number).cte("newest", recursive=True)
    before = select(other.c.tree_root_id).where(other.c.tree_root_id < found.c.root_id)
    before = before.order_by(other.c.tree_root_id.desc()).limit(1)
    found = found.union_all(
        select(before.scalar_subquery(), found.c.number + 1).where(found.c.root_id.is_not(None), found.c.number < limit)
    )
    statement = select(found.c.root_id).where(found.c.root_id.is_not(None)).order_by(found.c.number)
    return await _ids(recursive(statement, (await current_database()).dialect), limit)


async def _ids(statement: Any, limit: int) -> list[UUID]:
    async def work(connection: AsyncConnection) -> list[UUID]:
        return list((await connection.scalars(statement.limit(limit))).all())

    return await read_anywhere(work)


async def read_artifact_items(
    artifact_ids: Sequence[UUID], paths: Mapping[str, Path] | None
) -> tuple[ArtifactItem, ...]:
    """Return the artifacts that exist, in the order of the ids."""
    if not artifact_ids:
        return ()

    async def work(connection: AsyncConnection) -> tuple[ArtifactItem, ...]:
        rows = {id_of(row[0]): row for row in await _nodes_by_ids.converted(connection, artifact_ids)}
        named: dict[UUID, list[str]] = {}
        for node_id, alias in await _aliases_by_ids.converted(connection, artifact_ids):
            named.setdefault(id_of(node_id), []).append(alias)
        cells = await read_cells(connection, list(rows), paths)
        return tuple(
            ArtifactItem(
                artifact_id=node_id,
                model_name=row[3],
                class_version=row[4],
                label=row[2],
                created_at=moment_of(node_id),
                run_id=None if row[1] is None else id_of(row[1]),
                aliases=tuple(named.get(node_id, ())),
                columns=cells[node_id].cells,
                problems=cells[node_id].problems,
            )
            for node_id in artifact_ids
            if (row := rows.get(node_id)) is not None
        )

    return await read_anywhere(work)


def _select_nodes(ids: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    node = node_table.c
    nodes = select(node.node_id, node.parent_id, node.label, node.model_name, node.model_version)
    return nodes.where(node.node_id.in_(ids), filter_only(node.node_type == "model"))


def _select_aliases(ids: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    alias = alias_table.c
    return select(alias.node_id, alias.alias).where(alias.node_id.in_(ids)).order_by(alias.alias)


_nodes_by_ids, _aliases_by_ids = SelectByIds(_select_nodes), SelectByIds(_select_aliases)
