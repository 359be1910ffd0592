"""Convert a model to rows: a pure conversion, without recursion.

The exact type of a value at run time, not its annotation, decides how it is stored. The first of these that applies
is used:

- None;
- the field's own serializer;
- the config's serializer, for its types;
- models, mappings and sequences, as nodes of their own;
- a serializer that claims the type;
- the codec of plain values.

A list, tuple or dict that the codec cannot take because of its content becomes a node with one node for each item.

This module is over 400 lines, because all of this is one loop over a stack of tasks.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import artigraph.errors as errors
from artigraph.graph import Deferred, PendingValue, Streamed, Tree
from artigraph.graph.hashing import THREAD_THRESHOLD, join
from artigraph.identifiers import LABEL_LENGTH, check_id, check_label, new_id_bytes
from artigraph.model import _encode
from artigraph.model._checks import CheckedValue
from artigraph.model._collections import ArtifactMapping, ArtifactSequence
from artigraph.model._dataclass_kind import DATACLASS
from artigraph.model._encode import FieldContext, chosen_serializer, encode_plain, encode_text, serialize, takes_long
from artigraph.model.definition import FieldDefinition, ModelDefinition, define, is_model
from artigraph.model.lazy import Lazy, held
from artigraph.model.partial import is_partial
from artigraph.model.repr import short_repr
from artigraph.model.values import StoredValue
from artigraph.orm import SMALLEST_INLINE_LIMIT
from artigraph.progress import SLICE, ThreadWork, run_here
from artigraph.serializer import Serializer, SupportsStreams
from artigraph.serializer.base import claimed_apart
from artigraph.serializer.codec import encode, encode_scalar
from artigraph.serializer.json import json_serializer
from artigraph.serializer.search_key import search_key

CONTAINERS: Mapping[type[Any], str] = {
    ArtifactMapping: "mapping",
    ArtifactSequence: "sequence",
    dict: "dict",  # with keys that are not all text: KEYED_DICT
    list: "list",
    tuple: "tuple",
}
"""The types whose items can be nodes of their own, with the permanent names under which they are stored."""

KEYED_DICT = "keyed-dict"
"""The permanent name of a dict whose keys are any plain values. The labels of its items are the encoded keys."""

_JSON = json_serializer.name


class _Task(NamedTuple):
    value: object
    label: str
    parent_id: bytes | None
    place: FieldContext


class _Leave:
    """Marks that all nodes below a node are written."""

    __slots__ = ("row", "value")

    def __init__(self, row: dict[str, Any], value: object) -> None:
        self.row = row
        self.value = value


def to_tree(model: object, label: str, parent_id: UUID | None) -> Tree:
    """Convert a model to the rows and values of one artifact, in this thread without a break; see `tree_steps`."""
    return run_here(tree_steps(model, label, parent_id))


def tree_steps(
    model: object, label: str, parent_id: UUID | None, checked: list[CheckedValue] | None = None
) -> Generator[ThreadWork | None, Any, Tree]:
    """Convert a model to the rows and values of one artifact, in slices. Add the values to check to `checked`.

    Yields None between slices that each take a few milliseconds. Yields work whose result the caller must send.

    Raises:
        ModelDefinitionError: its class, or that of a nested model, cannot be stored as it is defined.
        SerializationError: a value cannot be stored in a way that loads back exactly. The message has its path.
        CycleError: a value contains itself.
        InvalidLabelError: a key of a mapping is not a valid label.
        NodeNotFoundError: the parent's id is not an id.
    """
    return _Writer([] if checked is None else checked).steps(model, label, parent_id)


class _Writer:
    def __init__(self, checked: list[CheckedValue]) -> None:
        self._checked = checked
        self._ids = _ids()
        self._root_id = next(self._ids)
        self._rows: list[dict[str, Any]] = []
        self._values: list[PendingValue] = []
        self._open: set[int] = set()
        """The ids of the Python objects that enclose the one being written."""
        self._pending: list[_Task | _Leave] = []

    def steps(self, model: object, label: str, parent_id: UUID | None) -> Generator[ThreadWork | None, Any, Tree]:
        cls = type(model)
        if not is_model(cls):
            if is_partial(cls):
                raise errors.FieldNotLoadedError(_not_saved(model))
            msg = f"{cls.__qualname__} itself holds nothing to be saved; save an instance of a subclass of it"
            raise errors.ModelDefinitionError(msg)
        place = FieldContext(_NO_FIELD, None, None, None, None, cls.__name__)
        self._pending.append(_Task(model, label, None if parent_id is None else check_id(parent_id).bytes, place))
        turn = SLICE
        while self._pending:
            task = self._pending.pop()
            if isinstance(task, _Leave):
                self._open.discard(id(task.value))
                task.row["span"] = len(self._rows) - task.row["position"]
                continue
            if len(self._rows) >= turn:
                turn = len(self._rows) + SLICE
                yield None
            work = self._write(task)
            if work is not None:
                self._write_encoded(task, (yield work))
        return Tree(UUID(bytes=self._root_id), self._rows, self._values)

    def _write(self, task: _Task) -> ThreadWork | None:
        """Write a task's node, or return work that must be done first."""
        value, place = task.value, task.place
        cls = type(value)
        if issubclass(cls, Lazy):
            _check_lazy(type(value), place)
            value, stored = held(value)
            _check_held(type(value), place)
            if stored is not None:
                self._write_stored(task, stored)
                return None
            cls = type(value)
        elif place.field.lazy and value is not None and cls not in CONTAINERS:
            msg = f"{place.path} is a {errors.class_name(cls)}, and its field takes a Lazy: wrap it, Lazy(value)"
            raise errors.SerializationError(msg)
        serializer = chosen_serializer(value, cls, place)
        if serializer is not None:
            self._write_by(task, serializer, value)
        elif is_model(cls):
            self._write_model(task, define(cls))
        elif cls is ArtifactMapping or cls is ArtifactSequence:
            self._write_items(task)
        elif place.field.lazy and cls in CONTAINERS and value is task.value:
            self._write_items(task)  # even if it is empty: as one value, it would load as a Lazy
        elif isinstance(value, (str, bytes)) and len(value) > THREAD_THRESHOLD:
            self._write_text(task, value)
        else:
            # A cycle through containers is found through their nodes. A search at each container would be quadratic.
            encode_it = partial(encode_plain, value, place.field.classes, find_cycles=cls not in CONTAINERS)
            if takes_long(value):
                return encode_it
            self._write_encoded(task, encode_it())
        return None

    def _write_encoded(self, task: _Task, encoded: bytes | errors.SerializationError) -> None:
        """Write the node of a plain value, or of a container that the codec refused because of its content."""
        cls: type[Any] = type(task.value)
        value = held(task.value)[0] if issubclass(cls, Lazy) else task.value
        if isinstance(encoded, bytes):
            self._write_leaf(task, _JSON, encoded, search_key(value))
            return
        cls, place = type(value), task.place
        if is_partial(cls):
            raise errors.FieldNotLoadedError(_not_saved(value)) from encoded
        if cls not in CONTAINERS or task.value is not value:
            raise type(encoded)(_encode.describe(encoded, value, place)) from encoded
        self._write_items(task)

    def _row(
        self,
        node_type: str,
        parent_id: bytes | None,
        label: str,
        model_name: str | None,
        serializer: str | None = None,
        value: bytes | None = None,
        search_key: bytes | None = None,
    ) -> dict[str, Any]:
        position = len(self._rows)
        row: dict[str, Any] = {
            "node_id": self._root_id if position == 0 else next(self._ids),
            "node_type": node_type,
            "parent_id": parent_id,
            "label": label,
            "tree_root_id": self._root_id,
            "position": position,
            "span": 1,
            "model_name": model_name,
            "model_version": None,
            "serializer": serializer,
            "value": value,
            "blob_id": None,
            "search_key": search_key,
        }
        self._rows.append(row)
        return row

    def _value_row(self, task: _Task, serializer: str, key: bytes | None) -> dict[str, Any]:
        return self._row("value", task.parent_id, task.label, task.place.model_name, serializer, None, key)

    def _write_by(self, task: _Task, serializer: Serializer[Any], value: object) -> None:
        place = task.place
        hint = serializer.size_hint(value)
        if isinstance(serializer, SupportsStreams):
            source: Deferred | Streamed = Streamed(partial(_encode.stream, serializer, value, place))
        elif hint is None or hint > THREAD_THRESHOLD:
            source = Deferred(partial(serialize, serializer, value, place), hint)
        else:
            self._write_leaf(task, serializer.name, join(serialize(serializer, value, place)), search_key(value))
            return
        row = self._value_row(task, serializer.name, search_key(value))
        self._values.append(PendingValue(row, place.field.storage, place.overflow, source))

    def _write_text(self, task: _Task, value: str | bytes) -> None:
        """Write the node of a large text or bytes. They are encoded when the save has memory for them."""
        place = task.place
        source = Deferred(partial(encode_text, value, place), _encode.text_size(value))
        row = self._value_row(task, _JSON, search_key(value))
        self._values.append(PendingValue(row, place.field.storage, place.overflow, source))

    def _write_leaf(self, task: _Task, serializer: str, data: bytes, key: bytes | None) -> None:
        row = self._value_row(task, serializer, key)
        storage = task.place.field.storage if task.value is not None else None
        if storage is None and len(data) <= SMALLEST_INLINE_LIMIT:
            row["value"] = data
        else:
            self._values.append(PendingValue(row, storage, task.place.overflow, data))

    def _write_stored(self, task: _Task, stored: StoredValue) -> None:
        """Write the stored bytes of a lazy value that was not loaded since."""
        if isinstance(stored.source, bytes):
            self._write_leaf(task, stored.serializer, stored.source, None)
            return
        row = self._value_row(task, stored.serializer, None)
        self._values.append(PendingValue(row, task.place.field.storage, task.place.overflow, stored.source))

    def _enter(self, task: _Task, row: dict[str, Any]) -> None:
        if id(task.value) in self._open:
            msg = f"{task.place.path} contains itself; what is stored is a tree, so a value cannot be part of itself"
            raise errors.CycleError(msg)
        self._open.add(id(task.value))
        self._pending.append(_Leave(row, task.value))

    def _write_model(self, task: _Task, definition: ModelDefinition) -> None:
        row = self._row("model", task.parent_id, task.label, definition.name)
        row["model_version"] = definition.version
        if row["position"] == 0:
            row["search_key"] = row["node_id"]  # orders the versions of one label
        self._enter(task, row)
        parent_id = row["node_id"]
        later: list[_Task] = []
        around: frozenset[str] = getattr(type(task.value), "_artigraph_takes_storage", _NO_NAMES)
        for field, value in _fields_of(task, definition):
            if field.checks:
                self._checked.append(CheckedValue(definition.name, field.name, field.checks, _value_now(value)))
            if later or not self._write_scalar(value, field, definition, parent_id):
                overflow = definition.overflow
                if field.name in around:  # the value of the field around it, whose storage it takes
                    overflow = overflow or task.place.overflow
                    field = replace(field, storage=field.storage or task.place.field.storage)  # noqa: PLW2901
                place = FieldContext(
                    field, definition.default_serializer, overflow, definition.name, task.place, field.name
                )
                later.append(_Task(value, field.name, parent_id, place))
        self._pending.extend(reversed(later))

    def _write_scalar(
        self, value: object, field: FieldDefinition, definition: ModelDefinition, parent_id: bytes
    ) -> bool:
        """Write a field at once if its value is a small scalar of the codec, as most are; return whether it is."""
        if (
            field.serializer is not None
            or field.storage is not None
            or field.lazy
            or definition.default_serializer is not None
            or (isinstance(value, str) and len(value) > SMALLEST_INLINE_LIMIT)
            or (data := encode_scalar(value)) is None
            or len(data) > SMALLEST_INLINE_LIMIT
            or claimed_apart(type(value)) is not None
        ):
            return False
        self._row("value", parent_id, field.name, definition.name, _JSON, data, search_key(value))
        return True

    def _write_items(self, task: _Task) -> None:
        place = task.place
        value: Any = task.value
        cls: type[Any] = type(task.value)
        keys = _encoded_keys(value, place) if cls is dict else None
        name = CONTAINERS[cls] if keys is None else KEYED_DICT
        row = self._row("container", task.parent_id, task.label, place.model_name, name)
        self._enter(task, row)
        items: list[_Task] = []
        if keys is not None:
            for text, (key, item) in keys.items():
                items.append(_Task(item, text, row["node_id"], place.item(key)))
        elif issubclass(cls, Mapping):
            for key, item in value.items():
                text = _check_key(key, place)
                items.append(_Task(item, text, row["node_id"], place.item(text)))
        else:
            for index, item in enumerate(value):
                items.append(_Task(item, str(index), row["node_id"], place.item(index)))
        self._pending.extend(reversed(items))


