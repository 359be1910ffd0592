"""Kinds of models: the contract by which classes of other libraries are stored, and where their kinds are found.

Dataclasses are the kind of the core. An installed distribution offers another kind by an entry point of the group
`artigraph.model_kind`. The entry point's name is the import name of the library, such as `pydantic`. A class of that
library cannot exist before the library is imported. So nothing is looked up for dataclasses, and no library is imported
for the sake of a class that has nothing to do with it.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Protocol, TypeVar, cast, get_origin
from weakref import WeakKeyDictionary, WeakSet

from artigraph.errors import RegistrationError, SerializationError

__all__: list[str] = ["UNRESOLVED", "KindField", "ModelKind", "register_kind"]

_log = logging.getLogger("artigraph")


class _Unresolved:
    def __repr__(self) -> str:
        return "UNRESOLVED"


UNRESOLVED: Final = _Unresolved()
"""The annotation of a field that the core resolves in the namespace of the class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindField:
    """A field that a class of some kind declares."""

    name: str
    required: bool
    """Whether the class has no default for it."""
    annotation: object = UNRESOLVED
    """The resolved annotation with the extras of `Annotated`, or `UNRESOLVED`."""
    repr: bool = True
    """Whether reprs show the field."""
    metadata: Mapping[Any, Any] = field(default_factory=dict[Any, Any])
    """What the class itself attached to the field."""


