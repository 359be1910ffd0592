"""Values that would not load exactly are refused, with the name of the column and a remedy."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer.pandas import dataframe_serializer, index_serializer, scalar_serializer, series_serializer
from tests.support.frames import objects

_pd: Any = pd
_pa: Any = pa


class Zone(dt.tzinfo):
    def utcoffset(self, _when: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=1)

    def dst(self, _when: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(0)

    def tzname(self, _when: dt.datetime | None) -> str:
        return "mine"


class Frame(pd.DataFrame):
    pass


class Name:
    pass


def column(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"good": np.arange(len(values)), "bad": values})


REFUSED: dict[str, tuple[Any, str]] = {
    "subclass": (Frame({"a": [1]}), r"Frame.*pandas\.DataFrame\(value\)"),
    "unknown objects": (column(objects(1, Name())), r"'bad' of dtype object.*row 1.*Name"),
    "unknown objects in a list": (column(objects([1, Name()], 1)), r"'bad'.*row 0.*Name"),
    "numbers of numpy in a list": (column(objects([np.float64(1)])), r"'bad'.*row 0.*float64"),
    "own zone": (column(pd.DatetimeIndex(["2020"]).tz_localize(Zone())), r"'bad'.*Zone.*ZoneInfo\(key\)"),
    "text of surrogates": (
        column(pd.array(["\ud800"], dtype="string[python]")),
        r"'bad'.*lone surrogate.*dtype object",
    ),
    "arrow seconds": (
        column(pd.array([None], dtype=_pd.ArrowDtype(_pa.timestamp("s")))),
        r"'bad'.*timestamp\[s\].*convert",
    ),
    "arrow unions of time": (
        column(pd.array([None], dtype=_pd.ArrowDtype(_pa.month_day_nano_interval()))),
        r"'bad'.*month_day_nano_interval.*convert",
    ),
    "label of columns": (pd.DataFrame([[1]], columns=pd.Index([Name()], dtype=object)), r"column labels.*Name"),
    "name of the index": (pd.DataFrame({"a": [1]}, index=pd.Index([1], name=Name())), r"its index.*Name"),
    "frequency": (
        pd.DataFrame({"a": 1}, index=_pd.date_range("2020", periods=3, freq=_pd.offsets.CDay(holidays=["2020-01-02"]))),
        r"frequency.*index\.freq = None",
    ),
    "sparse with a fill value": (
        column(
            _pd.arrays.SparseArray._simple_new(
                np.array([0.0, 1.0]),
                _pd.arrays.SparseArray([1, 1], fill_value=0).sp_index,
                _pd.SparseDtype(np.float64, 0.0),
            )
        ),
        r"'bad'.*fill value.*SparseArray",
    ),
}


def with_attrs() -> pd.DataFrame:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["x"] = Name()
    return frame


REFUSED["attrs"] = (with_attrs(), r"its attrs.*Name")


@pytest.mark.parametrize("case", REFUSED)
def test_a_frame_is_refused_by_name(case: str) -> None:
    frame, why = REFUSED[case]
    with pytest.raises(SerializationError, match=f"(?s){why}"):
        dataframe_serializer.serialize(frame)


def test_series_and_indexes_are_refused_by_name() -> None:
    with pytest.raises(SerializationError, match="'s' of dtype object"):
        series_serializer.serialize(pd.Series(objects(Name()), name="s"))
    with pytest.raises(SerializationError, match="its name"):
        series_serializer.serialize(pd.Series([1], name=Name()))
    with pytest.raises(SerializationError, match="row 0"):
        index_serializer.serialize(pd.Index([Name()], dtype=object))


def test_a_timestamp_that_would_lose_its_fold_is_refused() -> None:
    with pytest.raises(SerializationError, match="would come back as"):
        scalar_serializer.serialize(_pd.Timestamp(year=2020, month=1, day=1, hour=0, fold=1))


class ForeignDtype(_pd.api.extensions.ExtensionDtype):  # type: ignore[misc, unused-ignore]  # its base is untyped
    name = "foreign"
    type = object

    @classmethod
    def construct_array_type(cls) -> Any:
        return ForeignArray


class ForeignArray(_pd.api.extensions.ExtensionArray):  # type: ignore[misc, unused-ignore]  # its base is untyped
    dtype = ForeignDtype()

    def __len__(self) -> int:
        return 2

    def copy(self) -> Any:
        return self

    def view(self, _dtype: Any = None) -> Any:
        return self

    def __getitem__(self, _item: Any) -> Any:
        return self


def test_an_array_of_another_library_is_refused() -> None:
    with pytest.raises(SerializationError, match=r"(?s)'bad' of dtype foreign.*ForeignArray.*convert"):
        series_serializer.serialize(pd.Series(ForeignArray(), name="bad"))


def test_a_frame_is_not_a_series() -> None:
    data = dataframe_serializer.serialize(pd.DataFrame({"a": [1]}))
    for other in (series_serializer, index_serializer, scalar_serializer):
        with pytest.raises(DeserializationError):
            other.deserialize(data)


def test_a_parquet_file_of_others_is_not_a_frame_of_ours() -> None:
    sink = _pa.BufferOutputStream()
    _pa.parquet.write_table(_pa.table({"a": [1]}), sink)
    with pytest.raises(DeserializationError, match="not a frame of pandas"):
        dataframe_serializer.deserialize(sink.getvalue().to_pybytes())


def test_a_file_of_a_newer_release_is_refused() -> None:
    data = dataframe_serializer.serialize(pd.DataFrame({"a": [1]}))
    newer = data.replace(b'{"version": 1', b'{"version": 2')
    assert newer != data
    with pytest.raises(DeserializationError, match="this release"):
        dataframe_serializer.deserialize(newer)


def test_a_flipped_page_is_noticed() -> None:
    data = bytearray(dataframe_serializer.serialize(pd.DataFrame({"a": np.random.default_rng(0).random(1000)})))
    data[2000] ^= 1
    with pytest.raises(DeserializationError, match=r"(?i)crc|checksum"):
        dataframe_serializer.deserialize(bytes(data))


@pytest.mark.skipif(sys.platform == "win32", reason="long double is double on Windows")
def test_another_long_double_is_refused() -> None:
    data = dataframe_serializer.serialize(pd.DataFrame({"a": np.ones(1, np.longdouble)}))
    bits = f'"longdouble": {np.finfo(np.longdouble).nmant}'.encode()
    if bits not in data:
        pytest.skip("long double is double on this platform")
    with pytest.raises(DeserializationError, match="long double"):
        dataframe_serializer.deserialize(data.replace(bits, b'"longdouble": 10'))


def test_bytes_of_a_scalar_are_one_of_pandas() -> None:
    with pytest.raises(DeserializationError, match="not a scalar of pandas"):
        scalar_serializer.deserialize(b"j1")


def test_an_index_of_another_library_is_refused() -> None:
    class Own(_pd.RangeIndex):  # type: ignore[misc, unused-ignore]  # its base is untyped
        pass

    own = object.__new__(Own)
    with pytest.raises(SerializationError, match=r"Own is not stored.*pandas\.Index"):
        index_serializer.serialize(own)