_NO_NAMES: frozenset[str] = frozenset()


def _fields_of(task: _Task, definition: ModelDefinition) -> Iterator[tuple[FieldDefinition, object]]:
    """Yield the stored fields of a model with their values.

    Raises:
        SerializationError: a field has no value, or the model holds something that a load could not restore.
    """
    if definition.kind is DATACLASS:
        for field in definition.fields.values():
            try:
                value: object = getattr(task.value, field.name)
            except AttributeError as error:
                raise errors.SerializationError(_lacking(f"{task.place.path}.{field.name}")) from error
            yield field, value
        return
    try:
        values = definition.kind.read(task.value)
    except AttributeError as error:
        raise errors.SerializationError(_lacking(f"A field of {task.place.path}") + f": {error}") from error
    except errors.SerializationError as error:
        msg = f"{task.place.path} cannot be stored exactly: {error}"
        raise errors.SerializationError(msg) from error
    for name, value in values.items():
        if name not in definition.fields:
            check_label(name, f"The name of an additional field of {task.place.path}")
        yield definition.field(name), value


def _lacking(what: str) -> str:
    return f"{what} has no value; a model is saved with all its fields"


_NO_FIELD = FieldDefinition(name="", required=True, lazy=None, serializer=None, storage=None, classes={}, models={})


