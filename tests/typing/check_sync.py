"""What a type checker infers about the sync twin; pyright and mypy check it as they check all files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO, assert_type
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

import artigraph
from artigraph import DeletionReport, ModelDiff, RunDiff
from artigraph.db import current_session, set_engine
from artigraph.maintenance import FsckReport, GcReport
from artigraph.outline import Outline
from artigraph.sync import (
    NO_PARENT,
    ArtifactMapping,
    ArtifactModel,
    Lazy,
    Run,
    RunManager,
    artifact_field,
    columns,
    delete,
    diff,
    load_many,
    prune,
    run_manager,
    save_many,
    select,
    wait_for,
)
from artigraph.sync.db import engine_context, get_engine, session_context
from artigraph.sync.maintenance import fsck, gc
from artigraph.sync.migrations import current
from artigraph.sync.outline import outline_of
from artigraph.sync.query import ArtifactSelect, RunSelect


@dataclass
class Leaf(ArtifactModel, version=2, name="typing.sync.Leaf"):
    number: int
    text: str = artifact_field(default="x")


@dataclass(frozen=True)
class Frozen(ArtifactModel, frozen=True):
    leaf: Leaf
    by_name: ArtifactMapping[str, Leaf]
    array: Lazy[np.ndarray[Any, Any]]


@dataclass(kw_only=True)
class Keyword(ArtifactModel, kw_only=True):
    number: int


@dataclass
class AsyncLeaf(artigraph.ArtifactModel):
    number: int


def models(node_id: UUID, frozen: Frozen) -> None:
    assert_type(Leaf(1, text="y").number, int)
    assert_type(Leaf.load(node_id), Leaf)
    assert_type(Leaf.load(node_id, fields=["number"]), Leaf)
    assert_type(ArtifactModel.load(node_id), ArtifactModel)
    assert_type(Leaf(1).save("x", parent_id=node_id), UUID)
    assert_type(Keyword(number=1).number, int)
    assert_type(frozen.by_name["a"], Leaf)
    assert_type(frozen.array.load(columns=["a"]), np.ndarray[Any, Any])
    assert_type(frozen.array.open(), BinaryIO)
    assert_type(save_many({"a": Leaf(1), "b": AsyncLeaf(1)}), list[UUID])
    assert_type(load_many(Leaf, [node_id]), list[Leaf])
    assert_type(load_many(AsyncLeaf, [node_id]), list[AsyncLeaf])
    assert_type(delete(node_id), DeletionReport)
    assert_type(prune(failed_runs=True), DeletionReport)
    assert_type(diff(Leaf(1), AsyncLeaf(2)), ModelDiff)


def differences(manager: RunManager, node_id: UUID) -> None:
    assert_type(diff(manager, manager.run), RunDiff)
    assert_type(diff(node_id, str(node_id)), RunDiff)


async def in_async_code(leaf: Leaf, node_id: UUID) -> None:
    assert_type(await artigraph.save_many({"x": leaf}), list[UUID])
    assert_type(await artigraph.load_many(Leaf, [node_id]), list[Leaf])


def runs(leaf: Leaf) -> None:
    with RunManager(Run()) as manager:
        assert_type(manager, RunManager)
        assert_type(manager.run, Run)
        assert_type(manager.save_artifact("x", leaf), UUID)
        assert_type(manager.save_artifacts({"x": leaf, "y": AsyncLeaf(1)}), dict[str, UUID])
        assert_type(manager.load_artifact("x"), artigraph.ArtifactModel)
        assert_type(manager.load_artifact("x", Leaf), Leaf)
        assert_type(manager.load_artifacts(), dict[str, artigraph.ArtifactModel])
        assert_type(manager.load_descendant_runs(), list[Run])
        assert_type(manager.load_descendant_artifacts(), dict[UUID, dict[str, artigraph.ArtifactModel]])
    assert_type(run_manager(), RunManager)
    assert_type(run_manager(allow_none=True), RunManager | None)
    Run(NO_PARENT)


def databases() -> None:
    set_engine("sqlite:///x.db", create_tables=True)()
    assert_type(get_engine(), AsyncEngine)
    with engine_context("sqlite:///x.db") as engine:
        assert_type(engine, AsyncEngine)
    with session_context() as session:
        assert_type(session, AsyncSession)
        assert_type(wait_for(session.get(Leaf, 1)), Leaf | None)
    assert_type(current_session(), AsyncSession)
    assert_type(gc(dry_run=False), GcReport)
    assert_type(fsck(), FsckReport)
    assert_type(current(), str | None)


def querying(manager: RunManager, node_id: UUID) -> None:
    c = columns(Leaf)
    asked = select(Leaf).where(c.number > 1).in_run(manager, descendants=True).order_by(c.text.desc()).limit(3)
    assert_type(asked, ArtifactSelect[Leaf])
    assert_type(asked.all(), list[Leaf])
    assert_type(asked.first(), Leaf | None)
    assert_type(asked.one(), Leaf)
    assert_type(asked.count(), int)
    assert_type(asked.ids(), list[UUID])
    for leaf in asked:
        assert_type(leaf, Leaf)
    runs = select(Run).where(columns(Run).status == "failed")
    assert_type(runs, RunSelect)
    assert_type(runs.all(), list[Run])
    assert_type(outline_of(node_id), Outline)
