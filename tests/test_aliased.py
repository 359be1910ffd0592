"""What an alias points to is kept: by deletion, by retention. integration/test_series.py does it on servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, DeletionReport, Run, RunManager, delete, prune, save_many, series
from artigraph.db import session_context, write
from artigraph.errors import ArtifactInUseError, VersionNotFoundError
from artigraph.maintenance import fsck
from artigraph.orm import link_table


@dataclass
class Kept(ArtifactModel, name="AliasedKept"):
    number: int


kept = series(Kept, "kept")
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture(autouse=True)
async def sound(engine: AsyncEngine) -> AsyncGenerator[None]:
    yield
    assert (await fsck()).counts == {}


async def test_what_an_alias_points_to_is_not_deleted(engine: AsyncEngine) -> None:
    ids = await save_many([("kept", Kept(number)) for number in range(3)])
    await kept.set_alias("production", 1)
    for dry_run in (True, False):
        with pytest.raises(ArtifactInUseError, match=r"named.*alias 'production' of 'kept' \(AliasedKept\)"):
            await delete(ids, dry_run=dry_run)
    assert await kept.count() == 3
    assert (await delete([ids[0], ids[2]])).aliases == 0
    await kept.remove_alias("production")
    assert (await delete(ids[1])).artifacts == 1
    assert await kept.count() == 0


async def test_what_is_below_a_run_that_goes_is_not_deleted_either(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as outer, RunManager(Run()) as inner:
        await inner.save_artifact("kept", Kept(1))
    await kept.set_alias("a", 0)
    await kept.set_alias("b", 0)
    with pytest.raises(ArtifactInUseError, match=rf"below run {outer.run.node_id}.*and 1 more such"):
        await delete(outer.run.node_id)
    assert await kept.count() == 1


async def test_with_cascade_aliases_go_with_what_they_point_to(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as run:
        gone = await run.save_artifact("kept", Kept(1))
    stays = await Kept(2).save("kept")
    await kept.set_alias("a", gone)
    await kept.set_alias("b", gone)
    await kept.set_alias("c", stays)
    planned = await delete(run.run.node_id, cascade=True, dry_run=True)
    assert planned.aliases == 2
    assert "2 aliases of what goes will go with it." in planned.render()
    assert await kept.aliases() == {"a": gone, "b": gone, "c": stays}
    report = await delete(run.run.node_id, cascade=True)
    assert (report.aliases, report.artifacts, report.runs) == (2, 1, 1)
    assert await kept.aliases() == {"c": stays}


async def test_nothing_is_pointed_to_that_others_delete_meanwhile(engine: AsyncEngine) -> None:
    """Either an artifact is deleted, or an alias points to it, whichever is first."""
    for number in range(6):
        saved = await Kept(number).save("kept")
        moving, deleting = (kept.set_alias(f"a{number}", saved), delete(saved))
        moved, deleted = await asyncio.gather(moving, deleting, return_exceptions=True)
        points = f"a{number}" in await kept.aliases()
        assert points == (moved is None) == (saved in await kept.ids())
        assert isinstance(deleted, ArtifactInUseError if points else DeletionReport), deleted
        assert points or isinstance(moved, VersionNotFoundError), moved


async def test_retention_keeps_what_an_alias_points_to(engine: AsyncEngine) -> None:
    ids = await save_many([("kept", Kept(number)) for number in range(6)])
    await kept.set_alias("production", 1)
    report = await prune(keep_newest={"kept": 2})
    assert sorted(node.node_id for node in report.nodes) == [ids[0], ids[2], ids[3]]
    assert await kept.ids() == [ids[1], ids[4], ids[5]]
    await prune(older_than=LATER)
    assert await kept.ids() == [ids[1]]
    await kept.remove_alias("production")
    await prune(older_than=LATER)
    assert await kept.count() == 0


async def test_retention_keeps_the_runs_that_such_is_below(engine: AsyncEngine) -> None:
    async def failing(manager: RunManager, label: str) -> UUID:
        async with manager:
            saved = await manager.save_artifact(label, Kept(1))
            raise LookupError(saved)

    async with RunManager(Run()) as outer:
        runs = [RunManager(Run()) for _ in range(2)]
        for manager in runs:
            with pytest.raises(LookupError):
                await failing(manager, "kept")
        beside = await outer.save_artifact("beside", Kept(2))
    await kept.set_alias("production", 0)
    report = await prune(failed_runs=True)
    assert [node.node_id for node in report.nodes] == [runs[1].run.node_id]
    report = await prune(older_than=LATER)
    assert [node.node_id for node in report.nodes] == [beside]
    assert await kept.all() == [Kept(1)]
    assert (await outer.load_descendant_runs()) == [runs[0].run]


async def test_retention_does_not_reach_an_alias_by_a_cascade(engine: AsyncEngine) -> None:
    old = await Kept(1).save("old")
    async with RunManager(Run()) as user:
        await user.save_artifact("kept", Kept(2))
    values = {"source_id": old, "target_id": user.run.node_id, "kind": "used", "created_at": LATER}
    await write(lambda connection: connection.execute(insert(link_table).values(**values)))
    await kept.set_alias("production", 0)
    with pytest.raises(ArtifactInUseError, match="alias 'production'"):
        await prune(keep_newest={"old": 0}, cascade=True)
    assert (await delete(old, cascade=True)).aliases == 1


async def test_in_a_session_an_alias_goes_with_it(engine: AsyncEngine) -> None:
    saved = await Kept(1).save("kept")
    async with session_context():
        await kept.set_alias("x", saved)
        await delete(saved, cascade=True)
        assert await kept.aliases() == {}
    assert await kept.count() == 0
