"""Arrow arrays of Python values: exact, or refused with the name of the column and of the first such node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any, Literal

from artigraph.errors import MissingDependencyError, TableError
from artigraph.table._columns import Kind, TableColumn, Values, kind_of_type, kinds_in, member_of, text_of

_INSTEAD = "With as_text=True the column is text; rows() returns the values themselves"
DECIMAL_DIGITS, DECIMAL_SCALE = 38, 18
"""The digits of a decimal in a table, and how many of them follow the point. Polars takes no more."""


@cache
def arrow() -> Any:
    """Return the module `pyarrow`.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    try:
        return import_module("pyarrow")
    except ImportError as error:
        msg = "A table needs pyarrow: pip install 'artigraph[pyarrow]'. Without it, rows() returns the same values"
        raise MissingDependencyError(msg) from error


def make_table(
    columns: Sequence[TableColumn], values: Mapping[str, Values], *, as_text: bool, in_batches: bool = False
) -> Any:
    """Return the Arrow table of some rows.

    Args:
        columns: the columns. The kind of each is set.
        values: the values of each column by its name. Those of `node_id` name rows in errors.
        as_text: whether a column is text if no Arrow type holds all its values exactly.
        in_batches: whether these are only some of the rows. Then a column keeps the kind that its first rows had, and
            with `as_text` it is text unless its annotation decides the kind.

    Raises:
        TableError: a column holds values of several kinds, or one that its Arrow type cannot hold exactly.
    """
    arrays = [
        _array(column, values[column.name], values["node_id"], as_text=as_text, in_batches=in_batches)
        for column in columns
    ]
    return arrow().table(arrays, names=[column.name for column in columns])


def _array(column: TableColumn, values: Values, node_ids: Values, *, as_text: bool, in_batches: bool) -> Any:
    kinds = kinds_in(values)
    before = column.kind if column.is_fixed else _declared_kind(column)
    if not column.is_fixed and set(kinds) == {"object"}:
        before = None  # the field keeps its values in a storage, whatever their type is
    if before is None and as_text and in_batches and not column.is_fixed:
        before = "mixed"
    kind = _kind_of_all([*kinds] if before is None and not column.is_fixed else [before, *kinds])
    try:
        if before != "mixed" and (kind in ("mixed", "other") or (column.is_fixed and kind != before)):
            raise _mixed(column, before, kinds, values, node_ids)
        made = _exact(column, kind, values, node_ids)
    except TableError:
        if not as_text or in_batches:
            raise
        kind = "mixed"
        made = _exact(column, kind, values, node_ids)
    column.kind, column.arrow_type, column.is_fixed = kind, made.type, in_batches
    return made.dictionary_encode() if kind == "enum" else made


def _exact(column: TableColumn, kind: Any, values: Values, node_ids: Values) -> Any:
    """Return the Arrow array of values of one kind, or of mixed values as text.

    Raises:
        TableError: the array cannot hold a value exactly.
    """
    if kind is None:
        return arrow().nulls(len(values))
    convert = _CONVERTED.get(kind)
    converted = values if convert is None else [None if value is None else convert(value) for value in values]
    of_type = column.arrow_type if column.is_fixed else _type_of(kind)
    errors = (arrow().ArrowInvalid, arrow().ArrowTypeError, OverflowError)
    try:
        return arrow().array(converted, type=of_type)
    except errors as error:
        row = next(row for row, value in enumerate(converted) if _fails(value, of_type, errors))
        msg = (
            f"Column {column.name!r} cannot hold {values[row]!r:.100} (node {node_ids[row]}) exactly in an Arrow array "
            f"of {of_type or 'lists'}: {error}. {_INSTEAD}"
        )
        raise TableError(msg) from error


def _fails(value: object, of_type: Any, errors: tuple[type[Exception], ...]) -> bool:
    try:
        arrow().array([value], type=of_type)
    except errors:
        return True
    return False


def _mixed(
    column: TableColumn, before: object, kinds: Mapping[Kind, int], values: Values, node_ids: Values
) -> TableError:
    found = [f"{kind} ({values[row]!r:.50}, node {node_ids[row]})" for kind, row in kinds.items() if kind != before]
    if column.is_fixed:
        held = f"was {before or 'empty'} in the first batch, and holds {found[0]} now"
    elif [*kinds] == ["other"] and before in (None, "other"):
        held = f"holds {found[0] if found else before}, which has no Arrow type"
    else:
        held = f"holds values of several kinds: {', '.join([f'{before} (by the annotation)'] * bool(before) + found)}"
    return TableError(f"Column {column.name!r} {held}. {_INSTEAD}")


def _declared_kind(column: TableColumn) -> Kind | None:
    """Return the kind that the annotation of a column decides. None if it leaves several, or the value decides."""
    kinds = {kind_of_type(cls) for cls in column.declared}
    decided: Kind | Literal["mixed"] | None = None if None in kinds else _kind_of_all(list(kinds))
    return None if decided == "mixed" else decided


def _kind_of_all(kinds: Sequence[Any]) -> Any:
    """Return the kind of all values of several kinds: numbers have a common one. None if there are no values."""
    found = set(kinds)
    if not found:
        return None
    if len(found) == 1:
        return found.pop()
    if found == {"int", "float"}:
        return "float"
    return "decimal" if found == {"int", "decimal"} else "mixed"


@cache
def _type_of(kind: str) -> Any:
    """Return the Arrow type of a kind. It is None for lists, whose items decide."""
    pa = arrow()
    types: dict[str, Any] = {
        "bool": pa.bool_(),
        "int": pa.int64(),
        "float": pa.float64(),
        "text": pa.string(),
        "bytes": pa.binary(),
        "decimal": pa.decimal128(DECIMAL_DIGITS, DECIMAL_SCALE),
        "aware datetime": pa.timestamp("us", tz="UTC"),
        "naive datetime": pa.timestamp("us"),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "timedelta": pa.duration("us"),
        "UUID": pa.string(),
        "path": pa.string(),
        "enum": pa.string(),
        "mixed": pa.string(),
        "object": pa.struct(
            [("storage", pa.string()), ("location", pa.string()), ("size", pa.int64()), ("sha256", pa.binary())]
        ),
    }
    return types.get(kind)


def _as_dict(cell: Any) -> dict[str, object]:
    return {"storage": cell.storage, "location": cell.location, "size": cell.size, "sha256": cell.sha256}


def _in_utc(value: datetime) -> datetime:
    """Return the same moment in UTC, because Arrow was seen to leave out the offset. One out of range stays."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return value


_CONVERTED: Mapping[str, Callable[[Any], object]] = {
    "aware datetime": _in_utc,
    "UUID": str,
    "path": str,
    "enum": member_of,
    "object": _as_dict,
    "list": list,
    "mixed": text_of,
}
"""How values are converted for Arrow, if they are."""
