from __future__ import annotations

import contextlib
import json
import sys
import threading
from dataclasses import dataclass
from enum import EJECT, Flag
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from artigraph.errors import DeserializationError
from artigraph.serializer.codec import MAX_DEPTH, decode, encode
from artigraph.testing.strategies import CLASSES, instances, plain_values, scalars

SCALARS = ["$int", "$float", "$str", "$bytes", "$datetime", "$date", "$time", "$timedelta", "$uuid", "$decimal"]
PATHS = ["$PosixPath", "$WindowsPath", "$PurePosixPath", "$PureWindowsPath"]
NEW = ["$complex", "$fraction", "$range", "$Counter", "$OrderedDict", "$defaultdict", "$deque"]
PARTS = [*NEW, "$tuple", "$set", "$frozenset", "$dict", "$enum", "$flag", "$namedtuple", "$dataclass"]
TAGS = st.sampled_from([*SCALARS, *PATHS, *PARTS, "$nothing", "$"])
WORDS = st.sampled_from(
    [*CLASSES, "RED", "at", "zone", "fold", "name", "x", "content", "Europe/Berlin", "nan", "NaN", ""]
)


def _tag(tag: str, part: object) -> dict[str, object]:
    return {tag: part}


TREES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), WORDS),
    lambda parts: st.one_of(
        st.lists(parts, max_size=4),
        st.builds(_tag, TAGS, parts),
        st.dictionaries(WORDS, parts, max_size=3),
    ),
    max_leaves=10,
)


def _decode(data: bytes) -> None:
    with contextlib.suppress(DeserializationError):
        decode(data, CLASSES)


@settings(deadline=None, max_examples=250)
@given(data=st.binary())
def test_any_bytes_are_a_value_or_our_error(data: bytes) -> None:
    _decode(data)


@settings(deadline=None, max_examples=400)
@given(tree=TREES)
@example(tree={"$set": [[1]]})
@example(tree={"$dict": [[[1], 1]]})
@example(tree={"$frozenset": [{"$decimal": "sNaN"}]})
@example(tree={"$timedelta": [10**30, 0, 0]})
@example(tree={"$flag": ["Access", 10**30]})
@example(tree={"$fraction": [1, 0]})
@example(tree={"$fraction": [2, 4]})
@example(tree={"$fraction": [True, 4]})
@example(tree={"$range": [0, 1, 0]})
@example(tree={"$complex": [1, 2.0]})
@example(tree={"$defaultdict": ["eval"]})
@example(tree={"$defaultdict": []})
@example(tree={"$deque": []})
@example(tree={"$deque": [1, 2, 3]})
@example(tree={"$deque": [10**30]})
@example(tree={"$deque": [-1]})
@example(tree={"$decimal": "1E+9999999999999999999999"})
@example(tree={"$datetime": {"at": "2024-01-01", "name": "x", "fold": 7}})
def test_any_json_is_a_value_or_our_error(tree: object) -> None:
    _decode(json.dumps(tree).encode())


