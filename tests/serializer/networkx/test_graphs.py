"""Graphs of networkx come back exactly."""

from __future__ import annotations

import json
import random
from collections import OrderedDict
from datetime import date
from importlib import import_module
from typing import Any

import pytest

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer import Serializer
from artigraph.serializer.networkx import graph_serializer
from artigraph.testing.serializer import RecordingFile, SerializerConformance

nx: Any = import_module("networkx")
KINDS = ("Graph", "DiGraph", "MultiGraph", "MultiDiGraph")


def shuffled(kind: str, seed: int) -> Any:
    """Return a graph whose edges were added and removed in random order."""
    rng = random.Random(seed)
    graph = getattr(nx, kind)()
    graph.add_nodes_from(rng.sample(range(8), 8))
    for number in range(40):
        if number % 5 == 4:
            graph.remove_edge(*rng.choice([(edge[0], edge[1]) for edge in graph.edges]))
        else:
            ends = rng.randrange(8), rng.randrange(8)
            if not graph.has_edge(*ends):  # a removed parallel edge leaves an order that no edges give
                graph.add_edge(*ends, weight=number)
    return graph


def rich(kind: str) -> Any:
    graph = getattr(nx, kind)(name="a graph", when=date(2024, 1, 1))
    graph.add_node((1, "x"), size=1.0, tags={"a", "b"})
    graph.add_node("y", nested={"a": (1, 2)})
    graph.add_node(b"bytes")
    graph.add_edge((1, "x"), "y", weight=float("inf"))
    graph.add_edge("y", "y", color="red")
    if graph.is_multigraph():
        graph.add_edge((1, "x"), "y", key="other", weight=-0.0)
        graph.add_edge((1, "x"), "y")
    return graph


def values() -> list[Any]:
    found = [getattr(nx, kind)() for kind in KINDS] + [rich(kind) for kind in KINDS]
    found += [shuffled(kind, seed) for kind in KINDS for seed in range(8)]
    return [*found, nx.path_graph(3), nx.grid_2d_graph(2, 3), nx.complete_graph(5, nx.DiGraph), nx.karate_club_graph()]


class Mine(nx.DiGraph):  # type: ignore[misc]
    """A subclass."""


def with_edge(**attributes: Any) -> Any:
    graph = nx.MultiGraph()
    graph.add_edges_from([(1, 2, attributes)])
    return graph


def with_node(node: Any, **attributes: Any) -> Any:
    graph = nx.Graph()
    graph.add_nodes_from([(node, attributes)])
    return graph


def with_key() -> Any:
    graph = nx.MultiGraph([(1, 2)])
    graph.edges[1, 2, 0]["key"] = 1
    return graph


def with_own_attribute(kind: str) -> Any:
    graph = getattr(nx, kind)([(1, 2)])
    graph.title = "lost"
    return graph


def with_other_graph() -> Any:
    graph = nx.Graph()
    graph.graph = OrderedDict(a=1)
    return graph


def with_own_factory() -> Any:
    graph = nx.Graph()
    graph.edge_attr_dict_factory = OrderedDict
    return graph


def with_names(kind: str, node: Any, other: Any) -> Any:
    graph = getattr(nx, kind)()
    graph.add_node(node)
    graph.add_edge(other, "x")
    graph.add_edge("x", other)
    return graph


EQUAL = {
    "bool": (1, True),
    "float": (1, 1.0),
    "zero": (0.0, -0.0),
    "pair": ((1, 2), (1, 2.0)),
    "set": (frozenset([1]), frozenset([True])),
}
NAN = float("nan")
REFUSED: dict[str, tuple[Any, str]] = {
    "subclass": (Mine(), "no graph of networkx itself"),
    "frozen": (nx.freeze(nx.path_graph(2)), r"graph.copy\(\)"),
    "view": (nx.path_graph(4).subgraph([1, 2]), r"graph.copy\(\)"),
    "id": (with_node(1, id=1), "'id' of 1"),
    "key": (with_key(), "'key'"),
    "source": (with_edge(source=1), "'source'"),
    "object": (with_node(1, value=object()), "object"),
    "node": (with_node(object()), "object"),
    **{f"own attribute of {kind}": (with_own_attribute(kind), r"'title'.*graph\.graph") for kind in KINDS},
    "own graph": (with_other_graph(), r"dict\(graph\.graph\)"),
    "own factory": (with_own_factory(), "'edge_attr_dict_factory'"),
    **{f"{kind} {name}": (with_names(kind, *ends), "names the node") for kind in KINDS for name, ends in EQUAL.items()},
    "nan": (nx.Graph([(NAN, NAN)]), "there twice"),
}


