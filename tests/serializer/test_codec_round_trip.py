from __future__ import annotations

import json
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from struct import pack, unpack
from types import FrameType
from typing import Any, NamedTuple, Self, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from artigraph.serializer.codec import MAX_DEPTH, decode, encode
from artigraph.testing.equality import assert_identical
from artigraph.testing.strategies import (
    CLASSES,
    Access,
    Box,
    Colour,
    Level,
    Point,
    Unit,
    instances,
    plain_values,
    scalars,
)


@settings(deadline=None, max_examples=250)
@given(value=scalars())
def test_a_scalar_comes_back_exactly(value: object) -> None:
    assert_identical(decode(encode(value)), value)


@settings(deadline=None, max_examples=150)
@given(value=plain_values())
def test_any_plain_value_comes_back_exactly(value: object) -> None:
    data = encode(value)
    assert_identical(decode(data), value)
    assert encode(decode(data)) == data


@settings(deadline=None, max_examples=150)
@given(value=plain_values(scalars() | instances()))
def test_instances_of_known_classes_come_back_exactly(value: object) -> None:
    assert_identical(decode(encode(value, CLASSES), CLASSES), value)


@settings(deadline=None)
@given(value=plain_values(scalars() | instances()))
def test_what_is_written_is_json_whose_tags_stand_alone(value: object) -> None:
    def check(pairs: list[tuple[str, Any]]) -> Any:
        names = [name for name, _ in pairs]
        assert len(set(names)) == len(names)
        if len(names) == 1 and names[0].startswith("$"):
            assert names[0] in TAGS

    json.loads(encode(value, CLASSES), object_pairs_hook=check, parse_constant=pytest.fail)


NEW_TAGS = {"$complex", "$fraction", "$range", "$Counter", "$OrderedDict", "$defaultdict", "$deque"}
SCALAR_TAGS = {"$int", "$float", "$str", "$bytes", "$datetime", "$date", "$time", "$timedelta", "$uuid", "$decimal"}
PATH_TAGS = {"$PosixPath", "$WindowsPath", "$PurePosixPath", "$PureWindowsPath"}
CONTAINER_TAGS = {"$tuple", "$set", "$frozenset", "$dict"}
TAGS = NEW_TAGS | SCALAR_TAGS | PATH_TAGS | CONTAINER_TAGS | {"$enum", "$flag", "$namedtuple", "$dataclass"}

# Format: bytes written once must be read for ever ----------------------------------------------------------------

