"""The values of a column or an index: any array of pandas as Arrow arrays and a description, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

import pandas as pd
from artigraph.errors import SerializationError
from artigraph.serializer._support import class_name
from artigraph.serializer._support.arrow import kept_type, pa, schema_of_text, schema_text
from artigraph.serializer._support.dtypes import restore
from artigraph.serializer.pandas._cells import cell_from_text, cell_to_text
from artigraph.serializer.pandas._columns import ColumnReader, ColumnWriter, Sliced
from artigraph.serializer.pandas._numpy import describe_array, one_array, restore_pieces
from artigraph.serializer.pandas._objects import describe_objects, in_steps, restore_objects, texts_of
from artigraph.serializer.pandas._zones import describe_zone, restore_zone

__all__ = ["Description", "Pieces", "count_arrays", "describe_values", "dtype_of", "restore_values", "values_or_pieces"]

Array = npt.NDArray[Any]
Description = dict[str, Any]
Pieces = tuple[np.dtype[Any], list[Array]]

_pd: Any = pd


def describe_values(values: Any, columns: ColumnWriter, name: str) -> Description:
    """Hand the elements of a NumPy or extension array to `columns`, and return what else is to be known.

    Raises:
        SerializationError: they would not come back exactly.
    """
    if isinstance(values, np.ndarray):
        array: Array = cast("Array", values)
        description, column = describe_objects(array) if array.dtype == object else describe_array(array)
        columns.add(column, name)
        return description
    for classes, describe, _ in _KINDS.values():
        if type(values) in classes:
            return describe(values, columns, name)
    if type(values.dtype) is pd.StringDtype:  # of pandas 2, some of whose classes have no public name
        return _describe_string(values, columns, name)
    msg = f"arrays of type {class_name(values)} (dtype {values.dtype}) are not stored; convert it"
    raise SerializationError(msg)


def values_or_pieces(description: Description, columns: ColumnReader) -> Any:
    """Return an extension array or an array of objects; of numbers the pieces, for the caller to put together."""
    kind = description["kind"]
    if kind == "numpy":
        return restore_pieces(description, columns.next())
    if kind == "object":
        return restore_objects(description, columns.next())
    _, _, restore = _KINDS[kind]
    return restore(description, columns)


def restore_values(description: Description, columns: ColumnReader) -> Any:
    """Return the NumPy or extension array that was described; it is writable."""
    found = values_or_pieces(description, columns)
    return one_array(*cast("Pieces", found)) if isinstance(found, tuple) else found


def count_arrays(description: Description) -> int:
    """Return how many Arrow arrays the values consist of."""
    kind = description["kind"]
    if kind == "interval":
        return count_arrays(description["left"]) + count_arrays(description["right"])
    return count_arrays(description["values"]) if kind == "sparse" else 1


def dtype_of(description: Description) -> Any:
    """Return the dtype of values that NumPy holds, or None of an extension array."""
    if description["kind"] == "numpy":
        return restore(description["dtype"])
    return np.dtype(object) if description["kind"] == "object" else None


# Text -------------------------------------------------------------------------------------------------------------


def _describe_string(values: Any, columns: ColumnWriter, name: str) -> Description:
    dtype = values.dtype
    missing = "nan" if dtype.na_value is not pd.NA else "NA"
    if dtype.storage == "pyarrow":
        column = values.__arrow_array__().cast(pa.large_string())
    else:
        objects, missing_at = np.asarray(values, object), np.asarray(values.isna())
        try:
            column = in_steps(
                len(objects),
                pa.large_string(),
                lambda part: pa.array(objects[part], pa.large_string(), mask=missing_at[part]),
            )
        except UnicodeEncodeError as error:
            msg = f"a text has a lone surrogate, which UTF-8 does not have: {error}; use dtype object for such texts"
            raise SerializationError(msg) from error
    columns.add(column, name)
    return {"kind": "string", "storage": dtype.storage, "missing": missing}


def _restore_string(description: Description, columns: ColumnReader) -> Any:
    column = columns.next()
    missing = np.nan if description["missing"] == "nan" else pd.NA
    dtype = _pd.StringDtype(description["storage"], na_value=missing)
    if description["storage"] == "python":  # what pandas 2 makes of an Arrow array is of another class
        return _pd.array(texts_of(column), dtype=dtype)
    return dtype.__from_arrow__(column)


# Nullable ---------------------------------------------------------------------------------------------------------


def _describe_masked(values: Any, columns: ColumnWriter, name: str) -> Description:
    data: Any = values._data  # noqa: SLF001
    mask: Any = values._mask  # noqa: SLF001
    zero = data.dtype.type(0)

    def make(part: slice) -> Any:
        # What is under the mask means nothing, and would make equal columns differ in their bytes.
        return pa.array(np.where(mask[part], zero, data[part]), mask=mask[part], from_pandas=False)

    columns.add(Sliced(len(data), make), name)
    return {"kind": "masked", "dtype": values.dtype.name}


def _restore_masked(description: Description, columns: ColumnReader) -> Any:
    dtype = _MASKED[description["dtype"]]
    column = columns.next()
    mask: Array = np.asarray(column.is_null().to_numpy())
    filled = column.fill_null(pa.scalar(0).cast(column.type)) if column.null_count else column
    values: Array = np.array(filled.to_numpy())
    if values.dtype != dtype.numpy_dtype:
        msg = f"{column.type} does not hold elements of {dtype}"
        raise ValueError(msg)
    return dtype.construct_array_type()(values, np.array(mask))


_MASKED: dict[str, Any] = {
    name: getattr(pd, f"{name}Dtype")()
    for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64")
} | {"boolean": pd.BooleanDtype()}


# Time -------------------------------------------------------------------------------------------------------------


def _describe_datetime(values: Any, columns: ColumnWriter, name: str) -> Description:
    """Describe moments in a zone; those without one are NumPy's."""
    zone = describe_zone(values.tz)
    description, column = describe_array(np.asarray(values.tz_convert("UTC").tz_localize(None)))
    columns.add(column, name)
    return {"kind": "datetime", "values": description, "zone": zone}


