"""What is peculiar to models and values of msgspec."""

from __future__ import annotations

import functools
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import numpy as np
import pytest

from artigraph import ArtifactModelConfig, Lazy, columns, select
from artigraph.errors import DeserializationError, FieldNotLoadedError, ModelDefinitionError, SerializationError
from artigraph.msgspec import ArtifactModel
from artigraph.storage import MemoryStorage

pytestmark = pytest.mark.usefixtures("engine")

_np: Any = np
memory = MemoryStorage("msgspec")
T = TypeVar("T")


class Color(Enum):
    RED = "r"
    BLUE = "b"


class Config(msgspec.Struct, frozen=True, tag=True):
    rate: float = 0.1
    maybe: int | msgspec.UnsetType = msgspec.UNSET


class Report(ArtifactModel, version=2, name="msgspec.Report", rename="camel", kw_only=True):
    some_number: int
    array: Annotated[Any, memory] = None
    config: Config | None = None
    configs: list[Config] = msgspec.field(default_factory=list[Config], name="other")
    large: Lazy[bytes] | None = None


class FrozenStruct(ArtifactModel, frozen=True):
    number: float


class Box(ArtifactModel, Generic[T]):
    item: T


class Colors(Box[Color], name="msgspec.Colors"):
    pass


async def test_structs_come_back() -> None:
    report = Report(some_number=1, array=_np.arange(2), config=Config(), configs=[Config(maybe=1)], large=Lazy(b"x"))
    node_id = await report.save("it")
    loaded = await Report.load(node_id)
    assert loaded == report
    assert loaded.config is not None
    assert loaded.config.maybe is msgspec.UNSET
    assert (await select(Report).where(columns(Report).some_number == 1).count()) == 1
    part = await Report.load(node_id, fields=["some_number"])
    assert part.some_number == 1
    assert isinstance(part, Report)
    with pytest.raises(FieldNotLoadedError):
        print(part.configs)
    with pytest.raises(FieldNotLoadedError):
        part.some_number = 2
    with pytest.raises(FieldNotLoadedError):
        await part.save("it")


async def test_a_partial_load_of_a_frozen_struct() -> None:
    part = await FrozenStruct.load(await FrozenStruct(1).save("it"), fields=["number"])
    assert part.number == 1


async def test_type_arguments_are_applied() -> None:
    colors = Colors(Color.RED)
    assert await Colors.load(await colors.save("it")) == colors
    assert (await select(Colors).where(columns(Colors).item == Color.RED).count()) == 1


def test_a_field_that_hides_a_method_is_an_error_at_definition() -> None:
    with pytest.raises(ModelDefinitionError, match="Field 'load'"):

        class Hiding(ArtifactModel):  # pyright: ignore[reportUnusedClass]
            load: int  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]


async def test_migrated_data_is_validated() -> None:
    class Migrated(ArtifactModel, name="msgspec.Migrated"):
        number: int

    node_id = await Migrated(4).save("it")

    class Newer(ArtifactModel, name="msgspec.Migrated", version=2, rename="upper", tag="x"):
        number: Annotated[int, msgspec.Meta(lt=5)]
        array: Any = None

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            return {**data, "array": _np.arange(version)}

    loaded = await Newer.load(node_id)
    assert (loaded.number, list(loaded.array)) == (4, [0])
    with pytest.raises(DeserializationError, match="Expected `int` <= 4"):
        await Newer.load(await Migrated(5).save("it"))


async def test_a_class_can_ask_for_validation_on_load() -> None:
    class Validated(ArtifactModel, config=ArtifactModelConfig(validate_on_load=True)):
        number: int

        def __post_init__(self) -> None:
            self.number *= 2

    assert (await Validated.load(await Validated(1).save("it"))).number == 4


def test_hashes_and_equality() -> None:
    assert hash(FrozenStruct(1)) == hash(FrozenStruct(1.0))
    assert FrozenStruct(float("nan")) == FrozenStruct(float("nan"))
    assert FrozenStruct(1) != FrozenStruct(2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Report(some_number=1))
    assert repr(FrozenStruct(1)) == "FrozenStruct(number=1)"


class Open(ArtifactModel, name="msgspec.Open", dict=True):
    number: int = 1

    @functools.cached_property
    def double(self) -> int:
        return 2 * self.number


class OpenValue(msgspec.Struct, dict=True):
    number: int = 1


class Hooked(ArtifactModel, name="msgspec.Hooked", dict=True):
    value: OpenValue

    def __post_init__(self) -> None:
        self.cache: Any = [self.value]


async def test_attributes_that_are_no_fields_are_refused_or_made_anew() -> None:
    model = Open(3)
    assert model.double == 6
    assert (await Open.load(await model.save("it"))).double == 6
    anything: Any = model
    anything.more = 5
    assert model != Open(4)
    assert "number" in model._repr_html_()
    with pytest.raises(SerializationError, match="'more' is no field of struct Open"):
        await model.save("it")
    hooked = Hooked(OpenValue())
    assert (await Hooked.load(await hooked.save("it"))).cache == [OpenValue()]
    anything = hooked.value
    anything.more = 5
    with pytest.raises(SerializationError, match="'more' is no field of struct OpenValue"):
        await hooked.save("it")