NAN = unpack(">d", bytes.fromhex("7ff8000000000000"))[0]
FORMAT: list[tuple[object, bytes]] = [
    (None, b"null"),
    (True, b"true"),
    (False, b"false"),
    (0, b"0"),
    (-7, b"-7"),
    (2**64, b"18446744073709551616"),
    (2**1024 - 1, str(2**1024 - 1).encode()),
    (-(2**1024), b'{"$int":"-0x1' + b"0" * 256 + b'"}'),
    (1.0, b"1.0"),
    (-0.0, b"-0.0"),
    (0.1, b"0.1"),
    (1e22, b"1e+22"),
    (5e-324, b"5e-324"),
    (float("inf"), b'{"$float":"inf"}'),
    (float("-inf"), b'{"$float":"-inf"}'),
    (NAN, b'{"$float":"nan"}'),
    (unpack(">d", bytes.fromhex("fff8000000000000"))[0], b'{"$float":"fff8000000000000"}'),
    (unpack(">d", bytes.fromhex("7ff0000000000001"))[0], b'{"$float":"7ff0000000000001"}'),
    ("", b'""'),
    ('a"\\\n\0', b'"a\\"\\\\\\n\\u0000"'),
    ("é🍣", '"é🍣"'.encode()),
    ("\ud83c", b'{"$str":[55356]}'),
    ("é\ud83c\udf63b", '{"$str":["é",55356,57187,"b"]}'.encode()),
    (b"", b'{"$bytes":""}'),
    (b"\0\xff", b'{"$bytes":"AP8="}'),
    (datetime(2024, 1, 2, 3, 4, 5), b'{"$datetime":"2024-01-02T03:04:05"}'),
    (datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC), b'{"$datetime":"2024-01-02T03:04:05.000006+00:00"}'),
    (
        datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
        b'{"$datetime":"2024-01-02T00:00:00-03:30"}',
    ),
    (
        datetime(2024, 1, 2, tzinfo=timezone(timedelta(0), "GMT")),
        b'{"$datetime":{"at":"2024-01-02T00:00:00+00:00","name":"GMT"}}',
    ),
    (
        datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        b'{"$datetime":{"at":"2024-10-27T02:30:00","zone":"Europe/Berlin","fold":1}}',
    ),
    (
        time(1, tzinfo=timezone(timedelta(microseconds=-1), "a")),
        b'{"$time":{"at":"01:00:00","offset":-1,"name":"a"}}',
    ),
    (datetime(2024, 1, 2, fold=1), b'{"$datetime":{"at":"2024-01-02T00:00:00","fold":1}}'),
    (date(1, 2, 3), b'{"$date":"0001-02-03"}'),
    (time(1, 2, 3, 4), b'{"$time":"01:02:03.000004"}'),
    (time(1, tzinfo=ZoneInfo("UTC")), b'{"$time":{"at":"01:00:00","zone":"UTC"}}'),
    (timedelta(microseconds=-1), b'{"$timedelta":[-1,86399,999999]}'),
    (UUID(int=1), b'{"$uuid":"00000000-0000-0000-0000-000000000001"}'),
    (Decimal("-0.00"), b'{"$decimal":"-0.00"}'),
    (Decimal("1E+3"), b'{"$decimal":"1E+3"}'),
    (Decimal("-sNaN7"), b'{"$decimal":"-sNaN7"}'),
    (PurePosixPath("a"), b'{"$PurePosixPath":"a"}'),
    (PureWindowsPath("c:/a"), b'{"$PureWindowsPath":"c:\\\\a"}'),
    ([], b"[]"),
    ([1, "a", None], b'[1,"a",null]'),
    ((), b'{"$tuple":[]}'),
    ((1, (2,)), b'{"$tuple":[1,{"$tuple":[2]}]}'),
    ({3, 1, 2}, b'{"$set":[1,2,3]}'),
    (frozenset({"b", "a"}), b'{"$frozenset":["a","b"]}'),
    ({}, b"{}"),
    ({"b": 1, "a": 2}, b'{"b":1,"a":2}'),
    ({"$tuple": []}, b'{"$dict":[["$tuple",[]]]}'),
    ({"$tuple": [], "a": 1}, b'{"$tuple":[],"a":1}'),
    ({"": 1}, b'{"":1}'),
    ({"!": 1}, b'{"!":1}'),
    ({"%": 1}, b'{"%":1}'),
    ({"$": 1}, b'{"$dict":[["$",1]]}'),
    ({"$": 1, "a": 2}, b'{"$":1,"a":2}'),
    ({1: "a", (2,): "b"}, b'{"$dict":[[1,"a"],[{"$tuple":[2]},"b"]]}'),
    ({"\ud800": 1, "a": 2}, b'{"$dict":[[{"$str":[55296]},1],["a",2]]}'),
    (1 + 2j, b'{"$complex":[1.0,2.0]}'),
    (complex(-0.0, NAN), b'{"$complex":[-0.0,{"$float":"nan"}]}'),
    (Fraction(-2, 6), b'{"$fraction":[-1,3]}'),
    (Fraction(2**1024, 3), b'{"$fraction":[{"$int":"0x1' + b"0" * 256 + b'"},3]}'),
    (range(3), b'{"$range":[0,3,1]}'),
    (range(5, 5, -2), b'{"$range":[5,5,-2]}'),
    (Counter(), b'{"$Counter":[]}'),
    (Counter(b=2, a=0), b'{"$Counter":[["b",2],["a",0]]}'),
    (OrderedDict[Any, Any]({"b": 1, (2,): {}}), b'{"$OrderedDict":[["b",1],[{"$tuple":[2]},{}]]}'),
    (defaultdict(None), b'{"$defaultdict":[null]}'),
    (defaultdict(list, {1: [2]}), b'{"$defaultdict":["list",[1,[2]]]}'),
    (deque(), b'{"$deque":[null]}'),
    (deque[Any]([1, {}], 5), b'{"$deque":[5,1,{}]}'),
    (Colour.RED, b'{"$enum":["Colour","RED"]}'),
    (Colour.CRIMSON, b'{"$enum":["Colour","RED"]}'),
    (Level.HIGH, b'{"$enum":["Level","HIGH"]}'),
    (Unit.METRE, b'{"$enum":["Unit","METRE"]}'),
    (Access.READ, b'{"$enum":["Access","READ"]}'),
    (Access.READ | Access.WRITE, b'{"$flag":["Access",3]}'),
    (Access(0), b'{"$flag":["Access",0]}'),
    (Point(1, (2,)), b'{"$namedtuple":["Point",{"x":1,"y":{"$tuple":[2]}}]}'),
    (Box(None, name="n"), b'{"$dataclass":["Box",{"content":null,"name":"n","length":1}]}'),
]


