"""Lineage as a value, and its exports."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import re
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent, RunState
from openlineage.client.event_v2 import Run as OpenLineageRun
from openlineage.client.facet_v2 import DatasetFacet, parent_run
from openlineage.client.serde import Serde

from artigraph.errors import ArgumentError, MissingDependencyError, QueryError
from artigraph.html import BUDGET
from artigraph.identifiers import new_ids
from artigraph.lineage import Edge, EdgeKind, Lineage, Node
from artigraph.lineage.export.html import MOST_DRAWN
from artigraph.printable import printable
from tests.lineage.openlineage_schema import violations

START = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
HOSTILE = '"]; click n0 "javascript:alert(1)" %%{init}%% <script>alert(1)</script> &amp; `x` #quot; \u202e\0\n end'


def a_run(node_id: UUID, *, status: Any = "completed", name: str | None = None, parent: UUID | None = None) -> Node:
    ended = None if status == "running" else START + timedelta(seconds=1)
    return Node(node_id, "run", parent, None, None, None, None, None, name, status, START, ended)


def an_artifact(node_id: UUID, label: str, run: UUID | None = None, model: str = "Report") -> Node:
    return Node(node_id, "model", run, label, node_id, model, 3, None, None, None, None, None)


def a_lineage(nodes: list[Node], edges: list[tuple[UUID, UUID, EdgeKind]]) -> Lineage:
    return Lineage({node.node_id: node for node in nodes}, tuple(Edge(*edge) for edge in edges), (nodes[0].node_id,))


def small(label: str = "report", name: str | None = "training", status: Any = "completed") -> Lineage:
    data, run, report = IDS[:3]
    nodes = [an_artifact(data, "data"), a_run(run, name=name, status=status), an_artifact(report, label, run)]
    return a_lineage(nodes, [(data, run, "used"), (run, report, "produced")])


IDS = new_ids(300)


def test_it_is_a_value() -> None:
    lineage = small()
    assert lineage == small()
    assert hash(lineage) == hash(small())
    assert lineage != small("other")
    assert len(lineage) == 3
    assert IDS[0] in lineage
    assert IDS[5] not in lineage
    assert [node.node_id for node in lineage] == IDS[:3]
    assert [node.label for node in lineage.artifacts] == ["data", "report"]
    assert [node.run_name for node in lineage.runs] == ["training"]
    assert repr(lineage) == f"<Lineage of {IDS[0]}: 2 artifacts, 1 runs, 2 edges>"
    with pytest.raises(dataclasses.FrozenInstanceError):
        lineage.edges = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        lineage.edges[0].kind = "child"  # type: ignore[misc]
    with pytest.raises(TypeError):
        lineage.nodes[IDS[5]] = lineage.nodes[IDS[0]]  # type: ignore[index]


def test_one_made_by_hand_is_copied_and_pickled() -> None:
    lineage = small()
    for found in (pickle.loads(pickle.dumps(lineage)), copy.copy(lineage), copy.deepcopy(lineage)):
        assert found == lineage
        assert hash(found) == hash(lineage)
        assert ([*found], found.edges, found.root_ids) == ([*lineage], lineage.edges, lineage.root_ids)
        with pytest.raises(TypeError):
            found.nodes[IDS[5]] = found.nodes[IDS[0]]  # type: ignore[index]


def test_networkx_has_all_of_it() -> None:
    graph = small().to_networkx()
    assert list(graph.edges(data="kind")) == [(IDS[0], IDS[1], "used"), (IDS[1], IDS[2], "produced")]
    assert graph.nodes[IDS[2]] == {
        field.name: getattr(small().nodes[IDS[2]], field.name) for field in dataclasses.fields(Node)
    }
    networkx: Any = import_module("networkx")
    assert networkx.ancestors(graph, IDS[2]) == {IDS[0], IDS[1]}


def test_without_networkx_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(MissingDependencyError, match=re.escape("pip install 'artigraph[networkx]'")):
        small().to_networkx()


def test_mermaid_draws_nodes_and_edges() -> None:
    ends = [node_id.hex[-8:] for node_id in IDS[:3]]
    assert small().to_mermaid().splitlines() == [
        "flowchart LR",
        f'    n0["data: Report (version 3) {ends[0]}"]',
        f'    n1(["training (completed) {ends[1]}"])',
        f'    n2["report: Report (version 3) {ends[2]}"]',
        "    n0 -->|used| n1",
        "    n1 -->|produced| n2",
    ]


def test_labels_mean_nothing_in_mermaid() -> None:
    lines = small(HOSTILE, name=HOSTILE).to_mermaid().splitlines()
    assert len(lines) == 6
    for line in lines[1:4]:
        shown = re.fullmatch(r'    n\d(?:\["([^"]*)"\]|\(\["([^"]*)"\]\))', line)
        assert shown is not None
        text = shown[1] or shown[2]
        assert re.fullmatch(r"(?:[\w .,:()/-]|#\d+;)*", text)
    restored = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), lines[3])
    assert HOSTILE[:59] in restored


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_notebooks_draw_it_whatever_labels_say() -> None:
    lineage = small(HOSTILE, name=HOSTILE)
    drawn = lineage._repr_html_()
    found = Tags()
    found.feed(drawn)
    assert found.tags == {"svg", "title", "path", "g", "rect", "text"}
    assert not [name for name in found.attributes if name.startswith("on") or name in ("href", "src")]
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
    root = ET.fromstring(drawn)  # well-formed, whatever was in it
    titles = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any('"]; click n0' in title for title in titles)


def test_a_drawing_shows_text_as_every_other_line_does() -> None:
    label = "\u6771\u3000\u4eac \xa0\U0001f469\u200d\U0001f4bb \u202e\x1b"  # an ideographic space, a joined emoji
    drawn = small(label)._repr_html_()
    assert printable(label) in drawn
    assert "\N{REPLACEMENT CHARACTER}" not in drawn
    cut = ET.fromstring(small("x" + 27 * "\U0001f469\u200d")._repr_html_())  # between the parts of an emoji
    assert not [each.text for each in cut.iter() if (each.text or "").endswith("\u200d\u2026")]


def test_a_drawing_goes_from_left_to_right() -> None:
    lineage = small()
    boxes = re.findall(r'<rect x="(\d+)" y="(\d+)"', lineage._repr_html_())
    assert [int(x) for x, _ in boxes] == sorted({int(x) for x, _ in boxes})


def test_cycles_and_what_is_large_can_be_shown() -> None:
    first, second, third, fourth = IDS[:4]
    nodes = [a_run(first), an_artifact(second, "x", first), a_run(third), an_artifact(fourth, "y", third)]
    edges: list[tuple[UUID, UUID, EdgeKind]] = [
        (first, second, "produced"),
        (second, third, "used"),
        (third, fourth, "produced"),
        (fourth, first, "used"),
    ]
    ring = a_lineage(nodes, edges)
    assert len(re.findall("<rect", ring._repr_html_())) == 4
    many = a_lineage([an_artifact(node_id, f"{node_id}") for node_id in IDS[: MOST_DRAWN + 1]], [])
    assert many._repr_html_().startswith("<p>&lt;Lineage of")
    assert ring.to_svg() == ring._repr_html_()
    with pytest.raises(QueryError, match=f"has {MOST_DRAWN + 1} boxes, more than {MOST_DRAWN}: draw one box"):
        many.to_svg()
    with pytest.raises(QueryError, match=f"has {MOST_DRAWN + 1} boxes, more than {MOST_DRAWN}: ask for a part"):
        many.to_svg(collapse="series")
    assert "too large" in many._repr_html_()
    run_of = [a_run(node_id, name="training of the model") for node_id in IDS[:MOST_DRAWN]]
    chain: list[tuple[UUID, UUID, EdgeKind]] = [(IDS[n], IDS[n + 1], "child") for n in range(MOST_DRAWN - 1)]
    drawn = a_lineage(run_of, chain)._repr_html_()
    assert 40_000 < len(drawn.encode()) <= BUDGET
    assert drawn.count("<rect") == MOST_DRAWN
    dense: list[tuple[UUID, UUID, EdgeKind]] = [(IDS[n], IDS[m], "used") for n in range(40) for m in range(40, 80)]
    of_any_name = [a_run(node_id, name=str(node_id)) for node_id in IDS[:MOST_DRAWN]]
    assert "too large" in a_lineage(of_any_name, dense)._repr_html_()
    empty = Lineage({}, (), (first, second))
    assert empty._repr_html_() == f"<p>&lt;Lineage of {first}, {second}: 0 artifacts, 0 runs, 0 edges&gt;</p>"
    assert empty.to_mermaid() == "flowchart LR\n"
    assert empty.to_openlineage() == []


def test_a_large_graph_has_one_box_for_each_series_and_each_name_of_runs() -> None:
    nodes: list[Node] = []
    edges: list[tuple[UUID, UUID, EdgeKind]] = []
    for number in range(0, 200, 2):
        nodes += [a_run(IDS[number], name="train"), an_artifact(IDS[number + 1], "state", IDS[number])]
        edges.append((IDS[number], IDS[number + 1], "produced"))
        if number:
            edges.append((IDS[number - 1], IDS[number], "used"))
    nodes += [a_run(IDS[200], name="report"), an_artifact(IDS[201], HOSTILE, IDS[200])]
    edges.extend([(IDS[199], IDS[200], "used"), (IDS[200], IDS[201], "produced")])
    lineage = a_lineage(nodes, edges)
    drawn = lineage._repr_html_()
    assert drawn.startswith(
        "<p>The versions of a series are drawn as one box, and so are the runs of one name.</p><svg"
    )
    root = ET.fromstring(lineage.to_svg(collapse="series"))
    boxes = [box.findtext("{*}title") or "" for box in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert [box.partition(":")[0] for box in boxes] == [
        "train, 100 runs",
        "state",
        "report (completed) " + str(IDS[200]),
        *[boxes[3].partition(":")[0]],
    ]
    assert boxes[1] == f"state: Report, 100 versions: {IDS[1]} to {IDS[199]}"
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("100 runs") == texts.count("100 versions") == 1
    lines = [path.attrib["d"].count("M") for path in root.iter("{http://www.w3.org/2000/svg}path")]
    assert lines == [2, 2, 4]  # produced, used, and the tips of all
    with pytest.raises(ArgumentError, match='collapse is "series" or None'):
        lineage.to_svg(collapse="all")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_of_a_graph_of_many_names_what_is_near_is_drawn() -> None:
    # 60 of 100 runs have made a report. Each has used two of 199 artifacts. All names differ.
    runs = [a_run(node_id, name=f"run {node_id}") for node_id in IDS[:100]]
    data = [an_artifact(node_id, f"data {node_id}") for node_id in IDS[100:299]]
    edges: list[tuple[UUID, UUID, EdgeKind]] = [(IDS[n], IDS[299], "produced") for n in range(60)]
    edges.extend((IDS[100 + (2 * n + more) % 199], IDS[n], "used") for n in range(100) for more in range(2))
    drawn = a_lineage([an_artifact(IDS[299], "report"), *runs, *data], edges)._repr_html_()
    assert drawn.startswith("<p>Only what is at most 1 edge away is drawn.</p><svg")
    root = ET.fromstring(drawn.partition("</p>")[2])
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("2 more") == texts.count("not drawn") == 60
    assert sum("run " in (text or "") for text in texts) == 60
    alone = a_lineage([an_artifact(IDS[299], "report"), *runs, *data], [(IDS[n], IDS[299], "used") for n in range(200)])
    assert "too large" in alone._repr_html_()


# OpenLineage ----------------------------------------------------------------------------------------------------------


def checked(event: dict[str, Any]) -> Any:
    """Check an event by the schema, and build it with OpenLineage's own classes, which define every key."""
    assert violations(json.loads(json.dumps(event))) == []
    told = dict(event)
    assert told.pop("schemaURL") == RunEvent._get_schema()
    run = dict(told.pop("run"))
    facets: dict[str, Any] = {name: parent_facet(name, facet) for name, facet in run.pop("facets").items()}
    told["eventType"] = RunState(told["eventType"])
    told["run"] = OpenLineageRun(**run, facets=facets)
    told["job"] = Job(**told["job"])
    told["inputs"] = [InputDataset(**dataset(each)) for each in told["inputs"]]
    told["outputs"] = [OutputDataset(**dataset(each)) for each in told["outputs"]]
    return RunEvent(**told)


