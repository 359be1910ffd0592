"""Draw lineage for notebooks: as SVG in HTML, without scripts and without network access."""

from __future__ import annotations

from collections import deque
from html import escape
from uuid import UUID

from artigraph.graph.nodes import Node
from artigraph.lineage._graph import Lineage
from artigraph.lineage.export._names import name_of, short_id
from artigraph.printable import printable

MOST_DRAWN = 150
"""The most nodes in a drawing. A larger one would be unreadable."""

_WIDTH, _HEIGHT, _ACROSS, _DOWN, _MARGIN = 190, 38, 260, 54, 8
_LETTERS = 28
_STYLE = "font:12px sans-serif;max-width:100%;height:auto"
_BOX = 'fill="none" stroke="currentColor"'


def to_html(lineage: Lineage) -> str:
    """Return a graph as HTML: columns of nodes, data flowing left to right. A graph too large becomes a sentence."""
    if not lineage.nodes or len(lineage) > MOST_DRAWN:
        hint = "" if not lineage.nodes else "; it is too large to be drawn: to_networkx() has all of it"
        return f"<p>{escape(repr(lineage))}{hint}</p>"
    places = _places(lineage)
    width = max(x for x, _ in places.values()) + _WIDTH + _MARGIN
    height = max(y for _, y in places.values()) + _HEIGHT + _MARGIN
    parts = [_line(places[edge.source_id], places[edge.target_id], edge.kind) for edge in lineage.edges]
    parts += [_box(node, places[node_id], asked=node_id in lineage.root_ids) for node_id, node in lineage.nodes.items()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" style="{_STYLE}"><title>{escape(repr(lineage))}</title>{"".join(parts)}</svg>'
    )


def _places(lineage: Lineage) -> dict[UUID, tuple[int, int]]:
    """Return the position of each node. Its column is right of all nodes that lead to it, except in a cycle."""
    leads_to: dict[UUID, list[UUID]] = {node_id: [] for node_id in lineage.nodes}
    missing = dict.fromkeys(lineage.nodes, 0)
    for edge in lineage.edges:
        leads_to[edge.source_id].append(edge.target_id)
        missing[edge.target_id] += 1
    columns: dict[UUID, int] = {}
    waiting = dict.fromkeys(lineage.nodes, 0)
    """The nodes that have no column yet, each with the leftmost column that it may get."""
    ready = deque(node_id for node_id, count in missing.items() if not count)
    while waiting:
        node_id = ready.popleft() if ready else next(iter(waiting))  # all are in cycles: pick one
        if node_id not in waiting:
            continue
        columns[node_id] = waiting.pop(node_id)
        for other in leads_to[node_id]:
            missing[other] -= 1
            if other in waiting:
                waiting[other] = max(waiting[other], columns[node_id] + 1)
                if not missing[other]:
                    ready.append(other)
    rows: dict[int, int] = {}
    places: dict[UUID, tuple[int, int]] = {}
    for node_id in lineage.nodes:
        column = columns[node_id]
        row = rows[column] = rows.get(column, -1) + 1
        places[node_id] = (_MARGIN + column * _ACROSS, _MARGIN + row * _DOWN)
    return places


def _box(node: Node, place: tuple[int, int], *, asked: bool) -> str:
    x, y = place
    round_by = _HEIGHT // 2 if node.node_type == "run" else 3
    name = name_of(node)
    shown = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"
    return (
        f"<g><title>{_text(name)} {node.node_id}</title>"
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="{round_by}" {_BOX} '
        f'stroke-width="{3 if asked else 1}" pointer-events="all"/>'
        f'<text x="{x + 12}" y="{y + 16}" fill="currentColor">{_text(shown)}</text>'
        f'<text x="{x + 12}" y="{y + 30}" fill="currentColor" opacity="0.6">{short_id(node)}</text></g>'
    )


def _line(start: tuple[int, int], end: tuple[int, int], kind: str) -> str:
    from_x, from_y = start[0] + _WIDTH, start[1] + _HEIGHT // 2
    to_x, to_y = end[0], end[1] + _HEIGHT // 2
    bend = (_ACROSS - _WIDTH) // 2
    dashed = ' stroke-dasharray="4 3"' if kind == "used" else ' stroke-dasharray="1 4"' if kind == "child" else ""
    curve = f"M{from_x} {from_y} C{from_x + bend} {from_y} {to_x - bend} {to_y} {to_x} {to_y}"
    tip = f"M{to_x - 6} {to_y - 4} L{to_x} {to_y} L{to_x - 6} {to_y + 4}"
    return f'<path d="{curve}" {_BOX} opacity="0.6"{dashed}><title>{kind}</title></path><path d="{tip}" {_BOX}/>'


def _text(text: str) -> str:
    """Return text with markup escaped, and with the characters escaped that XML does not allow."""
    return escape(printable(text))
