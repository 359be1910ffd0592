"""Columns of a stored frame are read alone, and are what pandas selects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from artigraph.errors import DeserializationError
from artigraph.serializer.pandas import dataframe_serializer as serializer
from artigraph.testing.serializer import RecordingFile
from tests.support.frames import COLUMNS, INDEXES, assert_same_frame

_pd: Any = pd


def read(frame: Any, columns: list[Any]) -> Any:
    return serializer.deserialize_columns(RecordingFile(serializer.serialize(frame)), columns)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_every_kind(name: str) -> None:
    values = COLUMNS[name]
    frame = _pd.concat([pd.Series(values), pd.Series(range(len(values))), pd.Series(values)], axis=1)
    frame.columns = ["one", "number", "other"]
    # pandas itself selects no column of another byte order twice.
    twice = [["one", "one"]] if name != "big-endian" else []
    for columns in (["other"], ["number", "one"], *twice):
        assert_same_frame(frame[columns], read(frame, columns))


@pytest.mark.parametrize("name", INDEXES)
def test_the_index_comes_with_them(name: str) -> None:
    index = INDEXES[name]
    frame = _pd.DataFrame({"a": np.arange(len(index)), "b": 1.0}, index=index)
    assert_same_frame(frame[["b"]], read(frame, ["b"]))
    assert_same_frame(frame[[]], read(frame, []))


def test_labels_of_every_kind() -> None:
    frame = _pd.DataFrame(np.arange(10.0).reshape(2, 5), columns=["a", "b", "a", 1, ("x", 2)])
    for columns in (["a"], [1, "a"], [("x", 2)], ["b", "b"]):
        assert_same_frame(frame[columns], read(frame, columns))
    levels = _pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["x", "y"])
    nested = _pd.DataFrame(np.arange(6).reshape(2, 3), columns=levels)
    for columns in (["a"], [("b", 1), ("a", 1)]):
        assert_same_frame(nested[columns], read(nested, columns))
    days = _pd.DataFrame(np.arange(6).reshape(2, 3), columns=_pd.date_range("2020", periods=3))
    assert_same_frame(days[[days.columns[1]]], read(days, [days.columns[1]]))


def test_attrs_and_flags_come_with_them() -> None:
    frame = _pd.DataFrame({"a": [1], "b": [2]}).set_flags(allows_duplicate_labels=False)
    frame.attrs = {"unit": "m"}
    back = read(frame, ["b"])
    assert back.attrs == {"unit": "m"}
    assert not back.flags.allows_duplicate_labels


def test_a_name_that_looks_like_a_field_of_another_column() -> None:
    arrow = _pd.array([{"b": 1}, None], dtype=_pd.ArrowDtype(__import__("pyarrow").struct([("b", "int8")])))
    frame = _pd.DataFrame({"a": arrow, "a.b": [1, 2]})
    for columns in (["a"], ["a.b"], ["a.b", "a"]):
        assert_same_frame(frame[columns], read(frame, columns))


def test_only_what_is_asked_for_is_read() -> None:
    numbers = np.random.default_rng(0).random((1_200_000, 8))
    frame = _pd.DataFrame(numbers, columns=list("abcdefgh"), index=_pd.Index(np.arange(len(numbers)), name="i"))
    data = serializer.serialize(frame)
    file = RecordingFile(data)
    assert_same_frame(frame[["c", "f"]], serializer.deserialize_columns(file, ["c", "f"]))
    assert file.fetched < len(data) / 2
    assert len(file.ranges) < 30


@pytest.mark.parametrize("columns", [["missing"], ["a", "missing"], [True], [0]])
def test_what_is_not_there(columns: list[Any]) -> None:
    with pytest.raises(DeserializationError):
        read(_pd.DataFrame({"a": [1]}), columns)


def test_parts_are_the_bytes_of_frames_of_any_layout() -> None:
    numbers = np.random.default_rng(0).random((1_100_000, 3))
    by_block, by_column = _pd.DataFrame(numbers), _pd.DataFrame({place: numbers[:, place].copy() for place in range(3)})
    by_column.columns = by_block.columns  # pandas 2.3 makes no range of the keys
    parts = list(serializer.serialize_parts(by_block))
    assert max(map(len, parts)) <= 9 * 2**20
    assert b"".join(parts) == serializer.serialize(by_column)
    before = list(map(bytes, parts))
    by_block.iloc[:, :] = 0.0
    assert parts == before


def test_a_hint_of_the_size() -> None:
    frame = _pd.DataFrame({"a": np.arange(1000), "o": _pd.Series([object()] * 1000, dtype=object)})
    hint = serializer.size_hint(frame)
    assert hint is not None
    assert 16_000 <= hint < 200_000
