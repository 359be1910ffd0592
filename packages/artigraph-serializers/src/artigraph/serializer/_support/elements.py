"""Cells of the elements of NumPy arrays."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from artigraph.serializer.preview import Cell, Cells


def element_cell(element: Any, cells: Cells) -> Cell:
    """Return the cell of an element: a number, a truth value or a text where Python has it exactly, otherwise text."""
    kind = element.dtype.kind
    if kind in "biuSU":
        return cells.of(element.item())
    if kind == "f":
        number = float(element)
        if number == element or number != number:  # not a long double that Python's float rounds
            return number
    return cells.text(_text_of(element))


def _text_of(element: Any) -> str:
    """Return an element as NumPy shows it. NumPy fails for times without a unit, which are shown as numbers."""
    try:
        return str(element)
    except ValueError:
        if isinstance(element, np.ndarray):
            return f"[{', '.join(_text_of(each) for each in cast('Any', element).reshape(-1)[:100])}]"
        if element.dtype.names is not None:
            return f"({', '.join(_text_of(element[name]) for name in element.dtype.names)})"
        return str(int(element.view(np.dtype(np.int64).newbyteorder(element.dtype.byteorder))))
