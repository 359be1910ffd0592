"""Equality of Arrow data by content and type, and how two tables differ. NaN equals NaN."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import accumulate, pairwise
from typing import Any, cast

from artigraph.serializer._support.difference import Column, Differing, Table, describe_tables

pa: Any = import_module("pyarrow")
pc: Any = import_module("pyarrow.compute")


# Equality -------------------------------------------------------------------------------------------------------------


def same_table(one: Any, other: Any) -> bool:
    """Say whether two tables have one schema, with its metadata, and equal columns. Chunk boundaries do not matter."""
    if one.num_rows != other.num_rows or not one.schema.equals(other.schema, check_metadata=True):
        return False
    return all(same_chunked(mine, theirs) for mine, theirs in zip(one.columns, other.columns, strict=True))


def same_chunked(one: Any, other: Any) -> bool:
    """Say whether two chunked arrays have one type and equal elements."""
    if one.type != other.type or len(one) != len(other):
        return False
    if one.equals(other):
        return True
    return _may_differ_though_equal(one.type) and all(_same_array(*pair) for pair in _aligned(one, other))


def _aligned(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of arrays that make up two chunked arrays of one length, cut wherever either begins another chunk.

    Joining the chunks instead would have to unify their dictionaries, which Arrow supports for few types.
    """
    ends = sorted({end for chunked in (one, other) for end in accumulate(map(len, chunked.chunks))})
    for start, end in pairwise([0, *ends]):
        if start < end:
            yield one.slice(start, end - start).chunk(0), other.slice(start, end - start).chunk(0)


def _may_differ_though_equal(kind: Any) -> bool:
    """Say whether `equals` may return False for equal elements: NaN, or dictionaries in another order."""
    if isinstance(kind, pa.BaseExtensionType):
        return _may_differ_though_equal(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind) or pa.types.is_floating(kind):
        return True
    return any(_may_differ_though_equal(kind.field(index).type) for index in range(kind.num_fields))


def _same_array(one: Any, other: Any) -> bool:
    kind = one.type
    if len(one) != len(other):
        return False
    if isinstance(kind, pa.BaseExtensionType):
        return _same_array(one.storage, other.storage)
    return bool(one.equals(other)) or (_may_differ_though_equal(kind) and _same_parts(one, other, kind))


def _same_parts(one: Any, other: Any, kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        return _same_array(one.dictionary_decode(), other.dictionary_decode())
    if pa.types.is_union(kind) or pa.types.is_run_end_encoded(kind):
        return repr(one.to_pylist()) == repr(other.to_pylist())
    if not one.is_null().equals(other.is_null()):
        return False
    if pa.types.is_floating(kind):
        return bool(_numbers(one).equals(_numbers(other)))
    valid = one.is_valid()
    return _same_nested(one.filter(valid), other.filter(valid), kind)


def _same_nested(one: Any, other: Any, kind: Any) -> bool:
    """Compare structs, lists and maps, none of which is null."""
    if pa.types.is_struct(kind):
        parts = zip(one.flatten(), other.flatten(), strict=True)
    elif pa.types.is_map(kind):
        parts = zip((_lengths(one), one.keys, one.items), (_lengths(other), other.keys, other.items), strict=True)
    else:
        parts = zip((_lengths(one), one.flatten()), (_lengths(other), other.flatten()), strict=True)
    return all(_same_array(mine, theirs) for mine, theirs in parts)


def _lengths(lists: Any) -> Any:
    if pa.types.is_map(lists.type):
        return pa.array([len(each) for each in lists.to_pylist()])
    return pc.list_value_length(lists)


def _numbers(array: Any) -> Any:
    """Return floats with null for each NaN.

    The caller makes sure that a null of one array never meets a NaN of the other.
    """
    return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)


# Differences ----------------------------------------------------------------------------------------------------------


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
