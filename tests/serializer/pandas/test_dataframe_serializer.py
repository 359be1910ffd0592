"""Frames come back with their labels, dtypes and values, or are refused by name."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from artigraph.serializer.base import get_serializer_by_name, get_serializer_by_type
from artigraph.serializer.pandas import dataframe_serializer, pandas_serializer
from tests.support.frames import COLUMNS, INDEXES, assert_same_frame


def round_trip(frame: pd.DataFrame) -> pd.DataFrame:
    data = dataframe_serializer.serialize(frame)
    assert type(data) is bytes
    assert dataframe_serializer.serialize(frame) == data
    back = dataframe_serializer.deserialize(data)
    assert_same_frame(frame, back)
    assert dataframe_serializer.equal(frame, back)
    assert dataframe_serializer.serialize(back) == data
    return back


@pytest.mark.parametrize("column", COLUMNS)
def test_every_dtype(column: str) -> None:
    round_trip(pd.DataFrame({column: COLUMNS[column]}))
    round_trip(pd.DataFrame({column: COLUMNS[column]}).iloc[::-2])
    round_trip(pd.DataFrame({column: COLUMNS[column]}).iloc[:0])


def test_all_dtypes_in_one_frame() -> None:
    round_trip(pd.DataFrame(COLUMNS))


@pytest.mark.parametrize("name", INDEXES)
def test_every_index_of_rows(name: str) -> None:
    index: Any = INDEXES[name]
    round_trip(pd.DataFrame({"a": np.arange(len(index))}, index=index))
    round_trip(pd.DataFrame(index=index))


@pytest.mark.parametrize("name", INDEXES)
def test_every_index_of_columns(name: str) -> None:
    index: Any = INDEXES[name]
    round_trip(pd.DataFrame([np.arange(len(index))] * 2, columns=index))
    round_trip(pd.DataFrame(columns=index))


@pytest.mark.timeout(60)
def test_columns_that_are_called_as_a_repeated_one_is_numbered() -> None:
    for first in range(4):
        labels = ["a", *(f"a.{number}" for number in range(first, 8)), "a", "a", "a.2"]
        round_trip(pd.DataFrame([range(len(labels))] * 2, columns=labels))


def test_it_is_a_parquet_file_that_others_read() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    read = pd.read_parquet(io.BytesIO(dataframe_serializer.serialize(frame)))
    assert read["a"].tolist() == [1, 2]
    assert read["b"].tolist()[0] == "x"


def test_it_is_found() -> None:
    assert pandas_serializer is dataframe_serializer
    assert get_serializer_by_name("pandas-dataframe") is dataframe_serializer
    assert get_serializer_by_type(pd.DataFrame) is dataframe_serializer
