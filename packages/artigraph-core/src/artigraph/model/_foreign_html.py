"""Views of values of other libraries: arrays, frames, and objects that have HTML of their own.

They are recognized by their attributes, so that no library is imported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import artigraph.html as html
from artigraph.html import Markup, Part
from artigraph.model.repr import short_repr
from artigraph.printable import bytes_text, printable

LONGEST = 10_000
"""The most bytes of the HTML of one value."""
_SHOWN = ((10, 10), (3, 3))
"""The most rows and columns of a frame, and those of one whose cells are large."""
_SAMPLE = 4_096
"""The most numbers of an array that are read."""
_ITEMS = 8
"""The most items of an array that are shown, if they are not numbers."""
_BINS = 20
_STYLE = re.compile(r"<(style|script)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_SPACES = re.compile(r"([\n\t]+)")
_NUMBERS = "biuf"
"""The kinds of dtypes whose items are real numbers or truth values."""


def own_view(value: Any) -> Part | None:
    """Return the view of an object by its own `_repr_html_`, or None if it has none.

    Frames are cut first, and their style sheets are left out, because these would apply to the whole page.
    """
    make: Callable[[Any], object] | None = getattr(_type_of(value), "_repr_html_", None)
    if make is None or str(getattr(make, "__module__", "")).startswith("artigraph."):
        return None
    if not _is_frame(value):
        text = make(value)
        return Markup(_visible(text)) if isinstance(text, str) else None
    shown = ""
    for rows, columns in _SHOWN:
        whole = make(value.iloc[:rows, :columns] if hasattr(value, "iloc") else value[:rows, :columns])
        if not isinstance(whole, str):
            return None
        shown = _STYLE.sub("", whole)
        if len(shown) <= LONGEST // 2:
            break
    return html.element("div", _shape_note(value), Markup(_visible(shown)))


def array_view(value: Any) -> Part | None:
    """Return shape, dtype and histogram of an array, the first rows of an Arrow table, or None for another value."""
    shape = _shape_of(value)
    if shape is None or (not shape and not hasattr(_type_of(value), "__len__")):  # a scalar of NumPy has a shape, too
        return None
    if hasattr(value, "column_names") and hasattr(value, "num_rows"):
        return _arrow_view(value)
    if not hasattr(value, "dtype"):
        return None
    count = math.prod(shape)
    size = getattr(value, "nbytes", None)
    title = f"{_type_of(value).__name__} {value.dtype}, shape {shape!r}"
    title += f", {bytes_text(size)}" if isinstance(size, int) else ""
    step = max(1, -(-count // _SAMPLE))
    numeric = getattr(value.dtype, "kind", "") in tuple(_NUMBERS)
    items = _items(value, step if numeric else 1, _SAMPLE if numeric else _ITEMS)
    if not numeric:
        shown = ", ".join(map(short_repr, items))
        return html.element(
            "div", html.code(title), html.element("div", shown, *([", …"] if count > len(items) else []))
        )
    numbers = [float(item) for item in items if isinstance(item, (int, float)) and math.isfinite(item)]
    if not numbers:
        return html.code(title)
    least, most = min(numbers), max(numbers)
    mean = math.fsum(number / len(numbers) for number in numbers)
    text = f"min {least:.4g}, mean {mean:.4g}, max {most:.4g}"
    if len(items) > len(numbers):
        text += f", {len(items) - len(numbers):,} not finite"
    if step > 1:
        text += f" (of {len(items):,} numbers, evenly spread)"
    chart = html.bars(_histogram(numbers, least, most), f"Histogram: {text}")
    return html.element("div", html.code(title), html.element("div", html.muted(text)), chart)


def _items(value: Any, step: int, most: int) -> list[object]:
    """Return evenly spread items of an array or a pandas object without copying it; none if its library has no way."""
    if hasattr(value, "iloc"):
        found = value.iloc[: step * most : step]
    elif hasattr(value, "flat"):
        found = value.flat[: step * most : step]
    else:
        return []
    return list(found.tolist())


def _histogram(numbers: Sequence[float], least: float, most: float) -> list[int]:
    counts = [0] * _BINS
    # Halves, because the difference of two floats may be infinite.
    width = most / 2 - least / 2
    for number in numbers:
        place = 0 if not width else int((number / 2 - least / 2) / width * _BINS)
        counts[min(place, _BINS - 1)] += 1
    return counts


def _arrow_view(table: Any) -> Part:
    rows, columns = _SHOWN[0]
    count = min(table.num_columns, columns)
    cells = [table.column(index).slice(0, rows).to_pylist() for index in range(count)]
    head = [f"{table.column_names[index]}" for index in range(count)]
    shown = ([html.code(short_repr(cell)) for cell in row] for row in zip(*cells, strict=True))
    return html.element("div", _shape_note(table), html.table(shown, head=head))


def _type_of(value: object) -> type[Any]:
    return type(value)


def _is_tuple(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple)


def _shape_of(value: object) -> tuple[int, ...] | None:
    shape: Any = getattr(value, "shape", None)
    return shape if _is_tuple(shape) else None


def _is_frame(value: Any) -> bool:
    shape = _shape_of(value)
    return shape is not None and len(shape) == 2 and hasattr(value, "columns")  # noqa: PLR2004 (rows, columns)


def _shape_note(frame: Any) -> Part:
    rows, columns = frame.shape
    text = f"{type(frame).__name__}, {rows:,} rows, {columns:,} columns"
    cut = rows > _SHOWN[0][0] or columns > _SHOWN[0][1]
    return html.muted(f"{text}, of which these are the first" if cut else text)


def _visible(markup: str) -> str:
    """Return markup in which no text can hide or turn other text. Line breaks and tabs stay, as they only format it."""
    pieces = _SPACES.split(markup)
    return "".join(piece if index % 2 else printable(piece) for index, piece in enumerate(pieces))