@pytest.mark.parametrize(("value", "data"), FORMAT, ids=[data.decode()[:40] for _, data in FORMAT])
def test_the_format_is_kept(value: object, data: bytes) -> None:
    assert encode(value, CLASSES) == data
    assert_identical(decode(data, CLASSES), value)


def test_a_concrete_path_is_written_as_its_class() -> None:
    value = Path("/a/b")
    assert encode(value) == f'{{"${type(value).__name__}":{json.dumps(str(value))}}}'.encode()
    assert_identical(decode(encode(value)), value)


def test_equal_sets_have_equal_bytes() -> None:
    names = [f"name{index}" for index in range(100)]
    assert encode(set(names)) == encode({*names[50:], *names[:50]})


def test_every_nan_is_an_item_of_its_own() -> None:
    value = {float("nan"), float("nan"), Decimal("nan"), Decimal("nan1")}
    result = decode(encode(value))
    assert isinstance(result, set)
    assert len(cast("set[object]", result)) == 4
    assert_identical(cast("object", result), value)


def test_bits_of_nan_survive() -> None:
    for bits in ("7ff8000000000001", "fff8000000000000", "7ff4000000000000", "ffffffffffffffff"):
        value = unpack(">d", bytes.fromhex(bits))[0]
        result = decode(encode(value))
        assert isinstance(result, float)
        assert pack(">d", result).hex() == bits


def test_integers_beyond_the_limit_of_digits() -> None:
    for value in (10**5000, -(10**5000), 1 << 1_000_000):
        assert decode(encode(value)) == value


def test_integers_do_not_depend_on_the_limit_of_digits() -> None:
    value = [2**1024 - 1, -(2**1024) + 1, 2**1024]
    before = sys.get_int_max_str_digits()
    try:
        for limit in (640, 0):
            sys.set_int_max_str_digits(limit)
            assert decode(encode(value)) == value
    finally:
        sys.set_int_max_str_digits(before)


def test_decimals_do_not_depend_on_the_context() -> None:
    value = Decimal("1.23456789E+30")
    with localcontext() as context:
        context.capitals = 0
        context.prec = 2
        data = encode(value)
        assert_identical(decode(data), value)
    assert data == encode(value)


def test_order_of_dicts_is_kept() -> None:
    value = {"b": 1, "a": 2, 3: 0}
    result = decode(encode(value))
    assert isinstance(result, dict)
    assert list(cast("dict[object, object]", result)) == ["b", "a", 3]


