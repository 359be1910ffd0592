"""Everything about one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import FixedSelect, Row, read_anywhere
from artigraph.errors import NodeNotFoundError
from artigraph.graph.run_rows import RunStatus, cached_from_of, child_count, id_of_key, run_columns, run_row
from artigraph.identifiers import NodeId, check_id, id_of
from artigraph.orm import node_table
from artigraph.run.values import FIELDS
from artigraph.view._artifacts import ArtifactItem, pages_of_rows, read_produced, read_used
from artigraph.view._document import Document, check_limit
from artigraph.view._run_values import read_run_values
from artigraph.view._runs import RunItem, read_runs_inside, run_item


@dataclass(frozen=True, slots=True)
class RunDocument(Document):
    """Everything about a run, with the newest of its child runs and artifacts."""

    schema: ClassVar[str] = "artigraph.run/1"

    run_id: UUID
    name: str | None
    status: RunStatus
    started_at: datetime | None
    """In UTC, by the clock of the machine that ran it."""
    ended_at: datetime | None
    """In UTC. None while the run is running. A lost run ended when its lease expired."""
    duration: float | None
    """The seconds from the start to the end. None while the run is running."""
    error_type: str | None
    """The qualified name of the exception's class if the run failed."""
    error_message: str | None
    parent_id: UUID | None
    """The run that it belongs to."""
    parent_name: str | None
    """The name of that run."""
    cached_from: UUID | None
    """If the cache served it, the run that computed its result."""
    cached_from_exists: bool
    """Whether that run still exists."""
    previous_id: UUID | None
    """The run of the same name that was made before it. None without a name."""
    following_id: UUID | None
    """The run of the same name that was made after it. None without a name."""
    tags: Mapping[str, object]
    parameters: Mapping[str, object]
    environment: Mapping[str, object]
    problems: Mapping[str, str]
    """Why values cannot be shown, by column: "parameters.rate"."""
    cut: tuple[str, ...]
    """The columns of more than 16 KiB. They are texts: the beginning of what is stored, in JSON."""
    child_runs: int
    """How many runs belong directly to it."""
    children: tuple[RunItem, ...]
    """The newest of them."""
    children_next: str | None
    """The cursor for `runs_page(under=run)`, which has the others."""
    produced: tuple[ArtifactItem, ...]
    """The newest artifacts that it produced or was served, with their plain fields."""
    produced_next: str | None
    """The cursor for `artifacts_page(made_by=run)`, which has the others."""
    served: tuple[UUID, ...]
    """Those of `produced` that it was served. They belong to the run that computed them."""
    used: tuple[ArtifactItem, ...]
    """The newest artifacts that it used, with their plain fields."""
    used_next: str | None
    """The cursor for `artifacts_page(used_by=run)`, which has the others."""

    def __artigraph_node_id__(self) -> UUID:
        return self.run_id


async def run_document(run: NodeId, *, limit: int = 50) -> RunDocument:
    """Return everything about a run.

        document = await run_document(run_id)
        document.parameters["rate"], document.duration

    It takes a constant number of statements.

    Args:
        run: the run.
        limit: the most child runs, the most produced and the most used artifacts, each up to 1,000.

    Raises:
        InvalidNodeIdError: `run` denotes no node.
        NodeNotFoundError: the run does not exist, or the node is no run.
        QueryError: the limit is invalid.
    """
    run_id = check_id(run)
    check_limit(limit)
    return await read_anywhere(lambda connection: _read(connection, run_id, limit))


_node = node_table.c
_parent = node_table.alias("parent")
_parent_name = select(_parent.c.run_name).where(_parent.c.node_id == _node.parent_id).correlate(node_table)
_others = (
    _node.node_type,
    _node.search_key,
    _parent_name.scalar_subquery(),
    cached_from_of(node_table),
    child_count(node_table),
)
_id = bindparam("id", type_=_node.node_id.type)
_itself = FixedSelect(select(*run_columns(node_table), *_others).where(_node.node_id == _id))
_there = FixedSelect(select(_node.node_id).where(_node.node_id == _id))
_same_name = select(_node.node_id).where(
    _node.node_type == "run",
    _node.model_name.is_(None),
    _node.label.is_(None),
    _node.search_key == bindparam("key", type_=_node.search_key.type),
    _node.run_name == bindparam("name", type_=_node.run_name.type),  # the key of a long name is cut
)
_beside = FixedSelect(
    select(
        _same_name.where(_node.node_id < _id).order_by(_node.node_id.desc()).limit(1).scalar_subquery(),
        _same_name.where(_node.node_id > _id).order_by(_node.node_id).limit(1).scalar_subquery(),
    )
)


async def _read(connection: AsyncConnection, run_id: UUID, limit: int) -> RunDocument:
    found = await _itself.converted(connection, {"id": run_id})
    if not found:
        msg = f"There is no node {run_id}"
        raise NodeNotFoundError(msg)
    columns, (node_type, key, parent_name, cached_from_key, child_runs) = _split(found[0])
    if node_type != "run":
        msg = f"No run but a {node_type} is node {run_id}"
        raise NodeNotFoundError(msg)
    cached_from, run = id_of_key(cached_from_key), run_row(columns)
    beside: Row = (None, None)
    if key is not None:
        [beside] = await _beside.rows(connection, {"id": run_id, "key": bytes(key), "name": run.name})
    item = run_item(run, cached_from, child_runs, {}, {})
    values = (await read_run_values(connection, [run_id], None))[run_id]
    children = await read_runs_inside(connection, run_id, limit)
    rows = [await read(connection, run_id, None, limit) for read in (read_produced, read_used)]
    produced, used = await pages_of_rows(connection, rows, None, limit)
    return RunDocument(
        run_id=run_id,
        name=item.name,
        status=item.status,
        started_at=item.started_at,
        ended_at=item.ended_at,
        duration=item.duration,
        error_type=item.error_type,
        error_message=item.error_message,
        parent_id=item.parent_id,
        parent_name=parent_name,
        cached_from=cached_from,
        cached_from_exists=cached_from is not None and bool(await _there.rows(connection, {"id": cached_from})),
        previous_id=None if beside[0] is None else id_of(beside[0]),
        following_id=None if beside[1] is None else id_of(beside[1]),
        tags=values.by_kind["tag"],
        parameters=values.by_kind["parameter"],
        environment=values.by_kind["environment"],
        problems={f"{FIELDS[kind]}.{name}": problem for (kind, name), problem in values.problems.items()},
        cut=tuple(f"{FIELDS[kind]}.{name}" for kind, name in values.cut),
        child_runs=item.child_runs,
        children=children.items,
        children_next=children.next,
        produced=produced.items,
        produced_next=produced.next,
        served=tuple(made.artifact_id for made in produced.items if made.run_id != run_id),
        used=used.items,
        used_next=used.next,
    )


def _split(row: Row) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the columns of a run in a row, with its ids converted, and the others."""
    node_id, parent_id, *columns = row[: -len(_others)]
    return (id_of(node_id), None if parent_id is None else id_of(parent_id), *columns), tuple(row[-len(_others) :])