def _restore_datetime(description: Description, columns: ColumnReader) -> Any:
    moments = _pd.DatetimeIndex(one_array(*restore_pieces(description["values"], columns.next())), copy=False)
    return moments.tz_localize("UTC").tz_convert(restore_zone(description["zone"])).array


def _describe_period(values: Any, columns: ColumnWriter, name: str) -> Description:
    dtype = values.dtype
    if _pd.PeriodDtype.construct_from_string(dtype.name) != dtype:
        msg = f"its frequency {dtype.freq!r} cannot be made again from {dtype.name!r}"
        raise SerializationError(msg)
    columns.add(pa.array(values.asi8, from_pandas=False), name)
    return {"kind": "period", "dtype": dtype.name}


def _restore_period(description: Description, columns: ColumnReader) -> Any:
    ordinals = np.array(columns.next().to_numpy(), np.int64)
    return _pd.arrays.PeriodArray(ordinals, dtype=_pd.PeriodDtype.construct_from_string(description["dtype"]))


# Of other values --------------------------------------------------------------------------------------------------


def _describe_interval(values: Any, columns: ColumnWriter, name: str) -> Description:
    left = describe_values(_side(values.left), columns, f"{name}.left")
    right = describe_values(_side(values.right), columns, f"{name}.right")
    return {"kind": "interval", "left": left, "right": right, "closed": values.closed}


def _side(index: Any) -> Any:
    return index.to_numpy() if isinstance(index.dtype, np.dtype) else index.array


def _restore_interval(description: Description, columns: ColumnReader) -> Any:
    left, right = restore_values(description["left"], columns), restore_values(description["right"], columns)
    return _pd.arrays.IntervalArray.from_arrays(_pd.Index(left), _pd.Index(right), description["closed"])


