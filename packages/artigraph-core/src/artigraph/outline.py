"""Draw a run or an artifact as a tree of text, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, bindparam, case, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.html as html
from artigraph.db import current_database, read_anywhere, recursive
from artigraph.db.planner import in_precomputed
from artigraph.errors import DeserializationError, MalformedRowError, NodeNotFoundError
from artigraph.graph.leases import end_of, status_of
from artigraph.graph.run_rows import CACHE, CACHED_FROM, RunStatus, check_status
from artigraph.graph.runs import with_runs_below
from artigraph.identifiers import NodeId, check_id
from artigraph.model.repr import short_repr
from artigraph.orm import blob_table, node_table, run_value_table
from artigraph.printable import bytes_text, printable
from artigraph.serializer.codec import decode_class_free

__all__ = ["Outline", "outline_of"]


PREVIEW = 120
"""The most bytes of an inline value that are read as a preview."""

_MOST = 200
"""The most children of a node that HTML shows."""
_OPENED, _NESTED = 2, 10
"""How many levels are open in HTML at first, and how many are elements in each other."""

_size = func.length(node_table.c.value)


class _Summary(NamedTuple):
    """A node, with the size and storage of its value, but without the value itself."""

    node_id: UUID
    parent_id: UUID | None
    node_type: str
    label: str | None
    tree_root_id: UUID | None
    position: int | None
    model_name: str | None
    model_version: int | None
    serializer: str | None
    preview: bytes | None
    """The inline value if it is short enough to show."""
    size: int | None
    """The size of the value in bytes, whether in its row or in a storage."""
    storage: str | None
    run_name: str | None
    run_status: RunStatus | None
    run_started_at: datetime | None
    run_ended_at: datetime | None
    run_error_type: str | None
    run_error_message: str | None
    cached_from: bytes | None
    """The id of the run that computed the result, if it was served."""


_value = run_value_table.alias("served")
_cached_from = (
    select(_value.c.search_key)
    .where(_value.c.run_id == node_table.c.node_id, _value.c.kind == CACHE, _value.c.name == CACHED_FROM)
    .scalar_subquery()
)
_summary = select(
    node_table.c.node_id,
    node_table.c.parent_id,
    node_table.c.node_type,
    node_table.c.label,
    node_table.c.tree_root_id,
    node_table.c.position,
    node_table.c.model_name,
    node_table.c.model_version,
    node_table.c.serializer,
    case((_size <= PREVIEW, node_table.c.value)).label("preview"),
    func.coalesce(blob_table.c.size, _size).label("size"),
    blob_table.c.storage,
    node_table.c.run_name,
    status_of(node_table),
    node_table.c.run_started_at,
    end_of(node_table),
    node_table.c.run_error_type,
    node_table.c.run_error_message,
    case((node_table.c.node_type == "run", _cached_from)),
).select_from(node_table.outerjoin(blob_table, node_table.c.blob_id == blob_table.c.blob_id))
_place = select(node_table.c.node_type, node_table.c.tree_root_id, node_table.c.position, node_table.c.span).where(
    node_table.c.node_id == bindparam("node_id")
)


async def _read_summaries(node_id: UUID) -> list[_Summary]:
    """Read the summaries of a node and everything below it. Parents precede children, and siblings keep their order.

    The node is a run, an artifact, or a part of an artifact.

    Raises:
        NodeNotFoundError: the node does not exist.
        MalformedRowError: the tree of the node has no row for its parent, or a run has an unknown status.
    """
    check_id(node_id)
    database = await current_database()

    async def work(connection: AsyncConnection) -> Sequence[Any]:
        place = (await connection.execute(_place, {"node_id": node_id})).first()
        if place is None:
            msg = f"There is no node {node_id}"
            raise NodeNotFoundError(msg)
        if place.node_type == "run":
            statement = recursive(_below_run(node_id), database.dialect)
        elif place.tree_root_id is None or place.position is None or (place.span or 0) < 1:
            msg = f"Node {node_id} has no place in its tree; its row was altered: fsck lists all such"
            raise MalformedRowError(msg, table=node_table.name, node_id=node_id)
        else:
            statement = _summary.where(
                node_table.c.tree_root_id == place.tree_root_id,
                node_table.c.position >= place.position,
                node_table.c.position < place.position + place.span,
            )
        return (await connection.execute(statement)).all()

    found = [_Summary(*row) for row in await read_anywhere(work)]
    for node in found:
        check_status(node.node_id, node.run_status)
    return sorted(found, key=lambda node: (node.tree_root_id or node.node_id, node.position or 0))


def _below_run(run_id: UUID) -> Select[*tuple[Any, ...]]:
    root, part = node_table.alias("root"), node_table.alias("part")
    runs = with_runs_below(run_id)
    roots = select(root.c.node_id).where(in_precomputed(root.c.parent_id, runs), root.c.node_type != "run")
    parts = select(part.c.node_id).where(in_precomputed(part.c.tree_root_id, roots))
    return _summary.where(in_precomputed(node_table.c.node_id, select(union_all(runs, parts).subquery())))


@dataclass(frozen=True)
class Outline:
    """A node and the nodes below it. `str()` draws the tree."""

    node_id: UUID
    text: str
    """One line that describes the node."""
    children: list[Outline] = field(default_factory=list["Outline"], repr=False)  # keeps the repr short

    def __artigraph_node_id__(self) -> UUID:
        return self.node_id

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return html.render(html.attempt(lambda: _view(self, 0)))

    def _lines(self) -> Iterator[str]:
        """Draw the lines without recursion, because a tree may be deeper than Python's stack."""
        pending: list[tuple[Outline, str, str]] = [(self, "", "")]
        while pending:
            node, first, rest = pending.pop()
            yield first + node.text
            last = len(node.children) - 1
            for index, child in reversed(list(enumerate(node.children))):
                branch, stem = ("└── ", "    ") if index == last else ("├── ", "│   ")
                pending.append((child, rest + branch, rest + stem))


