"""What a model class is, as far as storing is concerned: worked out when the class is first used."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, InitVar, dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from weakref import WeakKeyDictionary

from artigraph.errors import ModelDefinitionError
from artigraph.labels import check_label
from artigraph.model.annotations import classes_in, declared_annotations, resolve
from artigraph.model.classes import check_name, last_defined
from artigraph.model.collections import ArtifactMapping, ArtifactSequence
from artigraph.model.compare import Structured
from artigraph.model.fields import FIELD_OPTIONS, ArtifactModelConfig, FieldOptions
from artigraph.model.lazy import Lazy, is_lazy
from artigraph.serializer import Serializer
from artigraph.serializer.base import know_serializer
from artigraph.serializer.codec import collect_classes
from artigraph.storage import Storage, register_storage

__all__ = [
    "RESERVED",
    "FieldDefinition",
    "ModelDefinition",
    "ModelTraits",
    "annotation_of",
    "define",
    "is_model",
    "set_traits",
    "traits_of",
]

RESERVED = frozenset({"load", "migrate", "save"})
"""The public methods of every model; no field can have their names."""


@dataclass(slots=True)
class ModelTraits:
    """What the class line of a model says, and where the class was made."""

    name: str
    """The name that the model is stored under."""
    version: int
    config: ArtifactModelConfig
    local: dict[str, Any]
    """What the names in its annotations mean in the function that it was made in."""
    expected: dict[str, bool]
    """What the class line says to type checkers of the arguments of `@dataclass`."""


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """A stored field of a model."""

    name: str
    required: bool
    lazy: type[Lazy[Any]] | None
    """What its values, or the items of its collection, are if they are lazy: `Lazy` or a class derived from it."""
    serializer: Serializer[Any] | None
    """The serializer that the field names."""
    storage: Storage | None
    """The storage that the field names, or its model's config."""
    classes: Mapping[str, type[Any]]
    """Enums, named tuples and dataclasses of the annotation, by name."""
    models: Mapping[str, type[Any]]
    """Model classes of the annotation, by stored name."""


@dataclass(frozen=True, slots=True)
class ModelDefinition:
    """A model class, ready to be stored and loaded."""

    name: str
    version: int
    default_serializer: Serializer[Any] | None
    overflow: Storage | None
    """The storage of values that are too large for a row, of fields that have no storage."""
    fields: Mapping[str, FieldDefinition]
    classes: Mapping[str, type[Any]]
    """All classes that annotations of its fields supply: for fields that are stored but are no more."""

    @property
    def stored(self) -> str:
        """The names of the fields, in messages."""
        names = ", ".join(map(repr, self.fields))
        if self.version == 1:
            return names
        return f"{names} (as version {self.version} of the class names them, whichever version was stored)"


_traits: WeakKeyDictionary[type[Any], ModelTraits] = WeakKeyDictionary()
_DEFINITION = "_artigraph_definition"
"""Where a class keeps its definition: kept elsewhere, one that names its own class would keep it alive for ever."""


def traits_of(cls: type[Any]) -> ModelTraits:
    """Return what the class line of a model says."""
    return _traits[cls]


def set_traits(cls: type[Any], traits: ModelTraits) -> None:
    """Record what the class line of a model says."""
    _traits[cls] = traits


def is_model(cls: type[Any]) -> bool:
    """Say whether a class is a model."""
    return cls in _traits


def define(cls: type[Any]) -> ModelDefinition:
    """Return the definition of a model class, worked out once.

    The storages and serializers that its fields name are registered, so that what is saved here also loads here.

    Raises:
        ModelDefinitionError: the class cannot be stored as it is written.
        ModelNameConflictError: another live class is stored under its name.
        RegistrationError: a field's storage or serializer has the name of another one.
    """
    known = cls.__dict__.get(_DEFINITION)
    if isinstance(known, ModelDefinition):
        check_name(cls, known.name)
        return known
    traits = _traits[cls]
    check_name(cls, traits.name)
    known = _define(cls, traits)
    setattr(cls, _DEFINITION, known)
    return known


def _define(cls: type[Any], traits: ModelTraits) -> ModelDefinition:
    if "__dataclass_fields__" not in cls.__dict__:
        msg = f"Model {cls.__qualname__} is not a dataclass: put @dataclass above its class line"
        raise ModelDefinitionError(msg)
    params: Any = cls.__dataclass_params__
    for argument, said in traits.expected.items():
        if getattr(params, argument, said) is not said:  # kw_only is among the parameters since Python 3.12
            msg = (
                f"The class line of model {cls.__qualname__} says {argument}={said}, @dataclass says otherwise; say it "
                "in both places or in the decorator alone"
            )
            raise ModelDefinitionError(msg)
    for name, kind in _declared_fields(cls).items():
        if kind is InitVar:
            msg = (
                f"Field {name!r} of model {cls.__qualname__} is an InitVar: it would be needed to load the model but "
                "is not kept. Make it a field, or derive it in a class method."
            )
            raise ModelDefinitionError(msg)
    fields = {field.name: _define_field(cls, traits, field) for field in dataclasses.fields(cls) if field.init}
    serializer = traits.config.default_field_serializer
    if serializer is not None:
        know_serializer(serializer)
    overflow = traits.config.large_value_storage
    if overflow is not None:
        overflow = register_storage(overflow)
    classes = {name: found for field in fields.values() for name, found in field.classes.items()}
    return ModelDefinition(traits.name, traits.version, serializer, overflow, fields, classes)


