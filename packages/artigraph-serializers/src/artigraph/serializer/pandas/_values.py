"""Write the values of a column or an index, any array of pandas, as Arrow arrays and a description, and read them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeGuard, cast

import numpy as np
import numpy.typing as npt

import pandas as pd
from artigraph.errors import SerializationError
from artigraph.serializer._support.arrow import kept_type, pa, schema_of_text, schema_text
from artigraph.serializer._support.dtypes import describe, has_longdouble, memory_of, restore
from artigraph.serializer._support.library import class_of
from artigraph.serializer.pandas._columns import ColumnReader, ColumnWriter, Sliced, cell_from_text, cell_to_text
from artigraph.serializer.pandas._objects import describe_objects, in_steps, restore_objects, texts_of
from artigraph.serializer.pandas._zones import describe_zone, restore_zone

Array = npt.NDArray[Any]

_NUMBERS = "biufc"
_LONGDOUBLE = int(np.finfo(np.longdouble).nmant)


def describe_array(array: Array) -> tuple[dict[str, Any], Any]:
    """Return the description of an array, and its elements as a column. No element is copied yet.

    Numbers, bools and times become Arrow's own types. All other elements become bytes of a fixed size.
    """
    dtype = array.dtype
    description: dict[str, Any] = {"kind": "numpy", "dtype": describe(dtype)}
    if has_longdouble(dtype):
        description["longdouble"] = _LONGDOUBLE
    if dtype.itemsize == 0:
        msg = f"the dtype {dtype!r} has no size; convert it"
        raise SerializationError(msg)
    if dtype.kind in "biuf" and dtype.isnative and dtype.char not in "gG":
        return description, _arrow_array(array, from_pandas=False)
    if dtype.kind in "Mm" and dtype.isnative:
        unit, count = np.datetime_data(dtype)
        if (count == 1 and unit in ("ms", "us", "ns")) or (dtype.kind == "m" and unit == "s" and count == 1):
            return description, _arrow_array(array, from_pandas=True)
        # Parquet has no seconds: it would multiply them, and the years beyond 292 million would not fit.
        return description, _arrow_array(array.view(np.int64), from_pandas=False)
    return description, Sliced(len(array), lambda part: _arrow_bytes(array[part]))


def _arrow_array(array: Array, *, from_pandas: bool) -> Any:
    if array.flags.c_contiguous:
        return pa.array(array, from_pandas=from_pandas)
    return Sliced(len(array), lambda part: pa.array(array[part], from_pandas=from_pandas))


def _arrow_bytes(array: Array) -> Any:
    memory = pa.py_buffer(memory_of(array).data)
    return pa.Array.from_buffers(pa.binary(array.dtype.itemsize), len(array), [None, memory])


def restore_pieces(description: dict[str, Any], chunked: Any) -> tuple[np.dtype[Any], list[Array]]:
    """Return the dtype, and the elements in pieces, which may be views of Arrow's memory."""
    dtype = restore(description["dtype"])
    if description.get("longdouble", _LONGDOUBLE) != _LONGDOUBLE:
        msg = "it was written on a platform whose long double is another type"
        raise ValueError(msg)
    return dtype, [_piece(dtype, chunk) for chunk in chunked.chunks]


def _piece(dtype: np.dtype[Any], chunk: Any) -> Array:
    if pa.types.is_fixed_size_binary(chunk.type):
        width: int = chunk.type.byte_width
        if width != dtype.itemsize or chunk.null_count:
            msg = f"{chunk.type} does not hold elements of {dtype}"
            raise ValueError(msg)
        memory = np.frombuffer(chunk.buffers()[1], np.uint8, len(chunk) * width, chunk.offset * width)
        return memory.view(dtype)
    array: Array = chunk.to_numpy(zero_copy_only=False)
    if array.dtype == np.int64 and dtype.kind in "Mm":
        array = array.view(dtype)
    if array.dtype != dtype:
        msg = f"{chunk.type} does not hold elements of {dtype}"
        raise ValueError(msg)
    return array.view(dtype) if array.dtype.char != dtype.char else array


def one_array(dtype: np.dtype[Any], pieces: list[Array]) -> Array:
    """Join the pieces into one array that is writable and owns its memory."""
    array: Array = np.empty(sum(len(piece) for piece in pieces), dtype)
    start = 0
    for piece in pieces:
        array[start : start + len(piece)] = piece
        start += len(piece)
    return array


Description = dict[str, Any]
Pieces = tuple[np.dtype[Any], list[Array]]
_Describe = Callable[[Any, ColumnWriter, str], Description]
_Restore = Callable[[Description, ColumnReader], Any]

_pd: Any = pd


