"""The registry of model classes, by the name under which they are stored."""

from __future__ import annotations

import ast
import gc
import inspect
import sys
import threading
import weakref
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import FrameType
from typing import Any, Protocol, cast, get_args, get_type_hints

from artigraph.errors import ModelDefinitionError, ModelNameConflictError, UnknownModelError
from artigraph.kinds import kind_of
from artigraph.serializer.codec.classes import alias_of

ARGUMENTS = "_artigraph_arguments"
"""The attribute of a class that was made of a generic class. It holds the type arguments."""
TRAITS = "_artigraph_traits"
"""The attribute of a class that holds its traits, with the names under which it is stored."""
_lock = threading.Lock()
_classes: dict[str, list[weakref.ref[type[Any]]]] = {}
"""The classes of each name, in the order in which they were defined."""
_aliases: weakref.WeakKeyDictionary[type[Any], tuple[str, ...]] = weakref.WeakKeyDictionary()
_names_of: weakref.WeakKeyDictionary[type[Any], tuple[str, ...]] = weakref.WeakKeyDictionary()
"""All names under which a class is registered."""
reused_names: set[str] = set()
"""The names under which more than one class was defined. Only these need a check at each use."""
_awaited: dict[str, weakref.ref[Traits]] = {}
"""Traits that were unpickled, by token, until their class has them. cloudpickle makes the class first."""


class Traits(Protocol):
    """The traits of a class, as far as the registry needs them."""

    token: str

    @property
    def names(self) -> tuple[str, ...]:
        """All names under which models of the class may be stored."""
        ...


def expect(traits: Traits) -> None:
    """Register the class that will get these traits under their names, before a class is next looked for."""
    with _lock:
        _awaited[traits.token] = weakref.ref(traits)


def _settle() -> None:
    """Register each class that cloudpickle made, and that has its traits by now, under the names in them."""
    with _lock:
        classes = dict.fromkeys(ref() for refs in _classes.values() for ref in refs)
    for cls in classes:
        traits: Traits | None = None if cls is None else vars(cls).get(TRAITS)
        if cls is not None and traits is not None and traits.token in _awaited:
            register_class(cls, traits.names)
            with _lock:
                _awaited.pop(traits.token, None)
    with _lock:
        for token in [token for token, traits in _awaited.items() if traits() is None]:
            del _awaited[token]


def register_class(cls: type[Any], names: Iterable[str]) -> None:
    """Register a class under its stored name and its aliases.

    A class replaces the one defined before at the same place (module and qualified name), once it is finished: a
    dataclass, or of another kind. So a notebook cell can run twice, a module can be reloaded, and
    `dataclass(slots=True)` can make its second class. A class that is never finished replaces none: cloudpickle makes
    and discards a bare class when an instance returns to the process that defines its class.

    A class that is registered again has the new names alone, and is the last one that was defined.
    """
    names = tuple(names)
    with _lock:
        for former in _names_of.get(cls, ()):
            if former not in names:
                _classes[former] = [ref for ref in _classes.get(former, []) if ref() is not cls]
        _aliases[cls], _names_of[cls] = names[1:], names
        for name in names:
            known = [ref for ref in _classes.get(name, []) if ref() not in (None, cls)]
            _classes[name] = [*known, weakref.ref(cls)]
            if len(_classes[name]) > 1:
                reused_names.add(name)


def check_aliases(cls: type[Any], name: str, aliases: Collection[str]) -> None:
    """Check that no other live class shares a name with this one, if it is an alias of one of the two.

    Classes made inside functions are left out, as they are for names: they may be leftovers.

    Raises:
        ModelNameConflictError: there is such a class.
    """
    if _is_local(cls) or _sharing(cls, name, aliases) is None:
        return
    gc.collect()  # the other class may be the one that was renamed, and nothing may refer to it
    shared = _sharing(cls, name, aliases)
    if shared is None:
        return
    alias, other = shared
    places = " and ".join(sorted(".".join(_place(each)) for each in (cls, other)))
    msg = (
        f"Two model classes are stored under the name {alias!r}, which is an alias: {places}. Remove the alias, or the "
        "class that it renames. In a notebook, delete the former class, or start the session anew."
    )
    raise ModelNameConflictError(msg)


def _sharing(cls: type[Any], name: str, aliases: Collection[str]) -> tuple[str, type[Any]] | None:
    for each in (name, *aliases):
        for other in _live(each) if each in _classes else ():
            if _is_local(other) or same_place(cls, other):
                continue
            if each in aliases or each in _aliases.get(other, ()):
                return each, other
    return None


