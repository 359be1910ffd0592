"""The serializer of XGBoost's boosters keeps the contract."""

from __future__ import annotations

from typing import Any

import pytest

from artigraph.serializer import Serializer
from artigraph.testing.serializer import SerializerConformance
from tests.serializer.xgboost.values import assert_same_booster, boosters, data, xgboost


class TestBoosterSerializer(SerializerConformance):
    refused = (xgboost.Booster(), data(), xgboost.XGBClassifier(), {"learner": {}})

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        from artigraph.serializer.xgboost import booster_serializer

        return booster_serializer

    @pytest.fixture
    def values(self) -> Any:
        return boosters()

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_booster(value, back)
