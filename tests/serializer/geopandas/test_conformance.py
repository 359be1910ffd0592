"""The serializers of geopandas's values keep the contract."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pandas as pd
import pytest

from artigraph.serializer import Serializer
from artigraph.testing.serializer import SerializerConformance
from tests.serializer.geopandas.values import assert_same, frames, gpd, rings, series, several, shapely

its: Any = import_module("artigraph.serializer.geopandas")


class Mine(gpd.GeoDataFrame):  # type: ignore[misc]
    """A subclass."""


class TestGeoDataFrameSerializer(SerializerConformance):
    refused = (Mine(), pd.DataFrame(), rings(), [shapely.Point()], gpd.GeoDataFrame({"a": [object()]}))

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        made: Serializer[Any] = its.geodataframe_serializer
        return made

    @pytest.fixture
    def values(self) -> Any:
        return frames()

    def columns(self, value: Any) -> Any:
        if len(set(value.columns)) < len(value.columns):
            return []
        labels = list(value.columns)
        found = [(chosen, value[chosen]) for chosen in ([], labels[::-1], labels[:1], labels[1:3])]
        for _, part in found:
            part.attrs = value.attrs  # geopandas drops them where no geometry is left
        return found

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same(value, back)


class TestGeoSeriesSerializer(SerializerConformance):
    refused = (
        several(),
        pd.Series([1]),
        shapely.Point(1, 2),
        gpd.GeoSeries([shapely.Point(float("nan"), float("nan"))]),
    )

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        made: Serializer[Any] = its.geoseries_serializer
        return made

    @pytest.fixture
    def values(self) -> Any:
        return series()[2:]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same(value, back)