def find_class(name: str, preferred: Mapping[str, type[Any]]) -> type[Any]:
    """Return the class with a stored name. A preferred class wins. Otherwise the class that was defined last wins.

    A class is live if the garbage collector has not removed it.

    Raises:
        UnknownModelError: no live class has this name.
        ModelNameConflictError: two live classes at module level have this name.
    """
    if _awaited:
        _settle()
    cls = preferred.get(name)
    only = _only(name)
    if only is not None and (cls is None or cls is only):
        return only
    live = _live(name)
    if cls is not None:  # if it was defined again since the annotation was resolved, take the newer one
        return next((other for other in live if _place(other) == _place(cls)), cls)
    if not live:
        msg = (
            f"No model class is stored under the name {name!r} here. Import the module that defines it. If the class "
            f"was renamed, add its former name to the class line: class Renamed(ArtifactModel, aliases=({name!r},)). "
            "If it was removed, artigraph.stored.load_stored reads what is stored"
        )
        raise UnknownModelError(msg)
    _check(name, live)
    return live[-1]


def last_defined(name: str) -> type[Any] | None:
    """Return the live class that was defined last under a name, or None."""
    live = _live(name)
    return live[-1] if live else None


def live_classes() -> list[type[Any]]:
    """Return every live class that is finished."""
    if _awaited:
        _settle()
    with _lock:
        classes = dict.fromkeys(ref() for refs in _classes.values() for ref in refs)
    return [cls for cls in classes if cls is not None and _is_finished(cls)]


def check_name(cls: type[Any], name: str) -> None:
    """Check that no other live class at module level is stored under the name of this one.

    Raises:
        ModelNameConflictError: there is such a class.
    """
    if name in reused_names and not _is_local(cls):
        _check(name, _live(name))


def _only(name: str) -> type[Any] | None:
    """Return the live class with a name, or None if another class ever had the name.

    It is called for each node, so it takes no lock. That is safe because writers replace the list of classes and never
    change it.
    """
    known = _classes.get(name, ())
    return known[0]() if len(known) == 1 else None


def _live(name: str) -> list[type[Any]]:
    """Return the live classes of a name, one for each place, in the order in which they were defined.

    Classes that are not finished are left out if there is another one.
    """
    if _awaited:
        _settle()
    with _lock:
        known = [(ref, cls) for ref in _classes.get(name, ()) if (cls := ref()) is not None]
        places: dict[tuple[str, str], list[type[Any]]] = {}
        for _, cls in reversed(known):  # the newest first
            places.setdefault(_place(cls), []).append(cls)
        chosen = [_chosen(classes) for classes in places.values()]
        if len(known) > len(places) or len(known) < len(_classes.get(name, ())):
            dropped = {cls for classes in places.values() for cls in _replaced(classes)}
            _classes[name] = [ref for ref, cls in known if cls not in dropped]
    finished = [cls for cls in chosen if _is_finished(cls)]
    return (finished or chosen)[::-1]


def _chosen(classes: list[type[Any]]) -> type[Any]:
    """Return the class that stands for all that were defined at one place. The newest one comes first.

    It is the one that the place holds now. If the place holds none of them, it is the newest that is finished.
    """
    finished = [cls for cls in classes if _is_finished(cls)]
    return next(filter(_is_at_its_place, finished), finished[0] if finished else classes[0])


def _replaced(classes: list[type[Any]]) -> list[type[Any]]:
    """Return the classes of one place that cannot be chosen any more. The newest one comes first."""
    newest = next((index for index, cls in enumerate(classes) if _is_finished(cls)), len(classes))
    return [cls for cls in classes[newest + 1 :] if not _is_finished(cls) or not _is_at_its_place(cls)]


def _is_at_its_place(cls: type[Any]) -> bool:
    """Return whether the module of a class holds it under its qualified name.

    It does not hold a copy that cloudpickle made, nor the former class of a notebook cell that ran again. In a process
    that multiprocessing spawned, the program was imported under another name. A task that came by cloudpickle brought
    its own class, so the imported one has no precedence over it.
    """
    if cls.__module__ == "__mp_main__":
        return False
    held: object = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        held = getattr(held, "__dict__", {}).get(part)
    return held is cls


def _check(name: str, live: list[type[Any]]) -> None:
    places = sorted({".".join(_place(cls)) for cls in live if not _is_local(cls)})
    if len(places) > 1:
        msg = (
            f"Several model classes are stored under the name {name!r}: {', '.join(places)}. What is stored could not "
            "be told apart; give one of them a name of its own: class Model(ArtifactModel, name='another-name'). If "
            "one is a leftover of this session, in a notebook say, start the session anew."
        )
        raise ModelNameConflictError(msg)


def same_place(one: type[Any], other: type[Any]) -> bool:
    """Return whether two classes were defined at one place: they are one class, or one replaced the other."""
    return one.__qualname__ == other.__qualname__ and _place(one) == _place(other)


def _place(cls: type[Any]) -> tuple[str, str]:
    # In a process that multiprocessing spawned, the main module has another name.
    module = "__main__" if cls.__module__ == "__mp_main__" else cls.__module__
    arguments = vars(cls).get(ARGUMENTS)
    if arguments is None:
        return module, cls.__qualname__
    named = (".".join(_place(each)) for each in classes_in((arguments,)) if each.__module__ != "builtins")
    return module, f"{cls.__qualname__}({', '.join(named)})"  # Box[Color] of two classes Color prints the same