def parent_facet(name: str, facet: dict[str, Any]) -> Any:
    assert name == "parent"
    told = dict(facet)
    assert told.pop("_schemaURL") == parent_run.ParentRunFacet._get_schema()
    run, job = parent_run.Run(**told.pop("run")), parent_run.Job(**told.pop("job"))
    made: Any = parent_run.ParentRunFacet
    return made(run=run, job=job, producer=told.pop("_producer"), **told)


def dataset(told: dict[str, Any]) -> dict[str, Any]:
    """Return a data set without our own facet, after checking that the facet has the keys that each must have."""
    assert told["facets"].keys() == {"artigraph"}
    facet = told["facets"]["artigraph"]
    assert facet["_schemaURL"] == DatasetFacet._get_schema()
    assert facet["_producer"].startswith("urn:")
    return told | {"facets": {}}


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        ("completed", ["START", "COMPLETE"]),
        ("failed", ["START", "FAIL"]),
        ("cancelled", ["START", "ABORT"]),
        ("lost", ["START", "ABORT"]),
        ("running", ["START"]),
    ],
)
def test_openlineage_events_are_valid(status: str, kinds: list[str]) -> None:
    events = small(HOSTILE, name=HOSTILE, status=status).to_openlineage(namespace="lab")
    assert [event["eventType"] for event in events] == kinds
    for event in events:
        built = checked(event)
        again = Serde.to_dict(built)
        assert again["run"]["runId"] == str(IDS[1])
        assert again["job"] == {
            "name": HOSTILE,
            "namespace": "lab",
            **({"facets": {}} if "facets" in again["job"] else {}),
        }
        assert [each["name"] for each in again["inputs"]] == [str(IDS[0])]
        assert [each["name"] for each in again["outputs"]] == [str(IDS[2])]
    assert events[0]["eventTime"] == "2026-01-02T03:04:05.678900+00:00"
    assert events[0]["outputs"][0]["facets"]["artigraph"]["label"] == HOSTILE


