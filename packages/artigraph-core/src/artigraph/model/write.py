"""From a model to rows: a pure conversion, without recursion.

What decides how a value is stored is its exact type at run time, not its annotation: None; the field's own serializer;
the config's for its types; models, mappings and sequences as nodes of their own; a serializer that claims the type; and
the codec of plain values. A list, tuple or dict that the codec cannot take because of what it holds becomes a node with
a node for each item.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast
from uuid import UUID

from artigraph.errors import (
    CycleError,
    InvalidLabel,
    ModelDefinitionError,
    SerializationError,
    UnknownSerializerError,
)
from artigraph.graph import PendingObject, Tree
from artigraph.ids import check_id, new_id_bytes
from artigraph.labels import check_label
from artigraph.model.collections import ArtifactMapping, ArtifactSequence
from artigraph.model.definition import FieldDefinition, ModelDefinition, define, is_model
from artigraph.serializer import Serializer
from artigraph.serializer.base import claimed_apart
from artigraph.serializer.codec import encode, encode_scalar
from artigraph.serializer.json import json_serializer
from artigraph.serializer.search_key import search_key

__all__ = ["CONTAINERS", "to_tree"]

CONTAINERS: Mapping[type[Any], str] = {
    ArtifactMapping: "mapping",
    ArtifactSequence: "sequence",
    dict: "dict",
    list: "list",
    tuple: "tuple",
}
"""The types whose items can be nodes of their own, and the permanent names that they are stored under."""

_JSON = json_serializer.name
_LONGEST_PATH = 40
"""Steps of a path that an error shows; of a longer one the first and the last."""
_FATAL = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)


class _Place:
    """Where a value stands: what decides how it is stored, and what an error says."""

    __slots__ = ("default_serializer", "field", "key", "model_name", "parent")

    def __init__(
        self,
        field: FieldDefinition,
        default_serializer: Serializer[Any] | None,
        model_name: str | None,
        parent: _Place | None,
        key: str | int,
    ) -> None:
        self.field = field
        self.default_serializer = default_serializer
        self.model_name = model_name
        """The model that the value is a field of; None for an item of a container."""
        self.parent = parent
        self.key = key

    def item(self, key: str | int) -> _Place:
        return _Place(self.field, self.default_serializer, None, self, key)

    @property
    def path(self) -> str:
        """Where the value is, as Python would write it: `Model.field['key'][3]`; made only for an error."""
        steps: list[str] = []
        place: _Place | None = self
        while place is not None:
            if place.parent is None:
                steps.append(str(place.key))
            else:
                steps.append(f"[{place.key!r}]" if place.model_name is None else f".{place.key}")
            place = place.parent
        if len(steps) > _LONGEST_PATH:
            steps[_LONGEST_PATH // 2 : -_LONGEST_PATH // 2] = [" ... "]
        return "".join(reversed(steps))


class _Task(NamedTuple):
    value: object
    label: str
    parent_id: bytes | None
    place: _Place


class _Leave:
    """Marks that all below a node is written."""

    __slots__ = ("row", "value")

    def __init__(self, row: dict[str, Any], value: object) -> None:
        self.row = row
        self.value = value


def to_tree(model: object, label: str, parent_id: UUID | None) -> Tree:
    """Turn a model into the rows and objects of one artifact.

    Raises:
        ModelDefinitionError: its class, or one of a nested model, cannot be stored as it is written.
        SerializationError: a value cannot be stored such that it loads back exactly; the message names it.
        CycleError: a value contains itself.
        InvalidLabel: a key of a mapping is not a valid label.
        NodeNotFoundError: the parent's id is no id.
    """
    return _Writer().run(model, label, parent_id)


class _Writer:
    def __init__(self) -> None:
        self._ids = _ids()
        self._root_id = next(self._ids)
        self._rows: list[dict[str, Any]] = []
        self._objects: list[PendingObject] = []
        self._open: set[int] = set()
        """The ids of the Python objects that enclose the one being written."""
        self._pending: list[_Task | _Leave] = []

    def run(self, model: object, label: str, parent_id: UUID | None) -> Tree:
        if not is_model(type(model)):
            msg = f"{type(model).__qualname__} itself holds nothing to be saved; save an instance of a subclass of it"
            raise ModelDefinitionError(msg)
        place = _Place(_NO_FIELD, None, None, None, type(model).__name__)
        self._pending.append(_Task(model, label, None if parent_id is None else check_id(parent_id).bytes, place))
        while self._pending:
            task = self._pending.pop()
            if isinstance(task, _Leave):
                self._open.discard(id(task.value))
                task.row["span"] = len(self._rows) - task.row["position"]
            else:
                self._write(task)
        return Tree(UUID(bytes=self._root_id), self._rows, self._objects)

    def _write(self, task: _Task) -> None:
        value, place = task.value, task.place
        cls = type(value)
        serializer = _chosen_serializer(value, cls, place)
        if serializer is not None:
            self._write_leaf(task, serializer.name, _serialize(serializer, value, place), search_key(value))
        elif is_model(cls):
            self._write_model(task, define(cls))
        elif cls is ArtifactMapping or cls is ArtifactSequence:
            self._write_items(task)
        else:
            try:
                # A cycle through containers is found by their nodes; to look for it at each would be quadratic.
                data = encode(value, place.field.classes, find_cycles=cls not in CONTAINERS)
            except SerializationError as error:
                if cls not in CONTAINERS:
                    raise type(error)(_describe(error, value, place)) from error
                if cls is dict:
                    _check_keys_are_text(cast("dict[object, object]", value), place)
                self._write_items(task)
            else:
                self._write_leaf(task, _JSON, data, search_key(value))

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

    def _write_leaf(self, task: _Task, serializer: str, data: bytes, key: bytes | None) -> None:
        row = self._row("value", task.parent_id, task.label, task.place.model_name, serializer, None, key)
        storage = task.place.field.storage
        if storage is None or task.value is None:
            row["value"] = data
        else:
            self._objects.append(PendingObject(row, storage, data))

    def _enter(self, task: _Task, row: dict[str, Any]) -> None:
        if id(task.value) in self._open:
            msg = f"{task.place.path} contains itself; what is stored is a tree, so a value cannot be part of itself"
            raise CycleError(msg)
        self._open.add(id(task.value))
        self._pending.append(_Leave(row, task.value))

    def _write_model(self, task: _Task, definition: ModelDefinition) -> None:
        row = self._row("model", task.parent_id, task.label, definition.name)
        row["model_version"] = definition.version
        self._enter(task, row)
        parent_id = row["node_id"]
        later: list[_Task] = []
        for field in definition.fields.values():
            try:
                value = getattr(task.value, field.name)
            except AttributeError as error:
                msg = f"{task.place.path}.{field.name} has no value; a model is saved with all its fields"
                raise SerializationError(msg) from error
            if later or not self._write_scalar(value, field, definition, parent_id):
                place = _Place(field, definition.default_serializer, definition.name, task.place, field.name)
                later.append(_Task(value, field.name, parent_id, place))
        self._pending.extend(reversed(later))

    def _write_scalar(
        self, value: object, field: FieldDefinition, definition: ModelDefinition, parent_id: bytes
    ) -> bool:
        """Write a field at once if its value is one that the codec takes as a whole, as most are; say whether it is."""
        if (
            field.serializer is not None
            or field.storage is not None
            or definition.default_serializer is not None
            or (data := encode_scalar(value)) is None
            or claimed_apart(type(value)) is not None
        ):
            return False
        self._row("value", parent_id, field.name, definition.name, _JSON, data, search_key(value))
        return True

    def _write_items(self, task: _Task) -> None:
        place = task.place
        row = self._row("container", task.parent_id, task.label, place.model_name, CONTAINERS[type(task.value)])
        self._enter(task, row)
        items: list[_Task] = []
        value: Any = task.value
        if isinstance(value, Mapping):
            for key, item in cast("Mapping[object, object]", value).items():
                text = _check_key(key, place)
                items.append(_Task(item, text, row["node_id"], place.item(text)))
        else:
            for index, item in enumerate(cast("Sequence[object]", value)):
                items.append(_Task(item, str(index), row["node_id"], place.item(index)))
        self._pending.extend(reversed(items))


_NO_FIELD = FieldDefinition(name="", required=True, serializer=None, storage=None, classes={}, models={})


def _ids() -> Iterator[bytes]:
    size = 8
    while True:
        yield from new_id_bytes(size)
        size = min(2 * size, 4096)


def _chosen_serializer(value: object, cls: type[Any], place: _Place) -> Serializer[Any] | None:
    """Return the serializer that takes a value before models, containers and the codec do."""
    if value is None:
        return None
    own = place.field.serializer
    if own is not None and place.model_name is not None:
        if not isinstance(value, own.types):
            types = ", ".join(cls.__qualname__ for cls in own.types)
            msg = (
                f"{place.path} is a {_name(cls)}, which its serializer {own.name!r} does not take (it takes {types}); "
                "change the value, or the field's serializer"
            )
            raise SerializationError(msg)
        return own
    default = place.default_serializer
    if default is not None and isinstance(value, default.types):
        return default
    if is_model(cls) or cls is ArtifactMapping or cls is ArtifactSequence:
        return None
    try:
        return claimed_apart(cls)
    except UnknownSerializerError:
        return None


def _serialize(serializer: Serializer[Any], value: object, place: _Place) -> bytes:
    try:
        data: Any = serializer.serialize(value)
    except _FATAL:
        raise
    except BaseException as error:
        text = str(error) if isinstance(error, SerializationError) else f"{type(error).__name__}: {error}"
        msg = f"{place.path} cannot be stored by serializer {serializer.name!r}: {text}"
        raise SerializationError(msg) from error
    if not isinstance(data, bytes):
        msg = (
            f"Serializer {serializer.name!r} returned {_name(data.__class__)} for {place.path}; serialize returns bytes"
        )
        raise SerializationError(msg)
    return data


def _check_key(key: object, place: _Place) -> str:
    try:
        return check_label(key, f"A key of {place.path}")
    except InvalidLabel as error:
        msg = f"{error}; keys of a mapping whose items are stored as nodes obey the rule for labels"
        raise InvalidLabel(msg) from error


def _check_keys_are_text(value: dict[object, object], place: _Place) -> None:
    """Check that a dict that the codec refused can be a node: if not, what the codec said is what helps.

    Raises:
        SerializationError, CycleError: a key is no text.
    """
    key = next((key for key in value if not isinstance(key, str)), None)
    if key is None and None not in value:
        return
    try:
        encode(value, place.field.classes)
    except SerializationError as error:
        msg = (
            f"{_describe(error, value, place)} (A dict that holds models, arrays or frames is stored item by item, and "
            f"its keys are text then; this one has the key {key!r:.100}.)"
        )
        raise type(error)(msg) from error


def _describe(error: SerializationError, value: object, place: _Place) -> str:
    return f"{place.path} (of type {_name(type(value))}) cannot be stored exactly: {error}"


def _name(cls: type[Any]) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