def _is_local(cls: type[Any]) -> bool:
    return "<locals>" in cls.__qualname__


def _is_finished(cls: type[Any]) -> bool:
    return "__dataclass_fields__" in vars(cls) or kind_of(cls) is not None


_CO_OPTIMIZED = 0x0001
"""A flag of code objects: set for functions, not for class bodies and modules."""


def local_names(annotations: Mapping[str, object], frame: FrameType | None) -> dict[str, Any]:
    """Return the values of the names in string annotations, as seen in the function that defines the class.

    They are read when the class is made, because the function's frame no longer exists when they are needed. Only
    names that occur in the annotations are kept.
    """
    names = {name for annotation in annotations.values() if isinstance(annotation, str) for name in _names(annotation)}
    found: dict[str, Any] = {}
    while frame is not None and names:
        found |= {name: frame.f_locals[name] for name in names - found.keys() if name in frame.f_locals}
        if frame.f_code.co_flags & _CO_OPTIMIZED or frame.f_locals is frame.f_globals:
            break
        frame = frame.f_back
    return found


def _names(annotation: str) -> Iterator[str]:
    try:
        tree = ast.parse(annotation.strip(), mode="eval")
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _names(node.value)


def module_names(owner: type[Any]) -> dict[str, Any]:
    """Return the values of the names in the string annotations of a class, as its module holds them.

    cloudpickle takes them along with the class, because in the other process its module is another one.
    """
    held = _globals_of(owner)
    annotations = declared_annotations(owner).values()
    names = {name for annotation in annotations if isinstance(annotation, str) for name in _names(annotation)}
    return {name: held[name] for name in sorted(names) if name in held}


def resolve(
    owner: type[Any], name: str, local: Mapping[str, Any], find_model: Callable[[str], type[Any] | None]
) -> Any:
    """Return the annotation of a field, with forward references resolved and `Annotated` kept.

    Args:
        owner: the class that declares the field.
        name: the name of the field.
        local: the values of names in the function that defines the owner.
        find_model: finds the model of a name that is not defined elsewhere, such as a model defined later in that
            function.

    Raises:
        ModelDefinitionError: the annotation cannot be resolved.
    """
    annotation = declared_annotations(owner)[name]
    names = _names_in(owner, local)
    while True:
        try:
            return _resolved(owner, {name: annotation}, names)[name]
        except Exception as error:
            missing = error.name if isinstance(error, NameError) else None
            model = find_model(missing) if missing is not None and missing not in names else None
            if missing is None or model is None:
                msg = (
                    f"The annotation {annotation!r} of field {name!r} of model {owner.__qualname__} cannot be "
                    f"resolved: {error}. It is needed when the model is first saved or loaded. Import what it names "
                    "at run time (not under TYPE_CHECKING); where the class is made in a function, define it before."
                )
                raise ModelDefinitionError(msg) from error
            names[missing] = model


def resolve_all(owner: type[Any], local: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the annotations in the body of a class, resolved as `resolve` does, but only by names that are there.

    Raises:
        Exception: an annotation cannot be resolved; whatever its expression raises.
    """
    return _resolved(owner, declared_annotations(owner), _names_in(owner, local))


def _names_in(owner: type[Any], local: Mapping[str, Any]) -> ChainMap[str, Any]:
    """Return the values of the names in the annotations of a class.

    As in `typing`, the module's names take precedence over the class's, because `date: date | None = None` makes the
    name of a type the name of a default.
    """
    return ChainMap({**local, owner.__name__: owner}, _globals_of(owner), dict(vars(owner)))


def _resolved(owner: type[Any], annotations: Mapping[str, Any], names: ChainMap[str, Any]) -> dict[str, Any]:
    holder = type(owner.__name__, (), {"__annotations__": dict(annotations)})
    return get_type_hints(holder, globalns=_globals_of(owner), localns=names, include_extras=True)


def _globals_of(owner: type[Any]) -> dict[str, Any]:
    module = sys.modules.get(owner.__module__)
    return {} if module is None else vars(module)


def declared_annotations(owner: type[Any]) -> Mapping[str, Any]:
    """Return the annotations in the body of a class, unresolved."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(owner, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(owner)


def classes_in(annotation: object) -> Iterator[type[Any]]:
    """Yield every class that a resolved annotation names, at any depth."""
    pending: list[object] = [annotation]
    seen: set[int] = set()
    while pending:
        part = pending.pop()
        alias = alias_of(part)
        if alias is not None and id(alias) not in seen:
            seen.add(id(alias))
            pending.append(alias.__value__)
        elif isinstance(part, tuple):
            pending.extend(cast("tuple[object, ...]", part))
        elif isinstance(part, type) and not get_args(part):
            yield part
        pending.extend(get_args(part))