def _describe_categorical(values: Any, columns: ColumnWriter, name: str) -> Description:
    # Imported here because an index holds values, which may be categories, which are an index.
    from artigraph.serializer.pandas._indexes import index_to_json

    codes, column = describe_array(np.asarray(values.codes))
    columns.add(column, name)
    return {
        "kind": "categorical",
        "codes": codes,
        "categories": index_to_json(values.categories),
        "ordered": bool(values.ordered),
    }


def _restore_categorical(description: Description, columns: ColumnReader) -> Any:
    from artigraph.serializer.pandas._indexes import index_from_json

    codes = one_array(*restore_pieces(description["codes"], columns.next()))
    dtype = _pd.CategoricalDtype(index_from_json(description["categories"]), description["ordered"])
    return _pd.Categorical.from_codes(codes, dtype=dtype)


def _describe_sparse(values: Any, columns: ColumnWriter, name: str) -> Description:
    description: Description = {
        "kind": "sparse",
        "values": describe_values(values.to_dense(), columns, name),
        "fill": cell_to_text(values.fill_value),
        "index": values.kind,
    }
    again = _sparse(values.to_dense(), description)
    if again.dtype != values.dtype or not again.sp_index.equals(values.sp_index):
        msg = "it keeps elements that equal its fill value; make it anew: pd.arrays.SparseArray(array.to_dense(), ...)"
        raise SerializationError(msg)
    return description


def _restore_sparse(description: Description, columns: ColumnReader) -> Any:
    return _sparse(restore_values(description["values"], columns), description)


def _sparse(dense: Array, description: Description) -> Any:
    fill = cell_from_text(description["fill"])
    dtype = _pd.SparseDtype(dense.dtype, fill)
    return _pd.arrays.SparseArray(dense, fill_value=fill, kind=description["index"], dtype=dtype)


def _describe_arrow(values: Any, columns: ColumnWriter, name: str) -> Description:
    column = values.__arrow_array__()
    kept = kept_type(column.type)
    if kept != column.type:
        msg = f"parquet does not keep its Arrow type {column.type}; convert it to one that it keeps, like {kept}"
        raise SerializationError(msg)
    columns.add(column, name)
    # Equal types may differ in the names of the fields in a map.
    same = kept.equals(column.type, check_metadata=True)
    return (
        {"kind": "arrow"}
        if same
        else {"kind": "arrow", "type": schema_text(pa.schema([pa.field("field", column.type)]))}
    )


def _restore_arrow(description: Description, columns: ColumnReader) -> Any:
    column = columns.next()
    if "type" in description:
        column = column.cast(schema_of_text(description["type"]).field(0).type)
    return _pd.ArrowDtype(column.type).__from_arrow__(column)


def _classes(*names: str) -> tuple[type[Any], ...]:
    """Return those of the array classes that this release of pandas has."""
    return tuple(cls for name in names if (cls := getattr(pd.arrays, name, None)) is not None)


_MASKED_CLASSES = _classes("IntegerArray", "FloatingArray", "BooleanArray")

_Describe = Callable[[Any, ColumnWriter, str], Description]
_Restore = Callable[[Description, ColumnReader], Any]
_KINDS: dict[str, tuple[tuple[type[Any], ...], _Describe, _Restore]] = {
    "string": (_classes("StringArray", "ArrowStringArray"), _describe_string, _restore_string),
    "masked": (_MASKED_CLASSES, _describe_masked, _restore_masked),
    "datetime": (_classes("DatetimeArray"), _describe_datetime, _restore_datetime),
    "period": (_classes("PeriodArray"), _describe_period, _restore_period),
    "interval": (_classes("IntervalArray"), _describe_interval, _restore_interval),
    "categorical": ((pd.Categorical,), _describe_categorical, _restore_categorical),
    "sparse": (_classes("SparseArray"), _describe_sparse, _restore_sparse),
    "arrow": (_classes("ArrowExtensionArray"), _describe_arrow, _restore_arrow),
}
