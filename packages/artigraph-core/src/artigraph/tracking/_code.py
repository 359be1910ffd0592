"""Walk through the code that a function runs, so that a change of any of it is noticed.

The code of a function is its own, and that of all that it names in the same distribution: functions, classes, modules
and constants, and what these name. Code that is not installed, such as scripts, notebooks and checkouts, counts as one
distribution. What cannot be followed is listed, and never decides anything.

This module is over 400 lines, because the walk has one state, and each kind of object leads to every other.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import inspect
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NewType, TypeVar, cast, get_args, get_origin

from artigraph.errors import class_name
from artigraph.model.any_model import is_model_instance
from artigraph.serializer import Serializer
from artigraph.storage import Storage
from artigraph.tracking._bytecode import digest_of, facts_of
from artigraph.tracking._class_parts import (
    annotations_of,
    defaults_of,
    is_generated,
    members_of,
    of_fields,
    own_annotations,
)
from artigraph.tracking._describe import (
    PLAIN,
    Describer,
    IncomparableError,
    built_in_content,
    is_plain,
    parts_inside,
    reduced_state,
    state_of,
)
from artigraph.tracking._fixed_values import ALIASES, OF_WRAPPERS, TYPE_NAMES, FixedValues
from artigraph.tracking._options import Follow
from artigraph.tracking._ownership import Ownership, beneath, content_of, module_of
from artigraph.tracking._readings import Readings, Same, of_class, of_function, of_module, of_names, of_texts

_MOST = 20_000
"""The most functions and classes that are followed from one function."""
_DYNAMIC = ("eval", "exec", "compile", "globals", "vars", "__import__", "getattr", "setattr", "delattr")
"""Built-in functions that reach code or values by names that only exist at run time."""
_DYNAMIC_ATTRIBUTES = (
    *("import_module", "attrgetter", "methodcaller", "getmembers", "getattr_static", "__getattribute__"),
    *("__dict__", "__subclasses__", "modules", "getsource", "getsourcelines"),
)
"""Attributes through which the same is done, or the text of code is read."""
_READ_NAMES = ("__name__", "__qualname__")
_READ_DOCS = ("__doc__", "getdoc")
_READ_ANNOTATIONS = (
    *("__annotations__", "__annotate__", "get_annotations", "get_type_hints"),
    *("signature", "__signature__", "getfullargspec", "from_callable"),
)
"""Names by which code asks for what a change of has no effect otherwise."""
_SILENT = (
    "logging",
    "threading",
    "_thread",
    "contextvars",
    "typing",
    "typing_extensions",
    "abc",
    "_abc",
    "dataclasses",
)
"""Modules whose instances change no result, or are part of annotations."""


class Walker(Describer):
    """Follows references from functions to what they name. Each thing is followed once, so circles end."""

    def __init__(self, ownership: Ownership, follow: Follow, readings: Readings) -> None:
        super().__init__()
        self._ours = ownership
        self._follow: Follow = follow
        self._readings = readings
        self.parts: dict[str, str] = {}
        self.not_followed: set[str] = set()
        self._labels: dict[int, str] = {}
        self._kept: list[object] = []
        """What has a label, so that no other object gets its id."""
        self._pending: deque[Callable[[], None]] = deque()
        self._modules: dict[int, ModuleType] = {}
        """Our modules that anything refers to."""
        self._taken: set[tuple[int, str]] = set()
        """The modules and their attributes that are compared."""
        self._inside_names: dict[str, tuple[str, ...]] = {}
        """For each function that has some, the names of the functions inside it."""
        self._names: set[str] = set()
        """The names of attributes that any function uses. Some are those of modules."""
        self._globals: set[str] = set()
        """The names of globals that any function uses."""
        self._missing: set[str] = set()
        """Those that are no globals, but may be built-in names."""
        self._fixed = FixedValues(ownership, readings)
        self._documented: dict[str, Any] = {}
        """The functions and classes that were followed."""
        self._looking: set[int] = set()
        """The ids of the objects of other distributions that are being searched for our code."""

    def finish(self) -> None:
        """Follow all that was named and not followed yet.

        Raises:
            IncomparableError: there is too much of it.
        """
        while self._pending or self._use_modules() or self._use_texts():
            if len(self._kept) > _MOST:
                msg = f"it uses more than {_MOST:,} functions and classes; give Cache(version=...) or follow='function'"
                raise IncomparableError(msg)
            if self._pending:
                self._pending.popleft()()
        modules = list(self._modules.values())
        for module in modules:
            self._readings.same(of_names(vars(module), {*self._names, "__getattr__"}))
        self._readings.same(lambda: list(map(type, modules)))
        self._readings.same(of_names(vars(builtins), self._missing))
        if not self._names.isdisjoint(_READ_NAMES):  # code may ask for the name of any function
            for label, names in self._inside_names.items():
                self.parts[f"{label} (names inside)"] = digest_of(names).hex()
            for label, item in self._documented.items():
                if item.__name__ != item.__qualname__.rpartition(".")[2]:  # the name was set
                    self.parts[f"{label} (name)"] = digest_of(item.__name__).hex()

    def _use_texts(self) -> bool:
        """Note docstrings and annotations of functions, if any function asks for them. Return whether any is new."""
        asked = self._names | self._globals
        before = len(self.parts)
        for label, item in list(self._documented.items()):
            doc = vars(item).get("__doc__") if isinstance(item, type) else item.__doc__
            if not asked.isdisjoint(_READ_DOCS) and isinstance(doc, str):
                self.parts[f"{label} (docstring)"] = digest_of(doc).hex()
            key = f"{label} (annotations)"
            if not asked.isdisjoint(_READ_ANNOTATIONS) and isinstance(item, FunctionType) and key not in self.parts:
                self._readings.same(functools.partial(_annotations_of_function, item))
                found = _annotations_of_function(item)
                self.parts[key] = digest_of([self._annotation_read(value, label) for value in found]).hex()
        return len(self.parts) > before

    def _use_modules(self) -> bool:
        """Follow what may be used of modules: each attribute whose name any function uses. Return whether any is new.

        A module may be an argument, an item of a dictionary or the result of a function. So it is not known which
        function uses it. An attribute may be a module itself.
        """
        before = len(self.parts)
        for module in list(self._modules.values()):
            lazy = type(module) is not ModuleType or "__getattr__" in vars(module)
            if lazy:
                self._readings.is_complete = False
            for name in sorted(self._names if lazy else self._names & vars(module).keys()):
                if (id(module), name) in self._taken:
                    continue
                value = _attribute(module, name) if lazy else vars(module)[name]
                if value is not None or name in vars(module):
                    self._taken.add((id(module), name))
                    described = self.describe_read(value, f"{module.__name__}.{name}")
                    # Another module, or a function of the package, may have the same name.
                    self.parts[self._unused(f"{module.__name__} {name}")] = digest_of(described).hex()
        return len(self.parts) > before

    # What was read ----------------------------------------------------------------------------------------------

    def describe_read(self, value: object, where: str) -> object:
        """Return what identifies a value that was read from a name, and note how a change of it is noticed."""
        if not self._fixed.is_fixed(value):
            self._readings.equal(lambda: self._apart(lambda walker: walker.describe(value, where)))
        return self.describe(value, where)

    def _apart(self, describe: Callable[[Walker], object]) -> object:
        """Return what identifies a value, with the functions, classes and modules that it refers to."""
        walker = Walker(self._ours, self._follow, Readings())
        described = digest_of(describe(walker))
        return described, Same(walker._kept), Same(list(walker._modules.values())), walker.not_followed

    def describe_code(self, value: object, where: str) -> object:
        """Return what identifies a function, class, module or descriptor; None for any other value."""
        kind: type[Any] = type(value)  # a proxy may pretend by its `__class__` to be a function
        item: Any = value
        found: object = None
        if kind is FunctionType:
            found = self._function(item, where)
        elif issubclass(kind, type):
            found = self._class(item)
        elif issubclass(kind, ModuleType):
            found = self._module(item)
        elif kind is MethodType:
            found = ("method", self.describe(item.__func__, where), self.describe(item.__self__, where))
        elif kind is BuiltinFunctionType:
            found = self._builtin(item, where)
        elif issubclass(kind, functools.partial):
            found = self._partial(item, where)
        elif issubclass(kind, _DESCRIPTORS):
            found = self._descriptor(item, where)
        elif kind is _LRU_CACHE:
            found = self._lru_cache(item, where)
        elif get_origin(value) is not None or isinstance(value, TYPE_NAMES):
            found = self._annotation(value, where)
        return found

    # Functions --------------------------------------------------------------------------------------------------

    def _function(self, function: FunctionType, where: str) -> object:
        wrapped: object = vars(function).get("__wrapped__")
        inside = None if wrapped is None else self.describe(wrapped, where)
        module = module_of(function.__globals__)
        if not self._ours.owns_function(function):
            found = self._inside(function, where)
            return self._foreign(module, function.__qualname__, (inside, found))
        return ("function", self._label(function, f"{module}.{function.__qualname__}", self._follow_function), inside)

    def _foreign(self, module: str, name: str, inside: object = None) -> object:
        self._globals.add(name)  # it may have another name where it is used
        if name in _DYNAMIC_ATTRIBUTES:
            self.not_followed.add(f"{module}.{name}, which may lead to names that only exist when it runs")
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
            closure = cast("tuple[Any, ...]", getattr(item, "__closure__", None) or ())
            cells = list(map(content_of, closure)) if type(closure) is tuple else []
            named = [(name, self.describe(part, where)) for name, part in self._plain_state(item)]
            state = [part for name, part in state_of(item) if name != "__wrapped__" or not _is_function(item)]
            state += [_attribute(item, name) for name in _HELD if inspect.getattr_static(item, name, None) is not None]
            held = [part for part in cells if is_plain(part)]
            held += [part for part in (*cells, *state) if not is_plain(part) and self._ours.holds(part)]
            return [self.describe(part, where) for part in held] + named
        finally:
            self._looking.discard(id(item))

    def _plain_state(self, item: object) -> list[tuple[str, object]]:
        """Return the constants among the attributes of a function that a decorator made from one of ours."""
        if type(item) is not FunctionType or not any(map(self._ours.owns_function, beneath(item))):
            return []
        return [(name, part) for name, part in _own_state(item) if is_plain(part)]

    def _label(self, item: object, name: str, follow: Callable[[Any, str], None]) -> str:
        """Return the name of the part for a function or a class, and follow it later if it is new."""
        label = self._labels.get(id(item))
        if label is None:
            label = self._labels[id(item)] = self._unused(name)
            self._kept.append(item)
            self.parts[label] = ""
            self._pending.append(functools.partial(follow, item, label))
        return label

    def _unused(self, name: str) -> str:
        """Return a name for a part, with a number if another part has the name already."""
        found, number = name, 1
        while found in self.parts:
            number += 1
            found = f"{name} ({number})"
        return found

    def _follow_function(self, function: FunctionType, label: str) -> None:
        self._documented[label] = function
        facts = facts_of(function)
        names = () if self._follow == "function" else facts.global_names
        self._readings.same(of_function(function, names, content_of))
        defaults = [self.describe_read(each, f"a default of {label}") for each in function.__defaults__ or ()]
        keywords: Mapping[str, object] = function.__kwdefaults__ or {}
        named = [(name, self.describe_read(keywords[name], f"{label}({name}=)")) for name in sorted(keywords)]
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        closure = [self._cell(cells[name], name, label) for name in facts.free_variables]
        state = [
            (name, self.describe_read(value, f"{label}.{name}"))
            for name, value in state_of(function)
            if not _is_added(name, value)
        ]
        self.parts[label] = digest_of((facts.digest, defaults, named, closure, state)).hex()
        if self._follow == "distribution":
            self._follow_names(function, label)

    def _follow_names(self, function: FunctionType, label: str) -> None:
        """Follow the globals, attributes and imports that a function names."""
        facts = facts_of(function)
        found = function.__globals__
        for name in facts.global_names:
            self._globals.add(name)
            if name not in found:
                self._missing.add(name)
            if name in found or self._is_put_into_builtins(name):
                value = found[name] if name in found else vars(builtins)[name]
                described = self.describe_read(value, f"{name} in {label}")
                self.parts[self._unused(f"{label} {name}")] = digest_of(described).hex()
            elif name in _DYNAMIC and hasattr(builtins, name):
                self.not_followed.add(f"{label} calls {name}(), which may use names that only exist when it runs")
        for name in facts.attribute_names:
            if name in _DYNAMIC_ATTRIBUTES:
                self.not_followed.add(f"{label} uses .{name}, which may lead to names that only exist when it runs")
        if not is_generated(function):  # a generated `__repr__` asks for the name of its class, which does not change
            self._names.update(facts.attribute_names)
        if facts.inner_names:
            self._inside_names[label] = facts.inner_names
        for name, level, taken in facts.imports:
            self._import(name, level, taken, function, label)

    def _is_put_into_builtins(self, name: str) -> bool:
        """Return whether a built-in name stands for a constant, or for code of ours, that a program put there."""
        value: object = vars(builtins).get(name, ...)
        code = _attribute(value, "__wrapped__") or _attribute(value, "__func__") or value
        return is_plain(value) or type(value) is dict or self._ours.holds(code)

    def _cell(self, cell: Any, name: str, label: str) -> object:
        return self.describe_read(content_of(cell), f"{name} in {label}")

    def _import(self, name: str, level: int, taken: tuple[str, ...], function: FunctionType, label: str) -> None:
        """Note the modules that a function imports when it runs, so that what is used of them is followed."""
        package: object = function.__globals__.get("__package__")
        try:
            full = importlib.util.resolve_name("." * level + name, package if isinstance(package, str) else None)
        except ImportError:
            full = name
        if not self._ours.owns(full):
            self._readings.same(of_module(full.partition(".")[0]))
            self._foreign(full, "")
            return
        try:
            imported: list[object] = [importlib.import_module(full)]
            for each in taken:
                if not hasattr(imported[0], each) and importlib.util.find_spec(f"{full}.{each}") is not None:
                    imported.append(importlib.import_module(f"{full}.{each}"))
        except (Exception, SystemExit) as error:  # what importing runs is the user's code
            self.not_followed.add(f"{label} imports {full}, which fails: {type(error).__name__}")
            self._readings.is_complete = False
            return
        self._readings.same(of_module(full, taken))
        self._readings.same(of_module(full.partition(".")[0]))
        for module in (*imported, sys.modules.get(full.partition(".")[0])):
            described = self.describe_read(module, f"{full} in {label}")
            if not isinstance(module, ModuleType):  # a program may put any object there
                self.parts[self._unused(f"{label} {full}")] = digest_of(described).hex()

    # Other callables and modules -----------------------------------------------------------------------------------

    def _builtin(self, value: Any, where: str) -> object:
        module = str(_attribute(value, "__module__") or "builtins")
        owner: object = _attribute(value, "__self__")
        if self._ours.owns(module):
            self.not_followed.add(f"{where}: compiled code of {module}")
        if module == "builtins" and value.__qualname__ in _DYNAMIC:  # under another name
            self.not_followed.add(f"{where}: {value.__qualname__}(), which may use names that only exist when it runs")
        bound = None if owner is None or isinstance(owner, ModuleType) else self.describe(owner, where)
        return ("name", module, value.__qualname__, bound)

    def _partial(self, value: Any, where: str) -> object:
        keywords = [(name, self.describe(part, where)) for name, part in value.keywords.items()]
        return (
            "partial",
            self.describe(value.func, where),
            [self.describe(part, where) for part in value.args],
            keywords,
            self._of_own_type(value, where),
        )

    def _of_own_type(self, value: object, where: str) -> object:
        """Return what a value adds to its built-in type: attributes, and the code of a subclass of ours."""
        cls: type[Any] = type(value)
        state = [(name, self.describe(part, where)) for name, part in state_of(value) if name not in OF_WRAPPERS]
        return (state, self._class(cls) if self._ours.owns_class(cls) else None)

    def _lru_cache(self, value: Any, where: str) -> object:
        typed = bool(value.cache_parameters()["typed"])  # whether 1 and 1.0 are one
        state = [(name, self.describe(part, where)) for name, part in _own_state(value)]
        return (_type(value), self.describe(value.__wrapped__, where), typed, state)

    def _descriptor(self, value: object, where: str) -> object:
        names = ("__func__", "func", "fget", "fset", "fdel", "args", "keywords")
        inside = [self.describe(_attribute(value, name), where) for name in names]
        return (_type(value), inside, self._of_own_type(value, where))

    def _module(self, value: ModuleType) -> object:
        if not self._ours.owns(value.__name__):
            return self._foreign(value.__name__, "")
        self._modules[id(value)] = value
        return ("module", value.__name__, None if type(value) is ModuleType else self._class(type(value)))

    # Classes ------------------------------------------------------------------------------------------------------

    def _class(self, cls: type[Any]) -> object:
        if not self._ours.owns_class(cls):
            return self._foreign(str(cls.__module__), cls.__qualname__)
        module = self._ours.module_of_class(cls)
        return ("class", self._label(cls, f"{module}.{cls.__qualname__}", self._follow_class))

    def _follow_class(self, cls: type[Any], label: str) -> None:
        self._documented[label] = cls
        self._readings.same(of_class(cls))
        members = [(name, self.describe_read(value, f"{label}.{name}")) for name, value in members_of(cls)]
        self._readings.same(of_fields(cls))
        defaults = [
            (name, [self.describe_read(value, f"{label}.{name}") for value in values])
            for name, values in defaults_of(cls)
        ]
        bases = [self._annotation_read(base, label) for base in (*vars(cls).get("__orig_bases__", ()), *cls.__bases__)]
        meta = self.describe_read(type(cls), label)
        own = annotations_of(cls)
        self._note_texts(cls, own)
        annotations = [(name, self._annotation_read(value, label)) for name, value in own]
        self.parts[label] = digest_of((bases, meta, members, annotations, defaults)).hex()

    def _note_texts(self, cls: type[Any], annotations: Iterable[tuple[str, object]]) -> None:
        """Note what the annotations of a class are and, if some are texts, what these name."""
        self._readings.same(lambda: list(own_annotations(cls).values()))
        texts = [value for value in own_annotations(cls).values() if isinstance(value, str)]
        if texts:
            named = of_texts(cls.__module__, texts)
            self._readings.same(named)
            if not all(
                map(self._fixed.is_fixed_in_texts, named())
            ):  # such as a dictionary from which a text takes an item
                self._readings.equal(lambda: self._apart(lambda walker: walker._annotations(cls)))
        if any(isinstance(value, str) for _, value in annotations):  # what they name may be there later
            self._readings.is_complete = False

    def _annotations(self, cls: type[Any]) -> object:
        """Return what identifies the annotations of a class, resolved anew."""
        return [self._annotation(value, cls.__qualname__) for _, value in annotations_of(cls)]

    def _annotation_read(self, value: object, where: str) -> object:
        """Return what identifies an annotation, and note how a change of it is noticed."""
        if not self._fixed.is_fixed_annotation(value):
            self._readings.equal(lambda: self._apart(lambda walker: walker._annotation(value, where)))
        return self._annotation(value, where)

    def _annotation(self, value: object, where: str) -> object:
        """Return what identifies an annotation or another type, and follow the classes in it."""
        if isinstance(value, TYPE_NAMES):
            return self._type_name(value, where)
        origin = get_origin(value)
        if origin is None:
            return self.describe(value, f"an annotation of {where}")
        generic = self.describe(origin, where) if isinstance(origin, (type, *ALIASES)) else None
        return (str(origin), generic, [self._annotation(part, where) for part in get_args(value)])

    def _type_name(self, value: Any, where: str) -> object:
        """Return what identifies a type with another name. An alias may contain itself, so it is followed later."""
        if isinstance(value, TypeVar):
            types = (_attribute(value, "__bound__"), _attribute(value, "__default__"), *value.__constraints__)
            return ("variable", value.__name__, [self._annotation_read(each, where) for each in types])
        return ("alias", self._label(value, f"{value.__module__}.{value.__name__}", self._follow_alias))

    def _follow_alias(self, value: Any, label: str) -> None:
        meant = "__supertype__" if isinstance(value, NewType) else "__value__"
        self._readings.same(lambda: [_attribute(value, meant)])
        self.parts[label] = digest_of(self._annotation_read(_attribute(value, meant), label)).hex()

    # Values -------------------------------------------------------------------------------------------------------

    def _collection(self, value: object, where: str) -> object:
        held: Any = value
        if self._looking and type(held) is dict and "__builtins__" in held:  # pydantic keeps the globals of a module
            return ("globals", module_of(cast("dict[str, object]", held)))
        return super()._collection(value, where)

    def noticed(self, value: object) -> None:
        """Follow the classes of a model that is a constant."""
        for cls in classes_in([value], self._ours):
            self._class(cls)

    def state_of_member(self, value: Enum, where: str) -> object:
        """Return what identifies the attributes of a member of an enum of ours, which its constructor may set."""
        if not self._ours.owns_class(type(value)):
            return None
        return [
            (name, self.describe(part, f"{where}.{name}"))
            for name, part in state_of(value)
            if not (name.startswith("_") and name.endswith("_"))  # what enums keep about themselves
        ]

    def describe_class(self, cls: type[Any], where: str) -> object:
        """Return what identifies the class of a value, and follow it."""
        del where
        return self._class(cls)

    def describe_object(self, value: object, where: str, error: Exception | None = None) -> object:
        """Return what identifies an instance that is no value: its class and attributes, if the class is ours."""
        del error
        cls: type[Any] = type(value)
        if isinstance(value, (Storage, Serializer)):  # they decide where and how a value is kept, not what it is
            return ("name", cls.__module__, cls.__qualname__)
        owned = self._ours.owns_class(cls)
        is_known = owned or any(base.__module__ == _CONSTRAINTS for base in cls.__mro__)
        state = [(name, self.describe(part, f"{where}.{name}")) for name, part in state_of(value)] if is_known else []
        content = built_in_content(value)
        reduced = None if content is not None else reduced_state(value)
        if reduced is not None:
            content = list(reduced)
        silent = cls.__module__.partition(".")[0] in _SILENT and cls is not threading.local
        if not is_known and content is None and not silent:
            self.not_followed.add(f"{where}: the state of a {class_name(cls)}")
        described = None if content is None else self.describe(content, where)
        kind = self._class(cls) if owned else ("name", cls.__module__, cls.__qualname__, _name(value))
        return ("object", kind, state, described, None if owned else self._inside(value, where))


def classes_in(values: Iterable[object], ours: Ownership) -> list[type[Any]]:
    """Return our classes of values and of what they hold. The function may call their methods.

    A value may be a class itself, such as the `cls` of a method.

    Raises:
        IncomparableError: a value holds too much.
    """
    found: dict[type[Any], None] = {}
    for value in values:
        pending: list[tuple[object, int]] = [(value, _FOREIGN_LEVELS)]
        seen: dict[int, object] = {}
        while pending:
            item, levels = pending.pop()
            if id(item) in seen or type(item) in PLAIN:
                continue
            seen[id(item)] = item
            if len(seen) > _MOST_PARTS:
                msg = f"it holds more than {_MOST_PARTS:,} objects; give Cache(key=...)"
                raise IncomparableError(msg)
            if isinstance(item, type) and ours.owns_class(item):
                found[item] = None
                continue
            cls: type[Any] = type(item)
            if ours.owns_class(cls):
                found[cls] = None
            elif cls.__module__ != "builtins" and not is_model_instance(item) and not issubclass(cls, _COLLECTIONS):
                levels -= 1  # a lock leads to the event loop, and so to everything
            if levels >= 0:
                pending += [(part, levels) for part in parts_inside(item)]
    return list(found)


_OF_DECORATORS = frozenset({"cached", "explain", "cache_info", "cache_clear", "cache_parameters"})
"""Attributes of a function that `tracked` and `lru_cache` add, and that say nothing about it."""
_HELD = ("__wrapped__", "_self_wrapper")
"""Attributes in which objects that stand for a function keep it, and what they do around it."""
_LRU_CACHE = type(functools.lru_cache(len))
_DESCRIPTORS = (staticmethod, classmethod, property, functools.cached_property, functools.partialmethod)
_CONSTRAINTS = "annotated_types"
"""The module of the classes that say which values a field may have. pydantic derives others from them."""
_COLLECTIONS = (list, tuple, set, frozenset, deque, Mapping)
_FOREIGN_LEVELS = 1
"""How many instances of other distributions, one in the other, are searched for instances of our classes."""
_MOST_PARTS = 200_000
"""The most objects in an argument whose classes are followed."""


def _type(value: object) -> str:
    cls: type[Any] = type(value)
    return class_name(cls)


def _is_added(name: str, value: object) -> bool:
    """Return whether an attribute of a function is what a decorator added, and not the user."""
    by = str(_attribute(value, "__module__")).partition(".")[0]
    return name == "__wrapped__" or (name in _OF_DECORATORS and callable(value) and by in ("artigraph", "functools"))


def _own_state(value: object) -> list[tuple[str, object]]:
    """Return the attributes of what stands for a function that no decorator gave it."""
    return [(name, part) for name, part in state_of(value) if name not in OF_WRAPPERS and not _is_added(name, part)]


def _annotations_of_function(function: FunctionType) -> list[object]:
    """Return the names and values of annotations. They are read without being resolved, if they are texts."""
    try:
        found: Mapping[str, object] = function.__annotations__
    except Exception:  # a name is only there for type checkers, say
        return []
    return [*found, *found.values()]


def _is_function(value: object) -> bool:
    return isinstance(value, FunctionType)


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
