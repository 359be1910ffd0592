"""Random frames load unchanged."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph.serializer.pandas import dataframe_serializer, series_serializer
from artigraph.testing.strategies import plain_values
from tests.support.frames import COLUMNS, INDEXES, assert_same_frame, assert_same_values, objects

_pd: Any = pd
SETTINGS = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))  # pyright: ignore[reportArgumentType]
DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(),
    hnp.complex_number_dtypes(),
    hnp.datetime64_dtypes(min_period="ns", max_period="s", endianness="="),
    hnp.timedelta64_dtypes(min_period="ns", max_period="s", endianness="="),
)
NAMES = st.one_of(st.none(), st.text(max_size=5), st.integers(), st.tuples(st.text(max_size=3), st.integers()))


TWINS = {"numpy q", "numpy Q", "numpy p", "zoneinfo utc", "sparse blocks", "nan of other bits"}
"""Kinds that differ in ways that equality ignores: C types, the class of a zone, the bits of a NaN."""


def frame_round_trip(frame: pd.DataFrame) -> None:
    data = dataframe_serializer.serialize(frame)
    back = dataframe_serializer.deserialize(data)
    assert_same_frame(frame, back)
    assert dataframe_serializer.equal(frame, back)
    assert dataframe_serializer.serialize(back) == data


@SETTINGS
@given(st.data(), DTYPES)
def test_any_series_of_numbers(data: st.DataObject, dtype: Any) -> None:
    # From an array: pandas 2 makes durations of seconds of lists through nanoseconds, in which many do not fit.
    series: Any = _pd.Series(data.draw(hnp.arrays(dtype, st.integers(0, 10))), name=data.draw(NAMES))
    back = series_serializer.deserialize(series_serializer.serialize(series))
    assert_same_values(series, back)
    assert repr(back.name) == repr(series.name)
    assert series_serializer.equal(series, back)


@SETTINGS
@given(st.lists(plain_values(), min_size=1, max_size=5))
def test_any_objects(values: list[Any]) -> None:
    series = objects(*values)
    back = series_serializer.deserialize(series_serializer.serialize(series))
    assert [type(value) for value in back] == [type(value) for value in values]
    assert series_serializer.serialize(back) == series_serializer.serialize(series)


@SETTINGS
@given(
    # All but what pandas itself cannot put into another order.
    st.lists(st.sampled_from(sorted(set(COLUMNS) - {"big-endian"})), max_size=6),
    st.lists(NAMES, min_size=6, max_size=6),
    st.sampled_from([name for name, index in INDEXES.items() if len(index) == 4]),
    st.permutations(range(4)),
    st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=2),
    st.booleans(),
)
def test_any_mixture(
    columns: list[str], names: list[Any], index: str, order: list[int], attrs: dict[str, Any], unique: bool
) -> None:
    values = {place: COLUMNS[name] for place, name in enumerate(columns)}
    frame: Any = pd.DataFrame(values) if values else pd.DataFrame(index=range(4))
    frame.index = INDEXES[index]
    labels = np.empty(len(columns), object)
    for place in range(len(columns)):
        labels[place] = names[place]
    frame.columns = pd.Index(labels, dtype=object, tupleize_cols=False)
    frame = frame.iloc[order]
    frame.attrs.update(attrs)
    if unique and frame.index.is_unique and frame.columns.is_unique:
        frame.flags.allows_duplicate_labels = False
    frame_round_trip(frame)


@pytest.mark.parametrize("rows", [0, 1, 2**20 + 3])
def test_rows_beyond_a_row_group(rows: int) -> None:
    frame: Any = _pd.DataFrame(
        {
            "a": np.arange(rows),
            "b": np.arange(rows) % 7 == 0,
            "c": _pd.Categorical.from_codes(np.arange(rows) % 3, categories=["x", "y", "z"]),
            "d": pd.array(np.arange(rows), dtype="Int64"),
            "e": np.arange(rows, dtype="f8"),
        },
        index=pd.date_range("1900", periods=rows, freq="h", tz="UTC"),
    )
    back = dataframe_serializer.deserialize(dataframe_serializer.serialize(frame))
    assert dataframe_serializer.equal(frame, back)  # which looks at labels, freq and dtypes, too
    assert back["a"].tolist() == frame["a"].tolist()
    assert back["d"].sum() == frame["d"].sum()
    assert back["c"].cat.codes.tolist() == frame["c"].cat.codes.tolist()


def test_many_columns_are_not_fragments() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).random((3, 300)))
    back = dataframe_serializer.deserialize(dataframe_serializer.serialize(frame))
    assert_same_frame(frame, back)
    back["one more"] = 1  # a warning here is an error


@pytest.mark.parametrize("column", COLUMNS)
def test_what_came_back_can_be_changed(column: str) -> None:
    frame = pd.DataFrame({"a": COLUMNS[column]})
    back: Any = dataframe_serializer.deserialize(dataframe_serializer.serialize(frame))
    if "sparse" not in column:  # which pandas does not change
        back.iloc[0, 0] = back.iloc[1, 0]
    assert dataframe_serializer.equal(frame, dataframe_serializer.deserialize(dataframe_serializer.serialize(frame)))


def test_equality_tells_apart() -> None:
    frames: list[Any] = [pd.DataFrame({"a": values}) for name, values in COLUMNS.items() if name not in TWINS]
    frames += [pd.DataFrame({"a": np.arange(len(index))}, index=index) for index in INDEXES.values()]
    frames += [
        pd.DataFrame({"b": [1]}),
        pd.DataFrame({"a": [2]}),
        pd.DataFrame({"a": [1.0]}),
        pd.DataFrame({"a": [True]}),
    ]
    for place, one in enumerate(frames):
        for other_place, other in enumerate(frames):
            if place != other_place:
                assert not dataframe_serializer.equal(one, other) or dataframe_serializer.serialize(
                    one
                ) == dataframe_serializer.serialize(other)
