"""Zones of other libraries load unchanged if they can be made from a name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pandas as pd
import pytest

from artigraph.errors import SerializationError
from artigraph.serializer.pandas import dataframe_serializer
from tests.support.frames import assert_same_frame


def round_trip(zone: Any) -> None:
    frame = pd.DataFrame(
        {"a": pd.DatetimeIndex(["2020-01-01", None, "2020-07-01"]).tz_localize("UTC").tz_convert(zone)}
    )
    back = dataframe_serializer.deserialize(dataframe_serializer.serialize(frame))
    assert_same_frame(frame, back)
    assert dataframe_serializer.equal(frame, back)


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Etc/GMT+5"])
def test_zones_of_pytz(name: str) -> None:
    pytz: Any = pytest.importorskip("pytz", reason="pytz is not installed")
    round_trip(pytz.timezone(name))


def test_offsets_of_pytz() -> None:
    pytz: Any = pytest.importorskip("pytz", reason="pytz is not installed")
    round_trip(pytz.FixedOffset(90))


def test_utc_of_dateutil() -> None:
    round_trip(import_module("dateutil.tz").UTC)


def test_files_of_dateutil_are_refused() -> None:
    with pytest.raises(SerializationError, match=r"'a'.*dateutil.*ZoneInfo\(key\)"):
        round_trip(import_module("dateutil.tz").gettz("Europe/Berlin"))
