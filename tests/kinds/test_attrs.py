"""What is peculiar to models and values of attrs."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Generic, TypeVar

import attr
import attrs
import numpy as np
import pytest

from artigraph import ArtifactModel, ArtifactModelConfig, columns, select
from artigraph.attrs import ArtifactModel as AttrsModel
from artigraph.errors import DeserializationError, FieldNotLoadedError, ModelDefinitionError, SerializationError
from artigraph.storage import MemoryStorage

pytestmark = pytest.mark.usefixtures("engine")

_np: Any = np
memory = MemoryStorage("attrs")
T = TypeVar("T")


class Color(Enum):
    RED = "r"
    BLUE = "b"


def doubled(value: int) -> int:
    return 2 * value


@attrs.define
class Report(AttrsModel, version=2, name="attrs.Report"):
    number: int = attrs.field(converter=doubled)
    array: Annotated[Any, memory] = None
    _hidden: str = "h"
    derived: list[int] = attrs.field(init=False, factory=list[int])
    late: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.derived.append(self.number)
        object.__setattr__(self, "number", self.number + 1)


@attr.s(auto_attribs=True, unsafe_hash=True, cache_hash=True)
class Cached:
    number: int = 1


@attrs.define
class Holder(ArtifactModel, name="attrs.Holder"):
    cached: Cached
    reports: dict[str, Report] = attrs.field(factory=dict[str, Report])


@attrs.define
class Box(AttrsModel, Generic[T]):
    item: T
    items: list[T] = attrs.field(factory=list[T])


@attrs.define
class Colors(Box[Color], name="attrs.Colors"):
    pass


async def test_attributes_come_back_without_converters() -> None:
    make: Any = Report  # type checkers do not know that attrs drops the underscore
    report: Report = make(2, _np.arange(3), hidden="x")
    node_id = await report.save("it")
    loaded = await Report.load(node_id)
    assert loaded == report
    assert (loaded.number, loaded._hidden) == (5, "x")
    assert loaded.derived == [4]
    with pytest.raises(AttributeError):
        print(loaded.late)
    report.late = 7
    assert (await Report.load(await report.save("it"))).late == 7
    assert (await select(Report).where(columns(Report).number == 5).count()) == 2


@attrs.define(slots=False)
class Hooked(ArtifactModel, name="attrs.Hooked"):
    number: int

    def __attrs_post_init__(self) -> None:
        self.number *= 2
        self.cache = [self.number]


async def test_a_hook_makes_what_is_no_attribute_of_attrs() -> None:
    loaded = await Hooked.load(await Hooked(2).save("it"))
    assert (loaded.number, loaded.cache) == (4, [8])


async def test_a_cached_hash_is_made_anew() -> None:
    loaded = await Holder.load(await Holder(Cached(5)).save("it"))
    assert loaded.cached == Cached(5)
    assert hash(loaded.cached) == hash(Cached(5))


async def test_nested_models_and_partial_loads() -> None:
    holder = Holder(Cached(), {"a": Report(1)})
    node_id = await holder.save("it")
    assert await Holder.load(node_id) == holder
    part = await Holder.load(node_id, fields=["cached"])
    assert part.cached == Cached()
    assert isinstance(part, Holder)
    with pytest.raises(FieldNotLoadedError):
        print(part.reports)
    with pytest.raises(FieldNotLoadedError):
        part.cached = Cached()


async def test_type_arguments_are_applied() -> None:
    colors = Colors(Color.RED, [Color.BLUE])
    assert await Colors.load(await colors.save("it")) == colors
    assert (await select(Colors).where(columns(Colors).item == Color.RED).count()) == 1


async def test_a_class_without_the_decorator_is_an_error() -> None:
    class Bare(Report):
        pass

    with pytest.raises(ModelDefinitionError, match=r"put @dataclass, or @attrs\.define"):
        await Bare(1).save("it")


def test_a_field_that_hides_a_method_is_an_error_at_definition() -> None:
    with pytest.raises(ModelDefinitionError, match="Field 'migrate'"):

        @attrs.define
        class Hiding(ArtifactModel):  # pyright: ignore[reportUnusedClass]
            migrate: int  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]


async def test_an_attribute_without_annotation_may_hold_anything() -> None:
    cls: Any = attr.s(type("Untyped", (ArtifactModel,), {"anything": attr.ib(), "__module__": __name__}))
    model = cls(anything=(1, "x"))
    assert (await cls.load(await model.save("it"))).anything == (1, "x")
    hiding: Any = attr.s(type("Hiding", (ArtifactModel,), {"save": attr.ib(), "__module__": __name__}))
    with pytest.raises(ModelDefinitionError, match="Field 'save'"):
        await ArtifactModel.save(hiding(save=1), "it")


async def test_a_required_attribute_without_a_value_is_an_error() -> None:
    report = Report(1)
    del report.number
    with pytest.raises(SerializationError, match=r"A field of Report has no value"):
        await report.save("it")


async def test_migrated_data_goes_through_init() -> None:
    @attrs.define
    class Migrated(ArtifactModel, name="attrs.Migrated"):
        number: int
        other: int = attrs.field(init=False, default=5)

    node_id = await Migrated(4).save("it")

    @attrs.define
    class Newer(ArtifactModel, name="attrs.Migrated", version=2):
        _number: int = attrs.field(converter=doubled, validator=attrs.validators.lt(10))

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            return {"_number": data["number"] + version - 1}

    assert (await Newer.load(node_id))._number == 8
    with pytest.raises(DeserializationError, match="must be < 10"):
        await Newer.load(await Migrated(5).save("it"))


async def test_a_class_can_ask_for_validation_on_load() -> None:
    @attrs.define
    class Validated(ArtifactModel, config=ArtifactModelConfig(validate_on_load=True)):
        number: int = attrs.field(converter=doubled)

    assert (await Validated.load(await Validated(1).save("it"))).number == 4


def test_hashes_and_equality() -> None:
    @attrs.frozen
    class Frozen(AttrsModel, frozen=True):
        number: float

    assert hash(Frozen(1)) == hash(Frozen(1.0))
    assert Frozen(float("nan")) == Frozen(float("nan"))
    assert Frozen(1) != Frozen(2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Report(1))
    assert "Report(number=3" in repr(Report(1))


async def test_the_class_line_says_what_the_decorator_says() -> None:
    @attrs.define
    class Contrary(ArtifactModel, frozen=True):
        number: int

    with pytest.raises(ModelDefinitionError, match="frozen=True"):
        await Contrary(1).save("it")


@pytest.mark.parametrize("make", [attrs.define, attrs.frozen, attr.s(auto_attribs=True, slots=False)])
async def test_attributes_that_init_does_not_take_survive_validation_and_migration(make: Any) -> None:
    @make
    class Validated(ArtifactModel, name="attrs.Kept", config=ArtifactModelConfig(validate_on_load=True)):
        number: int
        late: int = attrs.field(init=False, default=0, converter=int)

    model: Any = Validated(1)
    object.__setattr__(model, "late", 42)
    node_id = await model.save("it")
    assert (await Validated.load(node_id)).late == 42

    @make
    class Migrated(ArtifactModel, name="attrs.Kept", version=2):
        size: int
        late: int = attrs.field(init=False, default=0, converter=int)

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            return {"size": data["number"] + version - 1, "late": data["late"]}

    loaded = await Migrated.load(node_id)
    assert (loaded.size, loaded.late) == (1, 42)


def typed(type_: Any) -> Any:
    return attr.s(type("Typed", (ArtifactModel,), {"color": attr.ib(type=type_), "__module__": __name__}))


async def test_an_attribute_may_have_its_type_as_an_argument() -> None:
    cls = typed(Color)
    assert (await cls.load(await cls(Color.BLUE).save("it"))).color is Color.BLUE
    find: Any = select
    assert (await find(cls).where(columns(cls)["color"] == Color.BLUE).count()) == 1
    made: Any = attrs.make_class("Made", {"color": attrs.field(type=list[Color])}, bases=(ArtifactModel,))
    assert (await made.load(await made([Color.RED]).save("it"))).color == [Color.RED]


async def test_the_text_of_a_type_as_an_argument_is_an_error() -> None:
    with pytest.raises(ModelDefinitionError, match=r"write attr\.ib"):
        await typed("Color")(Color.RED).save("it")
