"""Previews of frames, series, indexes and scalars of pandas."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, BinaryIO, cast

import numpy as np

import pandas as pd
from artigraph.serializer._support.array_preview import element_cell
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.arrow_cells import arrow_cells, column_of
from artigraph.serializer._support.ipc_layout import walk_stream
from artigraph.serializer._support.parquet_preview import ParquetHead
from artigraph.serializer._support.preview import Column, table_preview, unread_table, within_limit
from artigraph.serializer.pandas._columns import ColumnReader, cell_from_bytes, cell_from_text
from artigraph.serializer.pandas._frames import description_of, index_from_json
from artigraph.serializer.pandas._values import Description, count_arrays, restore_values
from artigraph.serializer.preview import Cell, Cells, LimitedFile, TablePreview, TextPreview, bytes_text, one_line

# Cells ----------------------------------------------------------------------------------------------------------------


_LONGEST_CELL = 2**16
"""Bytes of a cell of an object column that are decoded."""


def label_text(label: object) -> str:
    """Return a label as text: a text as it is, and None as no text."""
    if label is None:
        return ""
    return label if isinstance(label, str) else _text(label, Cells())


def dtype_text(description: Description, types: list[Any]) -> str:
    """Return the dtype of values as pandas names it."""
    if description["kind"] == "level":
        return str(index_from_json(description["categories"]).dtype)
    if description["kind"] == "object":
        return "object"
    empty = [pa.chunked_array([], kind) for kind in types]
    return str(restore_values(description, ColumnReader(empty)).dtype)


def cells_of_values(description: Description, arrays: list[Any], cells: Cells) -> list[Cell]:
    """Return the cells of the first values, given as the Arrow arrays in which they are stored."""
    kind = description["kind"]
    if kind in ("string", "arrow"):
        return arrow_cells(arrays[0], cells)
    if kind == "object" and description["store"] == "cells":
        return [_cell_of_bytes(value.as_py(), cells) for value in arrays[0]]
    if kind == "level":
        return _cells_of_level(description, arrays[0], cells)
    values: Any = restore_values(description, ColumnReader(arrays))
    if kind == "sparse":
        values = np.asarray(values)
    # Elements of extension arrays are missing as the array says. Those of arrays of NumPy are looked at one by one.
    missing: list[bool] = values.isna().tolist() if hasattr(values, "isna") else [False] * len(values)
    return [None if gone else cell_of(value, cells) for value, gone in zip(values, missing, strict=True)]


def _cells_of_level(description: Description, codes: Any, cells: Cells) -> list[Cell]:
    labels = index_from_json(description["categories"])
    found: list[Cell] = []
    for code in codes.to_pylist():
        if not -1 <= code < len(labels):
            msg = "a row has a label that the index does not have"
            raise ValueError(msg)
        found.append(None if code < 0 else cell_of(labels[code], cells))
    return found


def _cell_of_bytes(data: bytes, cells: Cells) -> Cell:
    if len(data) > _LONGEST_CELL:
        cells.cut = True
        return cells.of(data[1:_LONGEST_CELL].decode("utf-8", "replace"))
    return cell_of(cell_from_bytes(data), cells)


def cell_of(value: object, cells: Cells) -> Cell:
    """Return the cell of an element. A missing value is None, unless it is NaN."""
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        generic: Any = cast("Any", value)
        if generic.dtype.kind in "mM" and np.isnat(generic):
            return None
        return element_cell(generic, cells)
    if value is None or isinstance(value, (str, int, float)):
        return cells.of(value)
    return cells.text(_text(value, cells))


def _text(value: object, cells: Cells) -> str:
    if isinstance(value, np.ndarray):
        return " ".join(str(cast("Any", value)).split())
    return cells.show(value)


_EXPANSION = 8
"""How many times the memory of its Arrow buffers an index may take."""
_SCALAR_EXPANSION = 32
"""How many times the memory of its JSON a scalar may take."""


def preview_table(
    file: BinaryIO, kind: str, *, rows: int, columns: int, max_bytes: int, stored: str | None = None
) -> TablePreview:
    """Return the preview of a file that holds a frame, a series or an index. Broken bytes may raise Arrow's errors.

    Args:
        file: the file.
        kind: "frame", "series" or "index".
        rows: the most rows to show.
        columns: the most columns to show.
        max_bytes: the most bytes to read.
        stored: the kind as the file has it, if it is that of another library.
    """
    limited = LimitedFile(file, max_bytes)

    def make() -> TablePreview:
        reader = _Reader(ParquetHead(limited, max_bytes), kind, stored or kind, max(rows, 0), max_bytes)
        described = reader.described(max(columns, 0))
        return table_preview(
            described,
            reader.cells,
            rows=max(rows, 0),
            size=limited.size,
            total_rows=reader.total_rows,
            total_columns=reader.total_columns,
            noun=stored or kind,
        )

    return within_limit(limited, make, lambda: unread_table(limited.size, stored or kind))


def preview_scalar(file: BinaryIO, max_bytes: int, restore: Callable[[bytes], object]) -> TextPreview:
    """Return the preview of a scalar, which a function makes of its bytes."""
    limited = LimitedFile(file, max_bytes)
    size = limited.size
    if size * _SCALAR_EXPANSION > max_bytes:
        return TextPreview(f"a scalar in {bytes_text(size)}", cut=True, text="", encoding=None, size=size)
    text = str(restore(limited.read()))
    return TextPreview(one_line(text), cut=False, text=text, encoding=None, size=size)


class _Part:
    """A column of the preview: how its cells are described, and in which columns of the file they are."""

    def __init__(self, label: str, description: Description, names: list[str], *, is_index: bool) -> None:
        self.label = label
        self.description = description
        self.names = names
        self.is_index = is_index


class _Reader:
    """Reads the first rows of a pandas object from its file."""

    def __init__(self, head: ParquetHead, kind: str, stored: str, rows: int, max_bytes: int) -> None:
        self.cells = Cells()
        self._head = head
        self._kind = kind
        self._rows = rows
        self._most = max_bytes // _EXPANSION
        self._types: dict[str, Any] = {field.name: field.type for field in head.schema}
        description = description_of(head.metadata, stored)
        self._values: list[Description] = (
            description["values"] if kind == "frame" else [description["values"]] if kind == "series" else []
        )
        self._index: Description = description["index"]
        self._description = description
        self.total_rows = head.total_rows
        if self._index["kind"] == "range":
            self._range = range(*self._index["range"])
            if head.schema.names and len(self._range) != head.total_rows:
                msg = "the index has another number of rows than the columns"
                raise ValueError(msg)
            self.total_rows = len(self._range)
        levels = len(self._index["levels"]) if self._index["kind"] == "multi" else 1
        self.total_columns = levels if kind == "index" else len(self._values)

    def described(self, columns: int) -> list[Column]:
        """Return the columns of the index and the first ones of the values, with their cells."""
        names: Iterator[str] = iter(self._head.schema.names)
        of_values = [list(islice(names, count_arrays(each))) for each in self._values]
        of_index = list(names)
        labels = self._labels(columns)
        values = [
            _Part(label, description, own, is_index=False)
            for label, description, own in zip(labels, self._values, of_values, strict=False)
        ]
        index = list(self._index_parts(of_index))
        if self._kind == "index":
            index = index[:columns]
        parts = [*index, *values]
        found = self._head.read([name for part in parts for name in part.names], self._rows)
        return [self._column(part, found) for part in parts]

    def _labels(self, columns: int) -> list[str]:
        if self._kind == "series":
            return [label_text(cell_from_text(self._description["name"]))][:columns]
        if self._kind == "index":
            return []
        stored: Description = self._description["columns"]
        if not self._fits(stored):
            names: Iterator[str] = iter(self._head.schema.names)
            return [next(islice(names, count_arrays(each)), "") for each in self._values[:columns]]
        return [label_text(label) for label in index_from_json(stored)[:columns]]

    def _index_parts(self, names: list[str]) -> Iterator[_Part]:
        index = self._index
        is_index = self._kind != "index"
        if index["kind"] == "multi":
            for level, name, label in zip(index["levels"], names, index["names"], strict=True):
                text = label_text(cell_from_text(label))
                yield _Part(text, {"kind": "level", "categories": level}, [name], is_index=is_index)
            return
        label = cell_from_text(index["name"])
        if index["kind"] == "values":
            yield _Part(label_text(label), index["values"], names, is_index=is_index)
        elif not is_index or label is not None or self._range != range(len(self._range)):
            yield _Part(label_text(label), index, [], is_index=is_index)

    def _column(self, part: _Part, found: dict[str, list[Any]]) -> Column:
        kind = part.description["kind"]
        if kind == "range":
            cells: list[Cell] = [self.cells.of(value) for value in self._range[: self._rows]]
            return column_of(part.label, "int64", is_index=part.is_index), cells
        fits = "categories" not in part.description or self._fits(part.description["categories"])
        dtype = dtype_text(part.description, [self._types[name] for name in part.names]) if fits else "category"
        if not fits or not all(name in found for name in part.names):
            return column_of(part.label, dtype, is_index=part.is_index), None
        arrays = [found[name][0] for name in part.names]
        return column_of(part.label, dtype, is_index=part.is_index), cells_of_values(
            part.description, arrays, self.cells
        )

    def _fits(self, stored: Description) -> bool:
        """Say whether an index, which is stored as JSON, may be decoded."""
        text: object = stored.get("arrays", "")
        if not isinstance(text, str) or len(text) > self._most:
            return False
        if not text:
            return True
        data = base64.b64decode(text, validate=True)
        limited = LimitedFile(io.BytesIO(data), 2 * len(data))
        size = sum(batch.decoded_size(limited, range(len(batch.buffers))) for batch in walk_stream(limited))
        return size <= self._most
