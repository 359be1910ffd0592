"""The serializers of PyTorch's values keep the contract."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from artigraph.serializer import Serializer
from artigraph.testing.serializer import SerializerConformance
from tests.serializer.torch.values import assert_same_state, assert_same_tensor, states, tensors, torch


class TestTensorSerializer(SerializerConformance):
    refused = (torch.zeros(2, requires_grad=True), torch.zeros(2).to_sparse(), [1.0])

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        from artigraph.serializer.torch import tensor_serializer

        return tensor_serializer

    @pytest.fixture
    def values(self) -> Any:
        return tensors()

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_tensor(value, back)


class TestStateDictSerializer(SerializerConformance):
    refused = (torch.nn.Linear(1, 1), {"a": 1}, {1: torch.zeros(1)}, torch.zeros(1), OrderedDict({"a": None}))

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        from artigraph.serializer.torch import state_dict_serializer

        return state_dict_serializer

    @pytest.fixture
    def values(self) -> Any:
        return states()

    def columns(self, value: Any) -> Any:
        names = list(value)
        return [(chosen, {name: value[name] for name in chosen}) for chosen in ([], names[::-1], names[:1])]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_state(value, back)
