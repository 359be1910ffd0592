"""Pages of artifacts, one artifact in full, and series."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, update

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager, artifact_field, columns, select, series
from artigraph.db import session_context, write
from artigraph.errors import InvalidCursorError, InvalidLabelError, MalformedRowError, NodeNotFoundError, QueryError
from artigraph.graph import record_inputs
from artigraph.orm import node_table
from artigraph.storage import MemoryStorage
from artigraph.view import artifact_document, artifacts_page, series_document
from tests.support.documents import as_json
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")

memory = MemoryStorage("view")
HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J\u202e"


class Color(Enum):
    RED = 1


class Point(NamedTuple):
    x: int
    y: float


@dataclass
class Data(ArtifactModel, name="view.Data", version=4):
    name: str
    size: int = 0


@dataclass
class Report(ArtifactModel, name="view.Report", version=2):
    accuracy: float
    title: str
    color: Color
    point: Point
    cost: Decimal
    day: datetime
    data: Data
    metrics: ArtifactMapping[str, float]
    raw: bytes
    text: str = artifact_field(storage=memory, default="large")


def report(accuracy: float = 0.5, title: str = "title") -> Report:
    return Report(
        accuracy,
        title,
        Color.RED,
        Point(1, float("inf")),
        Decimal("1.10"),
        datetime(2026, 1, 2, tzinfo=UTC),
        Data("train", 5),
        ArtifactMapping({"v1.5": 0.25}),
        b"\x00\xff",
    )


CELLS = {
    "accuracy": 0.5,
    "title": "title",
    "color": "Color.RED",
    "point": "Point(x=1, y=inf)",
    "cost": "1.10",
    "day": "2026-01-02T00:00:00Z",
    "raw": "b'\\x00\\xff'",
}


async def all_pages(limit: int, *query: Any, **asked: Any) -> list[UUID]:
    found: list[UUID] = []
    after: str | None = None
    while True:
        page = await artifacts_page(*query, limit=limit, after=after, **asked)
        as_json(page)
        found += [item.artifact_id for item in page.items]
        after = page.next
        if after is None:
            return found
        assert len(page.items) == limit


async def test_pages_have_each_artifact_once_the_newest_first() -> None:
    reports: list[UUID] = []
    others: list[UUID] = []
    for number in range(5):
        reports.insert(0, await report().save(f"report {number}"))
        others.insert(0, await Data("other").save("data"))
    both = [node_id for pair in zip(others, reports, strict=True) for node_id in pair]
    for limit in (1, 2, 3, 10, 11):
        assert await all_pages(limit) == both
        assert await all_pages(limit, "view.Report") == reports
        assert await all_pages(limit, select("view.Data").labeled("data")) == others
    assert await all_pages(2, "no such model") == []
    c = columns("view.Report")
    assert await all_pages(2, select("view.Report").where(c.accuracy > 0.4).order_by(c.title).limit(1)) == reports


async def test_an_empty_store_has_an_empty_page() -> None:
    assert as_json(await artifacts_page()) == {"schema": "artigraph.artifacts/1", "data": [], "next": None}


async def test_without_columns_all_plain_fields_are_shown() -> None:
    async with RunManager(Run()) as manager:
        node_id = await manager.save_artifact(HOSTILE, report())
    await series(Report, HOSTILE).set_alias("production", node_id)
    await series(Report, HOSTILE).set_alias("best", node_id)
    [item] = as_json(await artifacts_page())["data"]
    assert item["columns"] == CELLS
    assert list(item["columns"]) == list(CELLS)
    assert (item["label"], item["model_name"], item["class_version"]) == (HOSTILE, "view.Report", 2)
    assert (item["run_id"], item["aliases"]) == (str(manager.run.node_id), ["best", "production"])
    assert item["artifact_id"] == str(node_id)
    assert item["created_at"].endswith("Z")


async def test_chosen_columns_reach_into_the_artifact() -> None:
    await report(title="x" * 2_000).save("report")
    chosen: list[Any] = ["data.size", "accuracy", "data", "metrics", ["metrics", "v1.5"], "title", "text", "nothing.x"]
    [item] = as_json(await artifacts_page(columns=chosen))["data"]
    assert item["columns"] == {
        "data.size": 5,
        "accuracy": 0.5,
        "data": "<view.Data>",
        "metrics": "<mapping>",
        "metrics.v1.5": 0.25,
        "title": "<json, 2.0 KiB>",
        "text": "<json>",
    }
    assert list(item["columns"]) == ["data.size", "accuracy", "data", "metrics", "metrics.v1.5", "title", "text"]
    assert as_json(await artifacts_page(columns=[]))["data"][0]["columns"] == {}


async def test_what_a_run_made_and_used() -> None:
    used = [await Data("used").save(f"used {number}") for number in range(3)]
    async with RunManager(Run()) as manager:
        await manager.use(*used)
        made = [await manager.save_artifact(f"made {number}", Data("made")) for number in range(3)]
        own_input = await manager.save_artifact("input", Data("input"))
        await write(partial(record_inputs, run_id=manager.run.node_id, node_ids=[own_input]))
        async with RunManager(Run()) as inner:
            await inner.save_artifact("inner", Data("inner"))
    for limit in (1, 2, 5):
        assert await all_pages(limit, made_by=manager) == made[::-1]
        assert await all_pages(limit, used_by=manager) == [own_input, *used[::-1]]


async def test_arguments_exclude_each_other() -> None:
    both: list[dict[str, Any]] = [{"made_by": uuid4(), "used_by": uuid4()}, {"query": "x", "made_by": uuid4()}]
    for asked in both:
        with pytest.raises(QueryError, match="exclude each other"):
            await artifacts_page(**asked)


@pytest.mark.parametrize("chosen", ["accuracy", 5, [5], [[]], [[5]], [["x"] * 21], [".".join("x" * 21)], ["\0"]])
async def test_a_column_is_a_path(chosen: Any) -> None:
    with pytest.raises((QueryError, InvalidLabelError)):
        await artifacts_page(columns=chosen)


async def test_what_is_no_query_of_stored_models_is_refused() -> None:
    with pytest.raises(QueryError, match="stored name of a model"):
        await artifacts_page(select(Report))  # type: ignore[arg-type]
    with pytest.raises(InvalidLabelError):
        await artifacts_page("\0")


async def test_a_constant_number_of_statements() -> None:
    node_id = await report().save("report")
    calls: list[Callable[[], Awaitable[object]]] = [
        artifacts_page,
        lambda: artifacts_page("view.Report", columns=["data.size", "accuracy"]),
        lambda: artifact_document(node_id),
        lambda: series_document("view.Report", "report"),
    ]
    counts: set[tuple[int, ...]] = set()
    for _ in range(3):
        for _ in range(5):
            await report().save("report")
        found: list[int] = []
        for call in calls:
            with counted() as statements:
                await call()
            found.append(len(statements))
        counts.add(tuple(found))
    assert counts == {(3, 5, 6, 6)}


# One of them -----------------------------------------------------------------------------------------------------


async def test_an_artifact_in_full() -> None:
    before = await report().save("report")
    async with RunManager(Run(name="train")) as manager:
        node_id = await manager.save_artifact("report", report())
    behind = await report().save("report")
    await series(Report, "report").set_alias("production", node_id)
    users: list[UUID] = []
    for _ in range(3):
        async with RunManager(Run(name="user")) as user:
            await user.use(node_id)
        users.insert(0, user.run.node_id)
    document = await artifact_document(node_id, limit=2)
    data = as_json(document)["data"]
    assert (data["model_name"], data["class_version"], data["label"]) == ("view.Report", 2, "report")
    assert (data["aliases"], data["nodes"]) == (["production"], 14)
    assert (document.previous_id, document.following_id) == (before, behind)
    assert (data["made_by"]["name"], data["made_by"]["run_id"]) == ("train", str(manager.run.node_id))
    assert [item.run_id for item in document.used_by] == users[:2]
    assert document.used_by_next is not None
    fields = {".".join(field["path"]): field for field in data["fields"]}
    assert list(fields) == [
        *("accuracy", "title", "color", "point", "cost", "day"),
        *("data", "data.name", "data.size", "metrics", "metrics.v1.5", "raw", "text"),
    ]
    shown = {name: (each["type"], each["value"]) for name, each in fields.items() if each["kind"] == "plain"}
    assert shown == {
        "accuracy": ("float", 0.5),
        "title": ("str", "title"),
        "color": ("Color", "Color.RED"),
        "point": ("Point", {"$class": "Point", "fields": {"x": 1, "y": "Infinity"}}),
        "cost": ("Decimal", "1.10"),
        "day": ("datetime", "2026-01-02T00:00:00Z"),
        "data.name": ("str", "train"),
        "data.size": ("int", 5),
        "metrics.v1.5": ("float", 0.25),
        "raw": ("bytes", "b'\\x00\\xff'"),
    }
    assert fields["metrics.v1.5"]["path"] == ["metrics", "v1.5"]
    assert (fields["data"]["kind"], fields["data"]["model_name"], fields["data"]["class_version"]) == (
        "model",
        "view.Data",
        4,
    )
    assert (fields["metrics"]["kind"], fields["metrics"]["serializer"]) == ("container", "mapping")
    text = fields["text"]
    assert (text["kind"], text["serializer"], text["size"], text["storage"]) == ("object", "json", 7, "view")
    assert text["sha256"] == hashlib.sha256(b'"large"').hexdigest()
    assert (text["value"], text["preview"], text["problem"]) == (None, None, None)


async def test_a_part_means_its_artifact() -> None:
    node_id = await report().save("report")
    async with session_context() as session:
        parts = await session.execute(node_table.select().where(node_table.c.parent_id == node_id))
        part_id = next(row.node_id for row in parts if row.label == "data")
    assert (await artifact_document(part_id)).artifact_id == node_id


async def test_previews_are_made_by_serializers_or_by_the_format() -> None:
    node_id = await report().save("report")
    [field] = [each for each in (await artifact_document(node_id, preview_bytes=4096)).fields if each.kind == "object"]
    assert field.preview is not None
    assert (field.preview.kind, field.preview.summary) == ("text", "'large'")
    data = as_json(await artifact_document(node_id, preview_bytes=4096))["data"]
    assert data["fields"][-1]["preview"]["text"] == "large"
    async with session_context() as session:
        await session.execute(update(node_table).where(node_table.c.label == "text").values(serializer="unknown"))
    data = as_json(await artifact_document(node_id, preview_bytes=4096))["data"]
    assert data["fields"][-1]["preview"]["text"] == '"large"'


async def test_an_object_that_cannot_be_read_hides_nothing_else() -> None:
    node_id = await report().save("report")
    [text] = [each for each in (await artifact_document(node_id)).fields if each.kind == "object"]
    assert text.location is not None
    await memory.delete(text.location)
    data = as_json(await artifact_document(node_id, preview_bytes=4096))["data"]
    assert data["fields"][-1]["preview"] is None
    assert data["fields"][-1]["problem"]
    assert data["fields"][0]["value"] == 0.5


@pytest.mark.parametrize("number", [-1, 1.5, True, "x", None])
async def test_the_bytes_of_a_preview_are_a_number(number: Any) -> None:
    with pytest.raises(QueryError, match="preview_bytes"):
        await artifact_document(uuid4(), preview_bytes=number)


async def test_a_large_plain_value_is_cut() -> None:
    node_id = await Data("é" * 20_000).save("data")
    [name, size] = as_json(await artifact_document(node_id))["data"]["fields"]
    assert (name["cut"], name["type"], name["size"]) == (True, None, 40_002)
    assert name["value"].startswith('"éé')
    assert name["value"].endswith("…")
    assert len(name["value"]) < 600
    assert (size["cut"], size["type"], size["value"]) == (False, "int", 0)


async def test_only_the_first_nodes_of_a_large_artifact_are_read() -> None:
    @dataclass
    class Many(ArtifactModel, name="view.Many"):
        numbers: ArtifactMapping[str, int]

    node_id = await Many(ArtifactMapping({str(number): number for number in range(2_000)})).save("many")
    document = await artifact_document(node_id)
    assert (document.nodes, len(document.fields)) == (2_002, 999)


async def test_what_is_no_artifact_is_refused() -> None:
    async with RunManager(Run()) as manager:
        pass
    for node_id in (uuid4(), manager.run.node_id):
        with pytest.raises(NodeNotFoundError, match="no artifact"):
            await artifact_document(node_id)


async def test_damaged_rows_are_named() -> None:
    node_id = await report().save("report")
    async with session_context() as session:
        of_data = node_table.c.parent_id == node_id, node_table.c.label == "data"
        data_id = (await session.execute(node_table.select().where(*of_data))).one().node_id
        await session.execute(delete(node_table).where(node_table.c.parent_id == data_id))
        await session.execute(update(node_table).where(*of_data).values(node_type="odd"))
    with pytest.raises(MalformedRowError):
        await artifact_document(node_id)


# Series ----------------------------------------------------------------------------------------------------------


async def test_a_series_is_read_page_by_page() -> None:
    ids = [await report(number).save("report") for number in range(5)]
    await report().save("other")
    await Data("x").save("report")
    await series(Report, "report").set_alias("production", ids[1])
    found: list[Any] = []
    after: str | None = None
    for _ in range(3):
        document = await series_document("view.Report", "report", columns=["accuracy"], limit=2, after=after)
        data = as_json(document)["data"]
        assert (data["total"], data["aliases"]) == (5, {"production": str(ids[1])})
        assert "next" not in data
        found += [(each["artifact_id"], each["columns"]["accuracy"], each["aliases"]) for each in data["versions"]]
        after = document.next
        assert as_json(document)["next"] == after
    assert after is None
    assert found == [(str(ids[number]), number, ["production"] if number == 1 else []) for number in reversed(range(5))]


async def test_a_series_without_versions_is_empty() -> None:
    data = as_json(await series_document("none", "none"))["data"]
    assert data == {"model_name": "none", "label": "none", "total": 0, "aliases": {}, "versions": []}


async def test_the_cursor_of_a_series_is_its_own() -> None:
    cursor = urlsafe_b64encode(b"1a" + bytes(16)).decode()
    with pytest.raises(InvalidCursorError, match="of other pages"):
        await series_document("none", "none", after=cursor)
    assert (await artifacts_page(after=cursor)).items == ()
