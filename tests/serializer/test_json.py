from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer import get_serializer_by_name
from artigraph.serializer.json import JsonSerializer, json_serializer
from artigraph.serializer.raw import bytes_serializer
from artigraph.testing.equality import assert_identical
from artigraph.testing.strategies import Colour, Point, plain_values

SCALARS: list[object] = [None, True, 2**100, 1.5, "text", UUID(int=1), Decimal("1.50"), Path("a")]
COLLECTIONS: list[object] = [Counter(a=1), OrderedDict[str, int](a=1), defaultdict(int, a=1), deque([1], 2)]
VALUES: list[object] = [*SCALARS, (1, [2]), [1], {1}, frozenset({1}), {1: "a"}, 1j, Fraction(1, 3), range(2)]


@pytest.mark.parametrize("value", [*VALUES, *COLLECTIONS])
def test_plain_values_come_back(value: object) -> None:
    assert isinstance(value, json_serializer.types)
    assert_identical(json_serializer.deserialize(json_serializer.serialize(value)), value)


@settings(deadline=None)
@given(value=plain_values())
def test_any_plain_value_comes_back(value: object) -> None:
    assert_identical(json_serializer.deserialize(json_serializer.serialize(value)), value)


@pytest.mark.parametrize("value", [np.float64(1), defaultdict[str, int](lambda: 0), Colour.RED, Point(1), object()])
def test_what_would_change_is_refused(value: object) -> None:
    with pytest.raises(SerializationError):
        json_serializer.serialize(value)


def test_bytes_of_others_are_refused() -> None:
    with pytest.raises(DeserializationError):
        json_serializer.deserialize(b"\x93NUMPY")
    with pytest.raises(DeserializationError, match="names no such class"):
        json_serializer.deserialize(b'{"$enum":["Colour","RED"]}')


def test_it_is_known_by_its_permanent_name() -> None:
    assert json_serializer.name == "json"
    assert get_serializer_by_name("json") is json_serializer
    JsonSerializer().register()
    assert get_serializer_by_name("json") is json_serializer


@settings(deadline=None)
@given(value=st.binary())
def test_bytes_are_left_as_they_are(value: bytes) -> None:
    assert bytes_serializer.serialize(value) == value
    assert_identical(bytes_serializer.deserialize(value), value)


def test_subclasses_of_bytes_are_refused() -> None:
    assert get_serializer_by_name("bytes") is bytes_serializer
    with pytest.raises(SerializationError, match="come back as bytes"):
        bytes_serializer.serialize(np.bytes_(b"a"))
