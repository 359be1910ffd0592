"""The serializer of figures keeps the contract."""

from __future__ import annotations

from typing import Any

import pytest

from artigraph.serializer import Serializer
from artigraph.testing.serializer import SerializerConformance
from tests.serializer.plotly.values import assert_same_figure, figures, go


@pytest.mark.filterwarnings("ignore:.*mapbox.*:DeprecationWarning")
class TestFigureSerializer(SerializerConformance):
    refused = (go.Scatter(y=[1]), go.Layout(), {"data": []}, go.Figure(go.Scatter(meta=object())))

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        from artigraph.serializer.plotly import figure_serializer

        return figure_serializer

    @pytest.fixture
    def values(self) -> Any:
        return figures()

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_figure(value, back)
