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
from dataclasses import fields as fields_of_dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, cast, get_args, get_origin

from artigraph.errors import class_name
from artigraph.kinds import fields_of
from artigraph.tracking._bytecode import digest_of, facts_of
from artigraph.tracking._options import Follow
from artigraph.tracking._own import Ownership, module_of
from artigraph.tracking._values import Values

_MOST = 20_000
"""The most functions, classes and instances that are followed from one function."""
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
_OF_CLASSES = frozenset(
    (
        *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__"),
        *("__static_attributes__", "__annotations__", "__annotate__", "__annotate_func__"),
        *("__annotations_cache__", "__dataclass_fields__", "__dataclass_params__", "__match_args__"),
        *("__hash__", "__abstractmethods__", "__parameters__", "__orig_bases__", "__slots__"),
        *("__orig_class__", "__classcell__", "__type_params__", "__replace__"),
    )
)
"""What a class has that follows from the rest of it, or that its kind says in another form."""
_PREFIXES = ("__pydantic_", "_abc_", "__attrs_", "__msgspec_", "__struct_", "_artigraph_", "__artigraph_")


@dataclass(frozen=True, slots=True)
class CodeIdentity:
    """The code that a function runs, as far as it can be followed."""

    parts: Mapping[str, str]
    """A digest for each function and class, by its name, and for each constant, by the name of who uses it."""
    not_followed: tuple[str, ...]
    """A description of each reference that could not be followed."""


def code_of(function: FunctionType, follow: Follow, values: Iterable[object] = ()) -> CodeIdentity:
    """Return the identity of the code of a function, and of the classes of values that it is called with."""
    walker = Walker(Ownership(function.__globals__), follow)
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

    def finish(self) -> None:
        """Follow all that was named and not followed yet."""
        while self._pending:
            if len(self._kept) > _MOST:
                self.not_followed.add(f"more than {_MOST:,} functions, classes and instances")
                return
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
            return self._foreign(module, function.__qualname__, inside)
        return ("function", self._label(function, f"{module}.{function.__qualname__}", self._follow_function), inside)

    def _foreign(self, module: str, name: str, inside: object = None) -> object:
        if module.partition(".")[0] not in (*sys.stdlib_module_names, "artigraph"):
            self.not_followed.add(f"code of {module.partition('.')[0]}, which is another distribution")
        return ("name", module, name, inside)

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
        self.parts[label] = digest_of((facts.digest, defaults, named, closure)).hex()
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
        try:
            value = cell.cell_contents
        except ValueError:  # it has no value yet
            return ("empty",)
        return self.describe(value, f"{name} in {label}")

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
        members: list[tuple[str, object]] = []
        generated = "__dataclass_fields__" in vars(cls) or "__attrs_attrs__" in vars(cls)
        for name, value in sorted(vars(cls).items()):
            if name in _OF_CLASSES or name.startswith(_PREFIXES):
                continue
            if isinstance(value, FunctionType) and generated and value.__code__.co_filename.startswith("<"):
                continue  # it follows from the fields
            if type(value).__name__ in ("member_descriptor", "getset_descriptor"):
                continue
            members.append((name, self.describe(value, f"{label}.{name}")))
        bases = [self.describe(base, label) for base in cls.__bases__]
        meta = self.describe(type(cls), label)
        self.parts[label] = digest_of(
            (bases, meta, members, self._annotations(cls, label), self._fields(cls, label))
        ).hex()

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

    def _fields(self, cls: type[Any], label: str) -> object:
        """Return the defaults of the fields of a dataclass, or of a class of pydantic, attrs or msgspec."""
        found: list[object] = []
        if "__dataclass_fields__" in vars(cls):
            for each in fields_of_dataclass(cls):
                values = (each.default, each.default_factory, each.init, each.kw_only, each.compare)
                found.append((each.name, [self.describe(value, f"{label}.{each.name}") for value in values]))
        names = ("default", "default_factory", "validator", "converter", "metadata", "factory")
        pydantic: Mapping[str, object] = vars(cls).get("__pydantic_fields__", {})
        attrs: Iterable[Any] = vars(cls).get("__attrs_attrs__", ())
        for name, each in (*pydantic.items(), *((each.name, each) for each in attrs)):
            found.append((name, [self.describe(_attribute(each, part), f"{label}.{name}") for part in names]))
        if "__struct_defaults__" in vars(cls):
            found.append(self.describe(vars(cls)["__struct_defaults__"], label))
        return found

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
                pending += (fields_of(item, complete=False) or {}).values()

    def describe_class(self, cls: type[Any], where: str) -> object:
        """Return what identifies the class of a value, and follow it."""
        del where
        return self._class(cls)

    def describe_object(self, value: object, where: str, error: Exception | None = None) -> object:
        """Return what identifies an instance that is no value: its class and attributes, if the class is ours."""
        del error
        cls: type[Any] = type(value)
        if self._owns(cls.__module__):
            attributes: Mapping[str, object] = getattr(value, "__dict__", {})
            state = [(name, self.describe(part, f"{where}.{name}")) for name, part in sorted(attributes.items())]
            return ("object", self._class(cls), state)
        if cls.__module__.partition(".")[0] not in _SILENT:
            self.not_followed.add(f"{where}: the state of a {class_name(cls)}")
        return ("name", cls.__module__, cls.__qualname__, _name(value))


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
