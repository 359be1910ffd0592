"""From rows to a model: a pure conversion, without recursion, in one pass over the nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from artigraph.errors import (
    ArtigraphError,
    DeserializationError,
    ModelVersionError,
    UnknownModelError,
    WrongModelTypeError,
)
from artigraph.graph import StoredNode, StoredTree
from artigraph.model.classes import find_class, same_place
from artigraph.model.collections import ArtifactMapping, ArtifactSequence
from artigraph.model.definition import FieldDefinition, ModelDefinition, define
from artigraph.serializer import get_serializer_by_name
from artigraph.serializer.codec import decode
from artigraph.serializer.json import json_serializer

__all__ = ["from_tree"]

M = TypeVar("M")

_FATAL = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)
_LONGEST_PATH = 40
"""Steps of a path that an error shows; of a longer one the first and the last."""
_NODE_TYPES = frozenset({"model", "container", "value"})
_JSON = json_serializer.name
_NOTHING: Mapping[str, type[Any]] = {}


def from_tree(tree: StoredTree, expected: type[M]) -> M:
    """Turn the nodes of an artifact into its model.

    Raises:
        WrongModelTypeError: the root is not of the expected class or a subclass.
        UnknownModelError, ModelNameConflictError: the class of a node cannot be told.
        ModelVersionError: stored data is newer than its class, or its migration failed.
        DeserializationError, UnknownSerializerError: a value's bytes cannot be turned back.
    """
    root = StoredNode._make(tree.nodes[0])
    if root.span != len(tree.nodes):
        msg = f"Node {tree.root_id} has {root.span} rows, but {len(tree.nodes)} are there; rows were altered or deleted"
        raise DeserializationError(msg)
    if root.node_type != "model":
        msg = f"Node {tree.root_id} is not a model but a {root.node_type}, a part of one: {root.label!r}"
        raise WrongModelTypeError(msg)
    preferred: dict[str, type[Any]] = {}
    if _stored_name(expected) == root.model_name:
        preferred = {cast("str", root.model_name): expected}
    try:
        cls = preferred.get(cast("str", root.model_name)) or find_class(cast("str", root.model_name), _NOTHING)
    except UnknownModelError as error:
        if _stored_name(expected) is not None:
            msg = f"Node {tree.root_id} holds a model {root.model_name!r}, not {expected.__qualname__}. {error}"
            raise UnknownModelError(msg) from error
        raise
    if not issubclass(cls, expected):
        wanted = expected.__qualname__
        if wanted == cls.__qualname__:
            wanted += f" of {expected.__module__}, which has another stored name"
        msg = (
            f"Node {tree.root_id} holds a model {cls.__qualname__}, not {wanted}; load it with "
            f"{cls.__qualname__}.load or ArtifactModel.load"
        )
        raise WrongModelTypeError(msg)
    return cast("M", _build(tree, cls))


def _stored_name(cls: type[Any]) -> str | None:
    traits = getattr(cls, "_artigraph_traits", None)
    return None if traits is None else traits.name


class _Frame:
    """A node whose children are being read."""

    __slots__ = ("end", "label", "outer", "parts")

    def __init__(self, label: str, end: int, outer: _Frame | None) -> None:
        self.label = label
        self.end = end
        if outer is not None and end > outer.end:
            msg = f"{outer.path}.{label} ends where it cannot; its row was altered"
            raise DeserializationError(msg)
        self.parts: dict[str, Any] = {}
        self.outer = outer

    @property
    def path(self) -> str:
        """Where the node is; made only for an error."""
        steps: list[str] = []
        frame = self
        while frame.outer is not None:
            steps.append(f".{frame.label}")
            frame = frame.outer
        steps.append(frame.name)
        if len(steps) > _LONGEST_PATH:
            steps[_LONGEST_PATH // 2 : -_LONGEST_PATH // 2] = [" ... "]
        return "".join(reversed(steps))

    @property
    def name(self) -> str:
        """What the path begins with, if it begins here."""
        return self.label

    def field_of(self, label: str) -> FieldDefinition:
        raise NotImplementedError

    def build(self) -> object:
        raise NotImplementedError


class _ModelFrame(_Frame):
    __slots__ = ("cls", "definition", "version")

    def __init__(self, label: str, end: int, outer: _Frame | None, cls: type[Any], version: int | None) -> None:
        super().__init__(label, end, outer)
        self.cls = cls
        self.definition = define(cls)
        if version is None:
            msg = f"{self.path} is a model without a version; the row was altered"
            raise DeserializationError(msg)
        self.version = version
        if self.version > self.definition.version:
            msg = (
                f"{self.path} was stored by version {self.version} of model {self.definition.name!r}; the class here "
                f"is version {self.definition.version}. Update the code that defines it."
            )
            raise ModelVersionError(msg)

    @property
    def name(self) -> str:
        return self.definition.name

    def field_of(self, label: str) -> FieldDefinition:
        field = self.definition.fields.get(label)
        return field if field is not None else _former_field(label, self.definition)

    def build(self) -> object:
        parts = self._migrated()
        fields = self.definition.fields
        if parts.keys() == fields.keys():
            return self._make(parts)
        unknown = parts.keys() - fields.keys()
        missing = [field.name for field in fields.values() if field.required and field.name not in parts]
        if unknown or missing:
            what = ", ".join(
                [f"stored field {name!r} is not one of the class" for name in sorted(unknown, key=str)]
                + [f"field {name!r} is not stored and has no default" for name in missing]
            )
            msg = (
                f"{self.path}, stored by version {self.version}, does not fit version {self.definition.version} of "
                f"model {self.definition.name!r}: {what}. Raise the class's version, and let its migrate() return the "
                "fields of today."
            )
            raise ModelVersionError(msg)
        return self._make(parts)

    def _make(self, parts: dict[str, Any]) -> object:
        try:
            return self.cls(**parts)
        except Exception as error:
            msg = f"{self.path} cannot be loaded: {self.cls.__qualname__} refused its fields: {error!r}"
            raise DeserializationError(msg) from error

    def _migrated(self) -> dict[str, Any]:
        if self.version == self.definition.version:
            return self.parts
        try:
            migrated: object = self.cls.migrate(self.version, self.parts)
        except Exception as error:
            msg = f"{self.path} cannot be migrated from version {self.version} to {self.definition.version}: {error!r}"
            raise ModelVersionError(msg) from error
        if not isinstance(migrated, dict):
            msg = f"{self.cls.__qualname__}.migrate returned {type(migrated).__name__}; it returns the dict of fields"
            raise ModelVersionError(msg)
        return cast("dict[str, Any]", migrated)


class _ContainerFrame(_Frame):
    __slots__ = ("container", "field")

    def __init__(
        self, label: str, end: int, outer: _Frame | None, field: FieldDefinition, container: str | None
    ) -> None:
        super().__init__(label, end, outer)
        self.field = field
        self.container = container

    def field_of(self, label: str) -> FieldDefinition:
        del label
        return self.field

    def build(self) -> object:
        match self.container:
            case "mapping":
                return ArtifactMapping(self.parts)
            case "sequence":
                return ArtifactSequence(self.parts.values())
            case "dict":
                return self.parts
            case "list":
                return list(self.parts.values())
            case "tuple":
                return tuple(self.parts.values())
            case other:
                msg = f"{self.path} is stored as a {other!r}, which this release does not know; upgrade artigraph"
                raise DeserializationError(msg)


def _build(tree: StoredTree, root: type[Any]) -> object:
    frames: list[_Frame] = []
    result: object = None

    def close() -> object:
        frame = frames.pop()
        built = frame.build()
        if frames:
            frames[-1].parts[frame.label] = built
        return built

    first = tree.nodes[0][0] or 0
    for position, node in enumerate(tree.nodes, first):
        at, span, kind, label, model_name, version, serializer, data, _ = node
        if at != position or not span or kind not in _NODE_TYPES:
            msg = f"Node {label!r} of the artifact {tree.root_id} has no place in it; its row was altered"
            raise DeserializationError(msg)
        while frames and position >= frames[-1].end:
            result = close()
        outer = frames[-1] if frames else None
        if outer is None:
            frames.append(_ModelFrame(label, position + span, None, root, version))
            continue
        field = outer.field_of(label)
        if kind == "value":
            outer.parts[label] = _value(data, serializer, field, label, outer)
        elif kind == "model":
            cls = find_class(cast("str", model_name), field.models)
            cls = root if cls is not root and same_place(cls, root) else cls
            frames.append(_ModelFrame(label, position + span, outer, cls, version))
        else:
            frames.append(_ContainerFrame(label, position + span, outer, field, serializer))
    while frames:
        result = close()
    return result


def _value(data: bytes | None, serializer: str | None, field: FieldDefinition, label: str, outer: _Frame) -> object:
    name = cast("str", serializer)
    if data is None:
        msg = f"{outer.path}.{label} has neither a value nor an object; the row was altered"
        raise DeserializationError(msg)
    try:
        if name == _JSON:
            return decode(data, field.classes)
        return get_serializer_by_name(name).deserialize(data)
    except _FATAL:
        raise
    except ArtigraphError as error:
        msg = f"{outer.path}.{label} cannot be loaded: {error}"
        raise _retold(error, msg) from error
    except BaseException as error:
        msg = f"{outer.path}.{label} cannot be loaded by serializer {name!r}: {type(error).__name__}: {error}"
        raise DeserializationError(msg) from error


def _retold(error: ArtigraphError, msg: str) -> ArtigraphError:
    """Return an error of the same type with another message, or the nearest that can be made of a message alone."""
    try:
        return type(error)(msg)
    except Exception:  # noqa: BLE001 (a serializer's own subclass may take other arguments)
        return DeserializationError(msg)


def _former_field(label: str, definition: ModelDefinition) -> FieldDefinition:
    """Stand in for a field that is stored but that the class has no more, so that `migrate` can see its value."""
    return FieldDefinition(
        name=label, required=False, serializer=None, storage=None, classes=definition.classes, models=_NOTHING
    )
