"""What the annotation of a field says: whether its values are lazy, and which storage, serializer and checks to use."""

from __future__ import annotations

import dataclasses
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from artigraph.errors import ModelDefinitionError
from artigraph.kinds import KindField
from artigraph.model._checks import Check
from artigraph.model._collections import ArtifactMapping, ArtifactSequence
from artigraph.model.fields import FIELD_OPTIONS, FieldOptions
from artigraph.model.lazy import Lazy, is_lazy
from artigraph.serializer import Serializer
from artigraph.serializer.codec.classes import alias_of, aliased
from artigraph.storage import Storage


def lazy_class(cls: type[Any], name: str, annotation: object) -> tuple[type[Lazy[Any]] | None, frozenset[int] | None]:
    """Return the lazy class of a field that is `Lazy[T]`, or a collection of such, possibly with None; else None.

    With it, return in how many collections the lazy values are, or None for a type that contains itself.

    Raises:
        ModelDefinitionError: some values would be lazy and others not; the stored rows could not tell which.
    """
    leaves, contains_itself = _leaves(annotation)
    lazy = [leaf for leaf, _ in leaves if is_lazy(leaf)]
    if lazy and any(leaf not in (lazy[0], NoneType, Ellipsis) for leaf, _ in leaves):
        msg = (
            f"Field {name!r} of model {cls.__qualname__} mixes Lazy with other types: {annotation}. A field is "
            "Lazy[T], or a list, tuple, dict, ArtifactMapping or ArtifactSequence of such, or None."
        )
        raise ModelDefinitionError(msg)
    depths = frozenset(depth for leaf, depth in leaves if is_lazy(leaf))
    return (lazy[0] if lazy else None), (None if contains_itself else depths)


def _leaves(annotation: object) -> tuple[list[tuple[object, int]], bool]:
    """Return the types of the values in a field, each with the number of collections around it.

    It looks into collections and type aliases, but not into `Lazy`. The second result says whether a type alias
    contains itself.
    """
    leaves: list[tuple[object, int]] = []
    contains_itself = False
    seen: set[tuple[int, int]] = set()
    pending: list[tuple[object, int, frozenset[int]]] = [(annotation, 0, frozenset())]
    while pending:
        item, depth, around = pending.pop()
        origin, args = get_origin(item), get_args(item)
        alias = alias_of(item)
        if is_lazy(item) or is_lazy(origin):
            leaves.append((origin or item, depth))
        elif alias is not None:
            contains_itself = contains_itself or id(alias) in around
            if id(alias) not in around and (args or (id(alias), depth) not in seen):
                seen.add((id(alias), depth))
                pending.append((aliased(item), depth, around | {id(alias)}))
        elif origin is Annotated:
            pending.append((args[0], depth, around))
        elif origin in (dict, ArtifactMapping):
            pending.append((args[-1], depth + 1, around))
        elif args and origin in (Union, UnionType, list, tuple, ArtifactSequence):
            inside = depth if origin in (Union, UnionType) else depth + 1
            pending += [(arg, inside, around) for arg in reversed(args)]
        else:
            leaves.append((item, depth))
    return leaves, contains_itself


def extras_in(annotation: object) -> tuple[list[object], list[object]]:
    """Return the serializers, storages and checks that `Annotated` names for a whole field, and those for a part of it.

    A member of a union counts as the whole field: `Annotated[X, storage] | None`.
    """
    whole: list[object] = []
    part: list[object] = []
    seen: set[tuple[int, bool]] = set()
    pending: list[tuple[object, bool, frozenset[int]]] = [(annotation, True, frozenset())]
    while pending:
        item, is_whole, around = pending.pop()
        args = get_args(item)
        alias = alias_of(item)
        if alias is not None:
            key = id(alias), is_whole
            if id(alias) not in around and (args or key not in seen):
                seen.add(key)
                pending.append((aliased(item), is_whole, around | {id(alias)}))
        elif get_origin(item) is Annotated:
            extras: list[object] = [extra for extra in args[1:] if isinstance(extra, _EXTRAS) or _is_backend(extra)]
            (whole if is_whole else part).extend(extras)
            pending.append((args[0], is_whole, around))
        else:
            inside = is_whole and get_origin(item) in (Union, UnionType)
            pending += [(arg, inside, around) for arg in args]
    return whole, part


_EXTRAS = (Serializer, Storage, Check)
"""What `Annotated` may name for a field."""


def _is_backend(extra: object) -> bool:
    return isinstance(extra, type) and issubclass(extra, (Serializer, Storage))


def options_of(cls: type[Any], field: KindField, annotation: object) -> FieldOptions:
    """Return the options of a field from `artifact_field`, or else from `Annotated`."""
    options: FieldOptions = field.metadata.get(FIELD_OPTIONS, FieldOptions())
    extras, misplaced = extras_in(annotation)
    if misplaced:
        msg = (
            f"Field {field.name!r} of model {cls.__qualname__} names {misplaced[0]!r} for a part of its value; "
            "Annotated serves the field as a whole: Annotated[list[X], storage], not list[Annotated[X, storage]]"
        )
        raise ModelDefinitionError(msg)
    for extra in extras:
        if _is_backend(extra):
            msg = f"Field {field.name!r} of model {cls.__qualname__} names the class {extra!r}; it takes an instance"
            raise ModelDefinitionError(msg)
    serializers: list[Serializer[Any]] = [extra for extra in extras if isinstance(extra, Serializer)]
    storages = [extra for extra in extras if isinstance(extra, Storage)]
    if len(serializers) + (options.serializer is not None) > 1 or len(storages) + (options.storage is not None) > 1:
        msg = f"Field {field.name!r} of model {cls.__qualname__} names several serializers or storages; name one"
        raise ModelDefinitionError(msg)
    return FieldOptions(
        options.serializer or (serializers[0] if serializers else None),
        options.storage or (storages[0] if storages else None),
    )


def refuse_extras(cls: type[Any], name: str, part: type[Any]) -> None:
    """Refuse a storage, serializer or check for a field of a class whose instances are parts of a value.

    Raises:
        ModelDefinitionError: there is one, which no save would use.
    """
    if issubclass(part, Enum):
        return
    named: dict[str, list[object]] = {}
    for inner, annotation in get_type_hints(part, localns={part.__name__: part}, include_extras=True).items():
        whole, inside = extras_in(annotation)
        named[inner] = whole + inside
    for field in dataclasses.fields(part) if dataclasses.is_dataclass(part) else ():
        options: FieldOptions = field.metadata.get(FIELD_OPTIONS, FieldOptions())
        named.setdefault(field.name, []).extend(
            each for each in (options.storage, options.serializer) if each is not None
        )
    for inner, extras in named.items():
        for extra in extras:
            what, example = _described(extra)
            msg = (
                f"Field {name!r} of model {cls.__qualname__} holds {part.__qualname__}, whose field {inner!r} names "
                f"{what} for a part of the value; that serves a field of a model: make {part.__qualname__} a model, "
                f"or name it for the field as a whole, Annotated[X, {example}]"
            )
            raise ModelDefinitionError(msg)


def _described(extra: object) -> tuple[str, str]:
    if isinstance(extra, Check):
        return "a check", "check(...)"
    is_storage = isinstance(extra, Storage) or (isinstance(extra, type) and issubclass(extra, Storage))
    return (f"the storage {extra!r}", "storage") if is_storage else (f"the serializer {extra!r}", "serializer")
