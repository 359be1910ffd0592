"""Classes whose constructor runs their own code: the loaded value equals the saved one, or the save is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from artigraph import ArtifactModel
from artigraph.errors import ArtigraphError, DeserializationError, ModelDefinitionError, SerializationError
from artigraph.serializer.codec import encode
from tests.support.identical import assert_identical

PLAIN: dict[str, Callable[[], Any]] = {}
"""Classes of values, each with a constructor that changes its arguments."""


def plain(make: Callable[[], Any]) -> Callable[[], Any]:
    PLAIN[make.__name__] = make
    return make


@plain
def post_init() -> Any:
    @dataclass
    class Value:
        number: int

        def __post_init__(self) -> None:
            self.number *= 2

    return Value


@plain
def own_init() -> Any:
    @dataclass
    class Value:
        number: int

        def __init__(self, number: int) -> None:
            self.number = 2 * number

    return Value


@plain
def without_init() -> Any:
    @dataclass(init=False)
    class Value:
        number: int

        def __init__(self, number: int) -> None:
            self.number = 2 * number

    return Value


@plain
def own_new() -> Any:
    @dataclass
    class Value:
        number: int

        def __new__(cls, number: int) -> Any:
            made = object.__new__(cls)
            made.number = 2 * number
            return made

        def __init__(self, number: int) -> None:
            pass

    return Value


@plain
def metaclass_call() -> Any:
    class Doubling(type):
        def __call__(cls, number: int) -> Any:
            return super().__call__(2 * number)

    @dataclass
    class Value(metaclass=Doubling):
        number: int

    return Value


@plain
def own_setattr() -> Any:
    @dataclass
    class Value:
        number: int

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, 2 * value)

    return Value


@plain
def inherited() -> Any:
    @dataclass(init=False)
    class Value(own_init()):  # type: ignore[misc]
        pass

    return Value


def model_of(kind: Any) -> Any:
    """Return a model with a field of a class."""
    namespace = {"__annotations__": {"value": kind, "more": list[kind]}, "__module__": __name__}
    return dataclass(type("OwnCodeHolder", (ArtifactModel,), namespace))


@pytest.mark.parametrize("name", PLAIN)
async def test_a_value_comes_back_as_it_was_whatever_its_constructor_does(name: str) -> None:
    kind = PLAIN[name]()
    holder = model_of(kind)
    value = kind(2)
    assert value.number == 4
    loaded = await holder.load(await holder(value, [value]).save("it"))
    backs: list[Any] = [loaded.value, loaded.more[0]]
    for back in backs:
        assert type(back) is kind
        assert_identical(back.__dict__, {"number": 4})


@dataclass
class InPlaceValue:
    items: list[int]

    def __post_init__(self) -> None:
        self.items.append(0)


@dataclass
class AroundInPlaceValue:
    inner: InPlaceValue

    def __post_init__(self) -> None:
        pass


def in_place() -> Any:
    return InPlaceValue([1])


def converts() -> Any:
    @dataclass
    class Value:
        text: Any

        def __post_init__(self) -> None:
            self.text = self.text.split(",")

    return Value("a,b")


def property_that_doubles() -> Any:
    @dataclass
    class Value:
        number: int

    def set_number(self: Any, number: int) -> None:
        self.__dict__["number"] = 2 * number

    kind: Any = Value
    kind.number = property(lambda self: self.__dict__["number"], set_number)
    return Value(2)


def other_class() -> Any:
    @dataclass
    class Other:
        number: int

    @dataclass
    class Value:
        number: int

        def __new__(cls, number: int) -> Any:
            return Other(number)

        def __init__(self, number: int) -> None:
            pass

    made: Any = object.__new__(Value)
    made.number = 1
    return made


@pytest.mark.parametrize("make", [in_place, converts, property_that_doubles, other_class])
async def test_a_value_that_cannot_be_made_again_is_refused_at_save(make: Callable[[], Any]) -> None:
    value = make()
    fields = cast("dict[str, object]", value.__dict__)
    before = repr(fields)
    holder = model_of(type(value))
    with pytest.raises(SerializationError, match=r"OwnCodeHolder\.value .*Value.* would not make it again"):
        await holder(value, []).save("it")
    with pytest.raises(SerializationError, match=r"OwnCodeHolder\.more\[1\] .*would not make it again"):
        await holder(None, [None, value]).save("it")
    assert repr(fields) == before


async def test_nested_values_are_named_where_they_are() -> None:
    holder = model_of(AroundInPlaceValue)
    with pytest.raises(SerializationError, match=r"OwnCodeHolder\.value .*value\.inner is a .*InPlaceValue"):
        await holder(AroundInPlaceValue(InPlaceValue([1])), []).save("it")


def test_values_without_code_of_their_own_are_not_made_again() -> None:
    made: list[int] = []

    def count() -> int:
        made.append(1)
        return len(made)

    @dataclass(frozen=True, slots=True)
    class Value:
        number: int
        counted: int = field(init=False, default_factory=count)

    value = Value(1)
    encode([value] * 3, {"Value": Value})
    assert made == [1]


# Models -------------------------------------------------------------------------------------------------------------


class DoublingCall(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        made.number *= 2
        return made


@dataclass
class ChangedByPostInit(ArtifactModel):
    number: int

    def __post_init__(self) -> None:
        self.number *= 2


@dataclass(frozen=True, slots=True)
class ChangedAndFrozen(ArtifactModel, frozen=True):
    number: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", 2 * self.number)


@dataclass
class ChangedByInit(ArtifactModel):
    number: int

    def __init__(self, number: int, *, twice: bool = True) -> None:
        self.number = 2 * number if twice else number


@dataclass
class ChangedByMetaclass(ArtifactModel, metaclass=DoublingCall):
    number: int


@dataclass
class ChangedBySetattr(ArtifactModel):
    number: int

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, 2 * value)


@pytest.mark.parametrize(
    "cls", [ChangedByPostInit, ChangedAndFrozen, ChangedByInit, ChangedByMetaclass, ChangedBySetattr]
)
async def test_a_model_comes_back_as_it_was_whatever_its_constructor_does(cls: Any) -> None:
    model = cls(2)
    assert model.number == 4
    loaded = await cls.load(await model.save("it"))
    assert (type(loaded), loaded.number) == (cls, 4)
    assert loaded == model


@dataclass
class Coerced(ArtifactModel):
    number: float
    name: str = ""

    def __post_init__(self) -> None:
        self.number = float(self.number)
        self.name = self.name or f"number {self.number}"


async def test_post_init_still_fills_what_is_not_stored() -> None:
    node_id = await Coerced(1).save("it")
    loaded = await Coerced.load(node_id)
    assert_identical(vars(loaded), {"number": 1.0, "name": "number 1.0"})

    @dataclass
    class Older(ArtifactModel, name="OwnCodeGrown"):
        first: str

    @dataclass
    class Newer(ArtifactModel, name="OwnCodeGrown"):
        first: str
        initial: str = ""

        def __post_init__(self) -> None:
            self.initial = self.initial or self.first[:1]

    assert (await Newer.load(await Older("ada").save("it"))).initial == "a"


async def test_what_migrate_returns_may_be_changed_by_the_class() -> None:
    @dataclass
    class Older(ArtifactModel, name="OwnCodeMigrated", version=1):
        number: int

    node_id = await Older(2).save("it")

    @dataclass
    class Newer(ArtifactModel, name="OwnCodeMigrated", version=2):
        number: float

        def __post_init__(self) -> None:
            self.number = float(self.number)

    assert_identical((await Newer.load(node_id)).number, 2.0)


def takes_another() -> Any:
    @dataclass
    class OwnCodeTakesAnother(ArtifactModel):
        number: int

        def __init__(self, text: str) -> None:
            self.number = int(text)

    return OwnCodeTakesAnother("2")


def takes_none() -> Any:
    @dataclass(init=False)
    class OwnCodeTakesNone(ArtifactModel):
        number: int

    kind: Any = OwnCodeTakesNone
    model = kind()
    model.number = 2
    return model


def takes_fewer() -> Any:
    @dataclass
    class OwnCodeTakesFewer(ArtifactModel):
        number: int
        other: int

        def __init__(self, number: int) -> None:
            self.number = self.other = number

    return OwnCodeTakesFewer(2)


def takes_by_position() -> Any:
    @dataclass
    class OwnCodeByPosition(ArtifactModel):
        number: int

        def __init__(self, number: int, /) -> None:
            self.number = number

    return OwnCodeByPosition(2)


@pytest.mark.parametrize("make", [takes_another, takes_none, takes_fewer, takes_by_position])
async def test_a_model_that_could_not_be_made_from_its_fields_is_refused_at_save(make: Callable[[], Any]) -> None:
    with pytest.raises(ModelDefinitionError, match=r"constructor of model .*OwnCode.* by name"):
        await make().save("it")


async def test_a_constructor_that_takes_anything_is_taken() -> None:
    @dataclass
    class OwnCodeTakesAll(ArtifactModel):
        number: int

        def __init__(self, **fields: Any) -> None:
            self.__dict__.update(fields)

    model = OwnCodeTakesAll(number=2)
    assert await OwnCodeTakesAll.load(await model.save("it")) == model


async def test_a_model_that_is_made_as_another_class_is_told_at_load() -> None:
    @dataclass
    class OwnCodeMade(ArtifactModel):
        number: int

    @dataclass
    class OwnCodeMaker(ArtifactModel):
        number: int

        def __new__(cls, number: int) -> Any:
            return OwnCodeMade(number)

    model: Any = object.__new__(OwnCodeMaker)
    model.number = 2
    node_id = await model.save("it")
    with pytest.raises(DeserializationError, match=r"OwnCodeMaker makes a .*OwnCodeMade"):
        await OwnCodeMaker.load(node_id)


async def test_a_property_that_changes_what_it_is_given_is_told_at_load() -> None:
    @dataclass
    class OwnCodeProperty(ArtifactModel):
        number: int

    def set_number(self: Any, number: int) -> None:
        self.__dict__["number"] = factor * number

    kind: Any = OwnCodeProperty
    kind.number = property(lambda self: self.__dict__["number"], set_number)
    factor = 1
    node_id = await OwnCodeProperty(2).save("it")
    assert (await OwnCodeProperty.load(node_id)).number == 2
    factor = 2
    with pytest.raises(ArtigraphError, match=r"OwnCodeProperty\.number cannot be loaded: this property"):
        await OwnCodeProperty.load(node_id)
