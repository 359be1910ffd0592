from __future__ import annotations

import io
import sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PosixPath, PurePosixPath, WindowsPath
from typing import Any, NamedTuple, cast
from zoneinfo import TZPATH, ZoneInfo

import numpy as np
import pytest

from artigraph.errors import CycleError, SerializationError
from artigraph.serializer.codec import MAX_DEPTH, encode
from artigraph.testing.strategies import CLASSES, Box, Colour, Level, Point


class Text(str):
    __slots__ = ()


class MyZone(tzinfo):
    def utcoffset(self, dt: datetime | None) -> timedelta:
        return timedelta(0)

    def dst(self, dt: datetime | None) -> None:
        return None

    def tzname(self, dt: datetime | None) -> None:
        return None


class MyPath(PurePosixPath):
    __slots__ = ()


@dataclass
class WithInitVar:
    a: int
    b: InitVar[int] = 0


@dataclass(init=False)
class WithConstructor:
    a: int

    def __init__(self, text: str) -> None:
        self.a = int(text)


@dataclass
class Listed(list[int]):
    a: int


@dataclass
class Failure(Exception):  # noqa: N818
    a: int


@dataclass
class Parent:
    a: int = 0


class Child(Parent):
    b: int = 1


@dataclass(slots=True)
class Bare:
    a: int = field(default=0)


class Loose(NamedTuple("Loose", [("a", int)])):  # noqa: SLOT002 (on purpose)
    """Its instances have a __dict__."""


def _loose() -> Loose:
    value = Loose(1)
    value.__dict__["b"] = 2
    return value


def _lacking() -> Bare:
    value = Bare()
    del value.a
    return value


OTHERS: Mapping[str, type[Any]] = {
    cls.__name__: cls for cls in (Bare, Child, Failure, Listed, Loose, Parent, WithConstructor, WithInitVar)
}
Stranger = namedtuple("Point", ["x", "y"])  # type: ignore[name-match]  # noqa: PYI024 (not the Point that is known)


class Ordered(OrderedDict[str, int]):
    pass


def _with_attribute() -> OrderedDict[str, int]:
    value: Any = OrderedDict[str, int](a=1)
    value.extra = 1
    return cast("OrderedDict[str, int]", value)


REFUSED: list[tuple[object, list[str]]] = [
    (np.float64(1.5), ["value is of type numpy.float64", "subclass of float", "serializer"]),
    (np.int64(1), ["numpy.int64"]),
    (np.bool_(True), ["numpy.bool"]),
    ([1, np.float64(1)], ["value[1] is of type numpy.float64"]),
    ([0, 1, 2, {"a": (1, object())}], ["value[3]['a'][1] is of type object"]),
    ({1: {2: [object()]}}, ["value[1][2][0] is of type object"]),
    ({(1, object()): 1}, ["value{key}[1] is of type object"]),
    ({frozenset([1, object()])}, ["value{item}{item} is of type object"]),
    ({10**5000: object()}, ["value[<int>] is of type object"]),
    ({"x" * 1000: object()}, ["value[<str>] is of type object"]),
    (Box([object()]), ["value.content[0] is of type object"]),
    (Point(1, object()), ["value.y is of type object"]),
    (Ordered(a=1), ["Ordered", "subclass of OrderedDict", "come back as an OrderedDict"]),
    (_with_attribute(), ["value is of type collections.OrderedDict and has attributes, which would be lost: extra"]),
    ([defaultdict(lambda: 0)], ["value[0] is a defaultdict", "code is not stored", "dict(...)", "int"]),
    (defaultdict(Decimal), ["value is a defaultdict"]),
    (deque([1, object()]), ["value[1] is of type object"]),
    (Counter[str](cast("Any", {"a": object()})), ["value['a'] is of type object"]),
    (Text("a"), ["Text", "subclass of str"]),
    (MyPath("a"), ["MyPath", "subclass of PurePosixPath"]),
    (bytearray(b"a"), ["bytearray"]),
    (memoryview(b"a"), ["memoryview"]),
    (..., ["ellipsis"]),
    (int, ["type"]),
    (lambda: 0, ["function"]),
    (Parent(), ["Parent", "annotation"]),
    (Stranger(1, 2), ["Point", "annotation"]),
    (datetime(2024, 1, 1, tzinfo=MyZone()), ["MyZone", "ZoneInfo"]),
    ([time(1, tzinfo=MyZone())], ["value[0] has a tzinfo", "MyZone"]),
]


@pytest.mark.parametrize(("value", "words"), REFUSED)
def test_what_would_not_come_back_is_refused_by_name(value: object, words: list[str]) -> None:
    with pytest.raises(SerializationError) as caught:
        encode(value, CLASSES)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("value", [Colour.RED, Level.LOW, Point(1), Box(1)])
