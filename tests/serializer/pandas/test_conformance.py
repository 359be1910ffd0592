"""The serializers of pandas's values keep the contract."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from artigraph.serializer import Serializer
from artigraph.serializer.pandas import dataframe_serializer, index_serializer, scalar_serializer, series_serializer
from artigraph.testing.serializer import SerializerConformance
from tests.support.frames import COLUMNS, INDEXES, assert_same_frame, assert_same_index, assert_same_values

_pd: Any = pd


class TestDataFrameSerializer(SerializerConformance):
    refused = (COLUMNS["str"], [1], None)

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return dataframe_serializer

    @pytest.fixture
    def values(self) -> Any:
        frame = pd.DataFrame({"a": range(50), "b": pd.Categorical(list("ab") * 25), "c": [("x", 1)] * 50})
        return [
            frame,
            frame.set_index(["b", "a"]),
            pd.DataFrame({"a": COLUMNS["str"], "b": COLUMNS["sparse"]}),
            pd.DataFrame(),
        ]

    def columns(self, value: Any) -> Any:
        labels = list(value.columns)
        return [(chosen, value[chosen]) for chosen in ([], labels, labels[::-1], labels[:1] * 2)]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_frame(value, back)


class TestSeriesSerializer(SerializerConformance):
    refused = (pd.DataFrame(), pd.Index([1]), [1])

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return series_serializer

    @pytest.fixture
    def values(self) -> Any:
        return [
            pd.Series(COLUMNS["zoneinfo"], name=("a", 1)),
            pd.Series(COLUMNS["containers"]),
            _pd.Series([], name=None),
        ]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_values(value, back)
        assert_same_index(value.index, back.index)
        assert repr(value.name) == repr(back.name)


class TestIndexSerializer(SerializerConformance):
    refused = (pd.DataFrame(), pd.Series([1]), [1])

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return index_serializer

    @pytest.fixture
    def values(self) -> Any:
        return list(INDEXES.values())

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_index(value, back)


class TestScalarSerializer(SerializerConformance):
    refused = (1, None, [pd.NA])

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return scalar_serializer

    @pytest.fixture
    def values(self) -> Any:
        return [
            pd.NA,
            pd.NaT,
            pd.Timestamp("2020-01-01"),
            _pd.Timestamp("2020-10-25 01:30", tz="UTC").tz_convert(ZoneInfo("Europe/Berlin")),
            _pd.Timestamp("2020-01-01 00:00:00.000000001", tz=UTC),
            _pd.Timestamp("1500-01-01").as_unit("s"),
            _pd.Timedelta(1, "ns"),
            _pd.Timedelta("1 day").as_unit("s"),
            _pd.Period("2020-01", "M"),
            _pd.Period("2020", "Y-NOV"),
            _pd.Interval(0, 1.5, closed="both"),
            _pd.Interval(_pd.Timestamp("2020"), _pd.Timestamp("2021")),
        ]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert type(back) is type(value)
        assert repr(back) == repr(value)
        assert getattr(back, "unit", None) == getattr(value, "unit", None)
        assert type(getattr(back, "tzinfo", None)) is type(getattr(value, "tzinfo", None))
