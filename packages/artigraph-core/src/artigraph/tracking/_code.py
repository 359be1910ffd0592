"""Determine which code a function runs, so that a change of any of it is noticed.

The code of a function is its own, and that of all that it names in the same distribution: functions, classes, modules
and constants, and what these name. Code that is not installed, such as scripts, notebooks and checkouts, counts as one
distribution. What cannot be followed is listed, and never decides anything.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, cast, get_args, get_origin

from artigraph.errors import class_name
from artigraph.kinds import fields_of
from artigraph.tracking._bytecode import digest_of, facts_of
from artigraph.tracking._class_parts import defaults_of, members_of
from artigraph.tracking._options import Follow
from artigraph.tracking._own import Ownership, content_of, module_of
from artigraph.tracking._values import UnfollowedError, Values, built_in_content, state_of

_MOST = 20_000
"""The most functions and classes that are followed from one function."""
_DYNAMIC = ("eval", "exec", "compile", "globals", "__import__", "getattr", "setattr")
"""Built-in functions that reach code or values by names that only exist at run time."""
_SILENT = (
    "logging",
    "threading",
    "_thread",
    "contextvars",
    "typing",
    "typing_extensions",
    "abc",
    "_abc",
    "weakref",
    "dataclasses",
)
"""Modules whose instances change no result, or are part of annotations."""


@dataclass(frozen=True, slots=True)
class CodeIdentity:
    """The code that a function runs, as far as it can be followed."""

    parts: Mapping[str, str]
    """A digest for each function and class, by its name, and for each constant, by the name of who uses it."""
    not_followed: tuple[str, ...]
    """A description of each reference that could not be followed."""


def code_of(function: FunctionType, follow: Follow, values: Iterable[object] = ()) -> CodeIdentity:
    """Return the identity of the code of a function, and of the classes of values that it is called with."""
    walker = Walker(Ownership(function), follow)
    walker.describe(function, "")
    for value in values:
        walker.follow_classes(value)
    walker.finish()
    return CodeIdentity(walker.parts, tuple(sorted(walker.not_followed)))


class Walker(Values):
    """Follows references from functions to what they name. Each thing is followed once, so circles end."""

    def __init__(self, ownership: Ownership, follow: Follow) -> None:
        super().__init__()
        self._owns = ownership.owns
        self._follow = follow
        self.parts: dict[str, str] = {}
        self.not_followed: set[str] = set()
        self._labels: dict[int, str] = {}
        self._kept: list[object] = []
        """What has a label, so that no other object gets its id."""
        self._pending: deque[Callable[[], None]] = deque()
        self._looking: set[int] = set()
        """The ids of the objects of other distributions that are being searched for our code."""

    def finish(self) -> None:
        """Follow all that was named and not followed yet.

        Raises:
            UnfollowedError: there is too much of it.
        """
        while self._pending:
            if len(self._kept) > _MOST:
                msg = f"it uses more than {_MOST:,} functions and classes; give Cache(version=...) or follow='function'"
                raise UnfollowedError(msg)
            self._pending.popleft()()

    def describe_code(self, value: object, where: str) -> object:
        """Return what identifies a function, class, module or descriptor; None for any other value."""
        found: object = None
        match value:
            case FunctionType():
                found = self._function(value, where)
            case type():
                found = self._class(value)
            case ModuleType():
                found = self._module(value)
            case MethodType():
                found = ("method", self.describe(value.__func__, where), self.describe(value.__self__, where))
            case BuiltinFunctionType():
                found = self._builtin(value, where)
            case functools.partial():
                found = self._partial(value, where)
            case staticmethod() | classmethod() | property() | functools.cached_property() | functools.partialmethod():
                found = self._descriptor(cast("object", value), where)
            case _:
                wrapped = _attribute(value, "__wrapped__")
                if wrapped is not None:
                    found = (_type(value), self.describe(wrapped, where))
        return found

    # Functions --------------------------------------------------------------------------------------------------

    def _function(self, function: FunctionType, where: str) -> object:
        wrapped: object = _attribute(function, "__wrapped__")
        inside = None if wrapped is None else self.describe(wrapped, where)
        module = module_of(function.__globals__)
        if not self._owns(str(function.__globals__.get("__name__", "__main__"))):
            found = self._inside(function, where)
            return self._foreign(module, function.__qualname__, (inside, found))
        return ("function", self._label(function, f"{module}.{function.__qualname__}", self._follow_function), inside)

    def _foreign(self, module: str, name: str, inside: object = None) -> object:
        if module.partition(".")[0] not in (*sys.stdlib_module_names, "artigraph"):
            self.not_followed.add(f"code of {module.partition('.')[0]}, which is another distribution")
        return ("name", module, name, inside)

    def _inside(self, item: object, where: str) -> object:
        """Return what identifies our own code that a function or object of another distribution holds.

        A decorator of another distribution keeps the function in a closure, or in an attribute of what it returns.
        """
        if id(item) in self._looking:
            return None
        self._looking.add(id(item))
        try:
            cells = [content_of(cell) for cell in getattr(item, "__closure__", None) or ()]
            held = [part for part in cells if type(part) in _PLAIN or self._is_ours(part)]
            held += [part for name, part in state_of(item) if name != "__wrapped__" and self._is_ours(part)]
            return [self.describe(part, where) for part in held]
        finally:
            self._looking.discard(id(item))

    def _is_ours(self, value: object) -> bool:
        """Return whether a value is code of ours, or holds some."""
        if isinstance(value, (dict, MappingProxyType)):
            return any(self._is_ours(part) for part in cast("Mapping[object, object]", value).values())
        if isinstance(value, FunctionType):
            name = str(value.__globals__.get("__name__", "__main__"))
            return self._owns(name) or value.__closure__ is not None
        if isinstance(value, (functools.partial, MethodType)):
            return True
        return self._owns((value if isinstance(value, type) else type(value)).__module__)

    def _label(self, item: object, name: str, follow: Callable[[Any, str], None]) -> str:
        """Return the name of the part for a function or a class, and follow it later if it is new."""
        label = self._labels.get(id(item))
        if label is None:
            label, number = name, 1
            while label in self.parts:
                number += 1
                label = f"{name} ({number})"
            self._labels[id(item)] = label
            self._kept.append(item)
            self.parts[label] = ""
            if self._follow == "distribution" or len(self._kept) == 1:
                self._pending.append(functools.partial(follow, item, label))
        return label

    def _follow_function(self, function: FunctionType, label: str) -> None:
        facts = facts_of(function)
        defaults = [self.describe(each, f"a default of {label}") for each in function.__defaults__ or ()]
        keywords: Mapping[str, object] = function.__kwdefaults__ or {}
        named = [(name, self.describe(keywords[name], f"{label}({name}=)")) for name in sorted(keywords)]
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        closure = [self._cell(cells[name], name, label) for name in facts.free_variables]
        state = [
            (name, self.describe(value, f"{label}.{name}"))
            for name, value in state_of(function)
            if name not in _OF_TRACKED
        ]
        self.parts[label] = digest_of((facts.digest, defaults, named, closure, state)).hex()
        if self._follow == "function":
            return
        found = function.__globals__
        modules: list[ModuleType] = []
        for name in facts.global_names:
            if name in found:
                self._constant(found[name], name, label, modules)
            elif name in _DYNAMIC and hasattr(builtins, name):
                self.not_followed.add(f"{label} calls {name}(), which may use names that only exist when it runs")
        for name, level, taken in facts.imports:
            self._import(name, level, taken, function, label, modules)
        self._attributes(modules, facts.attribute_names, label)

    def _cell(self, cell: Any, name: str, label: str) -> object:
        return self.describe(content_of(cell), f"{name} in {label}")

    def _constant(self, value: object, name: str, label: str, modules: list[ModuleType]) -> None:
        """Add a part for the value of a name that a function uses."""
        if isinstance(value, ModuleType):
            modules.append(value)
        self.parts[f"{label} {name}"] = digest_of(self.describe(value, f"{name} in {label}")).hex()

    def _attributes(self, modules: list[ModuleType], names: tuple[str, ...], label: str) -> None:
        """Follow what code may use of modules: all attributes of them whose names it uses."""
        seen: set[int] = set()
        while modules:
            module = modules.pop()
            if id(module) in seen or not self._owns(module.__name__):
                continue
            seen.add(id(module))
            for name in names:
                if name in vars(module):
                    self._constant(vars(module)[name], f"{module.__name__}.{name}", label, modules)

    def _import(
        self,
        name: str,
        level: int,
        taken: tuple[str, ...],
        function: FunctionType,
        label: str,
        modules: list[ModuleType],
    ) -> None:
        """Add the modules that a function imports when it runs, so that what it uses of them is followed."""
        package: object = function.__globals__.get("__package__")
        try:
            full = importlib.util.resolve_name("." * level + name, package if isinstance(package, str) else None)
        except ImportError:
            full = name
        if not self._owns(full):
            self._foreign(full, "")
            return
        try:
            modules.append(importlib.import_module(full))
            for each in taken:
                if each not in vars(modules[-1]) and importlib.util.find_spec(f"{full}.{each}") is not None:
                    modules.append(importlib.import_module(f"{full}.{each}"))
        except Exception as error:  # what importing runs is the user's code
            self.not_followed.add(f"{label} imports {full}, which fails: {type(error).__name__}")
            return
        top = sys.modules.get(full.partition(".")[0])
        if top is not None:
            modules.append(top)

    # Other callables and modules -----------------------------------------------------------------------------------

    def _builtin(self, value: Any, where: str) -> object:
        module = str(_attribute(value, "__module__") or "builtins")
        owner: object = _attribute(value, "__self__")
        if self._owns(module):
            self.not_followed.add(f"{where}: compiled code of {module}")
        bound = None if owner is None or isinstance(owner, ModuleType) else self.describe(owner, where)
        return ("name", module, value.__qualname__, bound)

    def _partial(self, value: Any, where: str) -> object:
        keywords = [(name, self.describe(part, where)) for name, part in sorted(value.keywords.items())]
        return (
            "partial",
            self.describe(value.func, where),
            [self.describe(part, where) for part in value.args],
            keywords,
        )

    def _descriptor(self, value: object, where: str) -> object:
        inside = [_attribute(value, name) for name in ("__func__", "func", "fget", "fset", "fdel")]
        return (_type(value), [self.describe(part, where) for part in inside])

    def _module(self, value: ModuleType) -> object:
        if not self._owns(value.__name__):
            return self._foreign(value.__name__, "")
        return ("module", value.__name__)

    # Classes ------------------------------------------------------------------------------------------------------

    def _class(self, cls: type[Any]) -> object:
        if not self._owns(cls.__module__):
            return self._foreign(cls.__module__, cls.__qualname__)
        module = module_of(vars(sys.modules.get(cls.__module__, sys)) if cls.__module__ in sys.modules else {})
        return ("class", self._label(cls, f"{module}.{cls.__qualname__}", self._follow_class))

    def _follow_class(self, cls: type[Any], label: str) -> None:
        members = [(name, self.describe(value, f"{label}.{name}")) for name, value in members_of(cls)]
        defaults = [
            (name, [self.describe(value, f"{label}.{name}") for value in values]) for name, values in defaults_of(cls)
        ]
        bases = [self.describe(base, label) for base in cls.__bases__]
        meta = self.describe(type(cls), label)
        self.parts[label] = digest_of((bases, meta, members, self._annotations(cls, label), defaults)).hex()

    def _annotations(self, cls: type[Any], label: str) -> object:
        found: Mapping[str, object] = vars(cls).get("__annotations__", {})
        return [(name, self._annotation(value, label)) for name, value in found.items()]

    def _annotation(self, value: object, label: str) -> object:
        if isinstance(value, str):
            return value
        if isinstance(value, type) and get_origin(value) is None:
            return self.describe(value, label)
        origin = get_origin(value)
        if origin is None:
            return (_type(value), str(_attribute(value, "__name__") or ""))
        return (str(origin), [self._annotation(part, label) for part in get_args(value)])

    # Values -------------------------------------------------------------------------------------------------------

    def follow_classes(self, value: object) -> None:
        """Follow the classes of a value and of what it holds, since the function may call their methods."""
        pending, seen = [value], {0}
        while pending and len(seen) < _MOST:
            item = pending.pop()
            if id(item) in seen:
                continue
            seen.add(id(item))
            cls: type[Any] = type(item)
            if cls in (list, tuple, set, frozenset):
                pending += [part for part in cast("Iterable[object]", item) if type(part) not in _PLAIN]
            elif cls is dict:
                pending += [part for part in cast("dict[object, object]", item).values() if type(part) not in _PLAIN]
            elif cls.__module__ != "builtins":
                if self._owns(cls.__module__):
                    self.describe(cls, "")
                fields = fields_of(item, complete=False)
                pending += dict(state_of(item)).values() if fields is None else fields.values()

    def describe_class(self, cls: type[Any], where: str) -> object:
        """Return what identifies the class of a value, and follow it."""
        del where
        return self._class(cls)

    def describe_object(self, value: object, where: str, error: Exception | None = None) -> object:
        """Return what identifies an instance that is no value: its class and attributes, if the class is ours."""
        del error
        cls: type[Any] = type(value)
        if self._owns(cls.__module__):
            state = [(name, self.describe(part, f"{where}.{name}")) for name, part in state_of(value)]
            return ("object", self._class(cls), state, self._base(value, where))
        if cls.__module__.partition(".")[0] not in _SILENT:
            self.not_followed.add(f"{where}: the state of a {class_name(cls)}")
        return ("name", cls.__module__, cls.__qualname__, _name(value), self._inside(value, where))

    def _base(self, value: object, where: str) -> object:
        """Return what identifies the content of an instance of a subclass of a built-in type."""
        content = built_in_content(value)
        return None if content is None else self.describe(content, where)


_OF_TRACKED = frozenset({"__wrapped__", "cached", "explain", "cache_info", "cache_clear", "cache_parameters"})
"""Attributes of a function that a decorator adds, and that say nothing about it."""
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})


def _type(value: object) -> str:
    cls: type[Any] = type(value)
    return class_name(cls)


def _name(value: object) -> str:
    """Return the name of a value of another distribution, such as a NumPy function, or nothing."""
    name = _attribute(value, "__qualname__") or _attribute(value, "__name__")
    return name if isinstance(name, str) else ""


def _attribute(value: object, name: str) -> object:
    """Return an attribute of any object, or None. The object's own code may fail."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None