@dataclass(kw_only=True)
class Derived:
    base: int
    double: int = field(init=False)
    calls: int = field(default=0, init=False, compare=False)

    def __post_init__(self) -> None:
        self.double = 2 * self.base
        self.calls += 1


def test_a_dataclass_is_made_by_its_constructor() -> None:
    result = decode(b'{"$dataclass":["Derived",{"base":3}]}', {"Derived": Derived})
    assert isinstance(result, Derived)
    assert (result.base, result.double, result.calls) == (3, 6, 1)


@dataclass(frozen=True, slots=True)
class Doubling:
    base: int
    derived: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", 2 * self.base)


def test_fields_of_a_dataclass_come_back_as_they_were_whatever_its_constructor_makes_of_them() -> None:
    classes = {"Derived": Derived, "Doubling": Doubling}
    value = Derived(base=3)
    value.double, value.calls = 7, 8
    frozen = Doubling(2)
    object.__setattr__(frozen, "derived", 9)
    for original in (value, frozen):
        assert_identical(decode(encode(original, classes), classes), original)
    assert encode(frozen, classes) == b'{"$dataclass":["Doubling",{"base":4,"derived":9}]}'


class Strict(NamedTuple("Strict", [("a", int)])):
    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        return super().__new__(cls, int(text))


def test_a_named_tuple_with_a_constructor_of_its_own_comes_back() -> None:
    classes = {"Strict": Strict}
    assert_identical(decode(encode(Strict("3"), classes), classes), Strict("3"))


def test_new_fields_take_their_defaults() -> None:
    @dataclass
    class Old:
        a: int

    @dataclass
    class New:
        a: int
        b: list[int] = field(default_factory=lambda: [1])

    class Pair(NamedTuple):
        a: int

    class Triple(NamedTuple):
        a: int
        b: int = 5

    Old.__name__ = Pair.__name__ = "C"
    New.__name__ = Triple.__name__ = "C"
    assert decode(encode(Old(1), {"C": Old}), {"C": New}) == New(1, [1])
    assert_identical(decode(encode(Pair(1), {"C": Pair}), {"C": Triple}), Triple(1, 5))


def test_a_renamed_member_is_found_by_its_alias() -> None:
    assert decode(b'{"$enum":["Colour","CRIMSON"]}', CLASSES) is Colour.RED


NESTED: list[Callable[[Any], Any]] = [
    lambda value: [value],
    lambda value: {1: value},
    Box,
    lambda value: defaultdict(int, {1: value}),
    lambda value: deque([value]),
]


def _nest(depth: int) -> object:
    value: object = 0
    for index in range(depth):
        value = NESTED[index % len(NESTED)](value)
    return value


def test_a_value_as_deep_as_allowed_is_stored_from_anywhere_on_the_stack() -> None:
    value = _nest(MAX_DEPTH)
    results: list[object] = []

    def call(frames: int) -> None:
        if frames:
            call(frames - 1)
        else:
            results.append(decode(encode(value, CLASSES), CLASSES))

    used = 0
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        used += 1
        frame = frame.f_back
    for left in (400, 200, 100, 60):
        call(sys.getrecursionlimit() - used - left)
    assert [encode(result, CLASSES) for result in results] == [encode(value, CLASSES)] * 4


def test_threads_do_not_disturb_each_other() -> None:
    values = [list(range(index, index + 50)) for index in range(8)]
    failures: list[object] = []

    def work(value: object) -> None:
        for _ in range(200):
            same = decode(encode(value, CLASSES), CLASSES) == value
            failures.extend([] if same else [value])

    threads = [threading.Thread(target=work, args=(value,)) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_dataclass_made_at_run_time() -> None:
    cls = make_dataclass("Made", [("a", int), ("é", int, field(default=2))])
    classes = {"Made": cls}
    assert_identical(decode(encode(cls(1), classes), classes), cls(1))