@settings(deadline=None, max_examples=150)
@given(value=plain_values(scalars() | instances()), where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_damaged_value_is_a_value_or_our_error(value: object, where: float, byte: int) -> None:
    data = bytearray(encode(value, CLASSES))
    data[int(where * len(data))] = byte
    _decode(bytes(data))
    _decode(bytes(data[: int(where * len(data))]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b" 1",
        b"1 ",
        b"1\n",
        b"\xef\xbb\xbf1",
        b"\xff",
        b"nul",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"[NaN]",
        b"1_000",
        b"01",
        b"0x10",
        b"'a'",
        b'"a',
        b'"\n"',
        b"[1,]",
        b"[1",
        b'{"a":1,"a":2}',
        b'{"a":1}{"b":2}',
        b"1" * 401,
        b"-" + b"1" * 1000,
        b'{"$":1}',
        b'{"$list":[]}',
        b'{"$int":"12"}',
        b'{"$int":"0x_f"}',
        b'{"$int":5}',
        b'{"$float":"1.5"}',
        b'{"$float":"NaN"}',
        b'{"$float":"zz"}',
        b'{"$str":"a"}',
        b'{"$str":[1114112]}',
        b'{"$str":[true]}',
        b'{"$bytes":"!"}',
        b'{"$bytes":"AA"}',
        '{"$bytes":"é"}'.encode(),
        b'{"$datetime":"yesterday"}',
        b'{"$datetime":"2024-01-01T00:00:00\\n"}',
        b'{"$datetime":["2024-01-01"]}',
        b'{"$datetime":{"at":1}}',
        b'{"$datetime":{}}',
        b'{"$date":"2024-13-01"}',
        b'{"$time":"25:00"}',
        b'{"$timedelta":[1,2]}',
        b'{"$timedelta":[1,2,true]}',
        b'{"$timedelta":[9999999999,0,0]}',
        b'{"$uuid":"{00000000-0000-0000-0000-000000000001}"}',
        b'{"$uuid":"1"}',
        b'{"$decimal":"1_0"}',
        b'{"$decimal":" 1"}',
        b'{"$decimal":"one"}',
        b'{"$decimal":1}',
        b'{"$PurePosixPath":1}',
        b'{"$tuple":1}',
        b'{"$tuple":{}}',
        b'{"$set":[1,1]}',
        b'{"$set":[1,true]}',
        b'{"$set":[[]]}',
        b'{"$dict":[[1,2],[1,3]]}',
        b'{"$dict":[[1]]}',
        b'{"$dict":["ab"]}',
        b'{"$dict":{}}',
        b'{"$enum":["Colour"]}',
        b'{"$enum":["Colour",1]}',
        b'{"$enum":["Colour","__class__"]}',
        b'{"$enum":["Colour","mro"]}',
        b'{"$enum":["os","RED"]}',
        b'{"$enum":["Point","x"]}',
        b'{"$flag":["Colour",1]}',
        b'{"$flag":["Access",true]}',
        b'{"$flag":["Access",8]}',
        b'{"$namedtuple":["Box",{"content":1}]}',
        b'{"$namedtuple":["Point",{"x":1,"z":1}]}',
        b'{"$namedtuple":["Point",{}]}',
        b'{"$namedtuple":["Point",[1,2]]}',
        b'{"$dataclass":["Point",{"x":1}]}',
        b'{"$dataclass":["Box",{"content":1,"width":3}]}',
        b'{"$dataclass":["Box",{"name":""}]}',
        b'{"$dataclass":["Box",{"content":1,"name":5}]}',
        b'{"$dataclass":["Box",{"content":1,"__class__":5}]}',
        b'{"$dataclass":[["Box"],{"content":1}]}',
    ],
)
def test_what_is_never_written_is_refused(data: bytes) -> None:
    with pytest.raises(DeserializationError):
        decode(data, CLASSES)


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "Europe/../../etc/passwd",
        "Europe\\Berlin",
        "Europe//Berlin",
        "",
        ".",
        "..",
        "Europe",
        "Europe/Berlin\0",
        "tzdata.zi",
        "os.path",
        "a" * 10_000,
        "/".join(["a"] * 1000),
        "zone\ud800",
        "Nowhere/Atall",
    ],
)
def test_zone_keys_name_zones_and_nothing_else(key: str) -> None:
    data = json.dumps({"$datetime": {"at": "2024-01-01T00:00:00", "zone": key}}).encode()
    before = set(sys.modules)
    with pytest.raises(DeserializationError, match="time zone"):
        decode(data)
    assert {name for name in sys.modules if "passwd" in name} <= before


@pytest.mark.parametrize("opening", ["[", '{"$tuple":[', '{"a":', '{"$dict":[[', '{"$set":[', '["\\"",', '["[",{"]":'])
@pytest.mark.parametrize("count", [3 * MAX_DEPTH + 4, 100_000])
def test_deep_json_is_refused(opening: str, count: int) -> None:
    with pytest.raises(DeserializationError):
        decode(opening.encode() * count)
    closing = "".join(
        {"[": "]", "{": "}"}[char] for char in reversed(opening) if char in "[{" and opening != '["[",{"]":'
    )
    with pytest.raises(DeserializationError, match=r"deeper|not a value"):
        decode((opening * count + "1" + closing * count).encode())


def test_brackets_in_text_are_no_depth() -> None:
    value = ["[" * 1000, '"[' * 1000, "\\" * 3 + '"{', {"[{" * 500: "]" * 10}]
    assert decode(encode(value)) == value
    wide: list[Any] = [[[]] for _ in range(1000)]
    assert decode(encode(wide)) == wide


