"""The lineage around a node."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from artigraph import ArtifactModel, Run, RunManager, ancestors, descendants
from artigraph.db import write
from artigraph.errors import NodeNotFoundError, QueryError
from artigraph.graph import record_inputs
from artigraph.stored import load_stored
from artigraph.view import LineageDocument, lineage_document
from tests.support.documents import as_json
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Item(ArtifactModel, name="viewlineage.Item"):
    value: int
    inner: Any = None


async def step(*used: UUID, outputs: int = 1, name: str = "step") -> tuple[UUID, list[UUID]]:
    async with RunManager(Run(name=name)) as manager:
        await manager.use(*used)
        made = [await manager.save_artifact(f"out {number}", Item(number)) for number in range(outputs)]
    return manager.run.node_id, made


def edges_of(document: Any) -> set[tuple[UUID, UUID, str]]:
    return {(edge.source_id, edge.target_id, edge.kind) for edge in document.edges}


def levels_of(document: LineageDocument) -> dict[UUID, int]:
    return {node.node_id: node.level for node in document.nodes}


async def test_one_level_each_way_and_what_is_beyond() -> None:
    source = await Item(0).save("source")
    first, [middle] = await step(source, name="first")
    second, [last] = await step(middle, source, name="second")
    document = await lineage_document(middle)
    data = as_json(document)["data"]
    assert data["root_id"] == str(middle)
    assert levels_of(document) == {middle: 0, first: -1, second: 1}
    assert edges_of(document) == {(first, middle, "produced"), (middle, second, "used")}
    more = {node.node_id: (node.more_up, node.more_down) for node in document.nodes}
    assert more == {middle: (0, 0), first: (1, 0), second: (1, 1)}
    names = {
        node["node_id"]: (node["kind"], node["name"], node["model_name"], node["status"]) for node in data["nodes"]
    }
    assert names[str(middle)] == ("artifact", "out 0", "viewlineage.Item", None)
    assert names[str(first)] == ("run", "first", None, "completed")
    whole = await lineage_document(middle, up=5, down=5)
    assert levels_of(whole) == {middle: 0, first: -1, source: -2, second: 1, last: 2}
    assert edges_of(whole) == {
        *((source, first, "used"), (first, middle, "produced"), (middle, second, "used")),
        *((source, second, "used"), (second, last, "produced")),
    }
    assert {(node.more_up, node.more_down) for node in whole.nodes} == {(0, 0)}


@pytest.mark.parametrize("depth", range(6))
async def test_it_is_what_ancestors_and_descendants_return(depth: int) -> None:
    source = await Item(0).save("source")
    made = [source]
    runs: list[UUID] = []
    for number in range(4):
        run, outputs = await step(*made[-2:], outputs=2, name=f"step {number}")
        made += outputs
        runs.append(run)
    for start in (source, made[3], runs[1], runs[-1]):
        document = await lineage_document(start, up=depth, down=0)
        expected = await ancestors(start, depth)
        assert set(levels_of(document)) == set(expected.nodes)
        assert edges_of(document) >= {tuple(edge) for edge in expected.edges}
        document = await lineage_document(start, up=0, down=depth)
        assert set(levels_of(document)) == set((await descendants(start, depth)).nodes)


async def test_inputs_that_are_saved_with_their_run_are_no_products() -> None:
    async with RunManager(Run()) as manager:
        own = await manager.save_artifact("input", Item(1))
        await write(partial(record_inputs, run_id=manager.run.node_id, node_ids=[own]))
        made = await manager.save_artifact("output", Item(2))
    run = manager.run.node_id
    assert edges_of(await lineage_document(run)) == {(own, run, "used"), (run, made, "produced")}
    of_input = await lineage_document(own, up=3, down=0)
    assert levels_of(of_input) == {own: 0}
    assert [(node.more_up, node.more_down) for node in of_input.nodes] == [(0, 1)]


async def test_a_hub_is_cut_and_says_by_how_much() -> None:
    hub = await Item(0).save("hub")
    users = [(await step(hub))[0] for _ in range(6)]
    document = await lineage_document(hub, limit=2)
    assert set(levels_of(document)) == {hub, *users[-2:]}
    more = {node.node_id: node.more_down for node in document.nodes}
    assert more == {hub: 4, users[-1]: 1, users[-2]: 1}


async def test_a_part_means_its_artifact() -> None:
    inner = Item(1)
    outer = await Item(0, inner).save("outer")
    part = (await load_stored(outer)).fields["inner"].value
    document = await lineage_document(part)  # type: ignore[arg-type]
    assert (document.root_id, levels_of(document)) == (outer, {outer: 0})


@pytest.mark.parametrize("levels", [-1, 11, 1.5, True, "1", None])
async def test_a_number_of_levels_is_small(levels: Any) -> None:
    for asked in ({"up": levels}, {"down": levels}):
        with pytest.raises(QueryError, match="number of edges"):
            await lineage_document(uuid4(), **asked)


async def test_what_is_nowhere_is_refused() -> None:
    with pytest.raises(NodeNotFoundError):
        await lineage_document(uuid4())


async def test_the_statements_depend_on_the_levels_only() -> None:
    hub = await Item(0).save("hub")
    counts: set[int] = set()
    for _ in range(3):
        for _ in range(3):
            await step(hub, outputs=2)
        with counted() as statements:
            await lineage_document(hub, up=2, down=2)
        counts.add(len(statements))
    assert counts == {11}