class ModelKind(Protocol):
    """How the classes of one library are read and built. All methods are pure, and may be called in any thread.

    `read` and `build` are inverse: `build(type(model), read(model))` equals `model` in every field. A stored field has
    the name that it has in Python, never an alias. The core decides how values are encoded and where they are kept.
    """

    @property
    def name(self) -> str:
        """The name of the kind, for messages."""
        ...

    @property
    def hidden(self) -> frozenset[str]:
        """The names under which `read` returns what is no field. `migrate` never sees them.

        Such a value may be a frozenset of names of fields. After a migration, it has those whose values stayed.
        """
        ...

    def claims(self, cls: type[Any]) -> bool:
        """Say whether a class is of this kind."""
        ...

    def fields(self, cls: type[Any]) -> Sequence[KindField]:
        """Return the fields of a class that are stored, in order.

        Raises:
            ModelDefinitionError: the class cannot be stored as it is defined.
        """
        ...

    def accepts(self, cls: type[Any], name: str) -> bool:
        """Say whether `read` may return a value under a name that no field has."""
        ...

    def read(self, model: Any) -> Mapping[str, object]:
        """Return the values of an instance by their names. No property or method of the class changes them.

        Raises:
            AttributeError: a required field has no value.
            SerializationError: the instance holds something that `build` could not restore.
        """
        ...

    def build(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        """Return an instance with exactly these values. No validator and no converter runs.

        Fields that are not given have their defaults. A hook that runs after construction may run. Then the values
        are set again, in case it changed them.
        """
        ...

    def check(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        """Return an instance from these values as a caller of the class would make it: with validators and converters.

        It is used for the values that `migrate` returned.
        """
        ...

    def parts(self, model: Any) -> Mapping[str, object] | None:
        """Return the values by which instances are compared; None if the class has an `__eq__` of its own."""
        ...

    def is_frozen(self, cls: type[Any]) -> bool:
        """Say whether the fields of an instance cannot be set."""
        ...

    def part_class(self, cls: type[Any], namespace: Mapping[str, object], names: Sequence[str]) -> type[Any]:
        """Return a subclass with these attributes, whose instances have no values.

        The attributes for `names` take the place of the class's fields.

        Raises:
            TypeError: the class cannot be subclassed.
        """
        ...

    def blank(self, cls: type[Any], attributes: Mapping[str, object]) -> object:
        """Return an instance of a class that `part_class` made, with these attributes. No constructor runs."""
        ...


_lock = threading.RLock()
_kinds: list[ModelKind] = []
"""The kinds that are registered or loaded, in the order in which they are asked."""
_waiting: dict[str, EntryPoint] | None = None
"""The entry points that are not loaded yet, by the library; None before they are looked up."""
_found: WeakKeyDictionary[type[Any], ModelKind | None] = WeakKeyDictionary()
"""The results of `kind_of`, as long as the classes live."""
artifact_classes: WeakSet[type[Any]] = WeakSet()
"""The classes that `artifact_class` made models. Their instances are nodes, never part of a plain value."""


def register_kind(kind: ModelKind) -> None:
    """Register a kind of models for this process. Installed distributions offer theirs by an entry point.

    Registering a kind under a known name replaces the former one. Register it before a class is used that names a class
    of this kind.
    """
    name: object = getattr(kind, "name", None)
    if not isinstance(name, str) or not name:
        msg = f"A kind of models has a name, and {kind!r} has {name!r}"
        raise RegistrationError(msg)
    with _lock:
        _kinds[:] = [*(known for known in _kinds if known.name != name), kind]
        _found.clear()


def kind_of(cls: type[Any]) -> ModelKind | None:
    """Return the kind of a class of another library; None for dataclasses and for classes that are no models."""
    try:
        return _found[cls]
    except KeyError:
        pass
    kind = _find(cls)
    # Else it is a model whose decorator has not run yet, or its kind is being imported.
    if kind is not None or dataclasses.is_dataclass(cls) or not (_loading.names or hasattr(cls, "_artigraph_traits")):
        _found[cls] = kind
    return kind


def _find(cls: type[Any]) -> ModelKind | None:
    if cls.__module__.partition(".")[0] in sys.stdlib_module_names:
        return None
    if dataclasses.is_dataclass(cls) and not hasattr(cls, "__pydantic_validator__"):
        return None
    _load_kinds()
    return next((kind for kind in _kinds if kind.claims(cls)), None)


def _load_kinds() -> None:
    """Load the kinds of the libraries that are imported.

    Each thread imports a kind that is still missing, and the import system lets the others wait for the first. No lock
    is held meanwhile, because the import may need one that another thread holds.
    """
    global _waiting  # noqa: PLW0603
    with _lock:
        if _waiting is None:
            _waiting = {entry.name: entry for entry in entry_points(group="artigraph.model_kind")}
        ready = {name: entry for name, entry in _waiting.items() if name in sys.modules}
    for name, entry in ready.items():
        if name not in _loading.names:
            _load(name, entry)


def _load(name: str, entry: EntryPoint) -> None:
    _loading.names.add(name)
    kind: ModelKind | None = None
    failure: Exception | None = None
    try:
        kind = entry.load()
    except Exception as error:  # a version of the library that the distribution does not know, say
        failure = error
    finally:
        _loading.names.discard(name)
    with _lock:
        if kind is not None and all(known.name != kind.name for known in _kinds):
            _kinds.append(kind)
        first = _waiting is not None and _waiting.pop(name, None) is not None
    if failure is not None and first:
        _log.warning("The model kind %r cannot be imported, so its classes are not stored: %r", entry.name, failure)


class _Loading(threading.local):
    def __init__(self) -> None:
        self.names: set[str] = set()


_loading = _Loading()
"""The libraries whose kinds this thread is importing. What it asks for meanwhile is answered without them."""


_names: WeakKeyDictionary[type[Any], tuple[tuple[str, ...], tuple[str, ...]]] = WeakKeyDictionary()
"""The results of `names_of_fields`. They are names only, because fields may hold their class and keep it alive."""


def has_default(declared: dataclasses.Field[Any]) -> bool:
    """Say whether a field of a dataclass has a default, also if cloudpickle copied the mark for a missing one."""
    missing = type(dataclasses.MISSING)
    return type(declared.default) is not missing or type(declared.default_factory) is not missing


def names_of_fields(cls: type[Any], kind: ModelKind) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the stored fields of a class of a kind, and of those without a default.

    Raises:
        ModelDefinitionError: the class cannot be stored as it is defined.
    """
    names = _names.get(cls)
    if names is None:
        fields = kind.fields(cls)
        required = tuple(each.name for each in fields if each.required)
        names = _names[cls] = tuple(each.name for each in fields), required
    return names


_OFFERED_HIDDEN = frozenset({"model_fields_unset"})
"""What the kinds of `artigraph-models` hide. A process may read it without the library of the kind."""


def hidden_names() -> frozenset[str]:
    """Return the names under which kinds store something that is no field of the user's."""
    return _OFFERED_HIDDEN.union(*(each.hidden for each in _kinds))


def fitting(fields: Mapping[str, Any], kind: ModelKind | None, names: Collection[str] = ()) -> Mapping[str, Any]:
    """Return stored fields without those that another kind hides, because a class may change its kind.

    Args:
        fields: the stored fields by name.
        kind: the kind of the class that is made of them; None for dataclasses.
        names: the fields of this class, which stay whatever they are named.
    """
    own = frozenset[str]() if kind is None else kind.hidden
    strange = [name for name in fields if name not in names and name not in own]
    if not strange:  # the common case
        return fields
    gone = hidden_names().intersection(strange)
    return {name: value for name, value in fields.items() if name not in gone} if gone else fields


def fields_of(value: object, *, complete: bool = True, hidden: bool = True) -> Mapping[str, object] | None:
    """Return the fields of a dataclass or of an instance of another kind; None for any other value.

    Args:
        value: any value.
        complete: whether each field must have a value. Otherwise one without is left out.
        hidden: whether to return what a kind hides, too.

    Raises:
        AttributeError: a field has no value, and the fields must be complete.
        SerializationError: the instance holds what its kind cannot restore, and the fields must be complete.
    """
    cls: type[Any] = type(value)
    if dataclasses.is_dataclass(cls):
        names = [each.name for each in dataclasses.fields(cls) if complete or hasattr(value, each.name)]
        return {name: getattr(value, name) for name in names}
    kind = kind_of(cls)
    if kind is None:
        return None
    try:
        fields = kind.read(value)
    except (AttributeError, SerializationError):
        if complete:
            raise
        return {}
    return fields if hidden else {name: part for name, part in fields.items() if name not in kind.hidden}


def needs_plugin(cls: type[Any]) -> str | None:
    """Return the library of a class if its kind is not installed, for messages; else None."""
    installed = kind_of(cls) is not None
    marks = {"__pydantic_validator__": "pydantic", "__attrs_attrs__": "attrs", "__struct_fields__": "msgspec"}
    library = next((library for mark, library in marks.items() if hasattr(cls, mark)), None)
    return None if installed or any(kind.name == library for kind in _kinds) else library


# Type arguments of generic bases --------------------------------------------------------------------------------


def with_arguments(cls: type[Any], owner: type[Any], annotation: Any) -> Any:
    """Return the annotation of a field of `owner` as it is in `cls`, which may give the owner's type variables a value.

    In `class Colors(Box[Color])`, a field `item: T` of `Box` is a `Color`.
    """
    if not _variables(annotation):
        return annotation
    for found in _arguments(cls, {}):
        if found[0] is owner:
            return _substitute(annotation, found[1])
    return annotation


def _arguments(cls: type[Any], given: Mapping[object, object]) -> Iterator[tuple[type[Any], Mapping[object, object]]]:
    """Yield each class that a class derives from, with the values of its type variables there."""
    yield cls, given
    plain = [base for base in cls.__bases__ if base is not object]
    for base in cast("tuple[Any, ...]", vars(cls).get("__orig_bases__", ())):
        origin = get_origin(base)
        if not isinstance(origin, type) or origin not in plain:
            continue
        plain.remove(origin)
        parameters: tuple[object, ...] = getattr(origin, "__parameters__", ())
        values = [_substitute(value, given) for value in base.__args__]
        yield from _arguments(origin, dict(zip(parameters, values, strict=False)))
    for base in plain:
        yield from _arguments(base, {})


def _variables(annotation: Any) -> tuple[object, ...]:
    if isinstance(annotation, TypeVar):
        return (annotation,)
    found: object = getattr(annotation, "__parameters__", ())
    return cast("tuple[object, ...]", found) if isinstance(found, tuple) and not isinstance(annotation, type) else ()


def _substitute(annotation: Any, given: Mapping[object, object]) -> Any:
    if isinstance(annotation, TypeVar):
        return given.get(annotation, annotation)
    variables = _variables(annotation)
    if not any(variable in given for variable in variables):
        return annotation
    values = tuple(given.get(variable, variable) for variable in variables)
    found: Any = annotation[values[0] if len(values) == 1 else values]
    return found