def _ids() -> Iterator[bytes]:
    size = 8
    while True:
        yield from new_id_bytes(size)
        size = min(2 * size, 4096)


def _value_now(value: Any) -> object:
    """Return a value, or what a Lazy holds: None if it is not loaded."""
    return held(value)[0] if issubclass(type(value), Lazy) else value


def _check_lazy(cls: type[Any], place: FieldContext) -> None:
    """Check that the field of a Lazy is annotated as lazy.

    Raises:
        SerializationError: the Lazy would load as something else.
    """
    if place.field.lazy is None:
        msg = f"{place.path} is a Lazy, and would load as its value: annotate the field Lazy[...], or give it the value"
        raise errors.SerializationError(msg)
    if place.field.lazy is not cls:
        given, loaded = (f"{kind.__module__}.{kind.__qualname__}" for kind in (cls, place.field.lazy))
        msg = f"{place.path} is a {given}, and would load as a {loaded}: give it what the field is annotated as"
        raise errors.SerializationError(msg)


def _check_held(cls: type[Any], place: FieldContext) -> None:
    """Check that a Lazy holds one value.

    Raises:
        SerializationError: it holds a model or a collection.
    """
    if is_model(cls) or cls in (ArtifactMapping, ArtifactSequence):
        msg = (
            f"{place.path} is a Lazy that holds a {errors.class_name(cls)}; a Lazy holds one value of a serializer. "
            "Make the fields of the model lazy, or the items of the collection."
        )
        raise errors.SerializationError(msg)


