"""Frames come back with their dtypes and values, or are refused by name."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from polars.testing.parametric import dataframes

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer.base import get_serializer_by_name, get_serializer_by_type
from artigraph.serializer.polars import dataframe_serializer, polars_serializer, series_serializer
from tests.serializer.polars.columns import COLUMNS, assert_same_series

_dataframes: Any = dataframes


def round_trip(frame: pl.DataFrame) -> pl.DataFrame:
    data = dataframe_serializer.serialize(frame)
    assert type(data) is bytes
    assert dataframe_serializer.serialize(frame) == data
    back = dataframe_serializer.deserialize(data)
    assert back.shape == frame.shape
    assert back.schema == frame.schema
    for mine, theirs in zip(frame, back, strict=True):
        assert_same_series(mine, theirs)
    assert dataframe_serializer.equal(frame, back)
    return back


@pytest.mark.parametrize("column", COLUMNS)
def test_every_dtype(column: str) -> None:
    frame = pl.DataFrame({column: COLUMNS[column]})
    round_trip(frame)
    round_trip(frame[[2, 0, 1]])
    round_trip(frame[1:])
    round_trip(frame.clear())
    round_trip(pl.concat([frame, frame[:1]], rechunk=False))


def test_names_of_columns() -> None:
    round_trip(pl.DataFrame({"": [1], " ": [2], "ä\n": [3], "column_0": [4]}))


def test_frames_without_columns() -> None:
    round_trip(pl.DataFrame())
    frame: Any = pl.DataFrame
    try:
        tall = frame(height=3)
    except TypeError:
        pytest.skip("this release of polars has no rows without columns")
    round_trip(tall)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(_dataframes(excluded_dtypes=[pl.Object], allow_null=True, max_size=5, max_cols=5))
def test_any_frame(frame: pl.DataFrame) -> None:
    try:
        data = dataframe_serializer.serialize(frame)
    except SerializationError as error:
        # Before 1.34 polars has decimals without a precision, which Arrow has not.
        refused = ("128", "shape=(0", "precision=None")
        assert any(word in str(frame.dtypes) for word in refused), error  # noqa: PT017
        return
    back = dataframe_serializer.deserialize(data)
    assert back.schema == frame.schema
    assert back.equals(frame, null_equal=True)
    for mine, theirs in zip(frame, back, strict=True):
        assert_same_series(mine, theirs)


REFUSED: dict[str, tuple[Any, str]] = {
    "query": (pl.LazyFrame({"a": [1]}), r"LazyFrame is a query.*collect\(\)"),
    "series": (pl.Series([1]), "name another serializer"),
    "subclass": (type("Frame", (pl.DataFrame,), {})({"a": [1]}), r"polars\.DataFrame\(value\)"),
    "objects": (pl.DataFrame({"a": [1], "o": pl.Series([object()], dtype=pl.Object)}), "'o' of dtype Object"),
    "wide integers in lists": (
        pl.DataFrame({"a": [1], "o": pl.Series([[1]], dtype=pl.List(pl.Int128))}),
        r"'o' of dtype List\(Int128\).*cast",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_come_back_is_refused(case: str) -> None:
    value, why = REFUSED[case]
    with pytest.raises(SerializationError, match=why):
        dataframe_serializer.serialize(value)


def test_arrays_of_no_width() -> None:
    frame = pl.DataFrame({"a": pl.Series([[], None], dtype=pl.Array(pl.Int8, 0))})
    try:
        data = dataframe_serializer.serialize(frame)
    except SerializationError:
        return
    assert dataframe_serializer.equal(dataframe_serializer.deserialize(data), frame)


def test_equality() -> None:
    equal = dataframe_serializer.equal
    frames = {name: pl.DataFrame({"x": column}) for name, column in COLUMNS.items()}
    for name, one in frames.items():
        for other_name, other in frames.items():
            assert equal(one, other) == (name == other_name), (name, other_name)
    nan = pl.DataFrame({"a": [float("nan"), None]})
    assert equal(nan, pl.DataFrame({"a": [float("nan"), None]}))
    assert not equal(nan, pl.DataFrame({"a": [None, float("nan")]}))
    assert not equal(nan, pl.DataFrame({"b": [float("nan"), None]}))
    assert series_serializer.equal(nan["a"], nan["a"].clone())
    assert not series_serializer.equal(nan["a"], nan["a"].alias("b"))
    assert not series_serializer.equal(nan["a"], nan["a"].cast(pl.Float32))


def test_a_frame_is_not_a_series() -> None:
    with pytest.raises(DeserializationError, match="not a series"):
        series_serializer.deserialize(dataframe_serializer.serialize(pl.DataFrame({"a": [1]})))
    with pytest.raises(DeserializationError, match="not a frame"):
        dataframe_serializer.deserialize(series_serializer.serialize(pl.Series("a", [1])))


def test_a_newer_release() -> None:
    data = dataframe_serializer.serialize(pl.DataFrame({"a": [1]}))
    newer = data.replace(b'{"version": 1', b'{"version": 2')
    assert newer != data
    with pytest.raises(DeserializationError, match="newer release"):
        dataframe_serializer.deserialize(newer)


def test_it_is_found() -> None:
    assert polars_serializer is dataframe_serializer
    assert get_serializer_by_name("polars-dataframe") is dataframe_serializer
    assert get_serializer_by_type(pl.DataFrame) is dataframe_serializer
    assert get_serializer_by_type(pl.Series) is series_serializer


BREAK = """
import random
from artigraph.errors import DeserializationError
from artigraph.serializer.polars import dataframe_serializer
from tests.serializer.polars.columns import COLUMNS
import polars
data = dataframe_serializer.serialize(polars.DataFrame(COLUMNS))
chance = random.Random(0)
refused = 0
for _ in range(400):
    broken = bytearray(data)
    for _ in range(chance.randrange(1, 9)):
        broken[chance.randrange(len(data))] = chance.randrange(256)
    try:
        dataframe_serializer.deserialize(bytes(broken[: chance.choice((len(data), chance.randrange(len(data))))]))
    except DeserializationError:
        refused += 1
print("refused", refused)
"""


def test_damage_does_not_end_the_process() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", BREAK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 100
