"""The serializer of LightGBM's boosters keeps the contract."""

from __future__ import annotations

from typing import Any

import pytest

from artigraph.serializer import Serializer
from artigraph.testing.serializer import SerializerConformance
from tests.serializer.lightgbm.values import assert_same_booster, boosters, dataset, lightgbm, trained


class TestBoosterSerializer(SerializerConformance):
    refused = (dataset(), lightgbm.LGBMClassifier(), "tree\n", trained("binary", keep_training_booster=True))

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        from artigraph.serializer.lightgbm import booster_serializer

        return booster_serializer

    @pytest.fixture
    def values(self) -> Any:
        return boosters()

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_booster(value, back)
