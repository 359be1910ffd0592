"""The serializer of charts keeps the contract."""

from __future__ import annotations

from typing import Any

import pytest

from artigraph.serializer import Serializer
from artigraph.testing.serializer import SerializerConformance
from tests.serializer.altair.values import alt, assert_same_chart, charts


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
class TestChartSerializer(SerializerConformance):
    refused = (alt.X("a"), {"mark": "bar"}, alt.Chart("a.csv"), alt.Chart({"values": [{"a": object()}]}).mark_bar())

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        from artigraph.serializer.altair import chart_serializer

        return chart_serializer

    @pytest.fixture
    def values(self) -> Any:
        return charts()[1::6]  # Altair takes a tenth of a second to read one

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_chart(value, back)
