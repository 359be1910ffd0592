"""The kinds of previews."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from artigraph.serializer.preview._cells import Cell


@dataclass(frozen=True, slots=True)
class Preview:
    """What a stored value looks like. Each kind is a subclass, and all hold plain values only."""

    kind: ClassVar[str]
    """The kind of the preview: "table", "array", "image", "text" or "bytes"."""

    summary: str
    """What the value is, in one line."""
    cut: bool
    """Whether the preview leaves out a part of the value."""

    def to_dict(self) -> dict[str, Any]:
        """Return the preview as JSON values, with its `kind`. Tuples become lists.

        Floats that JSON lacks are the texts "NaN", "Infinity" and "-Infinity".
        """
        return {"kind": self.kind, **_fields_of(self)}


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a `TablePreview`."""

    name: str
    """The label as text. Labels of two columns may be equal."""
    dtype: str
    """The type of the cells, as the library of the table names it."""
    is_index: bool = False
    """Whether it belongs to the index of a pandas object, not to its columns."""
    is_read: bool = True
    """Whether its cells were read. Otherwise they need more than `max_bytes`, and are None in `rows`."""


@dataclass(frozen=True, slots=True)
class TablePreview(Preview):
    """The first rows and columns of a table."""

    kind: ClassVar[str] = "table"

    columns: tuple[TableColumn, ...]
    """The columns that are shown. Columns of an index come first."""
    rows: tuple[tuple[Cell, ...], ...]
    """The first rows. Each has a cell for each of `columns`. A missing value is None."""
    total_rows: int | None
    """How many rows the table has, or None if counting them needs more than `max_bytes`."""
    total_columns: int | None
    """How many columns the table has, without those of an index. None if finding out needs more than `max_bytes`."""


@dataclass(frozen=True, slots=True)
class ArrayStatistics:
    """Statistics of the numbers of an array, or of its leading part."""

    count: int
    """How many numbers were read."""
    complete: bool
    """Whether these are all numbers of the array."""
    nan: int
    """How many of them are NaN. The other statistics leave these out."""
    minimum: float | None
    """The least number. None if all are NaN."""
    maximum: float | None
    """The greatest number. None if all are NaN."""
    mean: float | None
    """The mean. None if all are NaN. It is NaN or infinite if the numbers contain infinities."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How the finite numbers of an array are distributed over at most 20 bins of equal width."""

    edges: tuple[float, ...]
    """The limits of the bins: one more than there are bins, in ascending order."""
    counts: tuple[int, ...]
    """How many numbers are in each bin. The last bin includes its upper limit."""


@dataclass(frozen=True, slots=True)
class ArrayPreview(Preview):
    """Shape, dtype, and what the numbers of an array are like."""

    kind: ClassVar[str] = "array"

    shape: tuple[int, ...] | None
    """The sizes of the dimensions. None if finding them out needs more than `max_bytes`."""
    dtype: str | None
    """The dtype as text. None if finding it out needs more than `max_bytes`."""
    elements_read: int
    """How many elements were read. If not all were, they are the leading ones in the memory order of the array."""
    items: tuple[Cell, ...]
    """The first elements in C order. Elements other than numbers, truth values and strings are texts."""
    statistics: ArrayStatistics | None = None
    """Of the elements that were read. None without elements, or if they are not real numbers."""
    histogram: Histogram | None = None
    """Of the elements that were read. None if none of them is a finite real number."""
    thumbnail: tuple[tuple[float | None, ...], ...] | None = None
    """A two-dimensional array of real numbers, scaled down to at most 32x32 numbers. None for any other array.

    Each number is the mean of the finite numbers in its area, or of up to 64 of them. It is None for an area without
    finite numbers. If not all elements were read, it shows the rows (or in Fortran order the columns) that were read in
    full.
    """


@dataclass(frozen=True, slots=True)
class ImagePreview(Preview):
    """Format and size of an image. The image itself is not part of it, so `cut` is True."""

    kind: ClassVar[str] = "image"

    format: Literal["png", "jpeg", "gif", "webp"]
    """The format, which is also the subtype of its media type: "image/png"."""
    width: int
    """In pixels."""
    height: int
    """In pixels."""
    size: int
    """The stored bytes."""


@dataclass(frozen=True, slots=True)
class TextPreview(Preview):
    """The beginning of a text, or a plain value as text."""

    kind: ClassVar[str] = "text"

    text: str
    """The first lines. Lone surrogates are escaped, so it can be encoded."""
    encoding: str | None
    """The encoding of the stored bytes, if `text` is what they say. None if `text` shows a value that they encode."""
    size: int
    """The stored bytes."""


@dataclass(frozen=True, slots=True)
class BytesPreview(Preview):
    """The first bytes of something in no other kind."""

    kind: ClassVar[str] = "bytes"

    hex: str
    """The first bytes as hexadecimal numbers of two digits, with a space between them."""
    size: int
    """The stored bytes."""


def _fields_of(instance: Any) -> dict[str, Any]:
    return {field.name: _json(getattr(instance, field.name)) for field in dataclasses.fields(instance)}


def _json(value: object) -> object:
    held: Any = value
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, tuple):
        return [_json(item) for item in held]
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in held.items()}
    return _fields_of(value) if dataclasses.is_dataclass(value) else value
