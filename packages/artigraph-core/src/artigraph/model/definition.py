"""How a model class is stored, determined when the class is first used."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, InitVar, dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from weakref import WeakKeyDictionary

from artigraph.errors import ModelDefinitionError, RegistrationError
from artigraph.identifiers import check_label
from artigraph.model import _classes
from artigraph.model._checks import Check
from artigraph.model._classes import check_name, reused_names
from artigraph.model._collections import ArtifactMapping, ArtifactSequence
from artigraph.model._fields import FIELD_OPTIONS, ArtifactModelConfig, FieldOptions
from artigraph.model._migration import check_steps
from artigraph.model.compare import Structured
from artigraph.model.lazy import Lazy, is_lazy
from artigraph.serializer import Serializer
from artigraph.serializer.base import add_serializer_source, know_serializer
from artigraph.serializer.codec import collect_classes
from artigraph.serializer.codec.classes import is_pydantic, runs_own_code
from artigraph.storage import Storage, register_storage
from artigraph.storage.base import add_storage_source

_log = logging.getLogger("artigraph")

RESERVED = frozenset({"load", "migrate", "save"})
"""The public methods of every model. No field can have such a name."""


@dataclass(slots=True)
class ModelTraits:
    """The arguments in the class line of a model, and the names visible where the class was defined."""

    name: str
    """The name under which the model is stored."""
    version: int
    config: ArtifactModelConfig
    local: dict[str, Any]
    """The values of names in its annotations, as seen in the function that defines the class."""
    expected: dict[str, bool]
    """The arguments of `@dataclass` that the class line repeats for type checkers."""
    aliases: tuple[str, ...] = ()
    """The names under which the class was stored before it was renamed."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names under which models of the class may be stored, the present one first."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """A stored field of a model."""

    name: str
    required: bool
    lazy: type[Lazy[Any]] | None
    """The class of its values, or of its collection's items, if they are lazy: `Lazy` or a class derived from it."""
    serializer: Serializer[Any] | None
    """The serializer that the field names."""
    storage: Storage | None
    """The storage that the field, or its model's config, names."""
    classes: Mapping[str, type[Any]]
    """Enums, named tuples and dataclasses in the annotation, by name."""
    models: Mapping[str, type[Any]]
    """Model classes in the annotation, by stored name and by alias."""
    checks: tuple[Check, ...] = ()
    """The checks of its values before a save."""


@dataclass(frozen=True, slots=True)
class ModelDefinition:
    """The definition of a model class: all that saving and loading need."""

    name: str
    version: int
    default_serializer: Serializer[Any] | None
    overflow: Storage | None
    """The storage of values that are too large for a row and whose fields name no storage."""
    fields: Mapping[str, FieldDefinition]
    classes: Mapping[str, type[Any]]
    """All classes in the annotations of its fields, for stored fields that the class no longer has."""
    own_code: bool = False
    """Whether the class's own code runs when a model is made, which may change its fields."""

    @property
    def stored(self) -> str:
        """The names of the fields, in messages."""
        names = ", ".join(map(repr, self.fields))
        if self.version == 1:
            return names
        return f"{names} (as version {self.version} of the class names them, whichever version was stored)"


_traits: WeakKeyDictionary[type[Any], ModelTraits] = WeakKeyDictionary()
_DEFINITION = "_artigraph_definition"
"""The attribute of a class that holds its definition. Kept elsewhere, it would keep its own class alive for ever."""


def traits_of(cls: type[Any]) -> ModelTraits:
    """Return the traits of a model class."""
    return _traits[cls]


def set_traits(cls: type[Any], traits: ModelTraits) -> None:
    """Set the traits of a model class."""
    _traits[cls] = traits


def is_model(cls: type[Any]) -> bool:
    """Return whether a class is a model."""
    return cls in _traits


def define(cls: type[Any]) -> ModelDefinition:
    """Return the definition of a model class, determined once.

    The storages and serializers that its fields name are registered, so that artifacts saved here also load here.

    Raises:
        ModelDefinitionError: the class cannot be stored as it is defined, or a step of its migrations is missing.
        ModelNameConflictError: another live class is stored under its name.
        RegistrationError: a field's storage or serializer has the same name as another one.
    """
    known = cls.__dict__.get(_DEFINITION)
    if isinstance(known, ModelDefinition):
        if known.name in reused_names:
            check_name(cls, known.name)
        return known
    traits = _traits[cls]
    for name in traits.names:
        check_name(cls, name)
    check_steps(cls, traits.version)
    known = _define(cls, traits)
    setattr(cls, _DEFINITION, known)
    return known


def _define_all() -> None:
    """Define each model class that was never used, which registers the storages and serializers that its fields name.

    A process that only imported a model class has not registered them yet. A class that cannot be defined is left out
    here. It raises its error when it is used.
    """
    for cls in _classes.live_classes():
        if _DEFINITION not in cls.__dict__:
            try:
                define(cls)
            except RegistrationError as error:
                _log.warning("A storage or serializer of model %s is not registered: %s", cls.__qualname__, error)
            except Exception as error:  # code of a user's class runs here
                _log.debug("Model %s cannot be defined: %s", cls.__qualname__, error)


