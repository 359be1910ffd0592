"""Every kind of value that the serializers of libraries take has a preview that names its shape and is JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from artigraph.errors import DeserializationError
from artigraph.serializer import SupportsPreview, get_serializer_by_name
from artigraph.serializer.preview import ArrayPreview, TablePreview, TextPreview
from artigraph.testing.serializer import RecordingFile
from tests.serializer.numpy.test_array_serializer import SIMPLE, STRUCTURED, TIMES
from tests.serializer.numpy.test_scalar_serializer import SCALARS
from tests.serializer.polars.columns import COLUMNS as POLARS
from tests.serializer.pyarrow.test_tables import BEFORE_26, FEATHER_ONLY
from tests.serializer.pyarrow.test_tables import COLUMNS as ARROW
from tests.support.frames import COLUMNS, INDEXES
from tests.support.golden import FOLDER, golden

_np: Any = np
_pa: Any = pa
_pd: Any = pd
MOST = 8 * 2**20
NAN = float("nan")


def preview(name: str, value: Any, **options: int) -> Any:
    serializer: Any = get_serializer_by_name(name)
    return preview_of_bytes(name, serializer.serialize(value), **options)


def preview_of_bytes(name: str, data: bytes, **options: int) -> Any:
    serializer: Any = get_serializer_by_name(name)
    file = RecordingFile(data)
    found = serializer.preview(file, **options)
    assert file.fetched <= options.get("max_bytes", MOST)
    json.dumps(found.to_dict(), allow_nan=False, ensure_ascii=False).encode()
    return found


def cells(found: TablePreview, place: int = -1) -> list[object]:
    assert found.columns[place].is_read
    return [row[place] for row in found.rows]


@pytest.mark.parametrize("name", golden())
def test_every_serializer_that_is_shipped_shows_what_the_first_release_wrote(name: str) -> None:
    assert isinstance(get_serializer_by_name(name), SupportsPreview)
    for path in (FOLDER / name).iterdir():
        assert preview_of_bytes(name, path.read_bytes()).summary


# NumPy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*SIMPLE, *TIMES, *STRUCTURED], ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 2), (0, 3), (2, 3, 4)], ids=str)
def test_arrays(dtype: Any, order: Any, shape: tuple[int, ...]) -> None:
    array = _np.zeros(shape, dtype, order)
    found = preview("numpy-array", array)
    assert isinstance(found, ArrayPreview)
    assert (found.shape, found.elements_read, len(found.items), found.cut) == (shape, array.size, array.size, False)
    assert (found.statistics is not None) == (array.dtype.kind in "biuf" and array.size > 0)
    assert (found.thumbnail is not None) == (found.statistics is not None and array.ndim == 2)


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda scalar: f"{type(scalar).__name__} {scalar!r:.20}")
def test_scalars(scalar: Any) -> None:
    found = preview("numpy-scalar", scalar)
    assert (found.shape, found.elements_read, len(found.items)) == ((), 1, 1)


@pytest.mark.parametrize("order", ["C", "F"])
def test_items_are_in_c_order_also_of_a_part(order: Any) -> None:
    array = _np.arange(4 * 5 * 6).reshape(4, 5, 6).copy(order)
    assert preview("numpy-array", array).items == tuple(range(50))
    header = len(get_serializer_by_name("numpy-array").serialize(array)) - array.nbytes
    for many in range(0, array.size, 7):
        found = preview("numpy-array", array, max_bytes=header + 8 * many)
        assert found.elements_read == many
        assert found.items == tuple(range(len(found.items)))
        assert found.cut
        if many:
            assert found.statistics.count == many
            assert not found.statistics.complete
        assert found.shape == (4, 5, 6)


def test_statistics_and_histogram() -> None:
    found = preview("numpy-array", _np.array([[1.0, 2.0], [NAN, 5.0]]))
    assert (found.statistics.count, found.statistics.complete, found.statistics.nan) == (4, True, 1)
    assert (found.statistics.minimum, found.statistics.maximum) == (1, 5)
    assert found.statistics.mean == pytest.approx(8 / 3)
    assert len(found.histogram.edges) == 21
    assert (sum(found.histogram.counts), found.histogram.counts[0], found.histogram.counts[-1]) == (3, 1, 1)
    assert found.thumbnail == ((1.0, 2.0), (None, 5.0))


@pytest.mark.parametrize(
    ("values", "dtype", "least", "most", "bins"),
    [
        ([1e308, -1e308, 1e308], "f8", -1e308, 1e308, 20),
        ([5e-324, 0.0], "f8", 0.0, 5e-324, 20),
        ([0, 2**64 - 1], "u8", 0, 2**64 - 1, 20),
        ([-(2**63), 2**63 - 1], "i8", -(2**63), 2**63 - 1, 20),
        ([3, 3, 3], "i4", 3, 3, 1),
        ([True, False], "?", 0, 1, 2),
        ([1.5, NAN], "f2", 1.5, 1.5, 1),
        ([-1, 3], "i1", -1, 3, 5),
        ([65504, -65504], ">f2", -65504.0, 65504.0, 20),
    ],
)
def test_extreme_numbers(values: list[Any], dtype: str, least: Any, most: Any, bins: int) -> None:
    found = preview("numpy-array", _np.array(values, dtype))
    assert (found.statistics.minimum, found.statistics.maximum) == (least, most)
    assert type(found.statistics.minimum) is type(least)
    assert len(found.histogram.counts) == bins
    assert len(found.histogram.edges) == bins + 1
    assert sum(found.histogram.counts) == len([value for value in values if value == value])
    assert list(found.histogram.edges) == sorted(found.histogram.edges)


def test_infinities_are_spelled() -> None:
    found = preview("numpy-array", _np.array([[np.inf, NAN], [-np.inf, 1]]))
    assert found.to_dict()["items"] == ["Infinity", "NaN", "-Infinity", 1.0]
    assert found.histogram.counts == (1,)
    assert found.thumbnail == ((None, None), (None, 1.0))
    nothing = preview("numpy-array", _np.array([NAN, NAN]))
    assert (nothing.statistics.nan, nothing.statistics.mean, nothing.histogram) == (2, None, None)


def test_a_thumbnail_is_small_and_like_the_array() -> None:
    array = _np.add.outer(_np.arange(1000.0) * 10, _np.arange(70.0))
    for each in (array, _np.asfortranarray(array)):
        found = preview("numpy-array", each)
        assert (len(found.thumbnail), len(found.thumbnail[0])) == (32, 32)
        assert found.thumbnail[0][0] < found.thumbnail[0][-1] < found.thumbnail[-1][0]


@pytest.mark.parametrize("order", ["C", "F"])
def test_strings_of_any_length(order: Any) -> None:
    dtype = _np.dtypes.StringDType(na_object=None)
    array = _np.array([["a", None, "ä" * 5000], ["", "b", "c"]], dtype).copy(order)
    found = preview("numpy-array", array)
    assert (found.shape, found.cut) == ((2, 3), True)
    assert [item and item[:2] for item in found.items] == ["a", None, "ää", "", "b", "c"]
    assert preview("numpy-array", _np.array(["x"] * 200, dtype)).items == ("x",) * 50


def test_records_with_very_many_fields_are_a_summary() -> None:
    for align in (False, True):
        dtype = _np.dtype([(f"field {number}", "i1") for number in range(20_000)] + [("last", "f8")], align=align)
        found = preview("numpy-array", _np.zeros((3, 2), dtype))
        assert (found.shape, found.dtype, found.elements_read) == ((3, 2), None, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"\x93NUMPY\x01\0\xff\xff" + b" " * 2**16,
        b"\x93NUMPY\x02\0\xff\xff\xff\xff" + b" " * 100,
        b"\x93NUMPY\x01\0\x40\0" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (9,)}".ljust(64),
    ],
)
def test_what_is_no_array_is_refused(data: bytes) -> None:
    with pytest.raises(DeserializationError):
        preview_of_bytes("numpy-array", data)
    with pytest.raises(DeserializationError):
        preview_of_bytes("numpy-scalar", get_serializer_by_name("numpy-array").serialize(np.zeros(3)))


# pandas -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_pandas(name: str) -> None:
    frame = pd.DataFrame({"column": COLUMNS[name]})
    found = preview("pandas-dataframe", frame)
    assert (found.total_rows, found.total_columns, len(found.rows)) == (*frame.shape, 4)
    assert found.columns[0].dtype == str(frame["column"].dtype)[:100]
    assert [cell is None for cell in cells(found)] == [
        value is None or value is pd.NA or value is pd.NaT for value in missing_of(frame["column"])
    ]
    series = preview("pandas-series", frame["column"])
    assert series.to_dict()["rows"] == found.to_dict()["rows"]
    assert series.columns == found.columns


def missing_of(series: Any) -> list[object]:
    """Return the values, with None for each that its array says is missing."""
    if _pd.api.types.is_extension_array_dtype(series.dtype) and not str(series.dtype).startswith("Sparse"):
        return [None if gone else value for value, gone in zip(series.array, series.isna(), strict=True)]
    return [None if is_not_a_time(value) else value for value in _np.asarray(series)]


def is_not_a_time(value: Any) -> bool:
    return bool(isinstance(value, (_np.datetime64, _np.timedelta64)) and _np.isnat(value))


@pytest.mark.parametrize("name", INDEXES)
def test_indexes_of_pandas(name: str) -> None:
    index = INDEXES[name]
    found = preview("pandas-index", index)
    assert (found.total_rows, found.total_columns, len(found.rows)) == (len(index), index.nlevels, len(index))
    assert not any(column.is_index for column in found.columns)
    frame = pd.DataFrame({("a", 1): range(len(index)), "b": 0}, index=index)
    shown = preview("pandas-dataframe", frame)
    assert (shown.total_rows, shown.total_columns, len(shown.rows)) == (*frame.shape, len(index))
    own = [column for column in shown.columns if column.is_index]
    default = type(index) is pd.RangeIndex and index.equals(pd.RangeIndex(len(index))) and index.name is None
    assert len(own) == (0 if default else index.nlevels)
    assert [column.name for column in shown.columns[len(own) :]] == ["('a', 1)", "b"]


def test_frames_of_every_shape() -> None:
    assert preview("pandas-dataframe", pd.DataFrame(index=range(5))).total_rows == 5
    wide = preview("pandas-dataframe", pd.DataFrame(np.zeros((60, 70))))
    assert (len(wide.columns), len(wide.rows), wide.total_rows, wide.total_columns, wide.cut) == (50, 50, 60, 70, True)
    some = preview("pandas-dataframe", pd.DataFrame(np.zeros((60, 70))), rows=2, columns=3)
    assert (len(some.columns), some.rows) == (3, ((0.0, 0.0, 0.0),) * 2)
    assert [column.name for column in some.columns] == ["0", "1", "2"]
    whole = preview("pandas-dataframe", pd.DataFrame({"a": [1, 2]}))
    assert (whole.summary.startswith("frame, 2 rows x 1 column, "), whole.cut) == (True, False)


def test_large_categories_are_not_decoded() -> None:
    values = pd.Categorical([f"category {number}" for number in range(100_000)])
    frame = pd.DataFrame({"a": values, "b": range(100_000)})
    found = preview("pandas-dataframe", frame)
    assert [(column.dtype, column.is_read) for column in found.columns] == [("category", False), ("int64", True)]
    assert found.rows[1] == (None, 1)
    assert found.cut


def test_scalars_of_pandas() -> None:
    for value, text in [
        (_pd.Timestamp("2020-01-01", tz="UTC"), "2020-01-01 00:00:00+00:00"),
        (_pd.Period("2020", "M"), "2020-01"),
        (pd.NaT, "NaT"),
    ]:
        found = preview("pandas-scalar", value)
        assert isinstance(found, TextPreview)
        assert (found.text, found.summary, found.cut) == (text, text, False)
    with pytest.raises(DeserializationError):
        preview_of_bytes("pandas-scalar", b"j1")
    assert preview("pandas-scalar", pd.NaT, max_bytes=10).cut


# Polars and Arrow -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POLARS)
def test_columns_of_polars(name: str) -> None:
    series = POLARS[name].alias("column")
    frame = series.to_frame()
    for found in (preview("polars-dataframe", frame), preview("polars-series", series)):
        assert (found.total_rows, found.total_columns, found.cut) == (3, 1, False)
        assert found.columns[0].dtype == str(series.dtype)
        assert [cell is None for cell in cells(found)] == series.is_null().to_list()
    with pytest.raises(DeserializationError):
        preview_of_bytes("polars-series", get_serializer_by_name("polars-dataframe").serialize(frame))


def test_a_frame_of_polars_without_columns() -> None:
    found = preview("polars-dataframe", pl.DataFrame())
    assert (found.columns, found.total_rows, found.total_columns) == ((), 0, 0)


@pytest.mark.parametrize("name", ["arrow-feather", "arrow-parquet", "arrow-record-batch", "arrow-record-batch-stream"])
@pytest.mark.parametrize("column", [*ARROW, *FEATHER_ONLY])
def test_columns_of_arrow(name: str, column: str) -> None:
    if name == "arrow-parquet" and (column in FEATHER_ONLY or (column == "lists of a size" and BEFORE_26)):
        pytest.skip("parquet does not take the type")
    table = _pa.table({"column": (ARROW | FEATHER_ONLY)[column]})
    value = table.to_batches()[0] if name == "arrow-record-batch" else table
    found = preview(name, table.to_reader() if name.endswith("stream") else value)
    assert (found.total_rows, found.total_columns, found.cut) == (3, 1, False)
    values = table.column(0).chunk(0)
    if column != "run-end encoded":
        assert [cell is None for cell in cells(found)] == [not value.is_valid for value in values]


def test_nested_values_are_shown_as_in_python() -> None:
    values = [{"list": [1, None], "text": "a", "map": [("k", 1.5)]}, None]
    kind = _pa.struct(
        [
            ("list", _pa.list_(_pa.int8())),
            ("text", _pa.string()),
            ("map", _pa.map_(_pa.string(), _pa.float64())),
        ]
    )
    table = _pa.table({"a": _pa.array(values, kind), "long": _pa.array([list(range(10**4)), []])})
    for name in ("arrow-feather", "arrow-parquet"):
        found = preview(name, table)
        assert cells(found, 0) == ["{'list': [1, None], 'text': 'a', 'map': {'k': 1.5}}", None]
        assert cells(found, 1)[0] == str(list(range(100)))[:199] + "…"
        assert found.cut


def test_small_batches_are_joined_and_counted() -> None:
    table = _pa.concat_tables([_pa.table({"a": [number] * 3, "b": ["x"] * 3}) for number in range(40)])
    for name, value in (("arrow-feather", table), ("arrow-record-batch-stream", table.to_reader())):
        found = preview(name, value, columns=1)
        assert (found.total_rows, len(found.columns)) == (120, 1)
        assert cells(found) == [number // 3 for number in range(50)]