def describe_values(values: Any, columns: ColumnWriter, name: str) -> Description:
    """Add the elements of a NumPy or extension array to `columns`, and return the rest of its description.

    Raises:
        SerializationError: the elements would not load exactly.
    """
    if isinstance(values, np.ndarray):
        array: Array = cast("Array", values)
        description, column = describe_objects(array) if array.dtype == object else describe_array(array)
        columns.add(column, name)
        return description
    if type(values).__module__.partition(".")[0] in _ELSEWHERE:
        import_module(_ELSEWHERE[type(values).__module__.partition(".")[0]])
    for classes, describe_kind, _ in _KINDS.values():
        if type(values) in classes:
            return describe_kind(values, columns, name)
    if type(values.dtype) is pd.StringDtype:  # of pandas 2, some of whose classes have no public name
        return _describe_string(values, columns, name)
    msg = f"arrays of type {class_of(values)} (dtype {values.dtype}) are not stored; convert it"
    raise SerializationError(msg)


def values_or_pieces(description: Description, columns: ColumnReader) -> Any:
    """Return an extension array or an array of objects; for numbers of NumPy, pieces for the caller to join."""
    kind = description["kind"]
    if kind == "numpy":
        return restore_pieces(description, columns.next())
    if kind == "object":
        return restore_objects(description, columns.next())
    if kind in _ELSEWHERE:
        import_module(_ELSEWHERE[kind])
    _, _, restore = _KINDS[kind]
    return restore(description, columns)


def is_pieces(value: object) -> TypeGuard[Pieces]:
    """Return whether values are pieces of NumPy arrays, not an array."""
    return isinstance(value, tuple)


def restore_values(description: Description, columns: ColumnReader) -> Any:
    """Return the NumPy or extension array for a description that `describe_values` returned. It is writable."""
    found = values_or_pieces(description, columns)
    return one_array(*found) if is_pieces(found) else found


def count_arrays(description: Description) -> int:
    """Return the number of Arrow arrays that the values consist of."""
    kind = description["kind"]
    if kind == "interval":
        return count_arrays(description["left"]) + count_arrays(description["right"])
    return count_arrays(description["values"]) if kind == "sparse" else 1


def dtype_of(description: Description) -> Any:
    """Return the dtype of values in a NumPy array, or None for an extension array."""
    if description["kind"] == "numpy":
        return restore(description["dtype"])
    return np.dtype(object) if description["kind"] == "object" else None


# Strings ----------------------------------------------------------------------------------------------------------


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
    if description["storage"] == "python":  # pandas 2 makes another class from an Arrow array
        return _pd.array(texts_of(column), dtype=dtype)
    return dtype.__from_arrow__(column)


# Nullable arrays --------------------------------------------------------------------------------------------------


def _describe_masked(values: Any, columns: ColumnWriter, name: str) -> Description:
    data: Any = values._data
    mask: Any = values._mask
    zero = data.dtype.type(0)

    def make(part: slice) -> Any:
        # The values under the mask are meaningless, and equal columns would differ in their bytes.
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


# Times ------------------------------------------------------------------------------------------------------------


def _describe_datetime(values: Any, columns: ColumnWriter, name: str) -> Description:
    """Describe times in a zone. Times without a zone are NumPy arrays."""
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


# Arrays of other values -------------------------------------------------------------------------------------------


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
    # Imported here to break a cycle: an index holds values, values may be categorical, and categories are an index.
    from artigraph.serializer.pandas._frames import index_to_json

    codes, column = describe_array(np.asarray(values.codes))
    columns.add(column, name)
    return {
        "kind": "categorical",
        "codes": codes,
        "categories": index_to_json(values.categories),
        "ordered": bool(values.ordered),
    }


def _restore_categorical(description: Description, columns: ColumnReader) -> Any:
    from artigraph.serializer.pandas._frames import index_from_json

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


_ELSEWHERE: dict[str, str] = dict.fromkeys(("geopandas", "geometry"), "artigraph.serializer.geopandas")
"""The modules that add kinds of arrays, by library and by kind. They are imported when such an array is met."""
COMPARED: dict[type[Any], Callable[[Any, Any], bool]] = {}
"""Functions that compare two arrays of a class that was added."""


def add_kind(
    kind: str, cls: type[Any], functions: tuple[_Describe, _Restore], same: Callable[[Any, Any], bool]
) -> None:
    """Store the arrays of a class of another library, too.

    Args:
        kind: the permanent name of the kind.
        cls: the class of the arrays.
        functions: one that describes such an array, and one that makes it again, as those of this module do.
        same: a function that says whether two such arrays are equal.
    """
    _KINDS[kind] = (cls,), *functions
    COMPARED[cls] = same


def _classes(*names: str) -> tuple[type[Any], ...]:
    """Return the array classes with these names that this release of pandas has."""
    return tuple(cls for name in names if (cls := getattr(pd.arrays, name, None)) is not None)


_MASKED_CLASSES = _classes("IntegerArray", "FloatingArray", "BooleanArray")

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


def values_of(value: Any) -> Any:
    """Return the array of a series or index: a NumPy array if the dtype is NumPy's."""
    return value.to_numpy() if isinstance(value.dtype, np.dtype) else value.array