class TestGraphSerializer(SerializerConformance):
    refused = tuple(value for value, _ in REFUSED.values())

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return graph_serializer

    @pytest.fixture
    def values(self) -> Any:
        return values()

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert type(back) is type(value)
        assert nx.utils.graphs_equal(back, value)
        assert back.graph == value.graph
        assert repr(list(back.nodes(data=True))) == repr(list(value.nodes(data=True)))
        for node in value:
            assert repr(list(back.adj[node].items())) == repr(list(value.adj[node].items()))
            if value.is_directed():
                assert list(back.pred[node]) == list(value.pred[node])


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_come_back_is_refused_with_what_to_do(case: str) -> None:
    value, text = REFUSED[case]
    with pytest.raises(SerializationError, match=text):
        graph_serializer.serialize(value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", EQUAL)
def test_a_node_keeps_the_type_by_which_it_was_added(kind: str, name: str) -> None:
    for one in EQUAL[name]:
        graph = with_names(kind, one, one)
        for view in (graph.adj, graph.nodes, graph.edges, graph.degree):  # the graph keeps these views
            assert len(view) > 0 if view is not graph.degree else len(view) == 2
        back = graph_serializer.deserialize(graph_serializer.serialize(graph))
        assert repr(list(back)) == repr(list(graph))
        assert repr(list(back.adj["x"])) == repr(list(graph.adj["x"])) == repr([one])


def test_networkx_reads_the_json() -> None:
    for graph in (nx.path_graph(3), nx.karate_club_graph(), nx.complete_graph(3, nx.MultiDiGraph)):
        data = json.loads(graph_serializer.serialize(graph))
        data["links"] = data["edges"]  # the name before networkx 3.4
        assert nx.utils.graphs_equal(nx.node_link_graph(data, **EDGES), graph)


EDGES: dict[str, Any] = (
    {"edges": "edges"} if tuple(map(int, nx.__version__.split(".")[:2])) >= (3, 4) else {"link": "links"}
)


def test_an_order_that_no_edges_give_is_refused() -> None:
    graph = nx.MultiGraph()
    graph.add_edges_from([("a", "b", 0), ("a", "c", 0), ("b", "c", 0)])
    for node, other in (("a", "b"), ("b", "c"), ("c", "a")):
        graph.add_edge(node, other, 1)
    assert graph_serializer.equal(graph_serializer.deserialize(graph_serializer.serialize(graph)), graph)
    cycle = nx.Graph([("a", "b"), ("b", "c"), ("c", "a")])
    for node, order in {"a": "bc", "b": "ca", "c": "ab"}.items():
        inner: dict[str, Any] = cycle._adj[node]
        for name in order:
            inner[name] = inner.pop(name)
    with pytest.raises(SerializationError, match="order of the neighbors"):
        graph_serializer.serialize(cycle)


def test_a_preview_shows_the_first_edges() -> None:
    graph = nx.DiGraph([("a", "b", {"weight": 1}), ("b", "c"), ("c", "d")])
    found = graph_serializer.preview(RecordingFile(graph_serializer.serialize(graph)), rows=3)
    assert found.text == "DiGraph, 4 nodes, 3 edges\n'a' -> 'b' {'weight': 1}\n'b' -> 'c'"
    assert (found.cut, found.summary.startswith("DiGraph, 4 nodes, 3 edges, ")) == (True, True)
    assert "--" in graph_serializer.preview(RecordingFile(graph_serializer.serialize(nx.path_graph(2)))).text
    large = RecordingFile(graph_serializer.serialize(nx.path_graph(5000)))
    assert graph_serializer.preview(large, max_bytes=10_000).text.startswith('{"directed":false')


def test_equality_and_differences() -> None:
    one, other = nx.path_graph(3), nx.path_graph(3)
    assert graph_serializer.equal(one, other)
    assert graph_serializer.describe_change(one, other) == "alike in nodes, edges and attributes"
    other.add_edge(2, 7)
    other.remove_edge(0, 1)
    other.edges[1, 2]["weight"] = 5
    other.graph["name"] = "x"
    assert not graph_serializer.equal(one, other)
    assert graph_serializer.describe_change(one, other) == (
        "new nodes: 7; new edges: (frozenset({2, 7}),); without edges: (frozenset({0, 1}),); "
        "attributes of edges differ: (frozenset({1, 2}),); attributes of the graph differ"
    )
    nan = nx.Graph()
    nan.add_node(1, value=float("nan"))
    assert graph_serializer.equal(nan, graph_serializer.deserialize(graph_serializer.serialize(nan)))


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": [{"id": 1}, {"id": 1}]},
        {"edges": [{"source": 0, "target": 9}]},
        {"edges": [{"source": 0}]},
        {"directed": 3},
        {"nodes": 5},
    ],
    ids=str,
)
def test_data_that_lies_is_an_error(change: dict[str, Any]) -> None:
    data = json.loads(graph_serializer.serialize(nx.path_graph(2))) | change
    with pytest.raises(DeserializationError):
        graph_serializer.deserialize(json.dumps(data).encode())