def test_huge_digit_strings_are_refused_without_being_multiplied() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        for data in (b"1" * 10_000_000, b"[" + b"1" * 10_000_000 + b"]", b'{"$tuple":[-' + b"1" * 10_000_000 + b"]}"):
            with pytest.raises(DeserializationError, match=r"number|digits"):
                decode(data)
    finally:
        sys.set_int_max_str_digits(before)


def test_errors_of_a_constructor_are_wrapped() -> None:
    @dataclass
    class Fussy:
        a: int

        def __post_init__(self) -> None:
            if self.a < 0:
                raise LookupError("no negatives")

    data = encode(Fussy(1), {"Fussy": Fussy}).replace(b"1", b"-1")
    with pytest.raises(DeserializationError, match="no negatives") as caught:
        decode(data, {"Fussy": Fussy})
    assert isinstance(caught.value.__cause__, LookupError)


def test_fields_that_went_are_named() -> None:
    @dataclass
    class Config:
        rate: float

    class Pair(NamedTuple):
        left: int

    with pytest.raises(DeserializationError, match=r"Config has no field 'speed' now"):
        decode(b'{"$dataclass":["Config",{"speed":1.0}]}', {"Config": Config})
    with pytest.raises(DeserializationError, match=r"Config needs a field 'rate'"):
        decode(b'{"$dataclass":["Config",{}]}', {"Config": Config})
    with pytest.raises(DeserializationError, match=r"Pair has no field 'right' now"):
        decode(b'{"$namedtuple":["Pair",{"right":1}]}', {"Pair": Pair})
    with pytest.raises(DeserializationError, match=r"Pair needs a field 'left'"):
        decode(b'{"$namedtuple":["Pair",{}]}', {"Pair": Pair})


def test_classes_that_went_are_named() -> None:
    with pytest.raises(DeserializationError, match=r"class 'Gone'.*names no such class"):
        decode(b'{"$enum":["Gone","A"]}', CLASSES)
    with pytest.raises(DeserializationError, match=r"no member 'GREEN' now"):
        decode(b'{"$enum":["Colour","GREEN"]}', CLASSES)


@pytest.mark.parametrize("other", ["PosixPath", "WindowsPath"])
def test_a_concrete_path_of_the_other_system_is_a_clear_error(other: str) -> None:
    import pathlib

    if type(pathlib.Path()).__name__ == other:
        assert decode(f'{{"${other}":"a"}}'.encode()) == pathlib.Path("a")
    else:
        with pytest.raises(DeserializationError, match="PurePosixPath"):
            decode(f'{{"${other}":"a"}}'.encode())


def test_a_newer_kind_of_value_is_a_clear_error() -> None:
    with pytest.raises(DeserializationError, match="newer release"):
        decode(b'{"$matrix":[]}')


def test_an_unreadable_value_is_named_by_its_kind() -> None:
    with pytest.raises(DeserializationError, match=r"^A stored decimal cannot be read: "):
        decode(b'{"$decimal":"one"}')


def test_nothing_is_looked_up_by_name() -> None:
    for name in ("os", "os.system", "builtins.object", "artigraph.testing.strategies.Colour", "Colour"):
        for tag in ("$enum", "$dataclass", "$namedtuple", "$flag"):
            with pytest.raises(DeserializationError, match="names no such class"):
                decode(json.dumps({tag: [name, {}]}).encode())


def test_no_thread_is_left_behind() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = (value,)
    before = set(threading.enumerate())

    def call(frames: int) -> object:
        return call(frames - 1) if frames else decode(encode(value))

    limit = sys.getrecursionlimit()
    call(limit - len(_stack()) - 100)
    assert set(threading.enumerate()) <= before  # those of earlier tests may end meanwhile


def _stack() -> list[object]:
    import inspect

    return list(inspect.stack(0))


def test_flags_that_went_are_named() -> None:
    class Kept(Flag, boundary=EJECT):
        A = 1

    with pytest.raises(DeserializationError, match="no flags for 2 now"):
        decode(b'{"$flag":["Kept",2]}', {"Kept": Kept})
