"""The picture of what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager, artifact_field
from artigraph.errors import NodeNotFoundError
from artigraph.outline import outline_of
from artigraph.storage import MemoryStorage

memory = MemoryStorage("outline")


class Colour(Enum):
    RED = 1


@dataclass
class Report(ArtifactModel, name="outline.Report", version=3):
    score: Any
    parts: ArtifactMapping[str, Any]
    stored: str = artifact_field(storage=memory, default="x" * 3000)
    long: str = "y" * 200
    colour: Colour = Colour.RED


async def test_a_run_is_drawn_with_all_below_it(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        await manager.save_artifact("report", Report(0.5, ArtifactMapping(a=1, b=None)))
        child = RunManager(Run())
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with child:
                await child.save_artifact("inner", Report(1, ArtifactMapping()))
                raise ZeroDivisionError("by nought")
        outline = await outline_of(manager.run.node_id)
    lines = str(outline).splitlines()
    assert lines[0] == f"run {manager.run.node_id} running"
    assert lines[1:9] == [
        "├── report: outline.Report (version 3)",
        "│   ├── score = 0.5",
        "│   ├── parts: mapping",
        "│   │   ├── a = 1",
        "│   │   └── b = None",
        "│   ├── stored: json, 2.9 KiB in outline",
        "│   ├── long: json, 202 bytes in the database",
        "│   └── colour = Colour.RED",
    ]
    assert lines[9].startswith(f"└── run {child.run.node_id} failed in 0.")
    assert lines[9].endswith("by ZeroDivisionError: by nought")
    assert lines[10] == "    └── inner: outline.Report (version 3)"
    assert len(repr(outline)) < 300


async def test_an_artifact_and_a_part_of_one_are_drawn_alone(engine: AsyncEngine) -> None:
    node_id = await Report(1, ArtifactMapping(a=Report(2, ArtifactMapping()))).save("it")
    outline = await outline_of(node_id)
    part = outline.children[1].children[0]
    assert str(await outline_of(part.node_id)) == str(part)
    assert str(part).startswith("a: outline.Report")


async def test_depth_is_no_limit(engine: AsyncEngine) -> None:
    deep: Any = None
    for number in range(1200):
        deep = Report(number, ArtifactMapping(a=deep))
    assert len(str(await outline_of(await deep.save("deep"))).splitlines()) == 1200 * 6 + 1


@pytest.mark.parametrize("bad", [uuid4(), "x", None])
async def test_what_is_not_there_is_not_found(engine: AsyncEngine, bad: Any) -> None:
    with pytest.raises(NodeNotFoundError):
        await outline_of(bad)
