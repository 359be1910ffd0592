"""Convert rows to a model: a pure conversion in one pass over the nodes, without recursion.

The builder returns values that take long to decode, or whose bytes are in objects, to its caller. The caller supplies
these values before the models are built.

This module is over 400 lines, because the frames of models and of containers build each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar, cast

import artigraph.errors as errors
from artigraph.graph import StoredObject, StoredTree
from artigraph.graph.hashing import THREAD_THRESHOLD
from artigraph.kinds import fitting
from artigraph.model._advice import advise_fields, advise_value
from artigraph.model._classes import find_class, same_place
from artigraph.model._collections import ArtifactMapping, ArtifactSequence
from artigraph.model._dataclass_kind import FieldChangedError
from artigraph.model._migration import carried, migrate
from artigraph.model.definition import FieldDefinition, ModelDefinition, define, is_base_of, is_model, names_of_class
from artigraph.model.lazy import unloaded
from artigraph.model.partial import build_part
from artigraph.model.values import StoredValue, decode_value, located_error
from artigraph.printable import printable
from artigraph.serializer.codec import ChangedClassError, StoredStruct, decode, decode_former, stand_ins
from artigraph.serializer.json import json_serializer

M = TypeVar("M")

_LONGEST_PATH = 40
"""The most steps of a path that an error shows. Of a longer path it shows the first and the last."""
_NODE_TYPES = frozenset({"model", "container", "value"})
_JSON = json_serializer.name
_NOTHING: Mapping[str, type[Any]] = {}
_NONE = b"null"
"""The stored bytes of None."""


def root_class(tree: StoredTree, expected: type[M]) -> type[M]:
    """Return the class of an artifact's model: the expected class or a subclass of it.

    Raises:
        WrongModelTypeError: the root is not of the expected class or a subclass.
        UnknownModelError, ModelNameConflictError: the class cannot be determined.
        DeserializationError: the root is not that of a complete tree.
    """
    root = tree.root
    if root.node_type != "model":
        msg = f"Node {tree.root_id} is not a model but a {root.node_type}, a part of one: {root.label!r}"
        raise errors.WrongModelTypeError(msg)
    name: Any = root.model_name  # a model has one, unless its row was altered
    preferred: dict[str, type[Any]] = {name: expected} if name in names_of_class(expected) else {}
    try:
        cls = preferred.get(name) or find_class(name, _NOTHING)
    except errors.UnknownModelError as error:
        if names_of_class(expected):
            msg = f"Node {tree.root_id} holds a model {root.model_name!r}, not {expected.__qualname__}. {error}"
            raise errors.UnknownModelError(msg) from error
        raise
    if not is_base_of(expected, cls):
        if not is_model(expected):  # a base of models
            msg = (
                f"Node {tree.root_id} holds a model {cls.__qualname__}, which does not derive from "
                f"{expected.__module__}.{expected.__qualname__}; load it with load_many({cls.__qualname__}, [...])"
            )
            raise errors.WrongModelTypeError(msg)
        wanted = expected.__qualname__
        if wanted == cls.__qualname__:
            wanted += f" of {expected.__module__}, which has another stored name"
        msg = (
            f"Node {tree.root_id} holds a model {cls.__qualname__}, not {wanted}; load it with "
            f"{cls.__qualname__}.load or ArtifactModel.load"
        )
        raise errors.WrongModelTypeError(msg)
    return cls


class _Frame:
    """A node whose children are being read."""

    __slots__ = ("end", "former", "label", "outer", "parts")

    def __init__(self, label: str, end: int, outer: _Frame | None) -> None:
        self.label = label
        self.end = end
        if type(end) is not int or (outer is not None and end > outer.end):
            where = printable(str(label)) if outer is None else outer.path_of(label)
            msg = f"{where} ends where it cannot; its row was altered"
            raise errors.DeserializationError(msg)
        self.parts: dict[str, Any] = {}
        self.outer = outer
        self.former: bool = outer is not None and outer.former
        """Whether the values below are for the migration of a model, so that stand-ins are allowed."""

    @property
    def path(self) -> str:
        """The path of the node. It is built only for an error."""
        steps: list[str] = []
        frame = self
        while frame.outer is not None:
            steps.append(f".{frame.label}")
            frame = frame.outer
        steps.append(frame.name)
        if len(steps) > _LONGEST_PATH:
            steps[_LONGEST_PATH // 2 : -_LONGEST_PATH // 2] = [" ... "]
        return printable("".join(reversed(steps)))

    def path_of(self, label: object) -> str:
        """Return the path of a part of the node."""
        return f"{self.path}.{printable(str(label))}"

    @property
    def name(self) -> str:
        """The first step of a path that begins at this node."""
        return self.label

    def failure(
        self, label: str, field: FieldDefinition, error: errors.ArtigraphError, data: bytes
    ) -> errors.ArtigraphError:
        """Return the error for a part of JSON that cannot be decoded. If a class changed, it says what to write."""
        located = located_error(error, _JSON, self.path_of(label))
        if not isinstance(error, ChangedClassError):
            return located
        value, frame = decode_former(data, field.classes), self
        while not isinstance(frame, _ModelFrame) and frame.outer is not None:
            frame, label, value = frame.outer, frame.label, frame.around(value)
        assert isinstance(frame, _ModelFrame)  # the root is a model
        advice = advise_value(frame.cls, frame.version, frame.definition.version, label, value, field.classes)
        return errors.DeserializationError(f"{located}{advice}")

    def around(self, value: object) -> object:
        """Return a value as the only part of what the node is loaded as."""
        return [value]

    def field_of(self, label: str) -> FieldDefinition:
        raise NotImplementedError

    def build(self) -> Any:
        raise NotImplementedError


class _ModelFrame(_Frame):
    __slots__ = ("cls", "definition", "version")

    def __init__(self, label: str, end: int, outer: _Frame | None, cls: type[Any], version: int | None) -> None:
        super().__init__(label, end, outer)
        self.cls = cls
        self.definition = define(cls)
        if type(version) is not int:
            msg = f"{self.path} is a model without a version; the row was altered"
            raise errors.DeserializationError(msg)
        self.version = version
        self.former = version < self.definition.version
        if self.version > self.definition.version:
            msg = (
                f"{self.path} was stored by version {self.version} of model {self.definition.name!r}; the class here "
                f"is version {self.definition.version}. Update the code that defines it."
            )
            raise errors.ModelVersionError(msg)

    @property
    def name(self) -> str:
        return self.definition.name

    def field_of(self, label: str) -> FieldDefinition:
        field = self.definition.fields.get(label)
        return field if field is not None else _former_field(label, self.definition)

    def build(self) -> Any:
        parts = self._migrated()
        fields = self.definition.fields
        if parts.keys() == fields.keys():
            return self._make(parts)
        kind = self.definition.kind
        parts = dict(fitting(parts, kind, fields))
        unknown = {name for name in parts if name not in fields and not kind.accepts(self.cls, name)}
        missing = [field.name for field in fields.values() if field.required and field.name not in parts]
        if unknown or missing:
            what = ", ".join(
                [f"stored field {name!r} is not one of the class" for name in sorted(unknown, key=str)]
                + [f"field {name!r} is not stored and has no default" for name in missing]
            )
            msg = (
                f"{self.path}, stored by version {self.version}, does not fit version {self.definition.version} of "
                f"model {self.definition.name!r}: {what}. A field that was added may have a default; everything else "
                f"is for a step of migration, or migrate()."
                f"{advise_fields(self.cls, self.version, self.definition.version, unknown, missing)}"
            )
            raise errors.ModelVersionError(msg)
        return self._make(parts)

    def _make(self, parts: dict[str, Any]) -> object:
        """Build the model exactly, if its fields are those that were stored, or else as a caller would make it."""
        definition, kind = self.definition, self.definition.kind
        exact = self.version == definition.version and not definition.validate
        try:
            if definition.plain:  # the common case
                return self.cls(**parts)
            return (kind.build if exact else kind.check)(self.cls, parts)
        except errors.DeserializationError as error:
            path = self.path_of(error.name) if isinstance(error, FieldChangedError) else self.path
            msg = f"{path} cannot be loaded: {error}"
            raise errors.DeserializationError(msg) from error
        except Exception as error:
            msg = f"{self.path} cannot be loaded: {self.cls.__qualname__} refused its fields: {error!r}"
            raise errors.DeserializationError(msg) from error

    def _migrated(self) -> dict[str, Any]:
        version = self.definition.version
        if self.version == version:
            return self.parts
        hidden = {name: self.parts.pop(name) for name in self.definition.kind.hidden if name in self.parts}
        shown = fitting(self.parts, self.definition.kind, self.definition.fields)
        fields = migrate(self.cls, self.path, self.version, version, dict(shown))
        for name, value in fields.items():
            left = next(stand_ins(value), None)
            if left is not None:
                advice = advise_value(self.cls, self.version, version, name, value, self.field_of(name).classes)
                msg = (
                    f"{self.path_of(name)} was stored by version {self.version} and holds {left!r}, which does not fit "
                    f"the classes of version {version}.{advice}"
                )
                raise errors.ModelVersionError(msg)
        return fields | carried(hidden, shown, fields)


class _GoneFrame(_Frame):
    """A nested model whose class is gone, below a model that is migrated: a stand-in with its fields."""

    __slots__ = ("field", "model_name")

    def __init__(self, label: str, end: int, outer: _Frame, field: FieldDefinition, model_name: str) -> None:
        super().__init__(label, end, outer)
        self.field = field
        self.model_name = model_name

    def field_of(self, label: str) -> FieldDefinition:
        if type(label) is not str:
            _refuse_label(label, self)
        return self.field

    def build(self) -> Any:
        return StoredStruct(self.model_name, MappingProxyType(self.parts))


class _ContainerFrame(_Frame):
    __slots__ = ("container", "field")

    def __init__(
        self, label: str, end: int, outer: _Frame | None, field: FieldDefinition, container: str | None
    ) -> None:
        super().__init__(label, end, outer)
        self.field = field
        self.container = container

    def around(self, value: object) -> object:
        if self.container in ("mapping", "dict", "keyed-dict"):
            return ArtifactMapping(item=value) if self.container == "mapping" else {"item": value}
        if self.container == "tuple":
            return (value,)
        return ArtifactSequence([value]) if self.container == "sequence" else [value]

    def field_of(self, label: str) -> FieldDefinition:
        if type(label) is not str:
            _refuse_label(label, self)
        return self.field

    def build(self) -> Any:
        match self.container:
            case "mapping":
                return ArtifactMapping(self.parts)
            case "sequence":
                return ArtifactSequence(self.parts.values())
            case "dict":
                return self.parts
            case "keyed-dict":
                return self._by_key()
            case "list":
                return list(self.parts.values())
            case "tuple":
                return tuple(self.parts.values())
            case other:
                msg = f"{self.path} is stored as a {other!r}, which this release does not know; upgrade artigraph"
                raise errors.DeserializationError(msg)

    def _by_key(self) -> dict[Any, Any]:
        """Return the parts by their keys, which their labels encode."""
        try:
            return {decode(label.encode(), self.field.classes): part for label, part in self.parts.items()}
        except (errors.DeserializationError, TypeError, UnicodeEncodeError) as error:
            msg = f"A key of {self.path} cannot be loaded: {error}"
            raise errors.DeserializationError(msg) from error


class Waiting(NamedTuple):
    """A value that the caller must supply: decoded from many bytes, or from an object."""

    parts: dict[str, Any]
    label: str
    """The key of the value: the caller sets `parts[label] = value`."""
    stored: StoredValue


class Builder(Generic[M]):
    """Builds the model of one artifact: takes its nodes in order, then makes the models from the inside out.

    Raises:
        UnknownModelError, ModelNameConflictError: the class of a node cannot be determined.
        ModelVersionError: the stored data is newer than its class, or its migration failed.
        DeserializationError, UnknownSerializerError: a value's bytes cannot be decoded.
    """

    def __init__(self, tree: StoredTree, root: type[M], *, fields: Collection[str] | None = None) -> None:
        self._tree = tree
        self._root = root
        self._fields = fields
        self._frames: list[_Frame] = []
        """The nodes that enclose the next one."""
        self._closed: list[_Frame] = []
        """The nodes whose children have all been read, children before parents."""
        self.waiting: list[Waiting] = []
        """The values that the caller must supply before `build`."""
        self._next = 0
        self.model: M
        """The result, set by the last `build`."""
        span = tree.root.span
        if fields is None and span != len(tree.nodes):
            msg = f"Node {tree.root_id} has {span} rows, but {len(tree.nodes)} are there; rows were altered or deleted"
            raise errors.DeserializationError(msg)

    def take(self, most: int) -> int:
        """Read the next nodes, at most `most`, and return how many were read."""
        frames, root = self._frames, self._root
        nodes = self._tree.nodes
        start, stop = self._next, min(self._next + most, len(nodes))
        self._next = stop
        expected = (nodes[0][0] or 0) + start if self._fields is None else None
        outer = frames[-1] if frames else None
        for node in nodes[start:stop]:
            position, span, kind, label, _, version, serializer, source = node[:8]  # an asterisk takes longer
            if (position != expected and expected is not None) or not span or kind not in _NODE_TYPES:
                root_id = self._tree.root_id
                msg = f"Node {label!r} of the artifact {root_id} has no place in it; its row was altered"
                raise errors.DeserializationError(msg)
            if expected is not None:
                expected += 1
            while outer is not None and position >= outer.end:
                self._closed.append(frames.pop())
                outer = frames[-1] if frames else None
            if outer is None:
                outer = _ModelFrame(label, position + span, None, root, version)
                frames.append(outer)
                continue
            field = outer.field_of(label)
            if kind == "value":
                if serializer == _JSON and type(source) is bytes and len(source) <= THREAD_THRESHOLD and not field.lazy:
                    try:  # the common case
                        outer.parts[label] = (decode_former if outer.former else decode)(source, field.classes)
                    except errors.DeserializationError as error:
                        raise outer.failure(label, field, error, source) from error
                else:
                    self._take_value(label, serializer, source, field, outer)
                continue
            outer.parts[label] = None  # keeps the order of the parts
            if kind == "model":
                outer = self._nested(node, field, outer)
            else:
                outer = _ContainerFrame(label, position + span, outer, field, serializer)
            frames.append(outer)
        return stop - start

    def _nested(self, node: Any, field: FieldDefinition, outer: _Frame) -> _Frame:
        """Return the frame of a nested model."""
        position, span, _, label, model_name, version, *_ = node
        try:
            cls = find_class(model_name, field.models)
        except errors.UnknownModelError:
            if not outer.former or type(model_name) is not str:
                raise
            return _GoneFrame(label, position + span, outer, field, model_name)
        cls = self._root if cls is not self._root and same_place(cls, self._root) else cls
        return _ModelFrame(label, position + span, outer, cls, version)

    def _take_value(self, label: str, serializer: str, source: Any, field: FieldDefinition, outer: _Frame) -> None:
        if not isinstance(source, (bytes, StoredObject)):
            msg = f"{outer.path_of(label)} has neither a value nor an object; the row was altered"
            raise errors.DeserializationError(msg)
        lazy = None if _is_whole(serializer, source, field, outer) else field.lazy
        if isinstance(source, bytes) and len(source) <= THREAD_THRESHOLD and lazy is None:
            try:
                outer.parts[label] = decode_value(serializer, source, field.classes, former=outer.former)
            except errors.STOPPING:
                raise
            except ChangedClassError as error:
                raise outer.failure(label, field, error, source) from error
            except BaseException as error:
                raise located_error(error, serializer, outer.path_of(label)) from error
            return
        stored = StoredValue(
            serializer,
            source,
            field.classes,
            lambda: outer.path_of(label),
            self._tree.root_id,
            outer.former and lazy is None,
            partial(outer.failure, label, field),
        )
        if lazy is not None:
            outer.parts[label] = unloaded(stored, lazy)
        else:
            outer.parts[label] = None
            self.waiting.append(Waiting(outer.parts, label, stored))

    def build(self, most: int) -> int:
        """Make the next models and containers, at most `most`, and return how many were made."""
        if self._frames:
            self._closed += reversed(self._frames)
            self._frames = []
            self._closed.reverse()
        count = min(most, len(self._closed))
        for _ in range(count):
            frame = self._closed.pop()
            if frame.outer is not None:
                frame.outer.parts[frame.label] = frame.build()
            elif self._fields is None:
                self.model = frame.build()
            else:
                self.model = self._build_part(cast("_ModelFrame", frame), self._fields)
        return count

    def _build_part(self, frame: _ModelFrame, fields: Collection[str]) -> M:
        for name in fields:
            if name not in frame.parts:
                msg = f"{frame.path} stores no field {name!r}; it stores {frame.definition.stored}"
                raise errors.FieldNotLoadedError(msg)
        return cast("M", build_part(frame.cls, frame.parts))


def _is_whole(serializer: str, source: object, field: FieldDefinition, outer: _Frame) -> bool:
    """Say whether a value of a lazy field is no Lazy: None, or a collection that holds no Lazy.

    Such a collection has a node of its own. Earlier releases stored it as one value. The annotation tells such a value
    from a Lazy. A former version of the field may have had another annotation. There, only a collection that holds
    nothing but None counts.
    """
    if source == _NONE and serializer == _JSON:
        return True
    depth = 0
    frame: _Frame | None = outer
    while isinstance(frame, _ContainerFrame):
        depth, frame = depth + 1, frame.outer
    if field.lazy is None or field.lazy_depths is None or depth in field.lazy_depths:
        return field.lazy is None
    if not outer.former:
        return True
    return serializer == _JSON and isinstance(source, bytes) and _is_hollow(decode_former(source, field.classes))


def _is_hollow(value: object) -> bool:
    """Say whether a value is a collection that holds nothing but None and such collections."""
    pending, known = [value], type(value) in (list, tuple, dict)
    while pending and known:
        item: Any = pending.pop()
        if type(item) in (list, tuple, dict):
            pending += item.values() if type(item) is dict else item
        else:
            known = item is None
    return known


def _refuse_label(label: object, where: object) -> NoReturn:
    path = where.path if isinstance(where, _Frame) else where
    msg = f"A part of {path} has {label!r:.100} for a label, which is no text; its row was altered"
    raise errors.DeserializationError(msg)


def _former_field(label: str, definition: ModelDefinition) -> FieldDefinition:
    """Return a definition for a stored field that the class no longer has, so that `migrate` sees its value."""
    if not isinstance(label, (str, type(None))):
        _refuse_label(label, definition.name)
    return definition.field(label)