async def outline_of(node_id: NodeId) -> Outline:
    """Return the outline of a run, an artifact or a part of one, with all nodes below it.

        print(await outline_of(manager.run.node_id))

    It takes one query, and reads no object from a storage.

    Raises:
        InvalidNodeIdError: the argument has no node's id.
        NodeNotFoundError: the node does not exist.
    """
    node_id = check_id(node_id)
    nodes = await _read_summaries(node_id)
    outlines = {node.node_id: Outline(node.node_id, printable(_describe(node))) for node in nodes}
    for node in nodes:
        parent = None if node.parent_id is None or node.node_id == node_id else outlines.get(node.parent_id)
        if parent is not None:
            parent.children.append(outlines[node.node_id])
    return outlines[node_id]


def _view(outline: Outline, depth: int) -> html.Part:
    """Return the tree as nested elements that open on a click. Below some depth, it is drawn with lines."""
    text = html.code(outline.text, title=str(outline.node_id))
    if not outline.children:
        return html.element("div", text)
    if depth == _NESTED:
        lines = islice(outline._lines(), _MOST)  # pyright: ignore[reportPrivateUsage]
        drawn = (part for line in lines for part in (line, html.Markup("\n")))
        return html.Element("pre", drawn)
    below = (_view(child, depth + 1) for child in outline.children[:_MOST])
    more = len(outline.children) - _MOST
    rest = [html.muted(f"and {more:,} more")] if more > 0 else []
    return html.details(text, html.Element("div", below), *rest, opened=depth < _OPENED)


def _describe(node: _Summary) -> str:
    match node.node_type:
        case "run":
            return _describe_run(node)
        case "model":
            return f"{node.label}: {node.model_name} (version {node.model_version})"
        case "container":
            return f"{node.label}: {node.serializer}"
        case _:
            return _describe_value(node)


def _describe_run(node: _Summary) -> str:
    name = "" if node.run_name is None else f" {short_repr(node.run_name)}"
    text = f"run{name} {node.node_id} {node.run_status}"
    if node.run_started_at is not None and node.run_ended_at is not None:
        text += f" in {(node.run_ended_at - node.run_started_at).total_seconds():.2f} s"
    if node.run_error_type is not None:
        text += f" by {node.run_error_type}: {(node.run_error_message or '')[:80]}"
    if node.cached_from is not None and len(node.cached_from) == len(node.node_id.bytes):
        text += f", served from run {UUID(bytes=bytes(node.cached_from))}"
    return text


def _describe_value(node: _Summary) -> str:
    if node.storage is not None:
        return f"{node.label}: {node.serializer}, {bytes_text(node.size or 0)} in {node.storage}"
    preview = None if node.preview is None else bytes(node.preview)
    if node.serializer == "json" and preview is not None:
        return f"{node.label} = {_show(preview)}"
    return f"{node.label}: {node.serializer}, {bytes_text(node.size or 0)} in the database"


def _show(preview: bytes) -> str:
    try:
        return short_repr(decode_class_free(preview))
    except DeserializationError:  # a newer release wrote it, or the row was altered
        return preview.decode(errors="replace")
