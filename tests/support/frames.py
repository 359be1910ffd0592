"""Frames of every kind, and a comparison that misses nothing."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

_pd: Any = pd
_pa: Any = pa

__all__ = ["COLUMNS", "INDEXES", "assert_same_frame", "assert_same_index", "assert_same_values"]


def objects(*values: object) -> Any:
    array = np.empty(len(values), object)
    for index, value in enumerate(values):
        array[index] = value
    return pd.Series(array, dtype=object)


NAN_BITS = np.array([0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000001, 0x8000000000000000], np.uint64)
EPOCH = ["2020-01-01", None, "1700-02-28", "2262-01-01"]

COLUMNS: dict[str, Any] = {
    **{f"numpy {char}": np.arange(4).astype(char) for char in "?bBhHiIlLqQefdgFDG"},
    "big-endian": np.arange(4, dtype=">i4"),
    "bits of NaN": NAN_BITS.view(np.float64),
    "bits of small NaN": np.array([0x7FC00001, 0xFFC00000, 0x80000000, 1], np.uint32).view(np.float32),
    **{f"time {unit}": _pd.DatetimeIndex(EPOCH).as_unit(unit) for unit in ("s", "ms", "us", "ns")},
    **{f"delta {unit}": _pd.to_timedelta([1, -2, None, 4], unit="s").as_unit(unit) for unit in ("s", "ms", "us", "ns")},
    "far seconds": np.array([-(2**62), 2**62, 0, -(2**63)], "M8[s]"),
    "zoneinfo": pd.DatetimeIndex(EPOCH).tz_localize(ZoneInfo("Europe/Berlin")),
    "zoneinfo ns": _pd.DatetimeIndex(EPOCH).as_unit("ns").tz_localize(ZoneInfo("America/New_York")),
    "fold": _pd.date_range("2020-10-25", periods=4, freq="h", tz="Europe/Berlin"),
    "utc": pd.DatetimeIndex(EPOCH).tz_localize(dt.UTC),
    "zoneinfo utc": pd.DatetimeIndex(EPOCH).tz_localize(ZoneInfo("UTC")),
    "offset": pd.DatetimeIndex(EPOCH).tz_localize(dt.timezone(dt.timedelta(hours=5, minutes=30))),
    "named offset": pd.DatetimeIndex(EPOCH).tz_localize(dt.timezone(dt.timedelta(hours=-3), "here")),
    "category": pd.Categorical(["a", "b", None, "a"], categories=["z", "b", "a"]),
    "ordered category": pd.Categorical(["a", "b", None, "a"], categories=["z", "b", "a"], ordered=True),
    "category of ints": pd.Categorical([1, 2, None, 1]),
    "category of times": pd.Categorical(pd.date_range("2020", periods=4, tz="UTC")),
    "category of objects": pd.Categorical(objects(1, "a", (1, 2), None)),
    "category of intervals": _pd.cut([1, 2, 3, 4], 2),
    "category of nothing": _pd.Categorical([None] * 4),
    "category of a range": _pd.Categorical.from_codes([0, 1, 2, -1], _pd.RangeIndex(300)),
    "nullable ints": pd.array([1, None, 2**63 - 1, -(2**63)], dtype="Int64"),
    "nullable small ints": pd.array([1, None, 3, 4], dtype="UInt8"),
    "nullable truth": pd.array([True, None, False, True], dtype="boolean"),
    "nullable floats": pd.array([1.5, None, -0.0, 4], dtype="Float32"),
    "NaN beside NA": _pd.arrays.FloatingArray(np.array([1, np.nan, 2, 3]), np.array([False, False, True, False])),
    "str": pd.array(["a", None, "", "\0ä𝄞"], dtype="str"),
    "string": pd.array(["a", None, "", "\0ä𝄞"], dtype="string"),
    "string[python]": pd.array(["a", None, "", "\0ä𝄞"], dtype="string[python]"),
    "str in Python": pd.array(["a", None, "", "ä"], dtype=_pd.StringDtype("python", na_value=np.nan)),
    "period": _pd.period_range("2020", periods=4, freq="Q-NOV"),
    "period with NaT": _pd.PeriodIndex(["2020-01", None, "1600-01", "9999-01"], freq="M"),
    "interval": _pd.arrays.IntervalArray.from_tuples([(0, 1), np.nan, (2, 3), (4, 5)], closed="both"),
    "interval of ints": _pd.interval_range(0, 4),
    "interval of times": _pd.interval_range(_pd.Timestamp("2020", tz="Europe/Berlin"), periods=4),
    "interval of naive times": _pd.interval_range(_pd.Timestamp("2020"), periods=4),
    "interval of deltas": _pd.interval_range(_pd.Timedelta(0), _pd.Timedelta("4 days"), periods=4, closed="neither"),
    "sparse": _pd.arrays.SparseArray([0, 0, 1, 0], fill_value=0),
    "sparse floats": _pd.arrays.SparseArray([0, np.nan, 1.0, np.nan]),
    "sparse blocks": _pd.arrays.SparseArray([0.0, np.nan, 1.0, np.nan], kind="block", fill_value=0.0),
    "arrow lists": pd.array([[1], None, [2, 3], []], dtype=_pd.ArrowDtype(_pa.list_(_pa.int64()))),
    "arrow floats": pd.array([1.5, None, 2, -0.0], dtype=_pd.ArrowDtype(_pa.float32())),
    "arrow decimals": pd.array([decimal.Decimal("1.10"), None] * 2, dtype=_pd.ArrowDtype(_pa.decimal128(9, 2))),
    "arrow times": pd.array([dt.datetime(2020, 1, 1), None] * 2, dtype=_pd.ArrowDtype(_pa.timestamp("us", "UTC"))),
    "arrow structs": pd.array(
        [{"a": 1, "b": ["x"]}, None] * 2,
        dtype=_pd.ArrowDtype(_pa.struct([("a", _pa.int8()), ("b", _pa.list_(_pa.string()))])),
    ),
    "arrow maps": pd.array([[("a", 1)], None] * 2, dtype=_pd.ArrowDtype(_pa.map_(_pa.string(), _pa.int8()))),
    "arrow dictionary": pd.array(["a", None, "b", "a"], dtype=_pd.ArrowDtype(_pa.dictionary(_pa.int8(), _pa.string()))),
    "bytes in place": np.array([b"a", b"bc", b"", b"d"]),
    "texts and None": objects("a", None, "", "\0ä𝄞"),
    "texts and nan": objects("a", float("nan"), "b", float("nan")),
    "texts and NA": objects("a", pd.NA, "b", pd.NA),
    "texts and NaT": objects("a", pd.NaT, "b", pd.NaT),
    "nan of other bits": objects("a", float("-nan") * -1, "b", np.uint64(0xFFF8000000000001).view(np.float64).item()),
    "what is missing": objects(None, float("nan"), pd.NA, pd.NaT),
    "surrogates": objects("\ud800", "\udc00\ud800", "\ud83d\ude00", "\ud83d" + "\ude00"),
    "bytes": objects(b"a", None, b"", b"\0\xff"),
    "truth": objects(True, None, False, True),
    "ints": objects(1, 2**63 - 1, -(2**63), 0),
    "large ints": objects(1, 2**63, None, 2**200),
    "floats": objects(1.0, -0.0, float("inf"), float("nan")),
    "mixed numbers": objects(1, 1.0, True, decimal.Decimal("1.0")),
    "decimals": objects(decimal.Decimal("1.10"), decimal.Decimal("-0"), decimal.Decimal("NaN"), None),
    "dates": objects(dt.date(1, 1, 1), dt.date(9999, 12, 31), None, dt.date(2020, 2, 29)),
    "python times": objects(
        dt.datetime(2020, 1, 1, fold=1),
        dt.datetime(2020, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
        dt.time(1),
        dt.timedelta(1),
    ),
    "uuids": objects(*(uuid.UUID(int=number) for number in range(4))),
    "lists of one length": objects([1], [2], [3], [4]),
    "containers": objects([1, [2.0, None]], (1, "a"), {"a": {1, 2}}, {1: (2,)}),
    "arrays": objects(np.arange(3), np.zeros((2, 2), ">f4"), np.array("x"), np.zeros(2, [("a", "i4")])),
    "numpy scalars": objects(np.float64(1), np.int8(2), np.str_("a"), np.datetime64("NaT")),
    "pandas scalars": objects(
        pd.Timestamp("2020", tz="Europe/Berlin"),
        _pd.Timedelta(1).as_unit("ns"),
        _pd.Period("2020", "M"),
        _pd.Interval(0, 1.5),
    ),
    "nothing": objects(None, None, None, None),
}

INDEXES: dict[str, Any] = {
    "range": pd.RangeIndex(4),
    "named range with a step": pd.RangeIndex(10, 2, -2, name="n"),
    "empty range": pd.RangeIndex(3, 3),
    "ints": pd.Index([3, 1, 3, 2], dtype="int32"),
    "named by a tuple": pd.Index([1, 2, 3, 4], name=("a", 1, None)),
    "named by a time": pd.Index([1, 2, 3, 4], name=pd.Timestamp("2020", tz="UTC")),
    "floats": pd.Index([1.0, np.nan, -0.0, 2], dtype="float32"),
    "complex": pd.Index([1j, 2, 3, 4]),
    "truth": pd.Index([True, False, True, True]),
    "texts": pd.Index(["a", "b", None, "a"]),
    "objects": pd.Index(["a", 1, (1, 2), None], dtype=object, tupleize_cols=False),
    "texts as objects": pd.Index(["a", "b", "c", "d"], dtype=object),
    "nullable": pd.Index([1, None, 3, 4], dtype="Int8"),
    "arrow": pd.Index([1, None, 3, 4], dtype=_pd.ArrowDtype(_pa.int8())),
    "times": pd.DatetimeIndex(["2020", None, "1900", "2020"], name="t"),
    "times with freq": pd.date_range("2020", periods=4, freq="MS", tz="Europe/Berlin"),
    "times of business": pd.date_range("2020", periods=4, freq="2B"),
    "one time with freq": pd.date_range("2020", periods=1, freq="QE-NOV"),
    "no time with freq": pd.date_range("2020", periods=0, freq="h"),
    "hours over a change": pd.date_range("2020-10-24 22:00", periods=6, freq="6h", tz="Europe/Berlin"),
    "deltas": pd.TimedeltaIndex(["1s", None, "3s", "1s"]),
    "deltas with freq": pd.timedelta_range("1s", periods=4, freq="3s"),
    "periods": _pd.period_range("2020", periods=4, freq="W-TUE", name="p"),
    "intervals": _pd.interval_range(0.0, 4.0, closed="left"),
    "categories": _pd.CategoricalIndex(["a", "b", None, "a"], categories=["c", "b", "a"], ordered=True, name="c"),
    "multi": pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", "y"]),
    "multi of equal names": pd.MultiIndex.from_arrays([[1, 1, 2, None], ["a", "b", "a", None]], names=["x", "x"]),
    "multi without names": pd.MultiIndex.from_arrays([pd.date_range("2020", periods=4), pd.Categorical(list("abca"))]),
    "multi with unused levels": pd.MultiIndex.from_product([["a", "b"], [1, 2]])[[0, 0, 1, 0]],
    "multi of one level": pd.MultiIndex.from_arrays([[1, 2, 3, 4]], names=[None]),
    "empty multi": pd.MultiIndex.from_arrays([[], []], names=["x", "y"]),
}


def assert_same_frame(one: Any, other: Any) -> None:
    pd.testing.assert_frame_equal(
        one,
        other,
        check_exact=True,
        check_freq=True,
        check_column_type=True,
        check_index_type="equiv",
        check_flags=True,
    )
    assert type(other) is pd.DataFrame
    assert_same_index(one.index, other.index)
    assert_same_index(one.columns, other.columns)
    for place in range(one.shape[1]):
        assert_same_values(one.iloc[:, place], other.iloc[:, place])
    assert one.attrs == other.attrs
    assert repr(one.attrs) == repr(other.attrs)
    assert one.flags == other.flags


def assert_same_index(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    assert repr(one.names) == repr(other.names)
    assert [type(name) for name in one.names] == [type(name) for name in other.names]
    assert getattr(one, "freq", None) == getattr(other, "freq", None)
    if type(one) is pd.MultiIndex:
        assert [codes.tolist() for codes in one.codes] == [codes.tolist() for codes in other.codes]
        assert getattr(one, "sortorder", 0) == getattr(other, "sortorder", 0)
        for mine, theirs in zip(one.levels, other.levels, strict=True):
            assert_same_index(mine, theirs)
    elif type(one) is pd.RangeIndex:
        assert (one.start, one.stop, one.step) == (other.start, other.stop, other.step)
    else:
        assert_same_values(one, other)


def assert_same_values(one: Any, other: Any) -> None:
    """Compare two series or indexes by dtype, bits, and the types of their values."""
    assert one.dtype == other.dtype
    assert repr(one.dtype) == repr(other.dtype)
    assert type(one.array) is type(other.array)
    dtype: object = one.dtype
    if isinstance(dtype, np.dtype):
        mine, theirs = one.to_numpy(), other.to_numpy()
        assert mine.dtype.str == theirs.dtype.str
        assert mine.dtype.char == theirs.dtype.char
        if one.dtype != object and mine.dtype.char not in "gG":
            assert mine.tobytes() == theirs.tobytes()
    if isinstance(dtype, pd.CategoricalDtype):
        assert_same_index(one.dtype.categories, other.dtype.categories)
        assert one.array.codes.tolist() == other.array.codes.tolist()
        assert one.array.codes.dtype == other.array.codes.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        assert type(one.dtype.tz) is type(other.dtype.tz)
    mine, theirs = one.tolist(), other.tolist()
    assert [type(value) for value in mine] == [type(value) for value in theirs]
    assert repr(mine) == repr(theirs)
    assert [bits(value) for value in mine] == [bits(value) for value in theirs]


def bits(value: object) -> object:
    return np.float64(value).tobytes() if type(value) is float else None
