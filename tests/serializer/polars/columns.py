"""Columns of every dtype, and a comparison that misses nothing."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl

_pl: Any = pl

__all__ = ["COLUMNS", "assert_same_series"]

NUMBERS = [getattr(pl, name) for name in (
    "Int8", "Int16", "Int32", "Int64", "Int128", "UInt8", "UInt16", "UInt32", "UInt64", "UInt128",
    "Float16", "Float32", "Float64",
) if hasattr(pl, name)]  # fmt: skip
MOMENT = dt.datetime(2020, 10, 25, 2, 30)


def column(values: list[Any], dtype: Any = None) -> pl.Series:
    return pl.Series(values, dtype=dtype)


COLUMNS: dict[str, pl.Series] = {
    **{str(dtype): column([1, None, 3], dtype) for dtype in NUMBERS},
    "large Int128": column([2**127 - 1, None, -(2**127)], pl.Int128),
    "floats": column([float("nan"), -0.0, float("-inf")]),
    "truth": column([True, None, False]),
    "texts": column(["a" * 30, None, "ä\0𝄞"]),
    "bytes": column([b"a", None, b"\0\xff"]),
    "nulls": column([None, None, None], pl.Null),
    "decimals": column([Decimal("1.10"), None, Decimal(-2)], pl.Decimal(20, 4)),
    "wide decimals": column([Decimal(10**37), None, Decimal(-2)], pl.Decimal(38, 0)),
    "category": column(["b", None, "a"], pl.Categorical),
    "named category": column(["b", None, "a"], _pl.Categorical(_pl.Categories("mine"))),
    "enum": column(["b", None, "a"], pl.Enum(["z", "b", "a"])),
    "date": column([dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
    "time": column([dt.time(23, 59, 59, 999999), None, dt.time(0)]),
    **{
        f"datetime {unit}": column([MOMENT, None, dt.datetime(1970, 1, 1)], pl.Datetime(unit))
        for unit in ("ms", "us", "ns")
    },
    "datetime in a zone": column([MOMENT, None, MOMENT], pl.Datetime("us")).dt.replace_time_zone(
        "Europe/Berlin", ambiguous="latest"
    ),
    "datetime in utc": column([MOMENT, None, MOMENT], pl.Datetime("ns", "UTC")),
    **{
        f"duration {unit}": column([dt.timedelta(1, 2), None, dt.timedelta(-1)], pl.Duration(unit))
        for unit in ("ms", "us", "ns")
    },
    "list": column([[1, None], [], None]),
    "list of lists": column([[["a"], None], [], None]),
    "list of categories": column([["a"], None, [None, "b"]], pl.List(pl.Categorical)),
    "list of enums": column([["a"], None, [None, "b"]], pl.List(pl.Enum(["b", "a"]))),
    "array": column([[1, 2], [3, None], None], pl.Array(pl.Int8, 2)),
    "array of arrays": column([[[1], [2]], None, [[3], [4]]], pl.Array(pl.Int8, (2, 1))),
    "struct": column([{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}]),
    "struct of enums": column([{"a": "x"}, None, {"a": None}], pl.Struct({"a": pl.Enum(["x"])})),
    "struct of nothing": column([{}, None, {}], pl.Struct([])),
}


def assert_same_series(one: pl.Series, other: pl.Series) -> None:
    assert type(one) is type(other)
    assert one.name == other.name
    assert one.dtype == other.dtype
    assert repr(one.dtype) == repr(other.dtype)
    assert len(one) == len(other)
    assert one.null_count() == other.null_count()
    assert repr(one.to_list()) == repr(other.to_list())
    assert [type(value) for value in one.to_list()] == [type(value) for value in other.to_list()]
    if isinstance(one.dtype, pl.Enum):
        assert isinstance(other.dtype, pl.Enum)
        assert one.dtype.categories.to_list() == other.dtype.categories.to_list()
        assert one.to_physical().to_list() == other.to_physical().to_list()
