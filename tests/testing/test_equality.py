from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import combinations
from pathlib import Path, PurePosixPath
from struct import unpack
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings

from artigraph.stored import StoredStruct
from artigraph.testing import equality
from artigraph.testing.equality import assert_identical, compare_with, identity
from artigraph.testing.strategies import Access, Box, Colour, Level, Point, instances, plain_values, scalars

NANS: list[float] = [unpack(">d", bytes.fromhex(bits))[0] for bits in ("7ff8000000000000", "7ff8000000000001")]
NUMBERS = [1, 1.0, True, Decimal(1), Decimal("1.0"), Level.LOW, 0.0, -0.0, Decimal("-0"), Decimal("NaN"), *NANS]
MOMENT = datetime(2024, 10, 27, 2, 30)
ZONES = [UTC, ZoneInfo("UTC"), timezone(timedelta(0), "UTC"), ZoneInfo("Europe/Berlin")]
TIMES = [MOMENT, MOMENT.replace(fold=1), MOMENT.date(), MOMENT.time(), *[MOMENT.replace(tzinfo=zone) for zone in ZONES]]
TEXTS = ["a", b"a", "\ud83c\udf63", "🍣", PurePosixPath("a"), Path("a")]
PARTS: list[object] = [
    *[[1], (1,), {1}, frozenset([1]), Point(1), {1: 2}, {1.0: 2}, {1: 2.0}, {True: 2}, [1, 2], [True]],
    *[{"a": 1, "b": 2}, {"b": 2, "a": 1}, {1.0}, {(1,)}, {(1.0,)}, Box(1), Box(1.0), Box(1, name="a")],
    *[Point(1, 2), Point(1, 2.0), (1, 2), Colour.RED, Colour.BLUE, Access.READ, Access(3), time(1), time(1, fold=1)],
]


def test_all_of_these_are_told_apart() -> None:
    for one, other in combinations([None, *NUMBERS, *TIMES, *TEXTS, *PARTS], 2):
        with pytest.raises(AssertionError):
            assert_identical(one, other)
        with pytest.raises(AssertionError, match=r"value\[0\]\['a'\]"):
            assert_identical([{"a": one}], [{"a": other}])


@settings(deadline=None)
@given(value=plain_values(scalars() | instances()))
def test_everything_is_identical_with_itself(value: object) -> None:
    assert_identical(value, value)
    assert_identical([value], [value])


def test_other_types_are_compared_by_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equality, "_checks", {})

    def check(one: Any, other: Any) -> None:
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()

    compare_with(np.ndarray, check)
    assert_identical({"a": np.array([1.0, float("nan")])}, {"a": np.array([1.0, float("nan")])})
    with pytest.raises(AssertionError):
        assert_identical([np.array([1])], [np.array([1.0])])


def test_dataclasses_are_compared_by_every_field() -> None:
    @dataclass(eq=False)
    class Loose:
        a: object

    assert_identical(Loose([1]), Loose([1]))
    with pytest.raises(AssertionError, match=r"value\.a\[0\]"):
        assert_identical(Loose([1]), Loose([1.0]))


def test_any_mapping_has_a_key() -> None:
    one, other = (frozenset([StoredStruct("Point", MappingProxyType({"x": number}))]) for number in (1, 2))
    assert identity(one) == identity(frozenset(one)) != identity(other)
