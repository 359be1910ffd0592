"""Reading without classes gives the same on every database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest

from artigraph import ArtifactModel, ArtifactSequence, artifact_field, columns, select
from artigraph.errors import NodeNotFoundError
from artigraph.identifiers import new_id
from artigraph.storage import MemoryStorage
from artigraph.stored import StoredEnum, StoredField, load_stored, open_stored

pytestmark = pytest.mark.usefixtures("engine")

memory = MemoryStorage("integration-stored")
LONG = "é" * 300


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Data(ArtifactModel, name="integration-stored.Data"):
    name: str


@dataclass
class Report(ArtifactModel, name="integration-stored.Report"):
    title: str
    color: Color
    data: Data
    parts: ArtifactSequence[Data]
    large: bytes = artifact_field(storage=memory)


def report(number: int, color: Color) -> Report:
    data = Data(f"data {number}")
    return Report(LONG + str(number), color, data, ArtifactSequence([data, data]), bytes([number]) * 1000)


async def test_models_and_their_bytes() -> None:
    node_id = await report(1, Color.RED).save("report")
    stored = await load_stored(node_id)
    assert stored.fields["title"] == StoredField("plain", "json", 603, LONG + "1")
    assert stored.fields["color"].value == StoredEnum("Color", "RED")
    assert (stored.fields["large"].size, stored.fields["large"].storage) == (1000, "integration-stored")
    data: Any = stored.fields["data"].value
    assert (data.name, data.fields["name"].value) == ("integration-stored.Data", "data 1")
    parts: Any = stored.fields["parts"].value
    assert [part.value.fields["name"].value for part in parts.values()] == ["data 1", "data 1"]
    with await open_stored(node_id, "large") as file:
        assert await asyncio.to_thread(file.read) == b"\x01" * 1000
    with await open_stored(node_id, "parts.1.name") as file:
        assert file.read() == b'"data 1"'
    with pytest.raises(NodeNotFoundError):
        await load_stored(new_id())


async def test_artifacts_by_stored_name() -> None:
    for number in range(6):
        await report(number, Color.RED if number % 2 else Color.BLUE).save(f"report {number}")
    c: Any = columns("integration-stored.Report")
    red = c.color == StoredEnum("Color", "RED")
    query = select("integration-stored.Report")
    found = await query.where(red, c.data.name != "data 3").order_by(c.title.desc()).all()
    assert [each.label for each in found] == ["report 5", "report 1"]
    assert await query.where(c.title == LONG + "2").count() == 1
    assert [each.label for each in await query.order_by(c.title).limit(2).all()] == ["report 0", "report 1"]
    assert [each.label for each in await query.where(c.data.name == "data 4").all()] == ["report 4"]
    assert await query.where(c.parts.is_(None)).count() == 0
