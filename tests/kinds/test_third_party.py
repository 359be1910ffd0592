"""Models of classes that derive from no base of ours, and all that can be done with models."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from typing import Any, cast

import attrs
import msgspec
import pydantic
import pytest

from artigraph import (
    ArtifactModel,
    Node,
    Run,
    RunManager,
    artifact_class,
    columns,
    diff,
    load,
    load_many,
    origin_of,
    save,
    save_many,
    select,
    series,
    tracked,
)
from artigraph.errors import (
    ArgumentError,
    FieldNotLoadedError,
    InvalidLabelError,
    ModelDefinitionError,
    SerializationError,
    UnknownModelError,
    WrongModelTypeError,
)
from artigraph.maintenance import upgrade
from artigraph.model.definition import is_model
from artigraph.model.stored_names import model_classes
from artigraph.view import artifact_document

pytestmark = pytest.mark.usefixtures("engine")


class Third(pydantic.BaseModel):
    number: int
    text: str = "x"


@attrs.define
class Point:
    x: int
    y: int = 0


class Struct(msgspec.Struct):
    x: int
    point: Point | None = None


@dataclass
class Plain:
    x: int
    others: list[Any] | None = None


artifact_class(Third, name="third-party", version=1)
artifact_class(Point, name="third.Point")
artifact_class(Struct, name="third.Struct")
artifact_class(Plain, name="third.Plain")


@dataclass
class Holder(ArtifactModel, name="third.Holder"):
    third: Third | None = None
    points: list[Point] | None = None
    plain: Plain | None = None


async def test_they_are_saved_loaded_and_found() -> None:
    for model in (Third(number=1), Point(1), Struct(1, Point(2)), Plain(1, [Point(3)])):
        cls: type[Third] = cast("Any", type(model))
        node_id = await save(model, "it")
        loaded: Any = await load(cls, node_id)
        assert loaded == model
        name = "number" if isinstance(model, Third) else "x"
        assert await select(cls).where(columns(cls)[name] == 1).all() == [model]
        assert await load_many(cls, [node_id]) == [model]
        assert await load_many(ArtifactModel, [node_id]) == [model]
        assert await ArtifactModel.load(node_id) == model
        part: Any = await load(cls, node_id, fields=[name])
        assert getattr(part, name) == 1
        with pytest.raises(FieldNotLoadedError):
            await save(part, "it")


async def test_they_are_nodes_of_their_own_in_other_models() -> None:
    holder = Holder(Third(number=7), [Point(1), Point(2)], Plain(3))
    node_id = await holder.save("it")
    assert await Holder.load(node_id) == holder
    c = columns(Holder)
    assert await select(Holder).where(c.third.number == 7, c.plain.x == 3).count() == 1
    assert await select(Node).of_model(Point).of_type("model").count() == 2
    with pytest.raises(SerializationError, match=r"Wrapped.*cannot be stored exactly: .*node of its own"):
        await Nested(Wrapped(Plain(1))).save("it")


@dataclass
class Wrapped:
    plain: Plain


@dataclass
class Nested(ArtifactModel, name="third.Nested"):
    wrapped: Wrapped


async def test_diff_series_runs_and_functions_take_them() -> None:
    one, other = Third(number=1), Third(number=2, text="y")
    changes = diff(one, other)
    assert [(str(change.path), change.before, change.after) for change in changes] == [
        ("number", 1, 2),
        ("text", "x", "y"),
    ]
    ids = await save_many({"third": one})
    async with RunManager(Run()) as manager:
        ids.append(await manager.save_artifact("third", other))
        assert await manager.load_artifact("third", Third) == other
        assert await manager.load_artifacts(Third) == {"third": other}
    found = series(Third, "third")
    assert await found.latest() == other
    assert len(await found.versions()) == 2
    assert (await origin_of(await load(Third, ids[0]))).label == "third"
    document = await artifact_document(ids[0])
    assert document.model_name == "third-party"
    assert await select(Run).used(Third).count() == 0

    @tracked
    async def make(third: Third) -> Third:
        return Third(number=third.number + 1)

    made = await make(await load(Third, ids[0]))
    assert made == Third(number=2)
    assert await select(Run).used(Third).count() == 1
    assert await select(Third).count() == 3


class Setting(pydantic.BaseModel):
    rate: float = 0.1
    steps: int = 3


class Renamed(pydantic.BaseModel):
    number: int


async def test_a_second_call_replaces_the_aliases() -> None:
    def make() -> Any:
        class Gone(pydantic.BaseModel):
            number: int

        return artifact_class(Gone, name="third.Before")

    node_id = await save(make()(number=1), "it")
    gc.collect()
    artifact_class(Renamed, name="third.After")
    with pytest.raises(UnknownModelError):
        await ArtifactModel.load(node_id)
    for _ in range(2):
        artifact_class(Renamed, name="third.After", aliases=["third.Before"])
        assert await ArtifactModel.load(node_id) == Renamed(number=1)
        assert await select(Renamed).count() == 1
    artifact_class(Renamed, name="third.After")
    with pytest.raises(UnknownModelError):
        await ArtifactModel.load(node_id)


async def test_a_parameter_of_a_run_is_its_fields_alone() -> None:
    @tracked
    async def train(setting: Setting) -> None:
        del setting

    await train(Setting(steps=5))
    (run,) = await select(Run).all()
    assert run.parameters == {"setting": {"rate": 0.1, "steps": 5}}


async def test_data_of_an_older_version_is_migrated_and_validated() -> None:
    class Grown(pydantic.BaseModel):
        number: int = pydantic.Field(le=10)

        @pydantic.field_validator("number")
        @classmethod
        def double(cls, number: int) -> int:
            return 2 * number

    artifact_class(Grown, name="third.Grown", version=1)
    node_id = await save(Grown(number=2), "it")
    assert (await load(Grown, node_id)).number == 4

    def migrate(version: int, data: dict[str, Any]) -> dict[str, Any]:
        return {"number": data["number"] + version}

    artifact_class(Grown, name="third.Grown", version=2, migrate=migrate)
    assert (await load(Grown, node_id)).number == 10
    assert (await load(Grown, await save(Grown(number=2), "it"))).number == 4


async def test_what_is_no_such_class_is_refused() -> None:
    strange: Any = int
    with pytest.raises(ModelDefinitionError, match="neither a dataclass nor"):
        artifact_class(strange)
    for wrong in (Holder, 5):
        anything: Any = wrong
        with pytest.raises(ModelDefinitionError, match="does not derive from ArtifactModel"):
            artifact_class(anything)
    with pytest.raises(ModelDefinitionError, match="already"):
        artifact_class(Third, name="another")
    with pytest.raises(ModelDefinitionError, match="whole number"):
        artifact_class(Third, name="third-party", version=-1)
    with pytest.raises(InvalidLabelError):
        artifact_class(Third, name="a\0b")

    @dataclass
    class Unknown:
        number: int

    with pytest.raises(SerializationError, match=r"artifact_class\("):
        await save(Unknown(1), "it")
    with pytest.raises(SerializationError, match="artifact_class"):
        await save_many({"it": Unknown(1)})
    assert not is_model(Unknown)
    with pytest.raises(WrongModelTypeError):
        await load(Point, await save(Third(number=1), "it"))


async def test_a_class_derived_from_one_is_no_model() -> None:
    class Derived(Third):
        pass

    with pytest.raises(SerializationError, match="no model class"):
        await save(Derived(number=1), "it")


async def test_without_the_call_its_data_says_what_is_missing() -> None:
    def make() -> Any:
        class Gone(msgspec.Struct):
            x: int

        return artifact_class(Gone, name="third.Gone")

    node_id = await save(make()(1), "it")
    for _ in range(3):  # what the save left to its event loop is dropped first
        await asyncio.sleep(0.01)
        gc.collect()
    with pytest.raises(UnknownModelError, match=r"third\.Gone"):
        await ArtifactModel.load(node_id)


class Upgraded(pydantic.BaseModel):
    number: int


async def test_their_older_data_is_upgraded() -> None:
    artifact_class(Upgraded, name="third.Upgraded")
    node_ids = [await save(Upgraded(number=1), "a"), await save(Upgraded(number=2), "b")]

    def migrate(version: int, data: dict[str, Any]) -> dict[str, Any]:
        return {"number": data["number"] + 10 * version}

    artifact_class(Upgraded, name="third.Upgraded", version=2, migrate=migrate)
    assert {Upgraded, Point, Holder} <= set(model_classes(ArtifactModel))
    report = await upgrade(Upgraded, dry_run=False)
    assert (report.model, report.artifacts, report.failures) == ("Upgraded", 2, ())
    assert report.versions == {("third.Upgraded", 1): 2}
    assert [model.number for model in await load_many(Upgraded, node_ids)] == [11, 12]
    assert (await upgrade(Upgraded)).artifacts == (await upgrade(Point)).artifacts == 0

    class Strange:
        """A class that is no model."""

    strange: Any = Strange
    with pytest.raises(ArgumentError, match="takes a model class"):
        await upgrade(strange)
