"""The tags, parameters and environment of a run, as rows and as read-only mappings."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn, Protocol
from uuid import UUID

from artigraph.errors import ArgumentError, DeserializationError, RunStateError, SerializationError, ValueTooLargeError
from artigraph.graph.run_rows import CACHE, CACHED_FROM, RunRow, RunValueKind, RunValueRow
from artigraph.identifiers import check_label
from artigraph.printable import quoted
from artigraph.serializer.codec import decode, encode
from artigraph.serializer.search_key import search_key

MOST_VALUES = 1000
"""The most tags of a run, and the most parameters."""
VALUE_LIMIT = 256 * 1024
"""The most bytes of a parameter. Save a larger value as an artifact."""

FIELDS: Mapping[RunValueKind, str] = {"tag": "tags", "parameter": "parameters", "environment": "environment"}
"""The field of `Run` that holds the values of each kind."""
KINDS: Mapping[str, RunValueKind] = {field: kind for kind, field in FIELDS.items()}
"""The kind of the values in each of these fields."""


def value_rows(kind: RunValueKind, values: object) -> list[RunValueRow]:
    """Return the rows of one kind of a run's values, after checking each name and value.

    Raises:
        InvalidLabelError: a name, or the text of a tag, breaks the rule for labels.
        SerializationError: a value is no plain value (a ValueTooLargeError if a value or their number is too large).
        ArgumentError: (a TypeError) `values` is no mapping.
    """
    given: Any = values
    if not isinstance(values, Mapping):
        msg = f"The {FIELDS[kind]} of a run are a mapping of names to values, not {type(values).__name__}"
        raise ArgumentError(msg)
    items: list[tuple[object, object]] = list(given.items())
    if len(items) > MOST_VALUES:
        msg = f"A run has at most {MOST_VALUES:,} {FIELDS[kind]}, not {len(items):,}. Save an artifact in it instead."
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


def values_of(run: RunRow) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]:
    """Return the tags, the parameters and the environment of a run, as mappings that cannot be changed.

    Raises:
        DeserializationError: a value cannot be read.
    """
    by_kind: dict[RunValueKind, dict[str, Any]] = {"tag": {}, "parameter": {}, "environment": {}}
    for row in run.values:
        if row.kind != CACHE:
            by_kind[row.kind][row.name] = value_of(run, row)
    return _Tags(by_kind["tag"]), _Parameters(by_kind["parameter"]), _Environment(by_kind["environment"])


def cached_from(run: RunRow) -> UUID | None:
    """Return the run from which a cached call was served.

    Raises:
        DeserializationError: the row was altered.
    """
    for row in run.values:
        if row.kind == CACHE and row.name == CACHED_FROM:
            found = value_of(run, row)
            return found if isinstance(found, UUID) else None
    return None


def value_of(run: RunRow, row: RunValueRow) -> Any:
    """Return a value of a run.

    Raises:
        DeserializationError: it cannot be read.
    """
    try:
        return decode(row.value)
    except DeserializationError as error:
        msg = f"The {row.kind} {row.name!r} of run {run.node_id} cannot be read: {error}"
        raise DeserializationError(msg) from error


_BEFORE = "Set it before the run is entered: Run({field}=...)"
_INSTEAD = {
    "tags": "Call add_tags({...}) of its manager",
    "parameters": "Call add_parameters({...}) of its manager",
    "name": _BEFORE.format(field="name"),
    "environment": _BEFORE.format(field="environment"),
    "node_parent_id": _BEFORE.format(field="node_parent_id"),
    "node_id": _BEFORE.format(field="node_id"),
}
"""What to do instead of changing a field of a read-only run: one that was entered or loaded."""
_BY_MANAGER = "Its manager records that. Make another Run() for another execution"
_MUTABLE = (list, dict, set, bytearray)
"""Types of plain values that can change in place."""

_log = logging.getLogger("artigraph.run")


class _Run(Protocol):
    """The part of a run that this module needs."""

    @property
    def node_id(self) -> UUID: ...


def set_fields(run: _Run, **fields: Any) -> None:
    """Set fields of a run even if it is read-only. Its manager records the run's state with this."""
    for name, value in fields.items():
        object.__setattr__(run, name, value)


def refuse_assignment(run_id: UUID, field: str, value: object) -> NoReturn:
    """Refuse to set a field of a read-only run.

    Raises:
        RunStateError: always; the message says what to do instead.
    """
    msg = (
        f"The {field} of run {run_id} cannot be set to {value!r:.100}: the run was entered before, so nothing would be "
        f"stored. {_INSTEAD.get(field, _BY_MANAGER)}."
    )
    raise RunStateError(msg)


class _ReadOnly(dict[str, Any]):
    """A dictionary of a run's stored values. Changing it raises a `RunStateError`.

    It compares, pickles and turns into JSON as a dictionary does. To change the values, copy it with `dict(...)`.
    """

    _field: ClassVar[str]

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        msg = (
            f"The {self._field} of a run cannot be changed here after it was entered, because nothing would be stored. "
            f"{_INSTEAD[self._field]}."
        )
        raise RunStateError(msg)

    __setitem__ = __delitem__ = __ior__ = _refuse
    pop = popitem = clear = _refuse
    update = setdefault = _refuse  # pyright: ignore[reportAssignmentType]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


class _Tags(_ReadOnly):
    _field = "tags"


class _Parameters(_ReadOnly):
    _field = "parameters"


class _Environment(_ReadOnly):
    _field = "environment"


_CLASSES = {cls._field: cls for cls in (_Tags, _Parameters, _Environment)}  # pyright: ignore[reportPrivateUsage]


def read_only(field: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of a run's field as a mapping that cannot be changed."""
    return _CLASSES[field](values)


class RecordedValues:
    """Sets a run's values as they were recorded, and detects later changes in place."""

    def __init__(self) -> None:
        self._recorded: dict[str, dict[str, bytes]] = {field: {} for field in FIELDS.values()}
        """Encoded values by field and name."""

    def record(self, run: _Run, rows: Sequence[RunValueRow], *, beside: bool = False) -> None:
        """Set a run's values to the stored ones, as mappings that refuse changes; with `beside`, add to those it has.

        The values are decoded from their stored form. Changing a list that was given as a parameter does not change
        them.
        """
        for kind, field in FIELDS.items():
            before = getattr(run, field)
            new = {row.name: decode(row.value) for row in rows if row.kind == kind}
            if new or not beside:
                values = read_only(field, {**((before or {}) if beside else {}), **new})
                set_fields(run, **{field: None if before is None and not new else values})
        self.remember(rows)

    def remember(self, rows: Iterable[RunValueRow]) -> None:
        """Keep values as they were recorded."""
        for row in rows:
            if row.kind != CACHE:
                self._recorded[FIELDS[row.kind]][row.name] = row.value

    def warn_of_changes(self, run: _Run) -> None:
        """Log which values, such as lists, were changed in place, because those changes are not stored."""
        for field, recorded in self._recorded.items():
            values: Mapping[str, Any] = getattr(run, field) or {}
            names = [name for name, data in recorded.items() if _is_altered(values[name], data)]
            if names:
                _log.warning(
                    "%s of run %s changed in place after they were recorded (%s), which is not stored. %s.",
                    field.capitalize(),
                    run.node_id,
                    ", ".join(map(quoted, names)),
                    _INSTEAD[field],
                )


def _is_altered(value: object, data: bytes) -> bool:
    try:
        return type(value) in _MUTABLE and encode(value) != data
    except SerializationError:
        return True
