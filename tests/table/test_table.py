"""Results as Arrow tables and as rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager, artifact_field, columns, save_many, select
from artigraph.db import session_context
from artigraph.errors import (
    DeserializationError,
    InvalidLabelError,
    MalformedRowError,
    MissingDependencyError,
    QueryError,
    TableError,
)
from artigraph.orm import node_table
from artigraph.progress import Progress
from artigraph.query import _base
from artigraph.serializer.codec import decode, decode_each, encode
from artigraph.storage import MemoryStorage
from artigraph.stored import StoredEnum, StoredStruct
from artigraph.table import ObjectCell
from tests.support.statements import counted

pa: Any = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.usefixtures("engine")
memory = MemoryStorage("tables")


class Color(Enum):
    RED = "r"
    BLUE = "b"


class Rights(Flag):
    READ = 1
    WRITE = 2


@dataclass
class Point:
    x: int


@dataclass
class Data(ArtifactModel, name="table.Data"):
    name: str
    size: int


@dataclass
class Report(ArtifactModel, name="table.Report"):
    title: str
    accuracy: float | None
    count: int
    data: Data
    metrics: ArtifactMapping[str, float]
    settings: dict[str, Any]
    color: Color
    samples: np.ndarray[Any, Any] = artifact_field(storage=memory)
    note: str = ""


@dataclass
class Kinds(ArtifactModel, name="table.Kinds"):
    yes: bool
    price: Decimal
    raw: bytes
    aware: datetime
    naive: datetime
    day: date
    at: time
    length: timedelta
    key: UUID
    path: PurePosixPath
    numbers: list[float]
    rights: Rights
    anything: Any = None
    either: int | str = 0
    points: Any = field(default=None)


def report(number: int) -> Report:
    metrics = ArtifactMapping({"loss": number / 4, "f1": float(number)} if number else {"loss": 0.0})
    settings = {"rate": number / 10, "deep": {"er": number}}
    accuracy = None if number == 1 else number / 2
    data = Data(f"data {number}", number)
    return Report(f"t{number}", accuracy, number, data, metrics, settings, Color.RED, np.arange(number))


@pytest.fixture
async def reports(engine: AsyncEngine) -> list[UUID]:
    async with RunManager(Run(name="train", parameters={"rate": 0.5, "a.b": [1]}, tags={"team": "vision"})) as manager:
        return [await manager.save_artifact(f"r{number}", report(number)) for number in range(3)]


def kinds(**changed: Any) -> Kinds:
    given: dict[str, Any] = {
        "yes": True,
        "price": Decimal("-12.345678901234567890"[:-2]),
        "raw": b"\x00\xff",
        "aware": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        "naive": datetime(1, 1, 1),
        "day": date(9999, 12, 31),
        "at": time(23, 59, 59, 999999),
        "length": timedelta(days=-1, microseconds=1),
        "key": UUID(int=7),
        "path": PurePosixPath("a/b"),
        "numbers": [1.5, -0.0],
        "rights": Rights.READ | Rights.WRITE,
    }
    return Kinds(**given | changed)


async def test_a_row_has_fields_keys_properties_of_its_run_and_where_objects_are(reports: list[UUID]) -> None:
    c = columns(Report)
    chosen = [c.title, c.accuracy, c.data.name, c.metrics["loss"], c.metrics.f1, c.settings["rate"], c.color, c.samples]
    run = ("name", "status", "tags.team", columns(Run).parameters["a.b"])
    table = await select(Report).table(*chosen, run=run, label=True)
    rows = await select(Report).rows(*chosen, run=run, label=True)
    names = [
        *("node_id", "run_id", "label", "title", "accuracy", "data.name", "metrics.loss", "metrics.f1"),
        *("settings.rate", "color", "samples", "run.name", "run.status", "run.tags.team", "run.parameters.a.b"),
    ]
    assert list(table.column_names) == names == list(rows[0])
    made = table.arrow.to_pylist()
    assert [UUID(row["node_id"]) for row in made] == reports == [row["node_id"] for row in rows]
    assert [row["run.parameters.a.b"] for row in rows] == [[1]] * 3
    for number, (row, cells) in enumerate(zip(rows, made, strict=True)):
        expected = {
            "label": f"r{number}",
            "title": f"t{number}",
            "accuracy": None if number == 1 else number / 2,
            "data.name": f"data {number}",
            "metrics.loss": number / 4,
            "metrics.f1": float(number) if number else None,
            "settings.rate": number / 10,
            "run.name": "train",
            "run.status": "completed",
            "run.tags.team": "vision",
        }
        assert {name: row[name] for name in expected} == expected == {name: cells[name] for name in expected}
        cell = row["samples"]
        assert isinstance(cell, ObjectCell)
        assert (row["color"], cells["color"]) == (Color.RED, "RED")
        assert cell.storage == "tables"
        assert cell.location is not None
        assert len(await memory.read(cell.location)) == cell.size == cells["samples"]["size"]
        assert cell.sha256 == cells["samples"]["sha256"]


async def test_each_kind_of_value_has_its_arrow_type_and_comes_back_exactly() -> None:
    model = kinds()
    await model.save("kinds")
    c = columns(Kinds)
    names = ["yes", "price", "raw", "aware", "naive", "day", "at", "length", "key", "path", "numbers", "rights"]
    table = await select(Kinds).table(*(c[name] for name in names))
    types = [
        *(pa.bool_(), pa.decimal128(38, 18), pa.binary(), pa.timestamp("us", tz="UTC"), pa.timestamp("us")),
        *(pa.date32(), pa.time64("us"), pa.duration("us"), pa.string(), pa.string(), pa.list_(pa.float64())),
        pa.dictionary(pa.int32(), pa.string()),
    ]
    assert [table.arrow.schema.field(name).type for name in names] == types
    [row] = table.arrow.to_pylist()
    expected = {name: getattr(model, name) for name in names} | {"key": str(model.key), "path": "a/b", "rights": "3"}
    assert {name: row[name] for name in names} == expected
    assert str(row["numbers"]) == "[1.5, -0.0]"
    [exact] = await select(Kinds).rows(*(c[name] for name in names))
    assert all(type(exact[name]) is type(getattr(model, name)) for name in names)
    assert {name: exact[name] for name in names} == {name: getattr(model, name) for name in names}


async def test_without_columns_a_table_has_all_fields_but_models_and_collections(reports: list[UUID]) -> None:
    table = await select(Report).table()
    assert table.column_names[2:] == ("title", "accuracy", "count", "color", "samples", "note")
    assert len(table) == len(reports)


async def test_by_stored_name_nothing_is_looked_up(reports: list[UUID]) -> None:
    c = columns("table.Report")
    found = select("table.Report").where(c.metrics["loss"] > 0.1).order_by(c.metrics.loss.desc())
    rows = await found.rows(c.title, c.color, c.settings.deep, c.data.size, c.metrics.f1)
    assert [list(row.values())[2:] for row in rows] == [
        ["t2", StoredEnum("Color", "RED"), {"er": 2}, 2, 2.0],
        ["t1", StoredEnum("Color", "RED"), {"er": 1}, 1, 1.0],
    ]
    table = await select("table.Report").table(as_text=True)
    assert table.column_names[2:] == ("accuracy", "color", "count", "note", "samples", "settings", "title")
    assert table.arrow["settings"].to_pylist()[1] == "{'rate': 0.1, 'deep': {'er': 1}}"
    with pytest.raises(TableError, match=r"data of node .* is a model, and no value of a row"):
        await select("table.Report").rows(c.data)
    await kinds(points=None).save("kinds")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"anything": {"a": 1}}, "holds other"),
        ({"anything": 2**63}, "cannot hold 9223372036854775808"),
        ({"price": Decimal("1e-19")}, "cannot hold Decimal"),
        ({"price": Decimal("NaN")}, "cannot hold Decimal"),
        ({"length": timedelta.max}, "cannot hold datetime.timedelta"),
    ],
)
async def test_a_value_without_exact_arrow_type_is_refused_by_name(changed: dict[str, Any], message: str) -> None:
    [(name, value)] = changed.items()
    node_id = await kinds(**changed).save("kinds")
    column = columns(Kinds)[name]
    with pytest.raises(TableError, match=f"^Column '{name}' {message}.*{node_id}"):
        await select(Kinds).table(column)
    as_text = await select(Kinds).table(column, as_text=True)
    assert as_text.arrow[name].to_pylist() == [str(value) if name != "length" else repr(value)]
    [row] = await select(Kinds).rows(column)
    assert repr(row[name]) == repr(value)


async def test_a_mixed_column_is_refused_or_text() -> None:
    await kinds(either=1).save("one")
    text_id = await kinds(either="two").save("two")
    c = columns(Kinds)
    with pytest.raises(TableError, match=rf"several kinds: int \(1, node .*text \('two', node {text_id}"):
        await select(Kinds).table(c.either)
    table = await select(Kinds).table(c.either, c.day, as_text=True)
    assert table.arrow["either"].to_pylist() == ["1", "two"]
    assert table.arrow.schema.field("day").type == pa.date32()


async def test_integers_join_floats_only_exactly() -> None:
    await kinds(anything=1).save("one")
    await kinds(anything=0.5).save("half")
    c = columns(Kinds)
    assert (await select(Kinds).table(c.anything)).arrow["anything"].to_pylist() == [1.0, 0.5]
    await kinds(anything=2**53 + 1).save("large")
    with pytest.raises(TableError, match="cannot hold 9007199254740993"):
        await select(Kinds).table(c.anything)


async def test_batches_have_one_schema_and_the_rows_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    await save_many([(f"r{number}", report(number)) for number in range(11)])
    c = columns(Report)
    chosen = [c.title, c.accuracy, c.metrics["loss"]]
    seen: list[Progress] = []
    assert [len(batch) async for batch in select(Report).table_batches(c.title, size=8, progress=seen.append)] == [8, 3]
    monkeypatch.setattr(_base, "_HELD", 4)
    assert [(each.stage, each.done, each.unit) for each in seen] == [
        ("read rows", 8, "rows"),
        ("read rows", 11, "rows"),
    ]
    for query, counts in (
        (select(Report), [3, 1, 3, 1, 3]),
        (select(Report).limit(5), [3, 1, 1]),
        (select(Report).offset(4), [3, 3, 1]),
        (select(Report).where(c.count > 2).order_by(c.count.desc()), [3, 3, 2]),
        (select(Report).labeled("r7"), [1]),
    ):
        batches = [batch async for batch in query.table_batches(*chosen, size=3)]
        assert [len(batch) for batch in batches] == counts
        whole = pa.concat_tables([batch.arrow for batch in batches])
        assert whole.equals((await query.table(*chosen)).arrow.combine_chunks())


async def test_a_batch_that_breaks_the_schema_is_refused() -> None:
    await save_many([(f"k{number}", kinds(anything=number)) for number in range(2)])
    await kinds(anything="text").save("last")
    c = columns(Kinds)
    batches = select(Kinds).table_batches(c.anything, size=2)
    assert (await anext(batches)).arrow["anything"].to_pylist() == [0, 1]
    with pytest.raises(TableError, match="'anything' was int in the first batch, and holds text"):
        await anext(batches)
    texts = [batch.arrow async for batch in select(Kinds).table_batches(c.anything, size=2, as_text=True)]
    assert pa.concat_tables(texts)["anything"].to_pylist() == ["0", "1", "text"]
    lists = select(Kinds).table_batches(c.numbers, size=1)
    await kinds(numbers=[1]).save("whole numbers")
    assert {str(batch.arrow.schema.field("numbers").type) async for batch in lists} == {"list<item: double>"}
    await kinds(numbers=["a"]).save("text")
    with pytest.raises(TableError, match=r"'numbers' cannot hold \['a'\]"):
        [batch async for batch in select(Kinds).table_batches(c.numbers, size=2)]
    with pytest.raises(QueryError, match="at least one row"):
        await anext(select(Kinds).table_batches(c.anything, size=0))


async def test_the_number_of_statements_is_constant() -> None:
    c = columns(Report)
    seen: list[int] = []
    rows = 0
    for start in (0, 5, 300):
        await save_many([(f"r{number}", report(number)) for number in range(start, 2 * start + 1)])
        with counted() as statements:
            rows = len(await select(Report).table(c.title, c.data.name, c.samples, run=("name",)))
        seen.append(len([text for text in statements if "SELECT" in text]))
    assert rows == 1 + 6 + 301
    assert len(set(seen)) == 1
    assert seen[0] <= 2


def _class(made: Any) -> type[ArtifactModel]:
    found: type[ArtifactModel] = made
    return found


async def test_more_columns_than_one_statement_joins() -> None:
    fields = {f"f{number}": int for number in range(70)}
    wide = _class(dataclass(type("Wide", (ArtifactModel,), {"__annotations__": fields, "__module__": __name__})))
    given: dict[str, Any] = {name: number for number, name in enumerate(fields)}
    await wide(**given).save("wide")
    [row] = (await select(wide).table()).arrow.to_pylist()
    assert [row[name] for name in fields] == list(range(70))


async def test_a_number_in_an_object_is_described() -> None:
    @dataclass
    class Far(ArtifactModel, name="table.Far"):
        number: int = artifact_field(storage=memory)
        near: int = 1

    await Far(5).save("far")
    c = columns(Far)
    [row] = await select(Far).rows(c.number, c.near)
    assert isinstance(row["number"], ObjectCell)
    assert (row["number"].size, row["near"]) == (1, 1)
    table = (await select(Far).table(c.number, c.near)).arrow
    assert [table.schema.field(name).type for name in ("number", "near")] == [table["number"].type, pa.int64()]
    assert table["number"].to_pylist()[0]["size"] == 1


async def test_a_model_where_a_number_is_expected_is_refused() -> None:
    @dataclass
    class Changed(ArtifactModel, name="table.Changed"):  # pyright: ignore[reportRedeclaration]
        score: Data | float

    node_id = await Changed(Data("old", 1)).save("old")

    @dataclass
    class Changed(ArtifactModel, name="table.Changed", version=2):  # type: ignore[no-redef]
        score: float

    await Changed(0.5).save("new")
    with pytest.raises(TableError, match=f"score of node {node_id} is a model"):
        await select(Changed).rows(columns(Changed).score)


async def test_conditions_on_items_of_mappings(reports: list[UUID]) -> None:
    c = columns(Report)
    assert await select(Report).where(c.metrics["loss"] >= 0.25).ids() == reports[1:]
    assert await select(Report).where(c.metrics.f1.is_(None)).ids() == []
    assert await select(Report).order_by(c.metrics["f1"].desc()).ids() == [reports[2], reports[1], reports[0]]
    long = {"key": "x" * 300 + "a"}

    @dataclass
    class Texts(ArtifactModel, name="table.Texts"):
        texts: ArtifactMapping[str, str]

    first = await Texts(ArtifactMapping(long)).save("first")
    await Texts(ArtifactMapping({"key": "x" * 300 + "b"})).save("second")
    text = columns(Texts).texts["key"]
    assert await select(Texts).where(text == long["key"]).ids() == [first]
    assert await select("table.Texts").where(columns("table.Texts").texts.key == long["key"]).ids() == [first]
    for refused in (lambda: c.settings["rate"] > 1, lambda: c.settings["rate"].is_(None), c.settings["rate"].asc):
        with pytest.raises(QueryError, match=r"key of a plain dict.*Report\.settings as ArtifactMapping"):
            refused()
    with pytest.raises(QueryError, match=r"its keys can be, as in metrics\[key\]"):
        c.metrics.asc()


async def test_items_and_fields_of_one_name_are_both_found_by_stored_name() -> None:
    @dataclass
    class Holder(ArtifactModel, name="table.Holder"):
        held: Data | ArtifactMapping[str, int]

    ids = [await Holder(Data("a", 3)).save("model"), await Holder(ArtifactMapping(size=3)).save("mapping")]
    await Holder(ArtifactMapping(size=4)).save("other")
    size = columns("table.Holder").held.size
    assert await select("table.Holder").where(size == 3).ids() == ids
    assert [row["held.size"] for row in await select("table.Holder").rows(size)] == [3, 3, 4]


async def test_runs_by_what_they_used_and_hold(reports: list[UUID]) -> None:
    async with RunManager(Run(name="use")) as use:
        await Report.load(reports[1])
    c = columns(Report)
    train = (await select(Run).where(columns(Run).name == "train").ids())[0]
    by_id = select(Run).used(reports[1])
    assert await by_id.ids() == await select(Run).used(str(reports[1])).ids() == [use.run.node_id]
    assert await select(Run).used(reports[0]).ids() == []
    assert await select(Run).used(select(Report).where(c.count == 1)).ids() == [use.run.node_id]
    assert await select(Run).used(select(Report).limit(1)).count() == 0
    assert await select(Run).having(select(Report).where(c.accuracy > 0.5)).ids() == [train]
    assert await select(Run).having(select(Report).where(c.accuracy > 5)).count() == 0
    stored = columns("table.Report")
    assert await select(Run).having(select("table.Report").where(stored.metrics["loss"] > 0)).ids() == [train]
    with pytest.raises(QueryError, match="version= and label= with a model class"):
        select(Run).used(reports[0], label="x")
    with pytest.raises(QueryError, match="having takes a query"):
        select(Run).having(Report)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_a_table_of_runs(reports: list[UUID]) -> None:
    table = await select(Run).table("name", "parameters.rate", columns(Run).tags["team"], columns(Run).started_at)
    assert table.column_names == ("node_id", "name", "parameters.rate", "tags.team", "started_at")
    [row] = await select(Run).rows("name", "parameters.rate", "tags.none")
    assert list(row.values())[1:] == ["train", 0.5, None]
    assert [len(batch) async for batch in select(Run).table_batches(size=1)] == [1]
    for name in ("none", "parameters", "parametersx.y"):
        with pytest.raises(QueryError, match=f"Runs have no property '{name}'"):
            await select(Run).rows(name)
    with pytest.raises(InvalidLabelError):
        await select(Run).rows("tags.\0")


async def test_what_is_no_column_is_refused(reports: list[UUID]) -> None:
    c = columns(Report)
    other: Any = "title"
    for asked, message in (
        (select(Report).rows(columns(Kinds).yes), "no Report is one"),
        (select(Report).rows(c.data), "data is a model, and no value of a row"),
        (select(Report).rows(c.title, c.title), "one column 'title'"),
        (select(Report).rows(other), "A table takes columns"),
        (select(Report).rows(c.title, run="name"), "not one text"),
    ):
        with pytest.raises(QueryError, match=message):
            await asked


async def test_files_and_frames_of_other_libraries(reports: list[UUID], tmp_path: Path) -> None:
    c = columns(Report)
    table = await select(Report).table(c.title, c.accuracy, c.color, c.samples)
    table.to_csv(tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text("utf-8").splitlines()
    assert lines[0].split(",")[2:5] == ['"title"', '"accuracy"', '"color"']
    assert lines[2].split(",")[2:5] == ['"t1"', "", '"RED"']
    table.to_arrow_file(tmp_path / "t.arrow")
    assert pa.ipc.open_file(tmp_path / "t.arrow").read_all().equals(table.arrow)
    table.to_parquet(tmp_path / "t.parquet")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    assert parquet.read_table(tmp_path / "t.parquet").equals(table.arrow)
    assert list(table.to_pandas()["title"]) == ["t0", "t1", "t2"] == table.to_polars()["title"].to_list()
    assert repr(table) == "<Table of 3 rows: node_id, run_id, title, accuracy, color, samples>"


async def test_a_notebook_shows_the_first_rows() -> None:
    await save_many([(f"r{number}", report(number)) for number in range(24)])
    await replace(report(24), title="<script>alert(1)</script>" + "x" * 200).save("hostile")
    c = columns(Report)
    shown = (await select(Report).order_by(c.count.desc()).table(c.title, c.accuracy, c.samples))._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;x" in shown
    assert shown.count("<tr") == 1 + 20 + 1
    assert "and 5 more" in shown
    assert "25 rows" in shown
    assert len(shown) < 50_000


async def test_without_pyarrow_rows_remain(reports: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    from artigraph.table import arrow

    arrow.arrow.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    c = columns(Report)
    with pytest.raises(MissingDependencyError, match=r"rows\(\) returns the same values"):
        await select(Report).table(c.title)
    assert [row["title"] for row in await select(Report).rows(c.title)] == ["t0", "t1", "t2"]


async def test_altered_rows_are_named(reports: list[UUID]) -> None:
    is_title = (node_table.c.label == "title") & (node_table.c.parent_id == reports[1])
    async with session_context() as session:
        await session.execute(update(node_table).where(is_title).values(value=b'"t1", 5'))
    with pytest.raises(DeserializationError, match=f"title of node {reports[1]}"):
        await select(Report).rows(columns(Report).title)
    async with session_context() as session:
        await session.execute(update(node_table).where(is_title).values(value=None))
    with pytest.raises(MalformedRowError, match=f"title of node {reports[1]}"):
        await select(Report).rows(columns(Report).title)


def decoded(stored: Sequence[bytes]) -> list[object]:
    return decode_each(stored, lambda index: decode(stored[index]))


def test_values_decoded_together_are_those_decoded_alone() -> None:
    values = [0, -1, 2**80, 0.1, 1e300, "", 'a\n"b', "é\u2028", None, True, [1], {"a": [None]}, (1, 2), b"x", "x" * 500]
    stored = [encode(value) for value in values]
    assert decoded(stored) == values
    assert list(map(type, decoded(stored))) == list(map(type, values))


@pytest.mark.parametrize("parts", [[b"1,2"], [b'"a', b'b"'], [b"1,[2", b"3]"], [b" 1"], [b""], [b"NaN"], [b"1", b"2 "]])
def test_bytes_that_are_no_value_are_refused_together_as_alone(parts: list[bytes]) -> None:
    with pytest.raises(DeserializationError):
        decoded(parts)


def test_random_damage_never_passes_for_values() -> None:
    chosen = random.Random(7)
    for _ in range(3_000):
        parts = [bytes(chosen.choice(b'1"[],{}: \\ntrue-.e0') for _ in range(chosen.randint(0, 6))) for _ in range(3)]
        alone: list[object] = []
        try:
            alone = [decode(part) for part in parts]
        except DeserializationError:
            with pytest.raises(DeserializationError):
                decoded(parts)
        else:
            assert decoded(parts) == alone


async def test_structs_stand_for_instances() -> None:
    @dataclass
    class Shape(ArtifactModel, name="table.Shape"):
        point: Point

    await Shape(Point(3)).save("shape")
    assert (await select(Shape).rows(columns(Shape).point))[0]["point"] == Point(3)
    [row] = await select("table.Shape").rows(columns("table.Shape").point)
    assert row["point"] == StoredStruct("Point", {"x": 3})
    assert datetime(2026, 1, 1, tzinfo=UTC).tzinfo is UTC
