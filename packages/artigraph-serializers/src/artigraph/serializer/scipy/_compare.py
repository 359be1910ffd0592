"""Equality of sparse arrays, and how two of them differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from artigraph.serializer._support.array_preview import shape_text
from artigraph.serializer._support.difference import told
from artigraph.serializer.numpy.compare import differing_array, same_array


def same_sparse(one: Any, other: Any) -> bool:
    """Say whether two values of one class have one shape and dtype, and equal stored elements."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    mine, theirs = _canonical(one), _canonical(other)
    return _same_places(mine, theirs) and same_array(mine.data, theirs.data)


def describe_sparse(before: Any, after: Any) -> str:
    """Return one line on how two values differ."""
    parts: list[str] = []
    if before.shape != after.shape:
        parts.append(f"{shape_text(before.shape)} → {shape_text(after.shape)}")
    if before.dtype != after.dtype:
        parts.append(f"{before.dtype} → {after.dtype}")
    if before.nnz != after.nnz:
        parts.append(f"{before.nnz:,} → {after.nnz:,} stored elements")
    if parts:
        return "; ".join(parts)
    mine, theirs = _canonical(before), _canonical(after)
    if not _same_places(mine, theirs):
        return "elements are stored at other places"
    return f"elements differ {told(differing_array(mine.data, theirs.data), mine.nnz)}"


def _canonical(value: Any) -> Any:
    found = value.tocoo(copy=True)
    found.sum_duplicates()
    return found


def _same_places(mine: Any, theirs: Any) -> bool:
    return mine.nnz == theirs.nnz and all(map(np.array_equal, mine.coords, theirs.coords))
