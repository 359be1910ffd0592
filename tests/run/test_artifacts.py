"""Loading the artifacts of runs by their class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph import ArtifactModel, Run, RunManager, ancestors, sync
from artigraph.db import write
from artigraph.errors import ArgumentError, UnknownModelError
from artigraph.orm import node_table
from artigraph.sync.db import engine_context


@dataclass
class Score(ArtifactModel, name="artifacts Score"):
    value: float


@dataclass
class Better(Score, name="artifacts Better"):
    more: int = 0


@dataclass
class Other(ArtifactModel, name="artifacts Other"):
    score: Score


async def made() -> RunManager:
    async with RunManager(Run()) as top:
        await top.save_artifacts({"a": Score(1), "b": Other(Score(2)), "c": Better(3)})
        async with RunManager(Run()) as one:
            await one.save_artifacts({"a": Score(4), "b": Other(Score(5)), "c": Better(6, 7)})
        async with RunManager(Run()) as two:
            await two.save_artifact("b", Other(Score(8)))
    assert (one.run.node_parent_id, two.run.node_parent_id) == (top.run.node_id, top.run.node_id)
    return top


async def test_artifacts_are_loaded_by_their_class(engine: AsyncEngine) -> None:
    top = await made()
    found = await top.load_artifacts(Score)
    assert_type(found, dict[str, Score])
    assert found == {"a": Score(1), "c": Better(3)}
    assert await top.load_artifacts(Better) == {"c": Better(3)}
    assert list(await top.load_artifacts()) == ["a", "b", "c"]
    below = await top.load_descendant_artifacts(Score)
    assert_type(below, dict[UUID, dict[str, Score]])
    assert list(below.values()) == [{"a": Score(4), "c": Better(6, 7)}, {}]
    assert [list(each) for each in (await top.load_descendant_artifacts()).values()] == [["a", "b", "c"], ["b"]]
    wrong: Any = "Score"
    for load in (top.load_artifacts, top.load_descendant_artifacts):
        with pytest.raises(ArgumentError, match="not 'Score'"):
            await load(wrong)


async def test_artifacts_of_other_classes_are_not_read(engine: AsyncEngine) -> None:
    """An artifact that could not be loaded is skipped, and counts as used by no run."""
    top = await made()

    async def work(connection: AsyncConnection) -> None:
        renamed = update(node_table).where(node_table.c.model_name == "artifacts Other").values(model_name="Gone")
        await connection.execute(renamed)

    async def again(_: AsyncConnection) -> bool:
        return False

    await write(work, committed=again)
    with pytest.raises(UnknownModelError):
        await top.load_artifacts()
    async with RunManager(Run()) as user:
        assert len(await top.load_artifacts(Score)) == 2
        assert len(await top.load_descendant_artifacts(Score)) == 2
    assert len((await ancestors(user, depth=1)).artifacts) == 4


def test_the_sync_twin_loads_by_class_too(database_url: str) -> None:
    with engine_context(database_url, create_tables=True), sync.RunManager(Run()) as top:
        top.save_artifacts({"a": Score(1), "b": Other(Score(2))})
        found = top.load_artifacts(Score)
        assert_type(found, dict[str, Score])
        assert found == {"a": Score(1)}
        assert top.load_descendant_artifacts(Score) == {}
