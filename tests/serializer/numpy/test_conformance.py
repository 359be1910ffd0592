"""The serializers of NumPy's values keep the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest

from artigraph.serializer import Serializer
from artigraph.serializer.numpy import array_serializer, scalar_serializer
from artigraph.testing.serializer import SerializerConformance

MASKED: Any = cast("Any", np.ma).array([1])


class TestArraySerializer(SerializerConformance):
    refused: Sequence[Any] = (np.array([None]), MASKED, np.float64(1), [1])

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return array_serializer

    @pytest.fixture
    def values(self) -> Any:
        return [
            np.arange(6).reshape(2, 3),
            np.zeros((2, 0), "U3"),
            np.array(["a", "ä𝄞"]),
            np.array([True, False]),
            np.array(["a", None], np.dtypes.StringDType(na_object=None)),
            np.zeros(2, [("a", "i4"), ("b", "U2"), ("c", "?")]),
            np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
            np.array(["2020", "NaT"], "M8[ns]"),
            np.ones(2, "G"),
        ]

    def test_a_mapped_array_cannot_be_written_to(self, serializer: Any) -> None:
        mapped = serializer.deserialize_mapped(memoryview(bytearray(serializer.serialize(np.arange(3)))))
        assert not mapped.flags.writeable

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert back.dtype == value.dtype
        assert repr(back) == repr(value)
        assert back.tolist() == value.tolist() or value.dtype.kind == "M"


class TestArraySerializerOfAny(TestArraySerializer):
    @pytest.fixture
    def values(self) -> Any:
        shapes = hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
        return hnp.arrays(hnp.scalar_dtypes() | hnp.array_dtypes(), shapes)

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert back.dtype == value.dtype
        assert back.tobytes() == value.tobytes()
        assert back.shape == value.shape


class TestScalarSerializer(SerializerConformance):
    refused = (1.0, np.zeros(()), "a")

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return scalar_serializer

    @pytest.fixture
    def values(self) -> Any:
        return [np.float64("nan"), np.int8(1), np.str_("a\0"), np.bytes_(b"\0"), np.datetime64("2020"), np.longlong(1)]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert type(back) is type(value)
        assert repr(back) == repr(value)
