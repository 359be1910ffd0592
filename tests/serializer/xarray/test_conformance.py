"""The serializers of xarray's values keep the contract."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from artigraph.serializer import Serializer
from artigraph.testing.serializer import SerializerConformance
from tests.serializer.xarray.values import assert_same, dataarrays, datasets, multi, stations, xr

its: Any = import_module("artigraph.serializer.xarray")


class Mine(xr.Dataset):  # type: ignore[misc]
    """A subclass."""

    __slots__ = ()


class TestDatasetSerializer(SerializerConformance):
    refused = (Mine(), xr.DataArray(1), {"a": [1]}, xr.Dataset({"a": ("x", np.array([{1}, object()]))}))

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        made: Serializer[Any] = its.dataset_serializer
        return made

    @pytest.fixture
    def values(self) -> Any:
        return datasets()

    def columns(self, value: Any) -> Any:
        names = list(value.variables)
        return [
            (chosen, value[chosen]) for chosen in ([], names[::-1], names[:1], names[-1:], list(value.data_vars)[:2])
        ]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same(value, back)


class TestDataArraySerializer(SerializerConformance):
    refused = (stations(), np.zeros(2), xr.Variable("x", [1]), xr.DataArray(1, attrs={"a": object()}))

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        made: Serializer[Any] = its.dataarray_serializer
        return made

    @pytest.fixture
    def values(self) -> Any:
        return [stations().temperature, multi().v, *dataarrays()[:20:4], *dataarrays()[-3:]]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same(value, back)
