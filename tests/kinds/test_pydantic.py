"""What is peculiar to models and values of pydantic."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
import pydantic
import pytest
from pydantic import ConfigDict, Field, PrivateAttr, RootModel, field_validator
from sqlalchemy import select as sql_select

from artigraph import ArtifactMapping, ArtifactModelConfig, Lazy, columns, load_many, select
from artigraph import ArtifactModel as Dataclass
from artigraph.db import read
from artigraph.errors import (
    DeserializationError,
    FieldNotLoadedError,
    InvalidLabelError,
    ModelDefinitionError,
    ModelVersionError,
    SerializationError,
)
from artigraph.graph.nodes import read_nodes
from artigraph.orm import node_table
from artigraph.pydantic import ArtifactModel
from artigraph.storage import MemoryStorage
from artigraph.stored import load_stored

pytestmark = pytest.mark.usefixtures("engine")

_np: Any = np
memory = MemoryStorage("pydantic")
T = TypeVar("T")


class Color(Enum):
    RED = "r"
    BLUE = "b"


class Config(pydantic.BaseModel):
    rate: float = 0.1
    color: Color = Color.RED


class Report(ArtifactModel, version=2, frozen=True, name="pydantic.Report"):
    accuracy: float = Field(ge=0, le=1, alias="acc")
    predictions: Annotated[Any, memory] = None
    config: Config | None = None
    by_name: ArtifactMapping[str, Config] = Field(default_factory=ArtifactMapping)
    large: Lazy[bytes] | None = None


class Open(ArtifactModel, name="pydantic.Open"):
    model_config = ConfigDict(extra="allow")

    number: int = 1
    _cache: dict[str, int] = PrivateAttr(default_factory=dict)
    _seen: bool = PrivateAttr(default=False)

    @field_validator("number")
    @classmethod
    def double(cls, number: int) -> int:
        return 2 * number


async def labels_of(node_id: Any) -> set[str]:
    statement = sql_select(node_table.c.label).where(node_table.c.tree_root_id == node_id)
    return set(await read(lambda connection: _scalars(connection, statement)))


async def _scalars(connection: Any, statement: Any) -> list[str]:
    return list((await connection.execute(statement)).scalars())


async def test_aliases_are_never_stored() -> None:
    report = Report(acc=0.5)
    node_id = await report.save("it")
    assert "accuracy" in await labels_of(node_id)
    assert "acc" not in await labels_of(node_id)
    loaded = await Report.load(node_id)
    assert loaded == report
    assert loaded.accuracy == 0.5
    assert (await select(Report).where(columns(Report).accuracy > 0.4).all()) == [report]


async def test_the_fields_that_were_set_are_kept() -> None:
    for report in (Report(acc=1), Report(acc=1, predictions=None), Report.model_construct(accuracy=7)):
        loaded = await Report.load(await report.save("it"))
        assert loaded.model_fields_set == report.model_fields_set
        assert loaded.model_dump(exclude_unset=True) == report.model_dump(exclude_unset=True)
    complete = Config(rate=0.5, color=Color.BLUE)
    holder = Report(acc=0, config=complete, by_name=ArtifactMapping(a=Config(color=Color.BLUE)))
    loaded = await Report.load(await holder.save("it"))
    assert loaded.config is not None
    assert loaded.config.model_fields_set == {"rate", "color"}
    assert loaded.by_name["a"].model_fields_set == {"color"}


async def test_additional_fields_are_stored() -> None:
    model = Open.model_validate({"number": 2, "other": [1, (2,)], "array": _np.arange(3)})
    node_id = await model.save("it")
    loaded = await Open.load(node_id)
    assert loaded == model
    assert loaded.number == 4
    assert loaded.model_extra == {"other": [1, (2,)], "array": loaded.model_extra["array"]}  # type: ignore[index]
    assert loaded.model_fields_set == {"number", "other", "array"}
    assert "other=[1, (2,)]" in repr(loaded)
    part: Any = await Open.load(node_id, fields=["other"])
    assert part.other == [1, (2,)]
    with pytest.raises(FieldNotLoadedError):
        print(part.number)
    assert loaded != Open(number=2)


async def test_additional_fields_have_names_that_can_be_labels() -> None:
    with pytest.raises(InvalidLabelError, match="additional field"):
        await Open.model_validate({"a\0b": 1}).save("it")
    with pytest.raises(SerializationError, match="model_fields_unset"):
        await Open.model_validate({"model_fields_unset": 1}).save("it")


async def test_private_attributes_are_made_anew() -> None:
    model = Open()
    model._cache["x"] = 1
    model._seen = True
    loaded = await Open.load(await model.save("it"))
    assert loaded._cache == {}
    assert loaded._seen is False
    assert loaded == model


async def test_a_hook_after_construction_makes_state_and_changes_no_field() -> None:
    class Hooked(ArtifactModel):
        number: int
        _ready: bool = PrivateAttr(default=False)

        def model_post_init(self, context: Any, /) -> None:
            super().model_post_init(context)
            self._ready = True
            self.number *= 2

    loaded = await Hooked.load(await Hooked(number=2).save("it"))
    assert loaded.number == 4
    assert loaded._ready


@pytest.mark.parametrize("name", ["save", "load", "migrate"])
def test_a_field_that_hides_a_method_is_an_error_at_definition(name: str) -> None:
    with pytest.raises(ModelDefinitionError, match=f"Field '{name}'.*would hide the method"):
        type("Hiding", (ArtifactModel,), {"__annotations__": {name: int}, "__module__": __name__})


class Validated(ArtifactModel, name="pydantic.Validated", config=ArtifactModelConfig(validate_on_load=True)):
    number: int

    @field_validator("number")
    @classmethod
    def double(cls, number: int) -> int:
        return 2 * number


class Migrated(ArtifactModel, name="pydantic.Migrated", version=1):
    number: int
    text: str = "x"


def newer() -> Any:
    class Migrated(ArtifactModel, name="pydantic.Migrated", version=2):
        number: int = Field(le=100, alias="count")
        text: str = "x"
        added: float = 1.5

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            assert (version, set(data)) == (1, {"number", "text"})
            return {**data, "number": str(data["number"])}

        @field_validator("number")
        @classmethod
        def double(cls, number: int) -> int:
            return 2 * number

    return Migrated


async def test_only_migrated_data_is_validated() -> None:
    node_id, large = await Migrated(number=4).save("it"), await Migrated(number=101, text="y").save("it")
    cls = newer()
    loaded = await cls.load(node_id)
    assert (loaded.number, loaded.text, loaded.added) == (8, "x", 1.5)
    assert loaded.model_fields_set == {"number"}
    with pytest.raises(DeserializationError, match="less than or equal to 100"):
        await cls.load(large)
    assert (await cls.load(await loaded.save("it"))).number == 8


async def test_a_class_can_ask_for_validation_on_load() -> None:
    model = Validated(number=1)
    assert model.number == 2
    assert (await Validated.load(await model.save("it"))).number == 4


async def test_a_stored_field_that_the_class_does_not_have_is_an_error() -> None:
    class One(ArtifactModel, name="pydantic.Changed"):
        a: int
        b: int = 1

    node_id = await One(a=1).save("it")

    class Two(ArtifactModel, name="pydantic.Changed"):
        a: int

    with pytest.raises(ModelVersionError, match="'b' is not one of the class"):
        await Two.load(node_id)


class Box(ArtifactModel, Generic[T], version=3):
    item: T


class Colors(Box[Color], name="pydantic.Colors", version=4):
    pass


async def test_type_arguments_are_applied() -> None:
    for model in (Colors(item=Color.BLUE), Box[Color](item=Color.RED)):
        loaded = await type(model).load(await model.save("it"))
        assert loaded == model
        assert loaded.item is model.item
    assert (await select(Colors).where(columns(Colors).item == Color.BLUE).count()) == 1
    (node,) = (await read_nodes([await Box[Color](item=Color.RED).save("it")])).values()
    assert node.model_version == 3


class Numbers(RootModel[list[int]]):
    pass


@dataclass
class Values(Dataclass, name="pydantic.Values"):
    numbers: Numbers
    mixed: list[Config | Numbers | int] | None = None
    by_key: dict[str, Config] | None = None
    pair: tuple[Config, ...] = ()


async def test_instances_are_values_where_the_annotation_names_the_class() -> None:
    values = Values(Numbers([1]), [Config(), Numbers([2]), 3], {"a": Config(rate=1)}, (Config(),))
    loaded = await Values.load(await values.save("it"))
    assert loaded == values
    assert type(loaded.numbers) is Numbers
    stored: Any = await load_stored(await values.save("it"))
    assert stored.fields["by_key"].value["a"].fields["rate"] == 1
    strange: Any = {"a": Numbers([1])}
    with pytest.raises(SerializationError, match=r"Values\.by_key.*annotation does not mention"):
        await Values(Numbers([]), by_key=strange).save("it")


async def test_nan_equals_nan_in_a_value() -> None:
    one, other = (Values(Numbers([]), None, {"a": Config(rate=float("nan"))}) for _ in range(2))
    assert one == other
    assert one != Values(Numbers([]), None, {"a": Config(rate=1)})


async def test_lazy_fields_and_arrays() -> None:
    report = Report(acc=0.1, predictions=_np.arange(4), large=Lazy(b"abc"))
    node_id = await report.save("it")
    loaded = await Report.load(node_id)
    assert loaded == report
    assert loaded.large is not None
    assert await loaded.large.load() == b"abc"
    (part,) = await load_many(Report, [node_id], fields=["accuracy"])
    assert part.accuracy == 0.1
    assert isinstance(part, Report)
    assert "loaded in part" in str(part)
    with pytest.raises(FieldNotLoadedError):
        print(part.predictions)
    with pytest.raises(FieldNotLoadedError):
        await part.save("it")


def test_hashes_and_equality() -> None:
    assert Report(acc=0.5) == Report(acc=0.5)
    assert hash(Report.model_construct(accuracy=0.5, by_name=None)) == hash(
        Report.model_construct(accuracy=0.5, by_name=None)
    )
    with pytest.raises(TypeError, match="unhashable"):
        hash(Open())
    assert Open() != Report(acc=0.5)


async def test_classes_without_their_annotations_are_errors() -> None:
    class Unknown(ArtifactModel):
        part: "Missing | None" = None  # type: ignore[name-defined]  # noqa: F821, UP037

    with pytest.raises(ModelDefinitionError, match="model_rebuild"):
        await Unknown.model_construct().save("it")


@pytest.mark.parametrize("config", [{}, {"frozen": True}, {"validate_assignment": True}])
async def test_fields_that_a_constructor_does_not_take_survive_validation_and_migration(config: Any) -> None:
    make: Any = pydantic.dataclasses.dataclass(config=config)

    @make
    class Validated(Dataclass, name="pydantic.Kept", config=ArtifactModelConfig(validate_on_load=True)):
        number: int
        late: int = dataclasses.field(init=False, default=0)

    model: Any = Validated(1)
    object.__setattr__(model, "late", 42)
    node_id = await model.save("it")
    assert (await Validated.load(node_id)).late == 42

    @make
    class Migrated(Dataclass, name="pydantic.Kept", version=2):
        size: int
        late: int = dataclasses.field(init=False, default=0)

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            return {"size": data["number"] + version - 1, "late": data["late"]}

    loaded = await Migrated.load(node_id)
    assert (loaded.size, loaded.late) == (1, 42)


@pydantic.dataclasses.dataclass(config={"extra": "allow"})
class OpenValue:
    number: int = 1


@dataclass
class OpenHolder(Dataclass, name="pydantic.OpenHolder"):
    value: OpenValue


async def test_additional_fields_of_a_dataclass_may_begin_with_an_underscore() -> None:
    make: Any = OpenValue
    loaded = await OpenHolder.load(await OpenHolder(make(number=2, more=3, _hidden=4)).save("it"))
    assert vars(loaded.value) == {"number": 2, "more": 3, "_hidden": 4}


async def test_a_migration_keeps_which_fields_nobody_set() -> None:
    class Before(ArtifactModel, name="pydantic.Unset"):
        given: int
        renamed: list[int] = Field(default_factory=lambda: [1])
        changed: int = 1
        untouched: str = "x"
        also: tuple[str, ...] = ()
        former: list[int] = Field(default_factory=lambda: [2])

    node_id = await Before(given=1, former=[3]).save("it")

    class After(ArtifactModel, name="pydantic.Unset", version=2):
        given: int
        new_name: list[int] = Field(default_factory=list[int])
        changed: int = 1
        untouched: str = "x"
        also: tuple[str, ...] = ()
        other: list[int] = Field(default_factory=list[int])
        added: int = 3
        default: int = 4

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            data["new_name"] = data.pop("renamed")
            data["other"] = data.pop("former")
            data["changed"] = 5000 + version
            data["added"] = 8
            return data

    loaded = await After.load(node_id)
    assert (loaded.new_name, loaded.changed, loaded.other, loaded.added) == ([1], 5001, [3], 8)
    assert loaded.model_fields_set == {"given", "changed", "other", "added"}
