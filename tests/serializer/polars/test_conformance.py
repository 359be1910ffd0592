"""The serializers of Polars's values keep the contract."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from artigraph.serializer import Serializer
from artigraph.serializer.polars import dataframe_serializer, series_serializer
from artigraph.testing.serializer import SerializerConformance
from tests.serializer.polars.columns import COLUMNS, assert_same_series


class TestDataFrameSerializer(SerializerConformance):
    refused = (pl.LazyFrame(), pl.Series([1]), [1])

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return dataframe_serializer

    @pytest.fixture
    def values(self) -> Any:
        return [pl.DataFrame(COLUMNS), pl.DataFrame(), pl.DataFrame({"a": range(100)}), pl.DataFrame(COLUMNS).clear()]

    def columns(self, value: Any) -> Any:
        return [(names, value.select(names)) for names in ([], value.columns, value.columns[::-1], value.columns[:1])]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert back.shape == value.shape
        for mine, theirs in zip(value, back, strict=True):
            assert_same_series(mine, theirs)


class TestSeriesSerializer(SerializerConformance):
    refused = (pl.DataFrame(), [1])

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return series_serializer

    @pytest.fixture
    def values(self) -> Any:
        return [pl.Series("a", [1, None]), pl.Series(["x", "ä"]), pl.Series("e", [], dtype=pl.Enum(["a"]))]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_series(value, back)
