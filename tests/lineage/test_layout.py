"""The places of the boxes and lines of a drawing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest

from artigraph.identifiers import new_ids
from artigraph.lineage import Edge, EdgeKind
from artigraph.lineage.export import layout
from tests.lineage.test_exports import a_lineage, a_run

IDS = new_ids(60)


def edges(*pairs: tuple[int, int]) -> list[Edge]:
    return [Edge(IDS[source], IDS[target], "used") for source, target in pairs]


def crossed(columns: list[list[layout.Place]], lines: list[Edge]) -> int:
    """Count pairs of crossing lines by looking at each pair."""
    at = {place: (x, y) for x, column in enumerate(columns) for y, place in enumerate(column)}
    parts: list[tuple[int, int, int]] = []
    for line in lines:
        start, end = at[line.source_id][0], at[line.target_id][0]
        through = [
            at[line.source_id],
            *(at[layout.Passing(line, x)] for x in range(start + 1, end)),
            at[line.target_id],
        ]
        parts += [(one[0], one[1], other[1]) for one, other in pairwise(through)]
    return sum(
        one[0] == other[0] and (one[1] - other[1]) * (one[2] - other[2]) < 0
        for number, one in enumerate(parts)
        for other in parts[:number]
    )


def test_lines_that_need_not_cross_do_not() -> None:
    # Each of 0 to 9 leads to one of 10 to 19, in the opposite order.
    lines = edges(*((number, 19 - number) for number in range(10)))
    columns = layout.layout(IDS[:20], lines)
    assert [set(column) for column in columns] == [set(IDS[:10]), set(IDS[10:20])]
    assert crossed([list(IDS[:10]), list(IDS[10:20])], lines) == 45
    assert crossed(columns, lines) == 0


def test_a_long_line_has_a_place_in_each_column_that_it_passes() -> None:
    long = Edge(IDS[0], IDS[3], "used")
    columns = layout.layout(IDS[:4], [*edges((0, 1), (1, 2), (2, 3)), long])
    assert [len(column) for column in columns] == [1, 2, 2, 1]
    assert layout.Passing(long, 1) in columns[1]
    assert layout.layout(IDS[:4], [*edges((0, 1), (1, 2), (2, 3)), long], most_passing=1) == [
        [node_id] for node_id in IDS[:4]
    ]


@pytest.mark.parametrize("seed", range(20))
def test_any_graph_has_each_node_once_and_no_more_crossings_than_before(seed: int) -> None:
    draw = Random(seed)
    pairs = {(one, other) for one in range(30) for other in range(one + 1, 30) if draw.random() < 0.08}
    lines = edges(*sorted(pairs))
    columns = layout.layout(IDS[:30], lines)
    nodes = [place for column in columns for place in column if isinstance(place, UUID)]
    assert sorted(nodes) == IDS[:30]
    at = {place: x for x, column in enumerate(columns) for place in column}
    assert all(at[line.source_id] < at[line.target_id] for line in lines)
    by_id = [
        sorted(column, key=lambda place: (0, place) if isinstance(place, UUID) else (1, place.edge.source_id))
        for column in columns
    ]
    assert crossed(columns, lines) <= crossed(by_id, lines)
    assert layout.layout(IDS[:30], lines) == columns


def test_cycles_have_columns() -> None:
    columns = layout.layout(IDS[:3], edges((0, 1), (1, 2), (2, 0)))
    assert sorted(place for column in columns for place in column if isinstance(place, UUID)) == IDS[:3]
    assert layout.layout([], []) == []


def test_a_cycle_comes_where_others_lead_to_it() -> None:
    # 1 leads to 2 and 3, which lead to each other, and 3 leads to 0.
    columns = layout.layout(IDS[:4], edges((1, 2), (2, 3), (3, 2), (3, 0)))
    assert columns == [[IDS[1]], [IDS[2]], [IDS[3]], [IDS[0]]]


def test_no_line_goes_through_a_box() -> None:
    draw = Random(1)
    pairs: list[tuple[UUID, UUID, EdgeKind]] = [
        (IDS[one], IDS[other], "used") for one in range(25) for other in range(one + 1, 25) if draw.random() < 0.1
    ]
    root = ET.fromstring(a_lineage([a_run(node_id) for node_id in IDS[:25]], pairs).to_svg())
    boxes = [
        tuple(int(box.attrib[name]) for name in ("x", "y", "width", "height"))
        for box in root.iter("{http://www.w3.org/2000/svg}rect")
    ]
    [lines] = [
        path.attrib["d"] for path in root.iter("{http://www.w3.org/2000/svg}path") if path.attrib["d"].count("c") > 5
    ]
    levels = 0
    for line in lines.split("M")[1:]:
        x, y = map(int, re.findall(r"-?\d+", line.partition("c")[0]))
        for part in re.findall(r"c[^ch]+|h\d+", line.partition(" ")[2][len(str(y)) :]):
            numbers = [int(number) for number in re.findall(r"-?\d+", part)]
            if part[0] == "h":
                levels += 1
                assert not [box for box in boxes if box[0] < x + 1 < box[0] + box[2] and box[1] <= y <= box[1] + box[3]]
                x += numbers[0]
            else:
                x, y = x + numbers[4], y + numbers[5]
    assert levels > 10
