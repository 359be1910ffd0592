"""Describe how two Arrow tables differ, in one line of text."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from artigraph.serializer._support.compare import same_chunked
from artigraph.serializer._support.difference import Column, Differing, Table, describe_tables

pa: Any = import_module("pyarrow")
pc: Any = import_module("pyarrow.compute")


def describe_arrow_tables(before: Any, after: Any) -> str:
    """Return one line on how two tables differ: shapes, columns, types, and how many values of which columns."""
    return describe_tables(_table(before), _table(after), _differing)


def _table(table: Any) -> Table:
    columns = [Column(field.name, field.type, table.column(place)) for place, field in enumerate(table.schema)]
    return Table(table.num_rows, columns)


def _differing(one: Column, other: Column, rows: int) -> Differing:
    mine, theirs = (cast("Any", each.values).slice(0, rows) for each in (one, other))
    return differing_arrow(mine, theirs)


def differing_arrow(one: Any, other: Any) -> Differing:
    """Count the values that differ between two chunked arrays of one type and length. NaNs are equal, as are nulls."""
    if same_chunked(one, other):
        return Differing(0)
    kind = one.type
    if pa.types.is_dictionary(kind):
        return differing_arrow(_decoded(one), _decoded(other))
    if pa.types.is_float16(kind):
        return differing_arrow(one.cast(pa.float32()), other.cast(pa.float32()))
    try:
        unequal = pc.not_equal(one, other)
    except pa.ArrowNotImplementedError:  # nested or extension types have no comparison
        pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
        return Differing(sum(repr(mine) != repr(theirs) for mine, theirs in pairs))
    if pa.types.is_floating(kind):
        unequal = pc.and_not(unequal, pc.and_(pc.is_nan(one), pc.is_nan(other)))
    by_null = pc.xor(pc.is_null(one), pc.is_null(other))
    count = pc.sum(pc.or_(pc.fill_null(unequal, fill_value=False), by_null)).as_py()
    return Differing(count, _most(one, other, kind))


def _decoded(chunked: Any) -> Any:
    """Return the values of a dictionary-encoded array, decoded. A cast would refuse nested values."""
    return pa.chunked_array([chunk.dictionary_decode() for chunk in chunked.chunks], chunked.type.value_type)


def _most(one: Any, other: Any, kind: Any) -> float | None:
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None
    mine, theirs = (pc.cast(each, pa.float64(), safe=False) for each in (one, other))
    distance = pc.abs(pc.subtract(theirs, mine))
    most: float | None = pc.max(distance.filter(pc.is_finite(distance))).as_py()
    return most or None
