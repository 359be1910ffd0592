"""The serializers of plain values keep the contract."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from artigraph.serializer import Serializer
from artigraph.serializer.datetime import datetime_serializer, timedelta_serializer
from artigraph.serializer.json import json_serializer
from artigraph.serializer.raw import bytes_serializer
from artigraph.testing.equality import assert_identical
from artigraph.testing.serializer import SerializerConformance
from artigraph.testing.strategies import plain_values


class TestJsonSerializer(SerializerConformance):
    refused = (object(), [object()], {1: print})

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return json_serializer

    @pytest.fixture
    def values(self) -> Any:
        return plain_values()

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_identical(value, back)


class TestDatetimeSerializer(SerializerConformance):
    refused = (timedelta(1), "2020-01-01", None)

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return datetime_serializer

    @pytest.fixture
    def values(self) -> Any:
        zone = ZoneInfo("Europe/Berlin")
        return [
            datetime(2020, 10, 25, 2, 30, tzinfo=zone, fold=1),
            datetime(1, 1, 1, microsecond=1),
            datetime(9999, 12, 31, tzinfo=UTC),
            date(2020, 2, 29),
            time(1, 2, 3, 4, tzinfo=UTC),
        ]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_identical(value, back)


class TestTimedeltaSerializer(SerializerConformance):
    refused = (1, date(2020, 1, 1))

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return timedelta_serializer

    @pytest.fixture
    def values(self) -> Any:
        return [timedelta(0), timedelta.max, timedelta.min, timedelta(1, 2, 3)]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_identical(value, back)


class TestBytesSerializer(SerializerConformance):
    refused = (bytearray(b"a"), "a", None)

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return bytes_serializer

    @pytest.fixture
    def values(self) -> Any:
        return [b"", b"\0\xff", b"a" * 10_000]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_identical(value, back)
