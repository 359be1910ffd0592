from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer import get_serializer_by_name
from artigraph.serializer.datetime import datetime_serializer, timedelta_serializer
from artigraph.serializer.json import json_serializer
from artigraph.testing.equality import assert_identical
from artigraph.testing.strategies import time_zones

ZONES = st.one_of(st.none(), time_zones())


@settings(deadline=None, max_examples=150)
@given(
    value=st.one_of(st.datetimes(timezones=ZONES, allow_imaginary=True), st.times(timezones=ZONES), st.dates()),
    fold=st.integers(0, 1),
)
def test_any_time_comes_back(value: Any, fold: int) -> None:
    value = value if type(value) is date else value.replace(fold=fold)
    data = datetime_serializer.serialize(value)
    assert_identical(datetime_serializer.deserialize(data), value)
    assert data == json_serializer.serialize(value)


@settings(deadline=None)
@given(value=st.timedeltas())
def test_any_duration_comes_back(value: timedelta) -> None:
    assert_identical(timedelta_serializer.deserialize(timedelta_serializer.serialize(value)), value)


def test_both_hours_of_the_night_when_clocks_go_back_come_back() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for fold, offset in ((0, 2), (1, 1)):
        value = datetime(2024, 10, 27, 2, 30, tzinfo=berlin, fold=fold)
        result: Any = datetime_serializer.deserialize(datetime_serializer.serialize(value))
        assert_identical(result, value)
        assert result.tzinfo is berlin
        assert result.utcoffset() == timedelta(hours=offset)


def test_utc_has_three_forms_that_stay_apart() -> None:
    for zone in (UTC, ZoneInfo("UTC"), timezone(timedelta(0), "UTC"), timezone(timedelta(0), "Z")):
        value = datetime(2024, 1, 1, tzinfo=zone)
        assert_identical(datetime_serializer.deserialize(datetime_serializer.serialize(value)), value)


def test_subclasses_are_refused() -> None:
    pd = pytest.importorskip("pandas")
    with pytest.raises(SerializationError, match="Timestamp"):
        datetime_serializer.serialize(pd.Timestamp("2024-01-01"))
    with pytest.raises(SerializationError, match="Timedelta"):
        timedelta_serializer.serialize(pd.Timedelta(1))


@pytest.mark.parametrize("value", [1, "2024-01-01", None, timedelta(1)])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(SerializationError, match="takes datetime, date, time"):
        datetime_serializer.serialize(value)
    with pytest.raises(DeserializationError, match="datetime, date, time"):
        datetime_serializer.deserialize(json_serializer.serialize(value) if value is not None else b"null")


def test_they_are_known_by_their_permanent_names() -> None:
    assert get_serializer_by_name("datetime") is datetime_serializer
    assert get_serializer_by_name("timedelta") is timedelta_serializer