def test_a_run_in_another_one_names_it() -> None:
    outer, inner, elsewhere = IDS[:3]
    nodes = [
        a_run(outer, name="pipeline"),
        a_run(inner, parent=outer),
        a_run(elsewhere, parent=IDS[9], status="running"),
    ]
    events = a_lineage(nodes, [(outer, inner, "child")]).to_openlineage()
    for event in events:
        checked(event)
    parents = {event["run"]["runId"]: event["run"]["facets"].get("parent") for event in events}
    assert parents[str(outer)] is None
    assert parents[str(inner)]["run"] == {"runId": str(outer)}
    assert parents[str(inner)]["job"] == {"namespace": "artigraph", "name": "pipeline"}
    assert parents[str(elsewhere)]["job"]["name"] == "run"
    assert len(events) == 5


def test_the_check_of_events_can_fail() -> None:
    [event, _] = small().to_openlineage()
    changes: list[dict[str, Any]] = [
        {"eventType": "DONE"},
        {"eventTime": "yesterday"},
        {"more": 1},
        {"run": {"runId": "x", "facets": {}}},
    ]
    for change in changes:
        with pytest.raises((AssertionError, ValueError, TypeError)):
            checked(event | change)


def test_the_schema_of_events_sees_what_is_wrong() -> None:
    outer, inner = IDS[:2]
    nodes = [a_run(outer), a_run(inner, parent=outer)]
    events = a_lineage(nodes, [(outer, inner, "child")]).to_openlineage()
    event = next(each for each in events if each["run"]["facets"])
    parent = event["run"]["facets"]["parent"]
    assert violations(event) == []

    def with_parent(change: dict[str, Any]) -> dict[str, Any]:
        return {"run": {"runId": str(inner), "facets": {"parent": parent | change}}}

    wrong: list[dict[str, Any]] = [
        {"eventType": "DONE"},
        {"eventTime": "yesterday"},
        {"eventTime": "2026-01-02T03:04:05"},
        {"producer": "not a URI"},
        {"schemaURL": 2},
        {"run": {}},
        {"run": {"runId": "x"}},
        {"job": {"namespace": "lab"}},
        {"inputs": [{"namespace": "lab"}]},
        {"outputs": {"namespace": "lab", "name": "x"}},
        {"outputs": [{"namespace": "lab", "name": "x", "facets": {"artigraph": {"label": "x"}}}]},
        with_parent({"_schemaURL": "no URI"}),
        with_parent({"run": {"runId": "x"}}),
        with_parent({"job": {"name": "x"}}),
    ]
    for change in wrong:
        assert violations(event | change) != [], change
    for key in ("eventTime", "producer", "schemaURL", "run", "job"):
        assert violations({name: value for name, value in event.items() if name != key}) != [], key
