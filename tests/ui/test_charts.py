"""Charts as SVG."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID
from xml.etree import ElementTree as ET

from markupsafe import Markup

from artigraph.lineage import Edge
from artigraph.printable import printable
from artigraph.serializer.preview import Histogram
from artigraph.ui._charts import MOST_LINKED, Gap, Point, line_chart, scatter_chart
from artigraph.ui._graph import Box, Stub, graph_picture
from artigraph.ui._pages.artifact import histogram_picture, map_picture
from artigraph.ui._parallel import Coordinate, Line, parallel_chart
from artigraph.ui._svg import element, number_axis
from tests.support.web import HOSTILE

Element = ET.Element


def parsed(markup: Markup) -> Element:
    """Return the elements of a picture, after the checks that hold for each."""
    root = ET.fromstring(markup)
    for each in root.iter():
        assert each.tag not in ("script", "img", "style")
        assert not [name for name in each.attrib if name.startswith("on") or name == "style"], each.attrib
        assert "nan" not in " ".join(each.attrib.get(name, "") for name in ("d", "x", "y", "cx", "cy")).lower()
    pictures = [each for each in root.iter("svg") if each.get("role")]
    assert len(pictures) == 1
    has_links = next(pictures[0].iter("a"), None) is not None
    assert pictures[0].get("role") == ("group" if has_links else "img")
    assert pictures[0].get("aria-label") == pictures[0].findtext("title")
    return root


def texts(root: Element, name: str) -> list[str]:
    return [each.text or "" for each in root.iter("text") if name in each.get("class", "").split()]


def line_of(values: list[float | None], names: tuple[str, ...] = ()) -> Element:
    points = [
        Gap(number) if value is None else Point(number, value, f"../a/{number}", f"version {number}", names)
        for number, value in enumerate(values)
    ]
    given = [value for value in values if value is not None]
    return parsed(line_chart(points, number_axis(range(len(values))), number_axis(given), title="accuracy"))


def paths(root: Element) -> list[str]:
    return [each.get("d", "") for each in root.iter("path") if each.get("class") == "line"]


def test_a_line_goes_through_its_points_and_has_ticks_at_both_axes() -> None:
    root = line_of([0.0, 1.0, 0.5])
    [path] = paths(root)
    places = [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert places[1][1] < places[2][1] < places[0][1]
    assert [each.get("href") for each in root.iter("a")] == ["../a/0", "../a/1", "../a/2"]
    assert [each.findtext("title") for each in root.iter("a")] == ["version 0", "version 1", "version 2"]
    assert texts(root, "tick") == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0", "0.0", "0.5", "1.0", "1.5", "2.0"]


def test_a_missing_value_is_a_gap_and_a_single_value_a_point() -> None:
    root = line_of([1.0, 2.0, None, 3.0, None, 4.0, 5.0])
    [path] = paths(root)
    assert path.count("M") == 2
    assert path.count("L") == 2
    assert len(list(root.iter("circle"))) == 5
    assert paths(line_of([1.0])) == []
    assert len(list(line_of([1.0]).iter("circle"))) == 1


def test_a_long_line_has_links_for_names_and_single_values_only() -> None:
    many: list[Point | Gap] = [Point(number, number, "./", str(number)) for number in range(MOST_LINKED)]
    many += [
        Gap(200),
        Point(201, 1, "./alone", "alone"),
        Gap(202),
        Point(203, 2, "./named", "named", ("best",)),
        Point(204, 3, "./", "last"),
    ]
    axis = number_axis(range(205))
    root = parsed(line_chart(many, axis, axis, title="many"))
    assert [each.get("href") for each in root.iter("a")] == ["./alone", "./named"]


def test_names_do_not_overlap() -> None:
    points = [Point(number, 1.0, "./", "a", (f"alias {number}",)) for number in (0, 1, 2, 60, 99, 100)]
    axis = number_axis([0, 100])
    root = parsed(line_chart(points, axis, number_axis([1.0]), title="names"))
    named = [each for each in root.iter("text") if each.get("class") == "name"]
    assert [each.text for each in named] == [f"alias {number}" for number in (0, 1, 2, 60, 99, 100)]
    spans: dict[str, list[tuple[float, float]]] = {}
    for each in named:
        at, width = float(each.get("x", "").rstrip("%")) * 3, len(each.text or "") * 7
        start = at - width if each.get("text-anchor") == "end" else at
        spans.setdefault(each.get("y", ""), []).append((start, start + width))
    for row in spans.values():
        for one, other in zip(sorted(row), sorted(row)[1:], strict=False):
            assert one[1] <= other[0], spans


def test_all_texts_are_escaped() -> None:
    pictures = [
        element("text", HOSTILE, class_=HOSTILE),
        line_chart([Point(0, 0, HOSTILE, HOSTILE, (HOSTILE,))], number_axis([0]), number_axis([0]), title=HOSTILE),
        scatter_chart([Point(0, 0, HOSTILE, HOSTILE, (HOSTILE,))], number_axis([0]), number_axis([0]), title=HOSTILE),
        parallel_chart([Coordinate(HOSTILE, (HOSTILE,))] * 2, [Line(HOSTILE, HOSTILE)], title=HOSTILE),
        graph_picture({UUID(int=1): box(HOSTILE)}, [], HOSTILE),
    ]
    for picture in pictures:
        root = ET.fromstring(picture)
        assert not list(root.iter("img"))
        assert "\u202e" not in "".join(root.itertext())
        assert "<img" in "".join(root.itertext()).replace("&lt;", "<")
    assert next(parsed(pictures[1]).iter("a")).get("aria-label") == printable(HOSTILE)


def test_a_scatter_chart_has_a_point_for_each_run() -> None:
    points = [Point(1, 5, "./1", "1. train", ("1",)), Point(2, 7, "./2", "2. train", ("2",))]
    root = parsed(scatter_chart(points, number_axis([1, 2]), number_axis([5, 7]), title="loss by rate"))
    assert texts(root, "name") == ["1", "2"]
    first, second = list(root.iter("circle"))
    assert float(first.get("cx", "").rstrip("%")) < float(second.get("cx", "").rstrip("%"))
    assert float(first.get("cy", "")) > float(second.get("cy", ""))


def parallel() -> Element:
    coordinates = [
        Coordinate("rate", (0.1, 0.2, None, 0.3)),
        Coordinate("a.long.path.to.an.optimizer", ("adam", "sgd", "sgd", None)),
        Coordinate("accuracy", (0.5, 0.7, 0.9, 0.9)),
    ]
    lines = [Line(f"./{number}", f"{number}. train") for number in range(4)]
    return parsed(parallel_chart(coordinates, lines, title="all"))


def test_parallel_coordinates_have_a_line_for_each_run() -> None:
    root = parallel()
    shades = {each.get("href"): [path.get("class") for path in each.iter("path")][1] for each in root.iter("a")}
    assert shades == {"./0": "line shade-0", "./1": "line shade-2", "./2": "line shade-4", "./3": "line shade-4"}
    data = {each.get("href"): [path.get("d", "") for path in each.iter("path")][1] for each in root.iter("a")}
    assert [data[f"./{number}"].count("L") for number in range(4)] == [2, 2, 1, 0]
    assert data["./3"].count("M") == 2
    assert texts(root, "tick") == ["0.1", "0.3", "adam", "sgd", "0.5", "0.9"]
    assert texts(root, "name") == ["", "", ""]  # each begins with its title
    assert ["".join(each.itertext()) for each in root.iter("text") if each.get("class") == "name"] == [
        "raterate",
        "a.long.path.to.an.optimizer….to.an.optimizer",
        "accuracyaccuracy",
    ]


def test_axes_of_equal_values_and_of_extremes_have_places() -> None:
    coordinates = [
        Coordinate("same", (1.0, 1.0)),
        Coordinate("extreme", (-1.7e308, 1.7e308)),
        Coordinate("none", (None, None)),
    ]
    root = parsed(parallel_chart(coordinates, [Line("./a", "a"), Line("./b", "b")], title="all"))
    assert [each.get("class") for each in root.iter("path") if "line" in each.get("class", "")] == [
        "line shade-none"
    ] * 2


def test_a_histogram_has_a_bar_for_each_bin_that_is_not_empty() -> None:
    root = parsed(histogram_picture(Histogram((0.0, 1.0, 2.0, 3.0), (5, 0, 10))))
    heights = [float(each.get("height", "")) for each in root.iter("rect")]
    assert heights == [36, 0, 72]
    assert [each.findtext("title") for each in root.iter("rect")] == [
        "5 from 0 to 1",
        "0 from 1 to 2",
        "10 from 2 to 3",
    ]


def test_a_map_has_stronger_colors_for_greater_numbers() -> None:
    root = parsed(map_picture(((0.0, 1.0), (None, float("inf")), (0.5, 0.5))))
    opacity = {each.get("fill-opacity"): each.get("d", "").count("M") for each in root.iter("path")}
    assert opacity == {"0.05": 1, "0.53": 2, "1.00": 1}
    assert next(parsed(map_picture(((3.0,),))).iter("path")).get("fill-opacity") == "0.53"


def box(name: str) -> Box:
    return Box(name, "run", f"./{name}", name, is_run=False, is_root=False, status=None, before=None, after=None)


def test_a_drawing_has_boxes_from_left_to_right_with_stubs() -> None:
    ids = [UUID(int=number) for number in range(4)]
    boxes = {
        ids[0]: replace(box("data"), before=Stub(1_234, "./more", "more before data")),
        ids[1]: replace(box("train"), is_run=True, status="failed"),
        ids[2]: replace(box("model"), is_root=True, after=Stub(12_345, "./after", "more")),
    }
    edges = [Edge(ids[0], ids[1], "used"), Edge(ids[1], ids[2], "produced"), Edge(ids[0], ids[2], "used")]
    root = parsed(graph_picture(boxes, edges, "lineage"))
    links = {each.get("href"): each for each in root.iter("a")}
    at = {name: float(next(links[f"./{name}"].iter("rect")).get("x", "")) for name in ("data", "train", "model")}
    assert at["data"] < at["train"] < at["model"]
    assert links["./model"].get("aria-current") == "true"
    assert [each.get("class") for each in links["./train"].iter("circle")] == ["dot failed"]
    assert (links["./more"].findtext("text"), links["./after"].findtext("text")) == ("+1,234", "+12k")
    assert [each.get("class") for each in root.iter("path")] == ["edge used", "edge produced", "edge used", "tip"]


def test_a_drawing_of_a_cycle_ends() -> None:
    ids = [UUID(int=number) for number in range(2)]
    edges = [Edge(ids[0], ids[1], "used"), Edge(ids[1], ids[0], "produced")]
    root = parsed(graph_picture({ids[0]: box("a"), ids[1]: box("b")}, edges, "cycle"))
    assert len([each for each in root.iter("path") if "edge" in each.get("class", "")]) == 2