add_storage_source(_define_all)
add_serializer_source(_define_all)


def _define(cls: type[Any], traits: ModelTraits) -> ModelDefinition:
    if "__dataclass_fields__" not in cls.__dict__:
        msg = f"Model {cls.__qualname__} is not a dataclass: put @dataclass above its class line"
        raise ModelDefinitionError(msg)
    if is_pydantic(cls):
        msg = (
            f"Model {cls.__qualname__} is a pydantic dataclass: its validators would run again at each load, and may "
            "change values. Use dataclasses.dataclass, and validate before the model is made."
        )
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
    _check_constructor(cls, fields)
    serializer = traits.config.default_field_serializer
    if serializer is not None:
        know_serializer(serializer)
    overflow = traits.config.large_value_storage
    if overflow is not None:
        overflow = register_storage(overflow)
    classes = {name: found for field in fields.values() for name, found in field.classes.items()}
    return ModelDefinition(traits.name, traits.version, serializer, overflow, fields, classes, runs_own_code(cls))


def _check_constructor(cls: type[Any], fields: Collection[str]) -> None:
    """Check that loading can make a model by its constructor, from its fields given by name.

    Raises:
        ModelDefinitionError: the class has a constructor of its own that takes other arguments.
    """
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):  # the constructor has no signature
        return
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    unnamed = [one for one in parameters if one.kind is one.POSITIONAL_ONLY]
    needed = [one.name for one in (*named, *unnamed) if one.default is one.empty]
    strange = [name for name in needed if name not in fields or name in {one.name for one in unnamed}]
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters)
    lacking = [] if takes_all else sorted(set(fields) - {one.name for one in named})
    if strange or lacking:
        what = f"needs {strange[0]!r} besides" if strange else f"does not take {lacking[0]!r}"
        msg = (
            f"The constructor of model {cls.__qualname__} {what}. A model is loaded by its constructor, from its "
            "fields by name: let @dataclass make __init__, derive fields in __post_init__, and make models from other "
            "arguments in a class method."
        )
        raise ModelDefinitionError(msg)


def _declared_fields(cls: type[Any]) -> dict[str, object]:
    """Return every field and pseudo-field of a dataclass. An InitVar is marked as such."""
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
        storage = register_storage(storage)  # may return an equal storage registered before, which loads use
    if options.serializer is not None:
        know_serializer(options.serializer)
    found = [each for each in _classes.classes_in(annotation) if each in _traits]
    models = {stored: each for each in found for stored in traits_of(each).names}
    return FieldDefinition(
        name=field.name,
        required=field.default is MISSING and field.default_factory is MISSING,
        lazy=_lazy_class(cls, field.name, annotation),
        serializer=options.serializer,
        storage=storage,
        classes=_plain_classes(cls, field.name, annotation),
        models=models,
        checks=tuple(extra for extra in _extras(annotation)[0] if isinstance(extra, Check)),
    )


def annotation_of(cls: type[Any], name: str) -> Any:
    """Return the annotation of a field of a model class, resolved in the namespace where it was written.

    Raises:
        ModelDefinitionError: the annotation cannot be resolved.
    """
    owner = next(base for base in cls.__mro__ if name in _classes.declared_annotations(base))
    return _classes.resolve(owner, name, _traits[owner].local if owner in _traits else {}, _classes.last_defined)


def _lazy_class(cls: type[Any], name: str, annotation: object) -> type[Lazy[Any]] | None:
    """Return the lazy class of a field that is `Lazy[T]`, or a collection of such, possibly with None; else None.

    Raises:
        ModelDefinitionError: some values would be lazy and others not; the stored rows could not tell which.
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
    """Yield the types of the values in a field. It looks into collections, but not into `Lazy`."""
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
    """Return the serializers, storages and checks that `Annotated` names for a whole field, and those for a part of it.

    A member of a union counts as the whole field: `Annotated[X, storage] | None`.
    """
    whole: list[object] = []
    part: list[object] = []
    pending: list[tuple[object, list[object]]] = [(annotation, whole)]
    while pending:
        item, found = pending.pop()
        args = get_args(item)
        if get_origin(item) is Annotated:
            found += [extra for extra in args[1:] if isinstance(extra, _EXTRAS) or _is_backend(extra)]
            pending.append((args[0], found))
        elif get_origin(item) in (Union, UnionType):
            pending += [(arg, found) for arg in args]
        else:
            pending += [(arg, part) for arg in args]
    return whole, part


_EXTRAS = (Serializer, Storage, Check)
"""What `Annotated` may name for a field."""


def _is_backend(extra: object) -> bool:
    return isinstance(extra, type) and issubclass(extra, (Serializer, Storage))


def _options(cls: type[Any], field: dataclasses.Field[Any], annotation: object) -> FieldOptions:
    """Return the options of a field from `artifact_field`, or else from `Annotated`."""
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