def test_a_class_that_the_annotation_does_not_supply_is_refused(value: object) -> None:
    others = {name: cls for name, cls in CLASSES.items() if cls is not type(value)}
    for classes in ({}, others, others | {type(value).__name__: Parent}):
        with pytest.raises(SerializationError, match=f"Annotated.*{type(value).__name__}"):
            encode(value, classes)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: WithInitVar(1, 2), ["WithInitVar", "(b; an InitVar"]),
        (lambda: WithConstructor("1"), ["WithConstructor", "constructor", "text"]),
        (lambda: Listed(1), ["Listed", "derives from", "list"]),
        (lambda: Failure(1), ["Failure", "derives from", "Exception"]),
        (Child, ["Child", "@dataclass"]),
        (_lacking, ["Bare", "lacks one of its fields"]),
        (_loose, ["Loose", "other things than its fields"]),
    ],
)
def test_instances_that_could_not_be_made_again_are_refused(make: Callable[[], object], words: list[str]) -> None:
    with pytest.raises(SerializationError) as caught:
        encode([make()], OTHERS)
    for word in ["value[0] is a", *words]:
        assert word in str(caught.value)


def test_an_enum_member_that_is_none_is_refused() -> None:
    class Fake(IntEnum):
        A = 1

    rogue = int.__new__(Fake, 7)
    rogue._name_ = "B"
    rogue._value_ = 7
    with pytest.raises(SerializationError, match="is no member of"):
        encode(rogue, {"Fake": Fake})


def _zone_file(key: str) -> io.BytesIO:
    import importlib.resources
    import pathlib

    for root in TZPATH:
        path = pathlib.Path(root, key)
        if path.is_file():
            return io.BytesIO(path.read_bytes())
    package, _, name = f"tzdata.zoneinfo.{key.replace('/', '.')}".rpartition(".")
    return io.BytesIO(importlib.resources.files(package).joinpath(name).read_bytes())


def test_zones_that_cannot_be_looked_up_are_refused() -> None:
    nameless = ZoneInfo.from_file(_zone_file("Europe/Berlin"))
    unknown = ZoneInfo.from_file(_zone_file("Europe/Berlin"), key="Europe/Nowhere")
    outside = ZoneInfo.from_file(_zone_file("Europe/Berlin"), key="../etc/passwd")
    other = ZoneInfo.from_file(_zone_file("Europe/Berlin"), key="Asia/Tokyo")
    for zone, word in ((nameless, "without a key"), (unknown, "tzdata"), (outside, "not a key"), (other, "differs")):
        with pytest.raises(SerializationError, match=word):
            encode(datetime(2024, 1, 1, tzinfo=zone))
    assert encode(datetime(2024, 1, 1, tzinfo=ZoneInfo.no_cache("Europe/Berlin")))


def _cyclic_list() -> object:
    value: list[Any] = [1]
    value.append([value])
    return value


def _cyclic_dict() -> object:
    value: dict[str, Any] = {}
    value["a"] = ({"b": value},)
    return value


def _cyclic_box() -> object:
    inner: list[Any] = []
    value = Box(inner)
    inner.append(Point(value))
    return value


def _cyclic_deque() -> object:
    value: deque[Any] = deque()
    value.append(OrderedDict(a=defaultdict(None, b=value)))
    return value


def _ring() -> object:
    first: list[Any] = []
    value = first
    for _ in range(5 * MAX_DEPTH):
        value = [value]
    first.append(value)
    return value


@pytest.mark.parametrize("make", [_cyclic_list, _cyclic_dict, _cyclic_box, _cyclic_deque, _ring])
def test_a_value_that_contains_itself_is_a_cycle(make: Callable[[], object]) -> None:
    with pytest.raises(CycleError, match="contains itself"):
        encode(make(), CLASSES)


WRAPPERS: list[Callable[[Any], Any]] = [
    lambda value: [value],
    lambda value: (value, value),
    lambda value: {"a": value},
    lambda value: {value: "a"} if isinstance(value, int) else {(1,): value},
    Box,
    Point,
    lambda value: OrderedDict[str, Any](a=value),
    lambda value: defaultdict(int, a=value),
    lambda value: deque([value]),
]


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 400])
@pytest.mark.parametrize("wrap", WRAPPERS)
def test_a_value_that_is_too_deep_is_refused(depth: int, wrap: Callable[[Any], Any]) -> None:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    with pytest.raises(SerializationError, match="deeper than 100") as caught:
        encode(value, CLASSES)
    assert not isinstance(caught.value, CycleError)


def test_nothing_escapes_but_our_errors_where_the_stack_ends() -> None:
    outcomes: list[object] = []
    value = {"a": [(1, [Colour.RED])]}

    def call() -> None:
        try:
            outcomes.append(encode(value, CLASSES))
        except SerializationError as error:
            outcomes.append(error)
        call()

    with pytest.raises(RecursionError):
        call()
    good = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
    assert len(good) > sys.getrecursionlimit() // 2
    assert set(good) == {encode(value, CLASSES)}


def test_a_mixin_enum_needs_its_class_too() -> None:
    class Price(Decimal, Enum):
        LOW = Decimal("1.5")

    with pytest.raises(SerializationError, match="Annotated"):
        encode(Price.LOW)
    assert encode(Price.LOW, {"Price": Price}) == b'{"$enum":["Price","LOW"]}'


@pytest.mark.skipif(sys.platform == "win32", reason="paths of this system are WindowsPath")
def test_the_other_systems_path_is_kept_apart() -> None:
    assert issubclass(WindowsPath, PurePosixPath) is False
    assert encode(PosixPath("a")) != encode(PurePosixPath("a"))
