"""The serializers of JAX's values keep the contract."""

from __future__ import annotations

from typing import Any

import pytest

from artigraph.serializer import Serializer
from artigraph.testing.serializer import SerializerConformance
from tests.serializer.jax.values import arrays, assert_same_array, assert_same_dict, dicts, jnp


class TestArraySerializer(SerializerConformance):
    refused = (jnp.zeros(2, jnp.float8_e3m4), [1.0], 1.0)

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        from artigraph.serializer.jax import array_serializer

        return array_serializer

    @pytest.fixture
    def values(self) -> Any:
        return arrays()

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_array(value, back)


class TestArrayDictSerializer(SerializerConformance):
    refused = ({"a": 1}, {1: jnp.zeros(1)}, jnp.zeros(1), {"a": {"b": jnp.zeros(1)}}, [jnp.zeros(1)])

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        from artigraph.serializer.jax import array_dict_serializer

        return array_dict_serializer

    @pytest.fixture
    def values(self) -> Any:
        return dicts()

    def columns(self, value: Any) -> Any:
        names = list(value)
        return [(chosen, {name: value[name] for name in chosen}) for chosen in ([], names[::-1], names[:1])]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_dict(value, back)
