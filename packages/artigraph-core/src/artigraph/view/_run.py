"""Everything about one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read
from artigraph.errors import NodeNotFoundError
from artigraph.graph.runs import RunStatus, run_columns, run_row
from artigraph.identifiers import NodeId, check_id
from artigraph.orm import node_table
from artigraph.run.values import FIELDS
from artigraph.view._artifacts import ArtifactItem, artifacts_page
from artigraph.view._cursor import check_limit
from artigraph.view._document import Document
from artigraph.view._run_values import RunValues, read_run_values
from artigraph.view._runs import RunItem, run_item, runs_page
from artigraph.view._served import cached_from_of, id_of_key


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
    item, cached_from_exists, parent_name, previous_id, following_id, values = await _read(run_id)
    children = await runs_page(under=run_id, limit=limit)
    produced = await artifacts_page(made_by=run_id, limit=limit)
    used = await artifacts_page(used_by=run_id, limit=limit)
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
        cached_from=item.cached_from,
        cached_from_exists=cached_from_exists,
        previous_id=previous_id,
        following_id=following_id,
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


async def _read(run_id: UUID) -> tuple[RunItem, bool, str | None, UUID | None, UUID | None, RunValues]:
    node = node_table.c
    others = (node.node_type, node.search_key, cached_from_of(node_table))
    itself = select(*run_columns(node_table), *others).where(node.node_id == run_id)
    child_runs = select(func.count()).where(node.parent_id == run_id, node.label.is_(None))

    async def work(connection: AsyncConnection) -> Any:
        found = (await connection.execute(itself)).first()
        if found is None or found.node_type != "run":
            what = "There is no node" if found is None else f"No run but a {found.node_type} is node"
            msg = f"{what} {run_id}"
            raise NodeNotFoundError(msg)
        run, key, cached_from = run_row(found[: -len(others)]), found.search_key, id_of_key(found.cached_from)
        computed = select(node.node_id).where(node.node_id == cached_from)
        there = cached_from is not None and await connection.scalar(computed) is not None
        parent = select(node.run_name).where(node.node_id == run.parent_id)
        parent_name = None if run.parent_id is None else await connection.scalar(parent)
        beside: list[UUID | None] = [None, None]
        if key is not None:
            same = select(node.node_id).where(
                node.node_type == "run",
                node.model_name.is_(None),
                node.label.is_(None),
                node.search_key == bytes(key),
                node.run_name == run.name,  # the key of a long name is cut
            )
            before = same.where(node.node_id < run_id).order_by(node.node_id.desc()).limit(1)
            behind = same.where(node.node_id > run_id).order_by(node.node_id).limit(1)
            beside = [await connection.scalar(before), await connection.scalar(behind)]
        count = await connection.scalar(child_runs) or 0
        values = (await read_run_values(connection, [run_id], None))[run_id]
        return run_item(run, cached_from, count, {}, {}), there, parent_name, *beside, values

    return await read(work)
