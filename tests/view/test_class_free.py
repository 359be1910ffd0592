"""No code that came with the data runs, and no class of users is looked up."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import pytest
from sqlalchemy import update

from artigraph import ArtifactModel, Run, RunManager, artifact_field, select
from artigraph.db import session_context
from artigraph.orm import node_table
from artigraph.storage import MemoryStorage
from artigraph.view import (
    artifact_document,
    artifacts_page,
    compare_runs,
    lineage_document,
    models_page,
    run_document,
    runs_page,
    search,
    series_document,
    storage_document,
)
from tests.support.documents import as_json

pytestmark = pytest.mark.usefixtures("engine")

memory = MemoryStorage("view-class-free")
ran: list[str] = []


class Color(Enum):
    RED = 1

    @classmethod
    def _missing_(cls, value: object) -> Any:
        ran.append(f"enum {value}")
        return cls.RED


class Place(NamedTuple):
    x: int


@dataclass
class Plain:
    name: str

    def __post_init__(self) -> None:
        ran.append("dataclass")


@dataclass
class Noticing(ArtifactModel, name="view.Noticing", version=2):
    color: Color
    place: Place
    plain: Plain
    inner: Any = None
    large: str = artifact_field(storage=memory, default="large")
    loaded: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        ran.append("model")

    @classmethod
    def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        ran.append(f"migrate {version}")
        return data


async def test_no_class_of_users_is_used() -> None:
    runs: list[Run] = []
    node_id = await Noticing(Color.RED, Place(1), Plain("p")).save("it")
    async with session_context() as session:  # as an older class would have saved it
        await session.execute(update(node_table).where(node_table.c.node_id == node_id).values(model_version=1))
    await Noticing.load(node_id)
    assert "migrate 1" in ran
    for _ in range(2):
        async with RunManager(Run(name="run", parameters={"x": 1})) as manager:
            made = Noticing(Color.RED, Place(1), Plain("p"), Noticing(Color.RED, Place(1), Plain("p")))
            node_id = await manager.save_artifact("it", made)
        runs.append(manager.run)
    await Noticing.load(node_id)
    assert {"model", "dataclass"} <= set(ran)
    ran.clear()
    for document in (
        await runs_page(columns=["parameters.x"]),
        await run_document(runs[0]),
        await compare_runs(runs),
        await artifacts_page(),
        await artifacts_page(select("view.Noticing"), columns=["color", "inner.plain", "place"]),
        await artifact_document(node_id, preview_bytes=10_000),
        await series_document("view.Noticing", "it"),
        await lineage_document(node_id, up=3, down=3),
        await models_page(),
        await storage_document(),
        await search("view."),
    ):
        assert as_json(document)["data"]
    assert ran == []


def test_importing_it_imports_no_serializer_of_a_library() -> None:
    libraries = "{'numpy', 'pandas', 'polars', 'pyarrow', 'jsonschema'}"
    code = f"import sys, artigraph.view; print(sorted({libraries} & {{*sys.modules}}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
