"""What a type checker infers about models, runs and storages; pyright and mypy check it as they check all files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, assert_type
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from artigraph import (
    NO_PARENT,
    ArtifactMapping,
    ArtifactModel,
    ArtifactModelConfig,
    ArtifactSequence,
    Change,
    ModelDiff,
    Node,
    Run,
    RunDiff,
    RunManager,
    Series,
    Version,
    artifact_field,
    columns,
    diff,
    run_manager,
    select,
    series,
)
from artigraph.db import current_session, engine_context, get_engine, session_context, set_engine
from artigraph.query import ArtifactSelect, Column, Condition, NodeSelect, Property, RunSelect
from artigraph.serializer.json import json_serializer
from artigraph.storage import MemoryStorage, Storage, get_storage_by_name, register_storage

memory = register_storage(MemoryStorage("typing"))
assert_type(memory, MemoryStorage)
assert_type(get_storage_by_name("typing"), Storage)


@dataclass
class Leaf(ArtifactModel, version=2, name="typing.Leaf"):
    number: int
    text: str = "x"


@dataclass
class Tree(ArtifactModel, config=ArtifactModelConfig(default_field_storage=memory)):
    leaf: Leaf
    array: Annotated[np.ndarray[Any, Any], memory]
    stored: list[int] = artifact_field(storage=memory, serializer=json_serializer, default_factory=list)
    nested: Tree | None = None
    by_name: ArtifactMapping[str, Leaf] = field(default_factory=ArtifactMapping)
    in_order: ArtifactSequence[Leaf] = field(default_factory=ArtifactSequence)


@dataclass(frozen=True)
class Frozen(ArtifactModel, frozen=True):
    number: int


@dataclass(kw_only=True)
class Keyword(ArtifactModel, kw_only=True):
    number: int


async def models(node_id: UUID, tree: Tree) -> None:
    assert_type(Leaf(1).number, int)
    assert_type(Leaf(1, text="y").text, str)
    assert_type(await Leaf.load(node_id), Leaf)
    assert_type(await Tree.load(node_id), Tree)
    assert_type(await ArtifactModel.load(node_id), ArtifactModel)
    assert_type(await tree.save("x"), UUID)
    assert_type(await tree.save("x", parent_id=node_id), UUID)
    assert_type(tree.leaf, Leaf)
    assert_type(tree.nested, Tree | None)
    assert_type(tree.stored, list[int])
    assert_type(Frozen(number=1).number, int)
    assert_type(Keyword(number=1).number, int)


def containers(tree: Tree) -> None:
    assert_type(tree.by_name["a"], Leaf)
    assert_type(tree.by_name.get("a"), Leaf | None)
    assert_type(tree.in_order[0], Leaf)
    assert_type(tree.in_order[1:], ArtifactSequence[Leaf])
    for leaf in tree.in_order:
        assert_type(leaf, Leaf)
    for key, leaf in tree.by_name.items():
        assert_type(key, str)
        assert_type(leaf, Leaf)
    assert_type(ArtifactMapping(a=Leaf(1)), ArtifactMapping[str, Leaf])
    assert_type(ArtifactMapping({"a": 1}), ArtifactMapping[str, int])
    assert_type(ArtifactMapping({"a": 1}, b=2), ArtifactMapping[str, int])
    assert_type(ArtifactSequence([Leaf(1)]), ArtifactSequence[Leaf])


async def runs(leaf: Leaf) -> None:
    async with RunManager(Run()) as manager:
        assert_type(manager, RunManager)
        assert_type(await manager.save_artifact("x", leaf), UUID)
        assert_type(await manager.save_artifacts({"x": leaf}), dict[str, UUID])
        assert_type(await manager.load_artifact("x"), ArtifactModel)
        assert_type(await manager.load_artifact("x", Leaf), Leaf)
        assert_type(await manager.load_artifacts(), dict[str, ArtifactModel])
        assert_type(await manager.load_descendant_runs(), list[Run])
        assert_type(await manager.load_descendant_artifacts(), dict[UUID, dict[str, ArtifactModel]])
        assert_type(manager.run.node_id, UUID)
    assert_type(run_manager(), RunManager)
    assert_type(run_manager(allow_none=True), RunManager | None)
    Run(node_parent_id=NO_PARENT)


async def databases() -> None:
    put_back = set_engine("sqlite:///x.db", create_tables=True)
    put_back()
    assert_type(get_engine(), AsyncEngine)
    async with engine_context("sqlite:///x.db") as engine:
        assert_type(engine, AsyncEngine)
    async with session_context() as session:
        assert_type(session, AsyncSession)
    assert_type(current_session(), AsyncSession)
    assert_type(current_session(allow_none=True), AsyncSession | None)


async def querying(run: Run) -> None:
    c = columns(Leaf)
    assert_type(c.number, Column)
    assert_type(c.number > 1, Condition)
    assert_type((c.number == 1) & ~(c["text"] != "x") | c.text.is_(None), Condition)
    asked = select(Leaf).where(c.number > 1).in_run(run, descendants=True).order_by(c.text.desc()).limit(3)
    assert_type(asked, ArtifactSelect[Leaf])
    assert_type(await asked.all(), list[Leaf])
    assert_type(await asked.first(), Leaf | None)
    assert_type(await asked.one(), Leaf)
    assert_type(await asked.count(), int)
    assert_type(await asked.ids(), list[UUID])
    async for leaf in asked:
        assert_type(leaf, Leaf)
    r = columns(Run)
    assert_type(r.status, Property)
    runs = select(Run).where(r.status == "failed", r.ended_at.is_not(None)).order_by(r.started_at.desc()).in_run(run)
    assert_type(runs, RunSelect)
    assert_type(await runs.all(), list[Run])
    assert_type(await runs.first(), Run | None)


async def versions(leaf: Leaf) -> None:
    leaves = series(Leaf, "leaf")
    assert_type(leaves, Series[Leaf])
    assert_type(await leaves.latest(), Leaf)
    assert_type(await leaves.between(), list[Leaf])
    assert_type(await leaves.alias("production"), Leaf)
    assert_type(await leaves.versions(), list[Version])
    assert_type(await leaves.aliases(), dict[str, UUID])
    assert_type(await leaves.diff("production", -1), ModelDiff)
    async for version in leaves:
        assert_type(version, Leaf)
    for change in diff(leaf, leaf):
        assert_type(change, Change)
    run = Run()
    assert_type(diff(leaf, leaf), ModelDiff)
    assert_type(await diff(run, RunManager(run)), RunDiff)
    assert_type((await diff(str(run.node_id), run.node_id)).results, tuple[Change, ...])
    n = columns(Node)
    nodes = (
        select(Node).of_type("model").labeled("leaf").of_model(Leaf).where(n.label == "x").order_by(n.node_id.desc())
    )
    assert_type(nodes, NodeSelect)
    assert_type(await nodes.all(), list[Node])
    assert_type(await nodes.first(), Node | None)
    assert_type(await nodes.ids(), list[UUID])
