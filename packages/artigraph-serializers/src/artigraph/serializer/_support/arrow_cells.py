"""Cells of Arrow columns."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from artigraph.serializer._support.arrow import pa, pc
from artigraph.serializer.preview import Cell, Cells, TableColumn, one_line

_LONGEST_DTYPE = 100
_LONGEST_NAME = 200
_INTEGERS = {32: pa.int32(), 64: pa.int64()}
"""The integers that hold dates, times and durations, by their bits."""
_MOST_PARTS = 100
"""The most parts of a nested value that are looked at."""


def column_of(name: str, dtype: object, *, is_index: bool = False, is_read: bool = True) -> TableColumn:
    """Return the description of a column."""
    text = str(dtype)
    dtype_text = one_line(" ".join(text[: 2 * _LONGEST_DTYPE].split()), _LONGEST_DTYPE)
    return TableColumn(Cells(_LONGEST_NAME).text(name), dtype_text, is_index, is_read)


def arrow_cells(chunked: Any, cells: Cells) -> list[Cell]:
    """Return the cells of a few values. No code of an extension type runs: its values are shown as they are stored."""
    return [cell for chunk in chunked.chunks for cell in _cells_of(chunk, cells)]


def _cells_of(array: Any, cells: Cells) -> list[Cell]:
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _cells_of(array.storage, cells)
    if pa.types.is_dictionary(kind):
        return _cells_of_dictionary(array, cells)
    if any(getattr(pa.types, f"is_{name}")(kind) for name in _PLAIN):
        # One by one, so that long texts are not all copied at once.
        return [cells.of(array[place].as_py()) for place in range(len(array))]
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return [None if text is None else cells.text(text) for text in _texts_of_times(array)]
    return [_shown(array, place, cells) for place in range(len(array))]


def _cells_of_dictionary(array: Any, cells: Cells) -> list[Cell]:
    found: list[Cell] = []
    for place in range(len(array)):
        index = array.indices[place].as_py()
        found.append(None if index is None else _cells_of(array.dictionary.slice(index, 1), cells)[0])
    return found


def _texts_of_times(array: Any) -> list[str | None]:
    """Return dates, times and durations as text. Python has no nanoseconds, and not all years that Arrow has."""
    try:
        texts: list[str | None] = pc.cast(array, pa.string()).to_pylist()
    except pa.ArrowException:
        pass
    else:
        return texts
    numbers: list[int | None] = array.view(_INTEGERS[array.type.bit_width]).to_pylist()
    unit = getattr(array.type, "unit", "d")
    return [None if number is None else f"{number} {unit}" for number in numbers]


def _shown(array: Any, place: int, cells: Cells) -> Cell:
    """Return a value of a type that Python has no values for, or only large ones, as text."""
    return cells.of(_Nested(cells).value_of(array, place))


class _Nested:
    """Makes plain values of lists, structs, maps and unions, until these have too many parts for a cell."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._left = _MOST_PARTS

    def value_of(self, array: Any, place: int) -> object:
        kind, types = array.type, pa.types
        if isinstance(kind, pa.BaseExtensionType):
            return self.value_of(array.storage, place)
        if types.is_run_end_encoded(kind):
            return self.value_of(pc.run_end_decode(array.slice(place, 1)), 0)
        if types.is_union(kind):
            return self._value_of_union(array, place)
        return self._parts_of(array, place) if array[place].is_valid else None

    def _parts_of(self, array: Any, place: int) -> object:
        kind, types = array.type, pa.types
        if types.is_struct(kind):
            return {
                kind.field(child).name: self.value_of(array.field(child), place)
                for child in self._first(kind.num_fields)
            }
        if types.is_map(kind):
            pairs = array[place].values
            keys, items = pairs.field(0), pairs.field(1)
            return {self._key_of(keys, each): self.value_of(items, each) for each in self._first(len(pairs))}
        if types.is_nested(kind):
            values = array[place].values
            return [self.value_of(values, each) for each in self._first(len(values))]
        if types.is_interval(kind):
            return array.slice(place, 1).to_string(indent=0, skip_new_lines=True)[1:-1]
        return _cells_of(array.slice(place, 1), self._cells)[0]

    def _first(self, many: int) -> range:
        shown = min(many, max(self._left, 0))
        self._left -= many
        self._cells.cut = self._cells.cut or shown < many
        return range(shown)

    def _key_of(self, keys: Any, place: int) -> object:
        key = self.value_of(keys, place)
        return key if isinstance(key, Hashable) else self._cells.show(key)

    def _value_of_union(self, array: Any, place: int) -> object:
        child = array.type.type_codes.index(array.type_codes[place].as_py())
        at = place if array.type.mode == "sparse" else array.offsets[place].as_py()
        return self.value_of(array.field(child), at)


_PLAIN = (
    *("null", "boolean", "integer", "floating", "decimal"),
    *("string", "large_string", "string_view", "binary", "large_binary", "binary_view", "fixed_size_binary"),
)
"""Types whose values Python has, and none of which is large as a value that was read."""
