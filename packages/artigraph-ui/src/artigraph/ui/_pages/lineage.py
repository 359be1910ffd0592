"""The lineage of a run or an artifact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from artigraph.errors import QueryError
from artigraph.lineage import Edge
from artigraph.printable import quoted
from artigraph.ui._graph import Box, Stub, graph_picture
from artigraph.ui._links import Links
from artigraph.ui._query import number, text
from artigraph.ui._render import links_of, respond, wants_json
from artigraph.view import LineageDocument, LineageNode, lineage_document

_MOST_LEVELS = 10
_NEIGHBORS, _MOST_NEIGHBORS = 12, 100
"""The neighbors of a node that are read at first, and at most."""
_LETTERS = 14
"""The letters of a model's name that have room in a box."""
_MOST_BOXES = 150
"""The most boxes in a drawing. A larger one would be unreadable."""


async def page(request: Request) -> Response:
    """Show what a node was made from, and what was made from it."""
    up, down = (number(request, name, 1, least=0, most=_MOST_LEVELS) for name in ("up", "down"))
    limit = number(request, "limit", _NEIGHBORS, least=1, most=_MOST_NEIGHBORS)
    collapse = text(request, "collapse")
    if collapse not in (None, "series"):
        msg = f"collapse is series or nothing, not {quoted(collapse[:100])}"
        raise QueryError(msg)
    document = await lineage_document(request.path_params["node_id"], up=up, down=down, limit=limit)
    if wants_json(request):
        return respond(request, document, "lineage.html")
    view = _View(document, up, down, limit, links_of(request))
    groups, note = _fitting(document, collapsed=collapse == "series")
    boxes = {group[0].node_id: view.box(group) for group in groups}
    root = next(node for node in document.nodes if node.node_id == document.root_id)
    drawing = graph_picture(boxes, _edges(document, groups), f"Lineage of {_name(root)}: {len(boxes):,} boxes")
    return respond(
        request,
        document,
        "lineage.html",
        up=up,
        down=down,
        most=_MOST_LEVELS,
        collapse=collapse,
        root=root,
        rows=[view.row(node) for node in sorted(document.nodes, key=lambda node: (node.level, node.node_id))],
        drawing=drawing,
        note=note,
    )


_Group = Sequence[LineageNode]


def _fitting(document: LineageDocument, *, collapsed: bool) -> tuple[list[_Group], str | None]:
    """Return the nodes of each box, and what the reader should know: as many levels as can be read."""
    single = [[node] for node in document.nodes]
    if not collapsed and len(single) <= _MOST_BOXES:
        return list(single), None
    groups = _by_series(document.nodes)
    note = f"There are {len(single):,} nodes. So versions of a series are one box, as are runs of one name."
    if len(groups) <= _MOST_BOXES:
        return groups, None if collapsed else note
    level = max(abs(node.level) for node in document.nodes)
    while level and len(groups) > _MOST_BOXES:
        level -= 1
        groups = _by_series([node for node in document.nodes if abs(node.level) <= level])
    far = f"{level} step{'' if level == 1 else 's'}"
    return groups, f"There are too many boxes to draw. Those at most {far} away are drawn; the table has all."


def _by_series(nodes: Sequence[LineageNode]) -> list[_Group]:
    """Return the nodes in groups: versions of a series, runs of a name. What the lineage is about stays alone."""
    groups: defaultdict[tuple[object, ...], list[LineageNode]] = defaultdict(list)
    for node in nodes:
        groups[node.kind, node.model_name, node.name, node.level].append(node)
    return list(groups.values())


def _edges(document: LineageDocument, groups: Sequence[_Group]) -> list[Edge]:
    """Return the edges between groups, each once."""
    first = {node.node_id: group[0].node_id for group in groups for node in group}
    edges = (
        Edge(first[edge.source_id], first[edge.target_id], edge.kind)
        for edge in document.edges
        if edge.source_id in first and edge.target_id in first
    )
    return [edge for edge in dict.fromkeys(edges) if edge.source_id != edge.target_id]


@dataclass(frozen=True, slots=True)
class _Row:
    """A node in the table."""

    node: LineageNode
    name: str
    href: str
    step: str
    lineage: str
    """The link to its own lineage."""


@dataclass(frozen=True, slots=True)
class _View:
    """Makes boxes and rows of the nodes of a lineage."""

    document: LineageDocument
    up: int
    down: int
    limit: int
    links: Links

    def row(self, node: LineageNode) -> _Row:
        steps = abs(node.level)
        step = "this" if not steps else f"{steps} {'before' if node.level < 0 else 'after'}"
        return _Row(node, _name(node), self._page(node), step, self.links.to("lineage", node_id=node.node_id))

    def box(self, group: _Group) -> Box:
        node, count = group[0], len(group)
        is_run = node.kind == "run"
        what = "run" if is_run else (node.model_name or "artifact")
        many = f"{count:,} {'runs' if is_run else 'versions'}"
        return Box(
            name=_name(node),
            below=many if count > 1 else f"{_shortened(what)} · {node.created_at:%Y-%m-%d}",
            href=self._page(node) if count == 1 else self._page_of_group(node),
            title=f"{_name(node)}, {what}, {many if count > 1 else f'{node.created_at:%Y-%m-%d %H:%M:%S} UTC'}",
            is_run=is_run,
            is_root=any(each.node_id == self.document.root_id for each in group),
            status=node.status if is_run and len({each.status for each in group}) == 1 else None,
            before=self._stub(group, before=True),
            after=self._stub(group, before=False),
        )

    def _page(self, node: LineageNode) -> str:
        if node.kind == "run":
            return self.links.to("run", run_id=node.node_id)
        return self.links.to("artifact", artifact_id=node.node_id)

    def _page_of_group(self, node: LineageNode) -> str:
        if node.kind == "run":
            return self.links.to("runs", name=node.name)
        return self.links.to("series", model=node.model_name, label=node.name)

    def _stub(self, group: _Group, *, before: bool) -> Stub | None:
        count = sum(node.more_up if before else node.more_down for node in group)
        if not count:
            return None
        where = "before" if before else "after"
        levels = self.up if before else self.down
        node = group[0]
        if node.level == (-levels if before else levels) and (levels or node.node_id == self.document.root_id):
            if levels < _MOST_LEVELS:
                href = self.links.here(**{"up" if before else "down": levels + 1})
                return Stub(count, href, f"{count:,} more {where} {_name(node)}: show one more level")
        elif (node.node_id == self.document.root_id or len(group) > 1) and self.limit < _MOST_NEIGHBORS:
            href = self.links.here(limit=min(3 * self.limit, _MOST_NEIGHBORS))
            return Stub(count, href, f"{count:,} more {where} {_name(node)}: show more neighbors")
        href = self.links.to("lineage", node_id=node.node_id)
        return Stub(count, href, f"{count:,} more {where} {_name(node)}: show its own lineage")


def _name(node: LineageNode) -> str:
    return node.name or ("unnamed run" if node.kind == "run" else str(node.node_id))


def _shortened(model: str) -> str:
    """Return the end of the name of a model, which tells more than its beginning."""
    return model if len(model) <= _LETTERS else f"…{model[1 - _LETTERS :]}"
