"""Selected nodes, compared with a filter in Python over all of them. integration/test_query.py runs on servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph import ArtifactMapping, ArtifactModel, ArtifactSequence, Node, Run, RunManager, columns, select
from artigraph.db import read
from artigraph.errors import InvalidLabelError, MultipleNodesFoundError, NodeNotFoundError, QueryError
from artigraph.graph.nodes import NODE_COLUMNS
from artigraph.identifiers import moment_of, new_id
from artigraph.query import Condition, NodeSelect

n: Any = columns(Node)


@dataclass
class Leaf(ArtifactModel, name="NodesLeaf"):
    x: int
    report: str = "x"


@dataclass
class Branch(ArtifactModel, name="NodesBranch"):
    leaves: ArtifactMapping[str, Any] = field(default_factory=ArtifactMapping[str, Any])
    x: float = 0.5
    items: ArtifactSequence[Any] = field(default_factory=ArtifactSequence[Any])


@dataclass
class Twig(Branch, name="NodesTwig"):
    pass


async def make() -> dict[str, UUID]:
    """Save artifacts of three classes at the root and in runs, and return the ids of the runs."""
    for label in ("report", "Report", "x"):
        await Leaf(1).save(label)
    tree = Branch(ArtifactMapping(x=Leaf(2), report=3), items=ArtifactSequence([1, Leaf(4), None]))
    await tree.save("report")
    async with RunManager(Run()) as outer:
        await outer.save_artifacts({"report": tree, "other": Leaf(5)})
        async with RunManager(Run()) as inner:
            await inner.save_artifacts({"report": Leaf(6), "0": Twig(ArtifactMapping(a=tree))})
            async with RunManager(Run()) as innermost:
                await innermost.save_artifact("x", Leaf(7))
        async with RunManager(Run()) as empty:
            pass
    managers = {"outer": outer, "inner": inner, "innermost": innermost, "empty": empty}
    return {name: manager.run.node_id for name, manager in managers.items()}


async def all_nodes() -> dict[UUID, Node]:
    async def work(connection: AsyncConnection) -> dict[UUID, Node]:
        return {row.node_id: Node(*row) for row in await connection.execute(sql_select(*NODE_COLUMNS))}

    found = await read(work)
    return {node_id: found[node_id] for node_id in sorted(found)}


def belongs(node: Node, run_id: UUID, nodes: Mapping[UUID, Node], *, descendants: bool) -> bool:
    above = nodes[node.tree_root_id or node.node_id].parent_id
    while descendants and above not in (run_id, None):
        above = nodes[above].parent_id
    return above == run_id


TYPES = ["run", "model", "container", "value"]
MODELS: dict[Any, set[str | None]] = {
    Leaf: {"NodesLeaf"},
    Branch: {"NodesBranch", "NodesTwig"},
    "NodesBranch": {"NodesBranch"},
    "nothing": {"nothing"},
}
FILTERS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "types": st.lists(st.sampled_from(TYPES), max_size=3, unique=True),
        "labels": st.lists(st.sampled_from(["report", "Report", "x", "0", "a", "items", "nothing"]), max_size=3),
        "models": st.lists(st.sampled_from(list(MODELS)), max_size=2),
        "run": st.tuples(st.sampled_from(["outer", "inner", "innermost", "empty"]), st.booleans()),
        "artifacts": st.just(True),
        "since": st.integers(0, 60),
        "before": st.integers(0, 60),
    },
)


def both(given_: dict[str, Any], runs: dict[str, UUID], nodes: dict[UUID, Node]) -> tuple[NodeSelect, list[UUID]]:
    """Return a combination of filters as a query, and the nodes that Python finds."""
    asked, found = select(Node), list(nodes.values())
    if "types" in given_:
        asked = asked.of_type(*given_["types"])
        found = [node for node in found if node.node_type in given_["types"]]
    if "labels" in given_:
        asked = asked.labeled(*given_["labels"])
        found = [node for node in found if node.label in given_["labels"]]
    if "models" in given_:
        asked = asked.of_model(*given_["models"])
        names: set[str | None] = {name for model in given_["models"] for name in MODELS[model]}
        found = [node for node in found if node.model_name in names]
    if "run" in given_:
        run_id, descendants = runs[given_["run"][0]], given_["run"][1]
        asked = asked.in_run(run_id, descendants=descendants)
        found = [node for node in found if belongs(node, run_id, nodes, descendants=descendants)]
    if "artifacts" in given_:
        asked = asked.artifacts()
        found = [node for node in found if node.is_artifact]
    moments = [moment_of(node_id) for node_id in nodes]
    since: datetime | None = moments[int(given_["since"])] if "since" in given_ else None
    before: datetime | None = moments[int(given_["before"])] if "before" in given_ else None
    asked = asked.saved(since=since, before=before)
    found = [node for node in found if since is None or node.created_at >= since]
    found = [node for node in found if before is None or node.created_at < before]
    return asked, [node.node_id for node in found]


async def test_nodes_are_found_as_a_filter_in_python_finds_them(engine: AsyncEngine) -> None:
    runs = await make()
    nodes = await all_nodes()
    assert len(nodes) > 60
    combinations: list[Any] = []

    @settings(max_examples=80, derandomize=True, database=None)
    @given(FILTERS)
    def collect(given_: Any) -> None:
        combinations.append(given_)

    collect()
    hits = 0
    for given_ in combinations:
        asked, expected = both(given_, runs, nodes)
        assert await asked.ids() == expected, given_
        assert await asked.count() == len(expected), given_
        assert await asked.offset(1).limit(2).ids() == expected[1:3], given_
        hits += bool(expected)
    assert hits > len(combinations) // 4
    assert await select(Node).all() == list(nodes.values())


async def test_properties_are_compared_and_ordered_by(engine: AsyncEngine) -> None:
    await make()
    nodes = list((await all_nodes()).values())

    def of(holds: Callable[[Node], bool]) -> list[UUID]:
        return [node.node_id for node in nodes if holds(node)]

    pairs: list[tuple[Any, Callable[[Node], bool]]] = [
        (n.label == "report", lambda node: node.label == "report"),
        (n.label != "report", lambda node: node.label != "report"),
        (n.label.is_(None), lambda node: node.label is None),
        (n.serializer == "mapping", lambda node: node.serializer == "mapping"),
        (n.model_name.is_(None) & (n.label == "0"), lambda node: (node.model_name, node.label) == (None, "0")),
        (
            n.parent_id.is_(None) | (n.node_id == nodes[7].node_id),
            lambda node: node == nodes[7] or not node.parent_id,
        ),
        (~(n.parent_id == nodes[0].node_id), lambda node: node.parent_id != nodes[0].node_id),
        (columns(Run).status == "completed", lambda node: node.node_type == "run"),
    ]
    for condition, holds in pairs:
        assert await select(Node).where(condition).ids() == of(holds)
        assert await select(Node).where(condition).count() == len(of(holds))
    by_label = sorted(nodes, key=lambda node: (node.label is not None, node.label or "", node.node_id))
    assert await select(Node).order_by(n.label).all() == by_label
    assert await select(Node).order_by(n.node_id.desc()).limit(3).all() == nodes[:-4:-1]
    assert await select(Node).labeled("report").order_by(n.model_name, n.node_id.desc()).first() == max(
        (node for node in nodes if node.label == "report" and node.model_name is None), key=lambda node: node.node_id
    )


async def test_a_node_says_what_it_is(engine: AsyncEngine) -> None:
    before = datetime.now(UTC)
    async with RunManager(Run()) as manager:
        node_id = await manager.save_artifact("it", Leaf(1))
    node = await select(Node).artifacts().labeled("it").one()
    assert (node.node_id, node.node_type, node.label, node.parent_id) == (node_id, "model", "it", manager.run.node_id)
    assert (node.model_name, node.model_version, node.serializer, node.is_artifact) == ("NodesLeaf", 1, None, True)
    assert before - timedelta(seconds=1) < node.created_at < datetime.now(UTC) + timedelta(seconds=1)
    run = await select(Node).of_type("run").one()
    assert (run.node_id, run.run_status, run.label, run.is_artifact) == (manager.run.node_id, "completed", None, False)
    for wanted in (manager, manager.run, manager.run.node_id):
        assert await select(Node).in_run(wanted).of_type("value").count() == 2
    assert await select(Node).in_run(new_id()).count() == 0
    assert await select(Node).in_run(node_id, descendants=True).count() == 0
    assert [found async for found in select(Node).labeled("x")] == [await select(Node).labeled("x").first()]
    with pytest.raises(MultipleNodesFoundError):
        await select(Node).one()
    with pytest.raises(NodeNotFoundError, match="one Node, found none"):
        await select(Node).labeled("nothing").one()


async def test_a_class_that_is_not_defined_is_named(engine: AsyncEngine) -> None:
    def make_class() -> Any:
        @dataclass
        class Gone(ArtifactModel, name="NodesGone"):
            x: int

        return Gone

    saved = await make_class()(1).save("label")
    assert (await select(Node).of_model("NodesGone").of_type("model").one()).node_id == saved
    assert (await select(Node).labeled("label").one()).model_name == "NodesGone"


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: select(Node).of_type("artifact"), QueryError, "one of 'run', 'model'"),  # type: ignore[arg-type]
        (lambda: select(Node).of_model(int), QueryError, "of_model takes"),  # type: ignore[arg-type]
        (lambda: select(Node).of_model(5), QueryError, "of_model takes"),  # type: ignore[arg-type]
        (lambda: select(Node).of_model("a\0b"), InvalidLabelError, "NUL"),
        (lambda: select(Node).labeled(5), InvalidLabelError, "text"),  # type: ignore[arg-type]
        (lambda: select(Node).saved(since=datetime(2020, 1, 1)), QueryError, "aware"),
        (lambda: select(Node).where(columns(Leaf).x == 1), QueryError, r"columns\(Node\)"),
        (lambda: n.label < "a", QueryError, "no order"),
        (lambda: n.label == 5, QueryError, "cannot be compared"),
    ],
)
def test_what_cannot_be_asked_of_nodes_is_refused(build: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        build()


def test_what_can_be_asked_of_nodes_is_a_condition() -> None:
    assert isinstance(n.label == "x", Condition)
    assert (repr(n), repr(n.label), repr(select(Node))) == (
        "<columns of Node>",
        "<column label of nodes>",
        "<select of Node>",
    )


async def test_long_names_and_values_of_runs_are_asked_of_nodes_too(engine: AsyncEngine) -> None:
    name = "n" * 254
    runs: Any = columns(Run)
    found: list[UUID] = []
    for end in ("a", "b"):
        async with RunManager(Run(name=name + end, parameters={"p": name + end})) as manager:
            found.append(manager.run.node_id)
    leaf = await Leaf(1).save("x")
    assert await select(Node).of_type("run").where(runs.name == name + "a").ids() == found[:1]
    assert await select(Node).where(runs.name.contains("na")).ids() == found[:1]
    assert await select(Node).where(runs.parameters["p"] != name + "a").of_type("run", "model").ids() == [
        found[1],
        leaf,
    ]
    both = (runs.parameters["p"] == name + "b") & ~(n.label == "x")
    assert await select(Node).where(both).ids() == found[1:]
    assert await select(Run).where(both).ids() == found[1:]
