"""How stored values are spelled in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntFlag
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from artigraph.serializer.codec import decode_class_free, encode
from artigraph.testing.strategies import plain_values
from artigraph.view._spelling import cell_of, spelled, type_name


class Color(Enum):
    RED = 1


class Access(IntFlag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: float


@dataclass
class Config:
    rate: float
    parts: tuple[int, ...]


CLASSES = {cls.__name__: cls for cls in (Color, Access, Point, Config)}
CASES: Mapping[str, tuple[object, object, object]] = {
    "None": (None, None, None),
    "bool": (True, True, True),
    "int": (5, 5, 5),
    "greatest exact int": (2**53 - 1, 2**53 - 1, 2**53 - 1),
    "first int that is no number": (2**53, "9007199254740992", "9007199254740992"),
    "negative one": (-(2**53), "-9007199254740992", "-9007199254740992"),
    "int of more than 1,024 bits": (2**1025, hex(2**1025), hex(2**1025)[:199] + "…"),
    "float": (0.1, 0.1, 0.1),
    "NaN": (float("nan"), "NaN", "NaN"),
    "infinity": (float("inf"), "Infinity", "Infinity"),
    "negative infinity": (float("-inf"), "-Infinity", "-Infinity"),
    "text": ("é <b>\x1b[31m\0", "é <b>\x1b[31m\0", "é <b>\x1b[31m\0"),
    "lone surrogate": ("a\ud800", "a\\ud800", "a\\ud800"),
    "long text": ("x" * 10_001, "x" * 9_999 + "…", "x" * 199 + "…"),
    "Decimal": (Decimal("1.50"), "1.50", "1.50"),
    "NaN of Decimal": (Decimal("NaN"), "NaN", "NaN"),
    "bytes": (b"\x00a'", 'b"\\x00a\'"', 'b"\\x00a\'"'),
    "UTC": (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
    "zone": (
        datetime(2026, 7, 2, 3, 4, tzinfo=ZoneInfo("Europe/Berlin")),
        "2026-07-02T01:04:00Z",
        "2026-07-02T01:04:00Z",
    ),
    "before the year 1 in UTC": (
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        "0001-01-01T00:00:00+01:00",
        "0001-01-01T00:00:00+01:00",
    ),
    "naive": (datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02T03:04:05.000006", "2026-01-02T03:04:05.000006"),
    "date": (date(2026, 1, 2), "2026-01-02", "2026-01-02"),
    "time": (time(3, 4), "03:04:00", "03:04:00"),
    "timedelta": (timedelta(minutes=1, milliseconds=5), 60.005, 60.005),
    "UUID": (UUID(int=1), str(UUID(int=1)), str(UUID(int=1))),
    "path": (PurePosixPath("/a/b"), "/a/b", "/a/b"),
    "list": ([1, [2.5, None]], [1, [2.5, None]], "[1, [2.5, None]]"),
    "tuple": ((1, "a"), [1, "a"], "(1, 'a')"),
    "set": ({3, 1, 2}, [1, 2, 3], "{1, 2, 3}"),
    "dict": ({"a": {"b": float("nan")}}, {"a": {"b": "NaN"}}, "{'a': {'b': nan}}"),
    "dict with other keys": ({1: "a", (2, 3): "b"}, [[1, "a"], [[2, 3], "b"]], "{1: 'a', (2, 3): 'b'}"),
    "enum": (Color.RED, "Color.RED", "Color.RED"),
    "flags": (Access.READ | Access.WRITE, "Access(3)", "Access(3)"),
    "named tuple": (Point(1, 2.5), {"$class": "Point", "fields": {"x": 1, "y": 2.5}}, "Point(x=1, y=2.5)"),
    "dataclass": (
        Config(0.1, (1, 2)),
        {"$class": "Config", "fields": {"rate": 0.1, "parts": [1, 2]}},
        "Config(rate=0.1, parts=(1, 2))",
    ),
    "long list": (list(range(1_002)), [*range(1_000), "… 2 more"], None),
    "long dict": ({str(n): n for n in range(1_001)}, {**{str(n): n for n in range(1_000)}, "…": 1}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_value_has_one_spelling(name: str) -> None:
    value, expected, cell = CASES[name]
    stored = decode_class_free(encode(value, classes=CLASSES))
    found = spelled(stored)
    assert found == expected
    assert json.loads(json.dumps(found, allow_nan=False).encode()) == found
    if cell is not None:
        assert cell_of(stored) == cell
    assert isinstance(cell_of(stored), (str, int, float, bool, type(None)))


def test_what_is_too_deep_is_text() -> None:
    value: Any = "deep"
    for _ in range(30):
        value = [value]
    found = spelled(value)
    for _ in range(20):
        [found] = found
    assert found == "[" * 10 + "'deep'" + "]" * 10


@given(value=plain_values())
def test_every_plain_value_is_json(value: object) -> None:
    stored = decode_class_free(encode(value))
    for found in (spelled(stored), cell_of(stored)):
        assert json.loads(json.dumps(found, allow_nan=False).encode()) == found


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "None"), (1, "int"), (Decimal(1), "Decimal"), (Color.RED, "Color"), (Point(1, 2), "Point")],
)
def test_a_type_has_its_stored_name(value: object, name: str) -> None:
    assert type_name(decode_class_free(encode(value, classes=CLASSES))) == name
