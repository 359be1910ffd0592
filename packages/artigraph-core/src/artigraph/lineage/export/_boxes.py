"""What a drawing of lineage has for boxes: the nodes, their series and names of runs, or the nearest nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple
from uuid import UUID

from artigraph.graph.nodes import Node
from artigraph.lineage._graph import Lineage
from artigraph.lineage._reachable import Edge
from artigraph.lineage.export.formats import name_of, name_of_group, short_id


class Box(NamedTuple):
    """The texts of a box, which are printable."""

    is_run: bool
    name: str
    below: str
    """The second line: a short id, or how many nodes it stands for."""
    tip: str
    """What a browser shows for the pointer."""
    asked: bool
    """Whether the drawing is about this node, or one of these."""


class Boxes(NamedTuple):
    """The boxes by an id, and the lines between them."""

    by_id: Mapping[UUID, Box]
    edges: Sequence[Edge]


def one_each(lineage: Lineage) -> Boxes:
    """Return a box for each node."""
    return Boxes({node_id: _box(node, lineage) for node_id, node in lineage.nodes.items()}, lineage.edges)


def one_for_each_series(lineage: Lineage) -> Boxes:
    """Return a box for all versions of a series, and one for all runs of a name. Each has the id of its first node.

    A line stands for all lines of its kind between two groups. Lines within a group are left out.
    """
    groups: defaultdict[tuple[str | None, ...], list[Node]] = defaultdict(list)
    for node in lineage.nodes.values():
        is_run = node.node_type == "run"
        groups[("run", node.run_name) if is_run else ("model", node.model_name, node.label)].append(node)
    first = {node.node_id: group[0].node_id for group in groups.values() for node in group}
    found: dict[UUID, Box] = {}
    for group in groups.values():
        node = group[0]
        if len(group) == 1:
            found[node.node_id] = _box(node, lineage)
            continue
        is_run, name = node.node_type == "run", name_of_group(node)
        below = f"{len(group):,} {'runs' if is_run else 'versions'}"
        asked = any(each.node_id in lineage.root_ids for each in group)
        tip = f"{name}, {below}: {node.node_id} to {group[-1].node_id}"
        found[node.node_id] = Box(is_run, name, below, tip, asked)
    lines = dict.fromkeys(Edge(first[edge.source_id], first[edge.target_id], edge.kind) for edge in lineage.edges)
    return Boxes(found, [line for line in lines if line.source_id != line.target_id])


def _box(node: Node, lineage: Lineage) -> Box:
    name = name_of(node)
    asked = node.node_id in lineage.root_ids
    return Box(node.node_type == "run", name, short_id(node), f"{name} {node.node_id}", asked)


def nearest(lineage: Lineage, most: int) -> tuple[Boxes, int] | None:
    """Return boxes for the nodes near those that the graph is about, and how many edges far the farthest is.

    It is as far as it can be with at most `most` boxes. A box beside a node says how many of its neighbors are left
    out. Return None if the direct neighbors are too many already.
    """
    left: defaultdict[UUID, list[Edge]] = defaultdict(list)
    right: defaultdict[UUID, list[Edge]] = defaultdict(list)
    for edge in lineage.edges:
        left[edge.target_id].append(edge)
        right[edge.source_id].append(edge)
    near = {node_id for node_id in lineage.root_ids if node_id in lineage.nodes}
    found: tuple[Boxes, int] | None = None
    for level in range(1, len(lineage)):
        more = {edge.source_id for node_id in near for edge in left[node_id]}
        more |= {edge.target_id for node_id in near for edge in right[node_id]}
        if more <= near:
            break
        near |= more
        boxes = _within(lineage, near, left, right)
        if len(boxes.by_id) > most:
            break
        found = boxes, level
    return found


_Edges = Mapping[UUID, Sequence[Edge]]


def _within(lineage: Lineage, near: AbstractSet[UUID], left: _Edges, right: _Edges) -> Boxes:
    by_id = {node_id: _box(lineage.nodes[node_id], lineage) for node_id in sorted(near)}
    edges = [edge for node_id in by_id for edge in right.get(node_id, ()) if edge.target_id in near]
    for node_id in list(by_id):
        before = [edge for edge in left.get(node_id, ()) if edge.source_id not in near]
        after = [edge for edge in right.get(node_id, ()) if edge.target_id not in near]
        for side, hidden in enumerate((before, after), 1):
            if hidden:
                rest = UUID(int=node_id.int ^ side)  # no node has it, as ids are random
                by_id[rest] = Box(is_run=False, name=f"{len(hidden):,} more", below="not drawn", tip="", asked=False)
                ends = (rest, node_id) if side == 1 else (node_id, rest)
                edges.append(Edge(*ends, hidden[0].kind))
    return Boxes(by_id, edges)
