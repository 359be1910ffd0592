# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Mistakes that a type checker finds: each comment that says so is an error itself where it is not needed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from artigraph import ArtifactModel, ArtifactSequence, Run, RunManager, artifact_field, columns, select, sync


@dataclass
class Leaf(ArtifactModel):
    number: int


@dataclass(frozen=True)
class Frozen(ArtifactModel, frozen=True):
    number: int


async def mistakes(node_id: UUID, sequence: ArtifactSequence[Leaf]) -> None:
    Leaf("x")  # type: ignore[arg-type]
    Leaf()  # type: ignore[call-arg]
    Leaf(1, 2)  # type: ignore[call-arg]
    print(Leaf(1).missing)  # type: ignore[attr-defined]
    Frozen(1).number = 2  # type: ignore[misc]
    await Leaf.load(5)  # type: ignore[arg-type]
    await Leaf(1).save(5)  # type: ignore[arg-type]
    sequence[0] = Leaf(2)  # type: ignore[index]
    artifact_field(storage="s3")  # type: ignore[arg-type]
    Run(5)  # type: ignore[arg-type]
    async with RunManager(Run()) as manager:
        await manager.save_artifact("x", 5)  # type: ignore[arg-type]
        await manager.load_artifact("x", int)  # type: ignore[type-var]
    select(int)  # type: ignore[arg-type]
    select(Leaf).where("number > 1")  # type: ignore[arg-type]
    columns(Leaf).number.is_(1)  # type: ignore[arg-type]


@dataclass
class SyncLeaf(sync.ArtifactModel):
    number: int


async def mistakes_of_sync_code(node_id: UUID) -> None:
    SyncLeaf("x")  # type: ignore[arg-type]
    await SyncLeaf.load(node_id)  # type: ignore[misc]
    await SyncLeaf(1).save("x")  # type: ignore[misc]
    with RunManager(Run()):  # type: ignore[attr-defined]
        pass
    async with sync.RunManager(Run()):  # type: ignore[attr-defined]
        pass
    with sync.RunManager(Run()) as manager:
        await manager.save_artifact("x", SyncLeaf(1))  # type: ignore[misc]
        manager.load_artifact("x", int)  # type: ignore[type-var]
    async for _ in sync.select(SyncLeaf):  # type: ignore[attr-defined]
        pass
    sync.wait_for(5)  # type: ignore[arg-type]
