"""Artifacts that cannot be loaded, one for each reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import (
    ArtifactModel,
    Run,
    RunManager,
    artifact_field,
)
from artigraph.db import read, write
from artigraph.errors import (
    ArtigraphError,
    CorruptObjectError,
    DeserializationError,
    ModelVersionError,
    ObjectNotFoundError,
    UnknownSerializerError,
    UnknownStorageError,
)
from artigraph.orm import blob_table, node_table
from artigraph.storage import MemoryStorage

memory = MemoryStorage("failures")


@dataclass
class Leaf(ArtifactModel, name="failures Leaf"):
    value: Any = artifact_field(storage=memory)


@dataclass
class Report(ArtifactModel, version=2, name="failures Report"):
    number: int
    text: str = "some"
    leaf: Leaf = field(default_factory=lambda: Leaf(1))

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("no negative numbers")

    @classmethod
    def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        del version, data
        raise KeyError("gone")


async def change(table: Any, where: Any, **values: Any) -> None:
    async def work(connection: AsyncConnection) -> None:
        assert (await connection.execute(update(table).where(where).values(values))).rowcount == 1

    async def again(_: AsyncConnection) -> bool:
        return False

    await write(work, committed=again)


async def location_of(node_id: UUID) -> str:
    joined = blob_table.join(node_table, node_table.c.blob_id == blob_table.c.blob_id)
    statement = blob_table.select().select_from(joined).where(node_table.c.tree_root_id == node_id)
    rows = await read(lambda connection: connection.execute(statement))
    return str(rows.one().location)


def part(node_id: UUID, label: str) -> Any:
    return (node_table.c.tree_root_id == node_id) & (node_table.c.label == label)


async def lose(node_id: UUID) -> None:
    await memory.delete(await location_of(node_id))


async def corrupt(node_id: UUID) -> None:
    memory._objects[await location_of(node_id)] = b'"other"'


async def unknown_serializer(node_id: UUID) -> None:
    await change(node_table, part(node_id, "text"), serializer="nobody-has-it")


async def newer(node_id: UUID) -> None:
    await change(node_table, node_table.c.node_id == node_id, model_version=99)


async def unmigrated(node_id: UUID) -> None:
    await change(node_table, node_table.c.node_id == node_id, model_version=1)


async def undecodable(node_id: UUID) -> None:
    await change(node_table, part(node_id, "text"), value=b"{")


async def refused(node_id: UUID) -> None:
    await change(node_table, part(node_id, "number"), value=b"-1")


async def misplaced(node_id: UUID) -> None:
    await change(node_table, part(node_id, "text"), position=1000)


async def unknown_storage(node_id: UUID) -> None:
    location = await location_of(node_id)
    await change(blob_table, blob_table.c.location == location, storage="nobody-has-it")


FAULTS: dict[str, tuple[Any, type[ArtigraphError], str]] = {
    "object lost": (lose, ObjectNotFoundError, r"Report\.leaf\.value"),
    "object altered": (corrupt, CorruptObjectError, r"Report\.leaf\.value"),
    "serializer unknown": (unknown_serializer, UnknownSerializerError, r"Report\.text"),
    "storage unknown": (unknown_storage, UnknownStorageError, "nobody-has-it"),
    "class newer": (newer, ModelVersionError, "version 99"),
    "migrate fails": (unmigrated, ModelVersionError, "gone"),
    "bytes altered": (undecodable, DeserializationError, r"Report\.text"),
    "class refuses": (refused, DeserializationError, "no negative numbers"),
    "row misplaced": (misplaced, DeserializationError, "altered"),
}


async def reports() -> tuple[RunManager, dict[str, UUID]]:
    """Save a good report, one for each fault, and another good one."""
    async with RunManager(Run()) as manager:
        labels = ["first", *FAULTS, "last"]
        models = {label: Report(number, leaf=Leaf(f"leaf {number}")) for number, label in enumerate(labels)}
        return manager, await manager.save_artifacts(models)


async def broken() -> tuple[RunManager, dict[str, UUID]]:
    manager, ids = await reports()
    for label, (fault, _, _) in FAULTS.items():
        await fault(ids[label])
    return manager, ids
