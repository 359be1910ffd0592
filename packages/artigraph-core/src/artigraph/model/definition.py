"""How a model class is stored, determined when the class is first used."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary, ref

from artigraph.errors import ModelDefinitionError, RegistrationError, SerializationError
from artigraph.identifiers import check_label
from artigraph.kinds import UNRESOLVED, KindField, ModelKind, kind_of, needs_plugin, with_arguments
from artigraph.model import _classes
from artigraph.model._annotations import extras_in, lazy_class, options_of, refuse_extras
from artigraph.model._checks import Check
from artigraph.model._classes import check_name, reused_names
from artigraph.model._dataclass_kind import DATACLASS, check_constructor
from artigraph.model._migration import ORIGIN, check_steps
from artigraph.model.compare import Structured
from artigraph.model.lazy import Lazy
from artigraph.model.traits import ModelTraits
from artigraph.serializer import Serializer
from artigraph.serializer.base import add_serializer_source, know_serializer
from artigraph.serializer.codec import collect_classes
from artigraph.serializer.codec.classes import runs_own_code
from artigraph.storage import Storage, register_storage
from artigraph.storage.base import add_storage_source

_log = logging.getLogger("artigraph")

RESERVED = frozenset({"load", "migrate", "save"})
"""The public methods of every model. No field can have such a name."""


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
    annotation: object = None
    """The resolved annotation, with the extras of `Annotated`."""
    repr: bool = True
    """Whether reprs show the field."""
    checks: tuple[Check, ...] = ()
    """The checks of its values before a save."""
    lazy_depths: frozenset[int] | None = None
    """In how many collections its lazy values are; None for a type that contains itself, which has no such number."""


@dataclass(frozen=True, slots=True)
class ModelDefinition:
    """The definition of a model class: all that saving and loading need.

    It is never pickled. A process that gets the class from cloudpickle determines it again, because it has to register
    the storages and serializers.
    """

    name: str
    version: int
    default_serializer: Serializer[Any] | None
    overflow: Storage | None
    """The storage of values that are too large for a row and whose fields name no storage."""
    fields: Mapping[str, FieldDefinition]
    classes: Mapping[str, type[Any]]
    """All classes in the annotations of its fields, for stored fields that the class no longer has."""
    kind: ModelKind = DATACLASS
    """How instances of the class are read and built."""
    plain: bool = False
    """Whether it is a dataclass whose constructor sets the fields that it gets, and runs no other code."""
    validate: bool = False
    """Whether stored values are validated even if they are of the class's own version."""

    def __reduce__(self) -> tuple[object, ...]:
        return _undetermined, ()

    def field(self, name: str) -> FieldDefinition:
        """Return the definition of a stored field, also of one that the class does not declare, now or ever."""
        return self.fields.get(name) or FieldDefinition(
            name=name, required=False, lazy=None, serializer=None, storage=None, classes=self.classes, models={}
        )

    @property
    def stored(self) -> str:
        """The names of the fields, in messages."""
        names = ", ".join(map(repr, self.fields))
        if self.version == 1:
            return names
        return f"{names} (as version {self.version} of the class names them, whichever version was stored)"


def _undetermined() -> None:
    """Stand for the definition of a class in a pickle of the class."""


_others: WeakKeyDictionary[type[Any], ModelTraits] = WeakKeyDictionary()
"""The traits of classes that are models by `artifact_class`."""
_DEFINITION = "_artigraph_definition"
"""The attribute of a class that holds its definition. Kept elsewhere, it would keep its own class alive for ever."""


def traits_of(cls: type[Any]) -> ModelTraits:
    """Return the traits of a model class."""
    own = cls.__dict__.get(_classes.TRAITS)
    return _others[cls] if own is None else cast("ModelTraits", own)


def set_traits(cls: type[Any], traits: ModelTraits) -> None:
    """Set the traits of a model class that derives from `ArtifactModel`."""
    setattr(cls, _classes.TRAITS, traits)
    traits.owner = ref(cls)


def set_traits_of_other(cls: type[Any], traits: ModelTraits) -> None:
    """Set the traits of a class that is a model by `artifact_class`. Classes derived from it are not models."""
    _others[cls] = traits


def forget_definition(cls: type[Any]) -> None:
    """Determine the definition of a class again when it is next used."""
    if _DEFINITION in cls.__dict__:
        delattr(cls, _DEFINITION)