def _not_saved(model: object) -> str:
    return f"This {type(model).__qualname__} was loaded in part, so it cannot be saved; load all of it"


def _check_key(key: object, place: FieldContext) -> str:
    try:
        return check_label(key, "A key")
    except errors.InvalidLabelError as error:
        # The path is built only for the error, since that takes time proportional to the depth.
        msg = f"{error}, in {place.path}; keys of a mapping whose items are stored as nodes obey the rule for labels"
        raise errors.InvalidLabelError(msg) from error


def _encoded_keys(value: dict[Any, Any], place: FieldContext) -> dict[str, tuple[object, object]] | None:
    """Return the items of a dict by the labels that stand for their keys; None if all keys are texts.

    Raises:
        SerializationError, CycleError: a key cannot be stored, or not as a label.
    """
    if all(type(key) is str for key in value):
        return None
    found: dict[str, tuple[object, object]] = {}
    for key, item in value.items():
        try:
            label = encode(key, place.field.classes).decode()
        except errors.SerializationError as error:
            msg = f"A key of {_encode.describe(error, key, place)}"
            raise type(error)(msg) from error
        if len(label) > LABEL_LENGTH or label in found:
            why = "another key is stored alike" if label in found else f"it is longer than {LABEL_LENGTH} characters"
            msg = (
                f"{place.path} cannot be stored exactly: its key {short_repr(key)} cannot be a node's label, since "
                f"{why}. A dict that holds models, arrays or frames is stored item by item, each under its key."
            )
            raise errors.SerializationError(msg)
        found[label] = (key, item)
    return found
