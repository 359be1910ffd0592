"""Artifacts that are deep, and artifacts that are large, from one end of their life to the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert

from artigraph import ArtifactMapping, ArtifactModel, ArtifactSequence, Run, RunManager, delete
from artigraph.db import engine_context, write
from artigraph.errors import CycleError
from artigraph.identifiers import new_ids
from artigraph.orm import node_table
from tests.support.sizes import note, sizes
from tests.support.sound import count

pytestmark = pytest.mark.timeout(1200)

LEVELS = 5000


@dataclass
class Link(ArtifactModel, name="depth.Link"):
    inner: Any


@dataclass
class Cloud(ArtifactModel, name="depth.Cloud"):
    points: ArtifactSequence[Any]
    by_name: ArtifactMapping[str, Any] = field(default_factory=ArtifactMapping)
    plain: list[Any] = field(default_factory=list[Any])


WRAPS: dict[str, Callable[[Any], Any]] = {
    "models": Link,
    "mappings": lambda inner: ArtifactMapping(k=inner),
    "lists": lambda inner: [Link(inner)],
}


def deep(wrap: Callable[[Any], Any], end: Any = 1) -> Link:
    for _ in range(LEVELS):
        end = wrap(end)
    return Link(end)


@pytest.mark.parametrize("shape", WRAPS)
async def test_five_thousand_levels_are_saved_loaded_and_deleted(database_url: str, database: str, shape: str) -> None:
    model = deep(WRAPS[shape])
    async with engine_context(database_url, create_tables=True):
        kept = await Link("kept").save("kept")
        node_id = await model.save("deep")
        rows = await count(node_table)
        assert rows >= LEVELS
        loaded = await Link.load(node_id)
        assert loaded == model == deep(WRAPS[shape])
        assert loaded != deep(WRAPS[shape], 2)
        assert len(repr(loaded)) < 2000
        report = await delete(node_id)
        assert report.rows == rows - 2
        assert await count(node_table) == 2
        assert await Link.load(kept) == Link("kept")
    note(20, database, shape=shape, levels=LEVELS, rows=report.rows)


@pytest.mark.parametrize("nodes", sizes(10_000, 100_000))
async def test_a_large_artifact_is_saved_loaded_and_deleted(database_url: str, database: str, nodes: int) -> None:
    few = nodes // 10
    model = Cloud(
        ArtifactSequence(Link(number) for number in range(3 * few)),
        ArtifactMapping({str(number): number for number in range(2 * few)}),
        [Link(str(number)) for number in range(few)],
    )
    async with engine_context(database_url, create_tables=True):
        node_id = await model.save("large")
        assert await count(node_table) == nodes + 4
        assert await Cloud.load(node_id) == model
        report = await delete(node_id)
        assert report.rows == nodes + 4
        assert await count(node_table) == 0
    note(20, database, nodes=nodes + 4)


async def test_runs_in_runs_are_found_and_go_with_the_first_of_them(database_url: str, database: str) -> None:
    ids = new_ids(LEVELS)
    async with engine_context(database_url, create_tables=True):
        async with RunManager(Run()) as manager:
            parents = [manager.run.node_id, *ids]
            started = {"node_type": "run", "run_status": "running", "run_started_at": datetime.now(UTC)}
            rows = [started | {"node_id": one, "parent_id": parent} for one, parent in zip(ids, parents, strict=False)]
            await write(lambda connection: connection.execute(insert(node_table), rows))
            await Link("deepest").save("it", parent_id=ids[-1])
        assert [run.node_id for run in await manager.load_descendant_runs()] == ids
        artifacts = await manager.load_descendant_artifacts()
        assert (len(artifacts), artifacts[ids[-1]], artifacts[ids[0]]) == (LEVELS, {"it": Link("deepest")}, {})
        report = await delete(manager.run.node_id)
        assert (report.runs, report.artifacts) == (LEVELS + 1, 1)
        assert await count(node_table) == 0
    note(20, database, runs_in_runs=LEVELS)


async def test_a_cycle_below_thousands_of_levels_is_an_error_and_can_be_shown_and_compared(database_url: str) -> None:
    def cycle() -> Link:
        end = Link(None)
        model = end
        for _ in range(LEVELS):
            model = Link(model)
        end.inner = model
        return model

    model = cycle()
    async with engine_context(database_url, create_tables=True):
        with pytest.raises(CycleError) as caught:
            await Link([model]).save("cycle")
        assert len(str(caught.value)) < 2000
        assert await count(node_table) == 0
    assert len(repr(model)) < 2000
    assert model == cycle()
    assert model != deep(Link)
