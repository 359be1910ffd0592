"""Datasets and labeled arrays of every kind that is stored, and a comparison without the serializer's own code."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from tests.support.frameworks import framework

xr: Any = framework("xarray")
xindexes: Any = import_module("xarray.indexes")
_np: Any = np
_pd: Any = pd
NAN = _np.array([0x7FF8000000000001, 0x7FF0000000000001, 0xFFF8000000000000, 0], "u8").view("f8")

ARRAYS: dict[str, Any] = {
    "nan payloads": NAN,
    "big-endian": _np.arange(6, dtype=">f4").reshape(2, 3),
    "fortran": _np.asfortranarray(_np.arange(6.0).reshape(2, 3)),
    "gaps": _np.arange(24.0).reshape(4, 6)[::2, ::3],
    "scalar": _np.array(5, "i1"),
    "empty": _np.zeros((0, 3), "c8"),
    "bool": _np.array([True, False]),
    "half": _np.array([1.5, -0.0], "f2"),
    "long double": _np.array([1.5], _np.longdouble),
    "seconds": _np.array(["2000-01-01T00:00:01", "NaT"], "M8[s]"),
    "nanoseconds": _np.array(["2000-01-01T00:00:00.000000001"], "M8[ns]"),
    "milliseconds": _np.array([5, "NaT"], "m8[ms]"),
    "texts": _np.array(["a", "\xe9\0b", ""], "<U7"),
    "bytes": _np.array([b"a", b"bc"], "S4"),
    "StringDType": _np.array(["a" * 50, "b"], _np.dtypes.StringDType()),
    "records": _np.array([(1, 2.5)], [("a", "i2"), ("b", "f8")]),
    "objects": _np.array([["a", 1, 2.5], [b"x", True, (1, 2)]], object),
    "object": _np.array("alone", object),
    "no objects": _np.empty((0, 2), object),
}
EXTENSIONS: dict[str, Any] = {
    "categories": _pd.Categorical(["b", "a", None], ["a", "b", "c"], ordered=True),
    "nullable": _pd.array([1, None], dtype="Int16"),
    "strings": _pd.array(["a", None], dtype="string"),
    "zone": _pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin").array,
    "intervals": _pd.arrays.IntervalArray.from_breaks([0, 1, 2]),
}
LABELS: dict[str, Any] = {
    "floats": _np.array([0.1, float("nan"), -0.0]),
    "small floats": _np.array([0.1, 0.2], "f4"),
    "big-endian": _np.array([3, 1], ">i4"),
    "texts": _np.array(["a", "bcd"], "<U9"),
    "bytes": _np.array([b"a", b"bcd"]),
    "objects": _np.array(["a", 1, None], object),
    "truth": _np.array([True, False]),
    "complex": _np.array([1j, 2]),
    "times": _pd.date_range("2020", periods=3, freq="MS"),
    "seconds": _np.array(["2000-01-01", "1600-01-01"], "M8[s]"),
    "durations": _pd.timedelta_range("1h", periods=3),
    "zone": _pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin"),
    "periods": _pd.period_range("2020", periods=2, freq="Q"),
    "intervals": _pd.IntervalIndex.from_breaks([0.0, 1, 2]),
    "categories": _pd.CategoricalIndex(["a", "b"], ["b", "a", "c"]),
    "range": _pd.RangeIndex(3, 9, 2),
    "nullable": _pd.Index([1, None], dtype="Int64"),
    "twice": _np.array([1, 1]),
    "none": _np.array([], "f8"),
}


def variable(array: Any, **more: Any) -> Any:
    """A variable that holds an array as it is: xarray would make times of objects."""
    return xr.Variable(
        [f"d{place}" for place in range(array.ndim)], array, fastpath=isinstance(array, np.ndarray), **more
    )


def stations() -> Any:
    """A dataset with a bit of everything."""
    made = xr.Dataset(
        {
            "temperature": (("time", "station"), _np.arange(6, dtype="f4").reshape(3, 2), {"units": "K", "range": NAN}),
            "height": ("station", _np.array([1, 2], ">i2")),
            "count": ((), 5),
            (1, "odd"): ("other", [True]),
        },
        coords={
            "time": ("time", _pd.date_range("2020", periods=3), {"axis": "T"}),
            "station": ["north", "s\xfcd"],
            "code": ("station", [7, 8]),
            "place": (("time", "station"), _np.ones((3, 2))),
            "moment": _np.datetime64("2020-01-01", "s"),
        },
        attrs={
            "title": "weather",
            "factor": _np.float32(0.1),
            "flags": _np.array([1, 2], "i1"),
            "nested": {"a": [1, (2.5, None)], 3: _np.int64(1), "t": _pd.Timestamp("2020", tz="UTC")},
            5: b"bytes",
        },
    ).set_xindex("code")
    made["temperature"].encoding = {"dtype": _np.dtype(">i2"), "scale_factor": 0.1, "_FillValue": _np.int16(-1)}
    made.time.encoding = {"units": "days since 1900-01-01"}
    made.encoding = {"unlimited_dims": {"time"}, "source": "/data/file.nc"}
    return made


def multi() -> Any:
    """A dataset with a MultiIndex."""
    levels = _pd.MultiIndex.from_arrays([["a", "a", "b"], [1, 2, 2]], names=["letter", "number"])
    made = xr.Dataset({"v": ("z", [0.5, 1, 2])}, coords=xr.Coordinates.from_pandas_multiindex(levels, "z"))
    made.letter.attrs["long_name"] = "a letter"
    return made


def datasets() -> list[Any]:
    """Return datasets of every kind."""
    no_index = xr.Dataset({"x": ("x", [1, 2])}).drop_indexes("x")
    return [
        xr.Dataset(),
        xr.Dataset(attrs={"a": 1}),
        stations(),
        stations().drop_vars("temperature").transpose("station", ...),
        stations()[["place", "height", "time", "temperature"]],
        multi(),
        multi().isel(z=[2, 0]),
        no_index,
        no_index.reset_coords("x"),
        xr.Dataset(
            {
                f"v{place}": xr.Variable([f"{place}.{dim}" for dim in range(each.ndim)], each, fastpath=True)
                for place, each in enumerate(ARRAYS.values())
            }
        ),
        xr.Dataset({name: (name + " dim", each) for name, each in EXTENSIONS.items()}),
        xr.Dataset(coords={name.replace(" ", "_"): each for name, each in LABELS.items()}),
        xr.Dataset({"../up": ("x", [1]), "artigraph.json": ("x", [2]), "a/b": ("x", [3]), "x": [4], "": ("x", [5])}),
        xr.Dataset({1: ((2, "a"), [[1.0]]), None: 3, (1, "a"): ((2,), [4])}),
    ]


def dataarrays() -> list[Any]:
    """Return labeled arrays of every kind."""
    made = stations()
    named = xr.DataArray([1.0], dims="x", coords={"x": [2]}, name="x_values", attrs={"units": "m"})
    same = xr.DataArray(_np.zeros((1, 2)), dims=("x", "y"), coords={"x": ["a"]}, name="x")
    return [
        *(xr.DataArray(variable(each)) for each in ARRAYS.values()),
        *(xr.DataArray(each, dims="x") for each in EXTENSIONS.values()),
        *(xr.DataArray(_np.zeros(len(each)), dims="x", coords={"x": each}) for each in LABELS.values()),
        *(made[name] for name in ("temperature", "height", "count", "time", "moment", "place")),
        *(multi().v, multi().z, multi().letter, named, same, xr.DataArray(3, name=(1, "a"))),
        made.temperature.isel(time=0),
    ]


def bits(data: Any) -> Any:
    """What an array consists of."""
    array = data
    if type(data) is not np.ndarray:
        return type(data), data.dtype, repr(data.tolist()), type(data.dtype)
    if array.dtype.char in "OT":
        return array.dtype, array.shape, [(type(each), repr(each)) for each in array.reshape(-1).tolist()]
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    content = repr(array) if array.dtype.char in "gG" else array.tobytes()  # a long double has padding
    return array.dtype, array.dtype.char, array.shape, content, fortran


def exactly(value: Any) -> Any:
    """A form of an attribute in which types and bits count."""
    kind: type[Any] = type(value)
    if kind is dict:
        return [(exactly(key), exactly(each)) for key, each in value.items()]
    if kind in (list, tuple):
        return kind, [exactly(each) for each in value]
    return kind, bits(value) if kind is np.ndarray else repr(value)


def assert_same_variable(one: Any, other: Any) -> None:
    assert one.dims == other.dims
    assert bits(one.data) == bits(other.data)
    assert one.dtype == other.dtype
    assert exactly(one.attrs) == exactly(other.attrs)
    assert exactly(one.encoding) == exactly(other.encoding)


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    assert list(one.coords) == list(other.coords)
    assert dict(one.sizes) == dict(other.sizes)
    if isinstance(one, xr.Dataset):
        assert list(one.variables) == list(other.variables)
        assert list(one.data_vars) == list(other.data_vars)
        for name in one.variables:
            assert type(one.variables[name]) is type(other.variables[name])
            assert_same_variable(one.variables[name], other.variables[name])
        assert exactly(one.attrs) == exactly(other.attrs)
        assert exactly(one.encoding) == exactly(other.encoding)
    else:
        assert exactly(one.name) == exactly(other.name)
        assert_same_variable(one.variable, other.variable)
        for name in one.coords:
            assert_same_variable(one.coords[name].variable, other.coords[name].variable)
    mine, theirs = one.xindexes.group_by_index(), other.xindexes.group_by_index()
    assert [list(names) for _, names in mine] == [list(names) for _, names in theirs]
    for (index, _), (again, _) in zip(mine, theirs, strict=True):
        assert (type(index), index.dim) == (type(again), again.dim)
        _pd.testing.assert_index_equal(index.index, again.index, exact=True)
        assert type(index.index) is type(again.index)
        assert getattr(index.index, "freq", None) == getattr(again.index, "freq", None)
        dtypes = "level_coords_dtype" if isinstance(index, xindexes.PandasMultiIndex) else "coord_dtype"
        assert getattr(index, dtypes) == getattr(again, dtypes)
