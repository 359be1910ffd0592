"""Search, and totals of the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from artigraph import ArtifactModel, Run, RunManager, artifact_field
from artigraph.errors import InvalidLabelError, NotFoundError, QueryError
from artigraph.storage import MemoryStorage
from artigraph.view import json_schema, models_page, search, storage_document
from tests.support.documents import as_json
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")

memory = MemoryStorage("view-totals")


@dataclass
class Inner(ArtifactModel, name="find.Inner"):
    number: int


@dataclass
class Report(ArtifactModel, name="find.Report", version=2):
    inner: Inner
    text: str = artifact_field(storage=memory, default="text")


@dataclass
class Older(ArtifactModel, name="find.Older"):
    number: int


async def hits(text: str, **asked: Any) -> list[tuple[Any, ...]]:
    found = await search(text, **asked)
    as_json(found)
    return [(hit.kind, hit.text, hit.node_id, hit.name, hit.model_name) for hit in found.hits]


async def test_an_id_is_found_by_its_first_digits() -> None:
    async with RunManager(Run(name="maker")) as manager:
        node_id = await manager.save_artifact("report", Report(Inner(1)))
    run = ("run", str(manager.run.node_id), manager.run.node_id, "maker", None)
    artifact = ("artifact", str(node_id), node_id, "report", "find.Report")
    for text in (str(node_id), str(node_id).upper(), node_id.hex, node_id.hex[:30]):
        assert await hits(text) == [artifact]
    assert await hits(str(manager.run.node_id)[:30]) == [run]
    found = await hits(node_id.hex[:6], limit=3)
    assert found[:2] == [run, artifact]
    assert [hit[0] for hit in found] == ["run", "artifact", "part"]
    assert await hits(node_id.hex[:5]) == []
    assert await hits("f" * 32) == []


async def test_names_and_labels_are_found_by_their_beginning() -> None:
    async with RunManager(Run(name="training")) as manager:
        for _ in range(3):
            await Inner(1).save("trained", None)
        await manager.save_artifact("trained", Report(Inner(2)))
        await manager.save_artifact("Trained", Report(Inner(2)))
        await manager.save_artifact("<b>%_\x1b", Report(Inner(2)))
    run_id = manager.run.node_id
    assert await hits("train") == [
        ("label", "trained", None, "trained", "find.Inner"),
        ("label", "trained", None, "trained", "find.Report"),
        ("run", "training", run_id, "training", None),
    ]
    assert await hits("find.") == [
        ("model", "find.Inner", None, None, "find.Inner"),
        ("model", "find.Report", None, None, "find.Report"),
    ]
    assert await hits("<b>%") == [("label", "<b>%_\x1b", None, "<b>%_\x1b", "find.Report")]
    assert await hits("%") == []
    assert await hits("inner") == []  # the name of a field is no label of an artifact
    assert len(await hits("train", limit=1)) == 2


async def test_tags_are_found_by_their_names_and_values() -> None:
    async with RunManager(Run(name="a", tags={"team": "vision", "topic": "text"}, parameters={"team": "x"})) as one:
        pass
    async with RunManager(Run(name="b", tags={"team": "vice", "other": "vision"})) as two:
        pass
    first, second = one.run.node_id, two.run.node_id
    assert await hits("team=vi") == [
        ("tag", "team=vice", second, "b", None),
        ("tag", "team=vision", first, "a", None),
    ]
    assert await hits("team=vis") == [("tag", "team=vision", first, "a", None)]
    assert await hits("team=") == await hits("team=vi")
    assert await hits("te") == [("tag", "team", None, None, None), ("tag", "topic=text", first, "a", None)]
    assert sorted(await hits("vision")) == [
        ("tag", "other=vision", second, "b", None),
        ("tag", "team=vision", first, "a", None),
    ]
    assert await hits("none=x") == []


async def test_a_search_needs_a_text() -> None:
    with pytest.raises(QueryError, match="empty"):
        await search("")
    for text in ("\0", "\ud800", "x" * 256, 5, None):
        with pytest.raises(InvalidLabelError):
            await search(text)  # type: ignore[arg-type]


async def test_models_have_versions_and_counts() -> None:
    assert as_json(await models_page())["data"] == []
    for number in range(3):
        await Report(Inner(number)).save("report")
    await Inner(1).save("inner")
    await Older(1).save("older")
    assert as_json(await models_page()) == {
        "schema": "artigraph.models/1",
        "data": [
            {
                "model_name": "find.Inner",
                "artifacts": 1,
                "nested": 3,
                "class_versions": [{"class_version": 1, "artifacts": 1, "nested": 3}],
            },
            {
                "model_name": "find.Older",
                "artifacts": 1,
                "nested": 0,
                "class_versions": [{"class_version": 1, "artifacts": 1, "nested": 0}],
            },
            {
                "model_name": "find.Report",
                "artifacts": 3,
                "nested": 0,
                "class_versions": [{"class_version": 2, "artifacts": 3, "nested": 0}],
            },
        ],
        "next": None,
    }


async def test_sizes_are_added_up() -> None:
    assert as_json(await storage_document())["data"] == {"storages": [], "models": [], "runs": [], "last_fsck": None}
    async with RunManager(Run(name="maker")) as manager:
        await manager.save_artifact("a", Report(Inner(1)))
        await manager.save_artifact("b", Report(Inner(22), "longer"))
    await Report(Inner(1)).save("c")
    assert as_json(await storage_document())["data"] == {
        "storages": [
            {"storage": "view-totals", "objects": 2, "bytes": 14},
            {"storage": None, "objects": 3, "bytes": 4},
        ],
        "models": [{"name": "find.Report", "artifacts": 3, "values": 6, "bytes": 24}],
        "runs": [
            {"name": "maker", "artifacts": 2, "values": 4, "bytes": 17},
            {"name": None, "artifacts": 1, "values": 2, "bytes": 7},
        ],
        "last_fsck": None,
    }


async def test_a_constant_number_of_statements() -> None:
    counts: set[tuple[int, int, int]] = set()
    for _ in range(3):
        async with RunManager(Run(name="maker", tags={"team": "maker"})) as manager:
            await manager.save_artifact("a", Report(Inner(1)))
        with counted() as one:
            await search("mak")
        with counted() as two:
            await models_page()
        with counted() as three:
            await storage_document()
        counts.add((len(one), len(two), len(three)))
    assert counts == {(7, 1, 5)}


def test_a_schema_is_found_by_its_name() -> None:
    assert json_schema("artigraph.runs/1")["properties"]["schema"] == {"const": "artigraph.runs/1"}
    for name in ("artigraph.runs/2", "runs-1", "artigraph.../1", "../runs/1", "", 5, None):
        with pytest.raises(NotFoundError, match=r"This release has artigraph\.artifact/1, artigraph\.artifacts/1"):
            json_schema(name)  # type: ignore[arg-type]
