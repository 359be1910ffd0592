"""Conversion of a run's tags, parameters and environment to rows and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from artigraph.errors import ArgumentError, DeserializationError, SerializationError, ValueTooLargeError
from artigraph.graph import RunRow, RunValueKind, RunValueRow
from artigraph.identifiers import check_label
from artigraph.serializer.codec import decode, encode
from artigraph.serializer.search_key import search_key

MOST_VALUES = 1000
"""The most tags of a run, and the most parameters."""
VALUE_LIMIT = 256 * 1024
"""The most bytes of a parameter. Save a larger value as an artifact."""

_FIELDS: Mapping[RunValueKind, str] = {"tag": "tags", "parameter": "parameters", "environment": "environment"}


def value_rows(kind: RunValueKind, values: object) -> list[RunValueRow]:
    """Return the rows of one kind of a run's values, after checking each name and value.

    Raises:
        InvalidLabelError: a name, or the text of a tag, breaks the rule for labels.
        SerializationError: a value is no plain value (a ValueTooLargeError if a value or their number is too large).
        ArgumentError: (a TypeError) `values` is no mapping.
    """
    if not isinstance(values, Mapping):
        msg = f"The {_FIELDS[kind]} of a run are a mapping of names to values, not {type(values).__name__}"
        raise ArgumentError(msg)
    items = list(cast("Mapping[object, object]", values).items())
    if len(items) > MOST_VALUES:
        msg = f"A run has at most {MOST_VALUES:,} {_FIELDS[kind]}, not {len(items):,}. Save an artifact in it instead."
        raise ValueTooLargeError(msg)
    return [_row(kind, check_label(name, f"The name of a run's {kind}"), value) for name, value in items]


def _row(kind: RunValueKind, name: str, value: object) -> RunValueRow:
    if kind == "tag":
        value = check_label(value, f"The tag {name!r} of a run")
    try:
        data = encode(value)
    except SerializationError as error:
        msg = (
            f"The {kind} {name!r} of a run must consist of plain values. A run has no annotation that could name "
            f"other classes: {error}"
        )
        raise type(error)(msg) from error
    if len(data) > VALUE_LIMIT:
        msg = (
            f"The {kind} {name!r} of a run takes {len(data):,} bytes, and at most {VALUE_LIMIT:,} are kept. Save what "
            "is large as an artifact of the run."
        )
        raise ValueTooLargeError(msg)
    return RunValueRow(kind, name, data, search_key(value))


def values_of(run: RunRow, kind: RunValueKind) -> dict[str, Any]:
    """Return the values of a kind by name.

    Raises:
        DeserializationError: a value cannot be read.
    """
    return {row.name: _value(run, row) for row in run.values if row.kind == kind}


def _value(run: RunRow, row: RunValueRow) -> Any:
    try:
        return decode(row.value)
    except DeserializationError as error:
        msg = f"The {row.kind} {row.name!r} of run {run.node_id} cannot be read: {error}"
        raise DeserializationError(msg) from error
