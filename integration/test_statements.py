"""How many statements a call takes on each database, for little data and for much."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, ArtifactSequence, Run, RunManager, delete


@dataclass
class Dot(ArtifactModel, name="StatementDot"):
    x: int
    y: float


@dataclass
class Cloud(ArtifactModel, name="StatementCloud"):
    dots: ArtifactSequence[Dot] = field(default_factory=ArtifactSequence[Dot])


async def count(engine: AsyncEngine, call: Callable[[], Awaitable[object]]) -> int:
    """Count the statements that a call sends to a cursor."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        await call()
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
    return len(seen)


async def test_the_number_of_statements_does_not_depend_on_the_size(engine: AsyncEngine) -> None:
    found: list[list[int]] = []
    for size in (1, 100):
        cloud = Cloud(ArtifactSequence([Dot(number, 0.5) for number in range(size)]))
        dots = {str(number): Dot(number, 0.5) for number in range(size)}
        node_id = await cloud.save("before")
        async with RunManager(Run()) as manager, RunManager(Run()) as child:
            counts = [
                await count(engine, partial(cloud.save, "cloud")),
                await count(engine, partial(child.save_artifacts, dots)),
                await count(engine, partial(Cloud.load, node_id)),
                await count(engine, child.load_artifacts),
                await count(engine, manager.load_descendant_artifacts),
                await count(engine, partial(delete, node_id)),
                await count(engine, partial(delete, manager.run.node_id)),
            ]
        found.append(counts)
    assert found == [[1, 1, 1, 1, 2, 7, 12]] * 2