def _declared_fields(cls: type[Any]) -> dict[str, object]:
    """Return every field and pseudo-field of a dataclass, an InitVar marked as such."""
    declared: dict[str, dataclasses.Field[Any]] = cls.__dataclass_fields__
    return {
        name: InitVar
        if getattr(field, "_field_type", None) is getattr(dataclasses, "_FIELD_INITVAR", MISSING)
        else None
        for name, field in declared.items()
    }


def _define_field(cls: type[Any], traits: ModelTraits, field: dataclasses.Field[Any]) -> FieldDefinition:
    check_label(field.name, "The name of a field")
    annotation = annotation_of(cls, field.name)
    options = _options(cls, field, annotation)
    storage = options.storage or traits.config.default_field_storage
    if storage is not None:
        storage = register_storage(storage)  # an equal one may be known: what is put must be found by name
    if options.serializer is not None:
        know_serializer(options.serializer)
    models = {traits_of(found).name: found for found in classes_in(annotation) if found in _traits}
    return FieldDefinition(
        name=field.name,
        required=field.default is MISSING and field.default_factory is MISSING,
        lazy=_lazy_class(cls, field.name, annotation),
        serializer=options.serializer,
        storage=storage,
        classes=_plain_classes(cls, field.name, annotation),
        models=models,
    )


def annotation_of(cls: type[Any], name: str) -> Any:
    """Return the annotation of a field of a model class, resolved where it was written.

    Raises:
        ModelDefinitionError: it cannot be resolved.
    """
    owner = next(base for base in cls.__mro__ if name in declared_annotations(base))
    return resolve(owner, name, _traits[owner].local if owner in _traits else {}, last_defined)


def _lazy_class(cls: type[Any], name: str, annotation: object) -> type[Lazy[Any]] | None:
    """Return what the values of a field are if it is `Lazy[T]`, or a collection of such, and None beside it.

    Raises:
        ModelDefinitionError: some would be lazy and others not, which nothing that is stored tells apart.
    """
    leaves = list(dict.fromkeys(_leaves(annotation)))
    lazy = [leaf for leaf in leaves if is_lazy(leaf)]
    if lazy and any(leaf not in (lazy[0], NoneType, Ellipsis) for leaf in leaves):
        msg = (
            f"Field {name!r} of model {cls.__qualname__} mixes Lazy with other types: {annotation}. A field is "
            "Lazy[T], or a list, tuple, dict, ArtifactMapping or ArtifactSequence of such, or None."
        )
        raise ModelDefinitionError(msg)
    return lazy[0] if lazy else None


def _leaves(annotation: object) -> Iterator[object]:
    """Yield the types of the values in a field, looking into collections but not into `Lazy`."""
    origin, args = get_origin(annotation), get_args(annotation)
    if is_lazy(annotation) or is_lazy(origin):
        yield origin or annotation
    elif origin is Annotated:
        yield from _leaves(args[0])
    elif origin in (dict, ArtifactMapping):
        yield from _leaves(args[-1])
    elif args and origin in (Union, UnionType, list, tuple, ArtifactSequence):
        for arg in args:
            yield from _leaves(arg)
    else:
        yield annotation


def _plain_classes(cls: type[Any], name: str, annotation: object) -> Mapping[str, type[Any]]:
    try:
        return collect_classes(annotation, exclude=(Structured,))
    except ModelDefinitionError as error:
        msg = f"Field {name!r} of model {cls.__qualname__}: {error}"
        raise ModelDefinitionError(msg) from error


def _extras(annotation: object) -> tuple[list[object], list[object]]:
    """Return the serializers and storages that `Annotated` names for a field, and those it names for a part of one.

    A member of a union is no part: `Annotated[X, storage] | None`.
    """
    whole: list[object] = []
    part: list[object] = []
    pending: list[tuple[object, list[object]]] = [(annotation, whole)]
    while pending:
        item, found = pending.pop()
        args = get_args(item)
        if get_origin(item) is Annotated:
            found += [extra for extra in args[1:] if isinstance(extra, (Serializer, Storage)) or _is_backend(extra)]
            pending.append((args[0], found))
        elif get_origin(item) in (Union, UnionType):
            pending += [(arg, found) for arg in args]
        else:
            pending += [(arg, part) for arg in args]
    return whole, part


def _is_backend(extra: object) -> bool:
    return isinstance(extra, type) and issubclass(extra, (Serializer, Storage))


def _options(cls: type[Any], field: dataclasses.Field[Any], annotation: object) -> FieldOptions:
    """Return what `artifact_field`, or else `Annotated`, says of a field."""
    options: FieldOptions = field.metadata.get(FIELD_OPTIONS, FieldOptions())
    extras, misplaced = _extras(annotation)
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
