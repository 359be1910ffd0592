"""Lineage, compared with a search in plain Python. integration/test_lineage.py runs on servers."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Collection
from itertools import combinations
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import Run, RunManager, ancestors, descendants, paths, run_manager, tracked
from artigraph.db import engine_context, read
from artigraph.errors import NodeNotFoundError, QueryError
from artigraph.identifiers import new_ids
from artigraph.lineage import EdgeKind, Lineage, Node
from artigraph.orm import node_table
from tests.lineage.graphs import Graph, graphs
from tests.support.statements import counted
from tests.support.uses import Item, made, part_of

DATA: tuple[EdgeKind, ...] = ("used", "produced")
KINDS: tuple[EdgeKind, ...] = ("used", "produced", "child")
SETS = [set(kinds) for count in range(4) for kinds in combinations(KINDS, count)]


def assert_is(
    found: Lineage, graph: Graph, nodes: Collection[UUID], kinds: Collection[str], *, served: bool = False
) -> None:
    assert list(found.nodes) == sorted(nodes)
    assert len(found.edges) == len(set(found.edges))
    assert set(found.edges) == graph.among(nodes, kinds, served=served)


async def check_all(graph: Graph, start: UUID, other: UUID, kinds: Collection[EdgeKind], depth: int) -> None:
    for ask, up in ((ancestors, True), (descendants, False)):
        served = not up
        everything = graph.reached(start, kinds, up=up, served=served)
        assert_is(await ask(start, kinds=kinds), graph, everything, kinds, served=served)
        near = graph.reached(start, kinds, up=up, depth=depth, served=served)
        assert_is(await ask(start, depth, kinds), graph, near, kinds, served=served)
        assert_is(await ask(start, 1000, kinds), graph, everything, kinds, served=served)
    between = graph.reached(start, DATA, up=False) & graph.reached(other, DATA, up=True)
    found = await paths(start, other)
    assert found.root_ids == (start, other)
    assert_is(found, graph, between, DATA)


def test_lineage_is_what_plain_python_finds(database_url: str) -> None:
    """Graphs with and without cycles share a database, but no nodes."""

    @settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(graph=graphs(), data=st.data())
    def check(graph: Graph, data: st.DataObject) -> None:
        ids = st.sampled_from(graph.ids)
        kinds = data.draw(st.sets(st.sampled_from(KINDS)))
        start, other, depth = data.draw(ids), data.draw(ids), data.draw(st.integers(0, 6))

        async def run() -> None:
            async with engine_context(database_url, create_tables=True):
                await graph.write()
                await check_all(graph, start, other, kinds, depth)

        asyncio.run(run())

    check()


async def test_lineage_of_every_node_of_some_graphs(engine: AsyncEngine) -> None:
    """The answers are the same on each database, which is filled once."""
    graph = Graph()
    first, second, third, apart = runs = new_ids(4)
    a, b, c, d, e, f = artifacts = new_ids(6)
    graph.runs = {first: None, second: first, third: second, apart: None}
    graph.artifacts = {a: None, b: first, c: second, d: third, e: third, f: apart}
    graph.uses = {(a, first), (b, second), (b, third), (c, third), (d, second), (e, third), (a, third)}
    graph.served = {(apart, c), (second, d), (third, f), (first, f)}
    await graph.write()
    for start in (*runs, *artifacts):
        for kinds in SETS:
            await check_all(graph, start, (d, f, second)[start.int % 3], kinds, depth=start.int % 4)


async def test_what_runs_were_served_is_found_along_the_flow_of_data_only(engine: AsyncEngine) -> None:
    """A thousand runs were served one result. Its descendants do not lead to them, and neither do its ancestors."""
    graph = Graph()
    computed, user, *hits = new_ids(1002)
    old, new, result, end = new_ids(4)
    graph.runs = dict.fromkeys((computed, user, *hits))
    graph.artifacts = {old: None, new: None, result: computed, end: user}
    graph.uses = {(old, computed), (result, user), (new, hits[0]), *((old, hit) for hit in hits[1:])}
    graph.served = {(hit, result) for hit in hits}
    await graph.write()
    for start in (old, new, result, end, computed, user, hits[0], hits[1]):
        await check_all(graph, start, end, DATA, depth=3)
    assert {*(await descendants(new)).nodes} == {new, hits[0], result, user, end}
    assert len(await descendants(old)) == 999 + 5
    assert {*(await ancestors(end)).nodes} == {end, user, result, computed, old}
    assert {*(await ancestors(hits[0])).nodes} == {hits[0], new}
    assert len(await paths(new, end)) == 0


async def test_a_ladder_with_exponentially_many_paths(engine: AsyncEngine) -> None:
    """Each run uses all ten artifacts of the run before: 10 to the power of 120 paths."""
    graph = Graph()
    runs, artifacts = new_ids(120), new_ids(1200)
    for number, run in enumerate(runs):
        graph.runs[run] = None
        made_here = artifacts[10 * number : 10 * number + 10]
        graph.artifacts |= dict.fromkeys(made_here, run)
        if number + 1 < len(runs):
            graph.uses |= {(artifact, runs[number + 1]) for artifact in made_here}
    await graph.write()
    assert_is(await descendants(runs[0]), graph, graph.ids, DATA)
    assert_is(await ancestors(artifacts[-1]), graph, {*runs, *artifacts[:-10], artifacts[-1]}, DATA)
    between = {*runs[3:9], *artifacts[30:80]}
    assert_is(await paths(runs[3], runs[8]), graph, between, DATA)
    assert len(await descendants(runs[0], 6)) == 4 + 30
    assert len(await descendants(runs[0], 100)) == 51 + 500


async def test_a_chain_that_is_deeper_than_databases_recurse_by_themselves(engine: AsyncEngine) -> None:
    graph = Graph()
    runs, artifacts = new_ids(1500), new_ids(1500)
    for run, artifact in zip(runs, artifacts, strict=True):
        graph.runs[run], graph.artifacts[artifact] = None, run
    graph.uses = {(artifact, run) for artifact, run in zip(artifacts, runs[1:], strict=False)}
    graph.uses.add((artifacts[-1], runs[0]))  # and it is a ring
    await graph.write()
    for ask in (ancestors, descendants):
        found = await ask(artifacts[700])
        assert (len(found), len(found.edges)) == (3000, 3000)
    assert len(await paths(artifacts[700], runs[600])) == 3000


async def test_runs_of_a_pipeline_that_use_the_last_result(engine: AsyncEngine) -> None:
    [seed] = await made()
    async with RunManager(Run()) as pipeline:
        await Item.load(seed)
        async with RunManager(Run()) as train:
            model = await train.save_artifact("model", Item(1))
        async with RunManager(Run()) as test:
            await train.load_artifact("model")
            report = await test.save_artifact("report", Item(2))
        await test.load_artifact("report")
        async with RunManager(Run()) as sweep:
            other = await sweep.save_artifact("other", Item(3))
    found = await ancestors(report)
    assert {*found.nodes} == {report, model, test.run.node_id, train.run.node_id}
    assert [run.node_id for run in (await ancestors(report, depth=1)).runs] == [test.run.node_id]
    assert {*(await descendants(model)).nodes} == {
        model,
        test.run.node_id,
        report,
        pipeline.run.node_id,
    }
    assert other in await descendants(report, kinds=KINDS)
    assert other not in await descendants(report)
    assert [node.node_id for node in (await descendants(train)).artifacts] == [model, report]
    assert (await descendants(train.run)) == await descendants(train.run.node_id)
    assert len(await paths(seed, report)) == 0
    assert (await paths(model, report)).edges == (
        (model, test.run.node_id, "used"),
        (test.run.node_id, report, "produced"),
    )


async def test_an_input_that_is_kept_with_its_run_is_no_product_of_it(engine: AsyncEngine) -> None:
    """Whether uses are part of the question or not."""
    runs: list[UUID] = []

    @tracked
    async def double(item: Item) -> Item:
        runs.append(run_manager().run.node_id)
        async with RunManager(Run()) as inner:
            await inner.save_artifact("inside", Item(0))
        return Item(2 * item.x)

    await double(Item(3))
    [run_id] = runs
    [kept] = (await ancestors(run_id)).artifacts
    assert (kept.label, kept.parent_id) == ("item", run_id)
    for kinds in SETS:
        labels = {"produced": {"return"}, "produced, child": {"return", "inside"}}
        expected = labels.get(", ".join(kind for kind in ("produced", "child") if kind in kinds), set[str]())
        for depth in (None, 3):
            assert {node.label for node in (await descendants(run_id, depth, kinds)).artifacts} == expected
        for depth in (None, 1, 3):
            above = await ancestors(kept.node_id, depth, kinds)
            assert ([*above.nodes], above.edges) == ([kept.node_id], ())


async def test_it_is_copied_and_pickled(engine: AsyncEngine) -> None:
    """Whether its nodes were already made from rows or not. The pickle has no object of the driver."""
    [seed] = await made()
    async with RunManager(Run(name="outer")), RunManager(Run()) as manager:
        await Item.load(seed)
        node_id = await manager.save_artifact("label", Item(1))
    for lineage in (
        await ancestors(node_id),
        await ancestors(node_id, 1, KINDS),
        await descendants(seed, kinds=KINDS),
        await paths(seed, node_id),
        await paths(node_id, seed),
    ):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            pickled = pickle.dumps(lineage, protocol)
            assert not any(name in pickled for name in (b"asyncpg", b"asyncmy", b"sqlite", b"sqlalchemy"))
            found: Lineage = pickle.loads(pickled)
            assert (found, repr(found), hash(found)) == (lineage, repr(lineage), hash(lineage))
            assert ([*found.nodes], [*found]) == ([*lineage.nodes], [*lineage])
            assert pickle.loads(pickle.dumps(found)) == lineage
        assert copy.deepcopy(lineage.nodes) == lineage.nodes
        for copied in (copy.copy(lineage), copy.deepcopy(lineage), copy.deepcopy([lineage])[0]):
            assert copied == lineage


async def test_nodes_are_what_is_stored(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        node_id = await manager.save_artifact("label", Item(1))
    found = await ancestors(await part_of(node_id, "x"))
    assert found.root_ids == (node_id,)
    assert found.nodes[node_id] == Node(
        node_id, "model", manager.run.node_id, "label", node_id, "UsesItem", 1, None, None, None, None, None
    )
    run = found.nodes[manager.run.node_id]
    assert (run.node_type, run.run_status, run.parent_id) == ("run", "completed", None)
    assert (run.run_started_at, run.run_ended_at) == (manager.run.started_at, manager.run.ended_at)
    assert (found.artifacts, found.runs) == ((found.nodes[node_id],), (run,))
    stored = (await read(lambda connection: connection.execute(sql_select(node_table.c.node_id)))).scalars().all()
    assert len(stored) == 4  # the values of the artifact are no nodes of its lineage


async def test_whatever_the_graph_it_is_two_statements(engine: AsyncEngine) -> None:
    graph = Graph()
    runs, artifacts = new_ids(50), new_ids(2000)
    graph.runs = dict.fromkeys(runs)
    graph.artifacts = {artifact: runs[number % 50] for number, artifact in enumerate(artifacts)}
    graph.uses = {(artifact, runs[(number + 1) % 50]) for number, artifact in enumerate(artifacts)}
    await graph.write()
    for node_id in (runs[0], artifacts[0]):
        for call in (
            ancestors(node_id),
            ancestors(node_id, kinds=["produced"]),
            descendants(node_id, 3),
            descendants(node_id, kinds=["produced", "child"]),
            paths(node_id, runs[7]),
        ):
            with counted() as seen:
                await call
            assert len([line for line in seen if "WITH RECURSIVE" in line]) == 1
            assert len(seen) <= 3


async def test_what_is_not_there_is_an_error(engine: AsyncEngine) -> None:
    [one] = await made()
    wrong: Any = "text"
    for ask in (ancestors, descendants):
        with pytest.raises(NodeNotFoundError, match="no node"):
            await ask(uuid4())
        with pytest.raises(NodeNotFoundError, match="'text' is not the text of an id"):
            await ask(wrong)
        with pytest.raises(QueryError, match="'made'"):
            await ask(one, kinds=["used", "made"])  # type: ignore[list-item]
        for depth in (-1, True, 1.5):
            with pytest.raises(QueryError, match="number of edges"):
                await ask(one, depth=depth)  # type: ignore[arg-type]
        with pytest.raises(QueryError, match=r"kinds=\('used',\)"):
            await ask(one, kinds="used")  # type: ignore[arg-type]
    for pair in ((one, uuid4()), (uuid4(), one)):
        with pytest.raises(NodeNotFoundError):
            await paths(*pair)
    assert [*(await paths(one, one)).nodes] == [one]
