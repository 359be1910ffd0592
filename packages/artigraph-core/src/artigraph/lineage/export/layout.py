"""Put the nodes of a drawing into columns, in an order in which few lines cross.

This is the usual way to draw directed graphs in layers (Sugiyama, Tagawa and Toda, 1981). A long line gets a place of
its own in each column that it passes. Each column is ordered by the mean place of its neighbors, back and forth.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias
from uuid import UUID

from artigraph.lineage._reachable import Edge

_ROUNDS = 6
MOST_PASSING = 300
"""The most places for long lines in a drawing. A graph that needs more has none, and its long lines may cross boxes."""


class Passing(NamedTuple):
    """The place of a long line in a column that it passes."""

    edge: Edge
    column: int


Place: TypeAlias = UUID | Passing
Spot: TypeAlias = tuple[int, int]
"""Where a place is, in pixels from the left and from the top."""


class Distances(NamedTuple):
    """The pixels between the places of a drawing, from one upper left corner to the next."""

    left: int
    """From the edge to the first column."""
    top: int
    """From the edge to the first place of the tallest column."""
    across: int
    down: int
    """From a node to the next place below."""
    passing: int
    """From a long line to the next place below."""


def spots_of(columns: Sequence[Sequence[Place]], distances: Distances) -> dict[Place, Spot]:
    """Return the upper left corner of each place. Columns are centered beside the tallest one."""
    left, top, across, down, passing = distances
    steps = [[down if isinstance(place, UUID) else passing for place in column] for column in columns]
    tallest = max(map(sum, steps), default=0)
    found: dict[Place, Spot] = {}
    for number, (column, downs) in enumerate(zip(columns, steps, strict=True)):
        y = top + (tallest - sum(downs)) // 2
        for place, step in zip(column, downs, strict=True):
            found[place] = left + number * across, y
            y += step
    return found


def layout(nodes: Sequence[UUID], edges: Sequence[Edge], *, most_passing: int = MOST_PASSING) -> list[list[Place]]:
    """Return the columns, each from top to bottom. A node is right of all nodes that lead to it, except in a cycle."""
    column_of = _columns(nodes, edges)
    columns: list[list[Place]] = [[] for _ in range(max(column_of.values(), default=-1) + 1)]
    for node_id in nodes:
        columns[column_of[node_id]].append(node_id)
    left: defaultdict[Place, list[Place]] = defaultdict(list)
    right: defaultdict[Place, list[Place]] = defaultdict(list)
    spans = [(edge, column_of[edge.source_id], column_of[edge.target_id]) for edge in edges]
    passes = sum(max(0, end - start - 1) for _, start, end in spans) <= most_passing
    for edge, start, end in spans:
        path: list[Place] = [edge.source_id]
        if end > start + 1 and passes:
            between = [Passing(edge, column) for column in range(start + 1, end)]
            for place in between:
                columns[place.column].append(place)
            path += between
        path.append(edge.target_id)
        if end == start + 1 or (end > start and passes):
            for one, other in pairwise(path):
                right[one].append(other)
                left[other].append(one)
    return _with_few_crossings(columns, left, right)


def _columns(nodes: Sequence[UUID], edges: Sequence[Edge]) -> dict[UUID, int]:
    leads_to: dict[UUID, list[UUID]] = {node_id: [] for node_id in nodes}
    missing = dict.fromkeys(nodes, 0)
    for edge in edges:
        leads_to[edge.source_id].append(edge.target_id)
        missing[edge.target_id] += 1
    columns: dict[UUID, int] = {}
    waiting = dict.fromkeys(nodes, 0)
    """The nodes that have no column yet, each with the leftmost column that it may get."""
    ready = deque(node_id for node_id, count in missing.items() if not count)
    while waiting:
        node_id = ready.popleft() if ready else _in_cycle(waiting, missing)
        if node_id not in waiting:
            continue
        columns[node_id] = waiting.pop(node_id)
        for other in leads_to[node_id]:
            missing[other] -= 1
            if other in waiting:
                waiting[other] = max(waiting[other], columns[node_id] + 1)
                if not missing[other]:
                    ready.append(other)
    return columns


def _in_cycle(waiting: Mapping[UUID, int], missing: Mapping[UUID, int]) -> UUID:
    """Return where to break a cycle: at a node to which others lead already, and of those the one that lacks fewest."""
    reached = [node_id for node_id, column in waiting.items() if column]
    return min(reached or waiting, key=lambda node_id: missing[node_id])


_Neighbors: TypeAlias = Mapping[Place, Sequence[Place]]


def _with_few_crossings(columns: list[list[Place]], left: _Neighbors, right: _Neighbors) -> list[list[Place]]:
    best, fewest = [list(column) for column in columns], crossings(columns, right)
    for _ in range(_ROUNDS):
        if not fewest:
            break
        for number in range(1, len(columns)):
            columns[number] = _ordered(columns[number], columns[number - 1], left)
        for number in range(len(columns) - 2, -1, -1):
            columns[number] = _ordered(columns[number], columns[number + 1], right)
        found = crossings(columns, right)
        if found < fewest:
            best, fewest = [list(column) for column in columns], found
    return best


def _ordered(column: Sequence[Place], beside: Sequence[Place], neighbors: _Neighbors) -> list[Place]:
    """Return a column in the order of the mean places of its neighbors. What has none keeps its place."""
    at = {place: number for number, place in enumerate(beside)}
    means: dict[Place, float] = {}
    for number, place in enumerate(column):
        places = [at[other] for other in neighbors.get(place, ())]
        means[place] = sum(places) / len(places) if places else number * len(beside) / len(column)
    return sorted(column, key=lambda place: means[place])


def crossings(columns: Sequence[Sequence[Place]], right: _Neighbors) -> int:
    """Return how many pairs of lines cross between neighboring columns."""
    count = 0
    for column, beside in pairwise(columns):
        at = {place: number for number, place in enumerate(beside)}
        ends: list[int] = []
        for place in column:
            targets = sorted(at[other] for other in right.get(place, ()))
            count += sum(len(ends) - bisect_right(ends, end) for end in targets)
            for end in targets:
                insort(ends, end)
    return count