def inherit_line(cls: type[Any], made: Any, arguments: object) -> Any:
    """Give a class that was made of a model class, by type arguments, what the class line of that class says.

    `Box[int]` has the version, the config and the migration steps of `Box`. If `Box` has the name `lab.Box`, it has the
    name `lab.Box[int]`, and likewise the aliases.

    Raises:
        InvalidLabelError: the name is too long.
        ModelNameConflictError: another class has one of the aliases.
    """
    if made is cls or not is_model(cls) or not isinstance(made, type) or not is_model(made):
        return made
    if ORIGIN in vars(made):  # pydantic returns the same class again
        return made
    traits, line = traits_of(made), traits_of(cls)
    setattr(made, ORIGIN, cls)
    setattr(made, _classes.ARGUMENTS, arguments)
    traits.version, traits.config = line.version, line.config
    origin = cls
    while ORIGIN in vars(origin):  # Pair[K, int][str] is made of Pair
        origin = vars(origin)[ORIGIN]
    printed = made.__name__.removeprefix(origin.__name__)
    if printed.startswith("["):
        traits.names = tuple(f"{name}{printed}" for name in traits_of(origin).names)
        for name in traits.names:
            check_label(name, f"The name of model {made.__qualname__}")
    _classes.check_aliases(made, traits.name, traits.aliases)
    _classes.register_class(made, traits.names)
    return made


def is_model(cls: type[Any]) -> bool:
    """Return whether a class is a model."""
    return _classes.TRAITS in cls.__dict__ or cls in _others


def names_of_class(cls: type[Any]) -> tuple[str, ...]:
    """Return all names under which models of a class may be stored; no name if it is no model class."""
    return traits_of(cls).names if is_model(cls) else ()


def is_base_of(expected: type[Any], cls: type[Any]) -> bool:
    """Return whether a model class may be loaded where another class is expected.

    A base of all models, such as `ArtifactModel`, also stands for classes that are models by `artifact_class`.
    """
    if issubclass(cls, expected):
        return True
    return issubclass(expected, Structured) and not is_model(expected) and not issubclass(cls, Structured)


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
    traits = traits_of(cls)
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
        if cls.__dict__.get(_DEFINITION) is None:
            try:
                define(cls)
            except RegistrationError as error:
                _log.warning("A storage or serializer of model %s is not registered: %s", cls.__qualname__, error)
            except Exception as error:  # code of a user's class runs here
                _log.debug("Model %s cannot be defined: %s", cls.__qualname__, error)


add_storage_source(_define_all)
add_serializer_source(_define_all)


def _define(cls: type[Any], traits: ModelTraits) -> ModelDefinition:
    kind = kind_of_model(cls)
    declared = kind.fields(cls)
    _check_expected(cls, traits, kind)
    fields = {field.name: _define_field(cls, traits, field) for field in declared}
    if kind is DATACLASS:
        check_constructor(cls, fields)
    serializer = traits.config.default_field_serializer
    if serializer is not None:
        know_serializer(serializer)
    overflow = traits.config.large_value_storage
    if overflow is not None:
        overflow = register_storage(overflow)
    classes = {name: found for field in fields.values() for name, found in field.classes.items()}
    validate = traits.config.validate_on_load
    plain = kind is DATACLASS and not runs_own_code(cls)
    return ModelDefinition(traits.name, traits.version, serializer, overflow, fields, classes, kind, plain, validate)


def kind_of_model(cls: type[Any]) -> ModelKind:
    """Return the kind of a model class.

    Raises:
        ModelDefinitionError: an installed distribution is missing that knows its kind.
    """
    kind = kind_of(cls)
    library = None if kind is not None else needs_plugin(cls)
    if library is not None:
        msg = (
            f"Model {cls.__qualname__} is a class of {library}. Install what stores such classes: "
            f"pip install 'artigraph-models[{library}]'"
        )
        raise ModelDefinitionError(msg)
    return kind or DATACLASS


def _check_expected(cls: type[Any], traits: ModelTraits, kind: ModelKind) -> None:
    """Check that the class line repeats what the decorator says.

    Raises:
        ModelDefinitionError: type checkers would see another class than the one that runs.
    """
    params: Any = getattr(cls, "__dataclass_params__", None)
    for argument, said in traits.expected.items():
        is_so = kind.is_frozen(cls) if argument == "frozen" else getattr(params, argument, said)
        if is_so is not said:  # kw_only is among the parameters since Python 3.12
            msg = (
                f"The class line of model {cls.__qualname__} says {argument}={said}, @dataclass says otherwise; say it "
                "in both places or in the decorator alone"
            )
            raise ModelDefinitionError(msg)


def _define_field(cls: type[Any], traits: ModelTraits, field: KindField) -> FieldDefinition:
    check_label(field.name, "The name of a field")
    if field.name in RESERVED and issubclass(cls, Structured):
        raise ModelDefinitionError(hiding_text(cls, field.name))
    annotation = _resolved(cls, field.name) if field.annotation is UNRESOLVED else field.annotation
    options = options_of(cls, field, annotation)
    storage = options.storage or traits.config.default_field_storage
    if storage is not None:
        storage = register_storage(storage)  # may return an equal storage registered before, which loads use
    if options.serializer is not None:
        know_serializer(options.serializer)
    found = [each for each in _classes.classes_in(annotation) if is_model(each)]
    models = {stored: each for each in found for stored in traits_of(each).names}
    lazy, depths = lazy_class(cls, field.name, annotation)
    return FieldDefinition(
        name=field.name,
        required=field.required,
        lazy=lazy,
        serializer=options.serializer,
        storage=storage,
        classes=_plain_classes(cls, field.name, annotation),
        models=models,
        annotation=annotation,
        repr=field.repr,
        checks=tuple(extra for extra in extras_in(annotation)[0] if isinstance(extra, Check)),
        lazy_depths=depths,
    )


def shown_fields(cls: type[Any], model: object = None) -> list[str]:
    """Return the fields that a repr or a view of an instance shows. The class may be one that cannot be stored.

    With the model itself, they include the fields that its class does not declare.
    """
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls) if field.repr]
    kind = kind_of(cls)
    if kind is None:
        return []
    try:
        fields = kind.fields(cls)
        held = list[str]() if model is None else list(kind.read(model))
    except (ModelDefinitionError, AttributeError):
        return []
    except SerializationError:  # it holds something besides its fields that could not be restored
        fields, held = kind.fields(cls), []
    declared = {field.name for field in fields}
    more = [name for name in held if name not in declared and name not in kind.hidden]
    return [field.name for field in fields if field.repr] + more


def compared_fields(cls: type[Any]) -> list[str]:
    """Return the fields by which instances of a class are compared."""
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls) if field.compare]
    return list(define(cls).fields)


def hiding_text(cls: type[Any], name: str) -> str:
    """Return the message about a field that hides a method of every model."""
    return f"Field {name!r} of model {cls.__qualname__} would hide the method of that name; rename it"


def annotation_of(cls: type[Any], name: str) -> Any:
    """Return the annotation of a stored field of a model class, resolved in the namespace where it was written.

    Raises:
        ModelDefinitionError: the annotation cannot be resolved.
    """
    return define(cls).fields[name].annotation


def annotations_now(cls: type[Any]) -> Mapping[str, Any]:
    """Return the annotations in the body of a model class, resolved by what their names mean now.

    Raises:
        Exception: an annotation cannot be resolved; whatever its expression raises.
    """
    return _classes.resolve_all(cls, traits_of(cls).local)


def _resolved(cls: type[Any], name: str) -> Any:
    owner = next((base for base in cls.__mro__ if name in _classes.declared_annotations(base)), None)
    if owner is None:
        msg = f"Field {name!r} of model {cls.__qualname__} has no annotation in a class body; write one"
        raise ModelDefinitionError(msg)
    local = traits_of(owner).local if is_model(owner) else {}
    return with_arguments(cls, owner, _classes.resolve(owner, name, local, _classes.last_defined))


def _plain_classes(cls: type[Any], name: str, annotation: object) -> Mapping[str, type[Any]]:
    parts: list[type[Any]] = []
    try:
        found = collect_classes(annotation, exclude=(Structured,), visit=parts.append)
    except ModelDefinitionError as error:
        msg = f"Field {name!r} of model {cls.__qualname__}: {error}"
        raise ModelDefinitionError(msg) from error
    for part in parts:
        if not is_model(part):
            refuse_extras(cls, name, part)
    return found
