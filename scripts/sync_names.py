"""The public names that have a sync twin, and the kind of each twin, for scripts/make_sync.py."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

MIRRORED = (
    "artigraph.db",
    "artigraph.deletion",
    "artigraph.lineage",
    "artigraph.maintenance",
    "artigraph.migrations",
    "artigraph.outline",
    "artigraph.query",
    "artigraph.stored",
    "artigraph.tracking",
    "artigraph.versions",
    "artigraph.view",
)
"""Public modules beside the root. `artigraph.sync` has one of the same name for each."""
CHOSEN = {
    "artigraph.db": (
        "Timeouts",
        "create_tables",
        "current_session",
        "dispose_engines",
        "engine_context",
        "get_engine",
        "session_context",
        "set_bytes_in_flight",
        "set_engine",
    )
}
"""The names of a module that are for users, if they are not all of its `__all__`."""
DERIVED = ("ArtifactModel", "Lazy")
"""Classes that users derive from, or that are used as field types. Their twins are derived from them."""
BASES = ("ArtifactModel",)
"""Classes that are bases of models, and no models themselves."""
SAME = ("CachedCoroutineFunction", "File", "Folder", "Media", "Reference", "TrackedValue")
"""Classes that sync code uses unchanged, although some of their methods are async: sync functions accept them."""
CONTEXTS = ("engine_context", "session_context")
"""Context managers that are used only in `async with`."""
ON_THE_LOOP = ("get_engine",)
"""Sync functions that ask which event loop is running."""
BY_ARGUMENTS = ("diff",)
"""Functions that return a coroutine for some arguments, which their overloads tell."""
DOCSTRINGS = {
    "engine_context": """\
Set the database for a block, in this thread.

Takes the arguments of `set_engine`. `with` returns the engine, which belongs to the background loop. If the engine
was made from a URL, the end of the block disposes of it.""",
    "get_engine": """\
Return the current engine, for your own queries with `wait_for`.

Raises:
    ConfigurationError: the URL in the environment cannot be used, or the default folder cannot be created.""",
    "dispose_engines": """\
Close the connections of all engines that Artigraph made on the background loop.

Artigraph opens new connections when it needs them. A database in memory is lost. The end of the process closes all
connections, too.""",
    "session_context": """\
Run all calls of a block in one transaction. The end of the block commits it, and an error rolls it back.

A block inside another one joins its transaction. Each call has a savepoint, so the session continues after an error
that you catch. The session belongs to this thread only. `with` returns a session for use with `wait_for`:

    with session_context() as session:
        rows = wait_for(session.execute(statement))

You may pass your own session if you use it on the background loop only. The calls then belong to its transaction,
and you commit, roll back and close it.

Raises:
    WrongEventLoopError: the session belongs to another event loop or thread.
    ConfigurationError: your session cannot hold a transaction as Artigraph needs it.
    RetryableError: the database aborted the transaction in favor of another one. Run the whole block again.
    DatabaseUnavailableError: the connection broke. After a broken COMMIT it is unknown whether it took effect.""",
}
"""Docstrings that replace those about event loops."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SPECIAL = ("__aenter__", "__aexit__", "__aiter__")
_trees: dict[str, ast.Module] = {}


class Names:
    """The public names of the async API."""

    def __init__(self) -> None:
        self.public: dict[str, list[str]] = {
            name: list(CHOSEN.get(name) or import_module(name).__all__) for name in ("artigraph", *MIRRORED)
        }
        """Names by module."""
        self.twins: dict[str, str] = {}
        """The modules of `artigraph.sync`, by the name of the twin in them."""
        self.wrapped: set[str] = set()
        """Classes whose twins hold an instance of them."""
        self.values: dict[str, Any] = {}
        self.namesakes: dict[tuple[str, str], Any] = {}
        """Async functions with the name of another public function, by module and name."""
        for module, names in self.public.items():
            for name in names:
                self._add(name, getattr(import_module(module), name))
        for name, value in self.values.items():
            if inspect.isfunction(value) and name not in self.twins and self._mentions_wrapped(name, value):
                self.twins[name] = _home(value)

    @property
    def modules(self) -> list[str]:
        """The modules of `artigraph.sync`."""
        return sorted({*self.twins.values(), *(name.removeprefix("artigraph.") for name in MIRRORED)})

    def mentioned(self, annotation: ast.AST | None) -> bool:
        """Return whether an annotation names a class that is wrapped."""
        return annotation is not None and not self.wrapped.isdisjoint(names_in(annotation))

    def twins_in(self, module: str) -> list[str]:
        """Return the names of the twins in a module of `artigraph.sync`."""
        twins = [name for name, home in self.twins.items() if home == module]
        return twins + [name for home, name in self.namesakes if home == module]

    def value_in(self, module: str, name: str) -> Any:
        """Return what has a public name in a module."""
        return self.namesakes.get((module, name), self.values[name])

    def _add(self, name: str, value: Any) -> None:
        known = self.values.setdefault(name, value)
        if known is not value and is_async(known) and is_async(value) and _home(known) != _home(value):
            self.namesakes[_home(value), name] = value
            return
        if known is not value:
            msg = f"Two public names are {name}"
            raise SystemExit(msg)
        has_twin = name in (*DERIVED, *CONTEXTS, *ON_THE_LOOP)
        if inspect.isclass(value):
            if not has_twin and name not in SAME and any(map(is_async, _members(value))):
                self.wrapped.add(name)
                has_twin = True
        elif inspect.isroutine(value):
            has_twin = has_twin or is_async(value)
        if has_twin:
            self.twins[name] = _home(value)

    def _mentions_wrapped(self, name: str, value: Any) -> bool:
        return any(
            self.mentioned(annotation)
            for definition in definitions(module_of(value), name)
            for annotation in (definition.returns, *(argument.annotation for argument in parameters(definition)))
        )


def _home(value: Any) -> str:
    return str(value.__module__).split(".")[1]


def _members(cls: type[Any]) -> Iterator[object]:
    """Yield the members of a class that users call, and those that implement `async with` and `async for`."""
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if not name.startswith("_") or name in _SPECIAL:
                yield getattr(member, "__func__", member)


def is_async(value: object) -> bool:
    """Return whether a function is async."""
    return inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)


def module_of(value: Any) -> ModuleType:
    """Return the module that defines a value."""
    return sys.modules[inspect.unwrap(value).__module__]


def tree_of(module: ModuleType) -> ast.Module:
    """Return the syntax tree of a module."""
    if module.__name__ not in _trees:
        _trees[module.__name__] = ast.parse(inspect.getsource(module))
    return _trees[module.__name__]


def import_of(name: str, module: ModuleType) -> str:
    """Return the statement by which a module imports a name, or else one that imports the name from the module."""
    body = tree_of(module).body
    for node in [part for top in body for part in (top.body if isinstance(top, ast.If) else [top])]:
        if isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) == name for alias in node.names):
            return f"from {node.module} import {name}"
    return f"from {module.__name__} import {name}"


def assigned_to(name: str, module: ModuleType) -> ast.expr:
    """Return the expression that a module assigns to a name."""
    return next(
        node.value
        for node in tree_of(module).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )


def definitions(module: ModuleType, name: str) -> list[Any]:
    """Return the definitions of a name in a module: one, after its overloads."""
    return defined_in(tree_of(module), name)


def defined_in(node: ast.Module | ast.ClassDef, name: str) -> list[Any]:
    """Return the definitions of a name in a module or class: one, after its overloads."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [part for part in node.body if isinstance(part, kinds) and part.name == name]


def parameters(function: Function) -> list[ast.arg]:
    """Return all parameters of a function."""
    found = function.args
    rest = [argument for argument in (found.vararg, found.kwarg) if argument is not None]
    return [*found.posonlyargs, *found.args, *found.kwonlyargs, *rest]


def names_in(tree: ast.AST) -> set[str]:
    """Return the names in an expression."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def decorators(function: Function) -> set[str]:
    """Return the decorators of a function, as they are written."""
    return {ast.unparse(decorator) for decorator in function.decorator_list}


def is_generator(function: Function) -> bool:
    """Return whether a function is an async generator."""
    return isinstance(function, ast.AsyncFunctionDef) and any(
        isinstance(node, ast.Yield) for node in ast.walk(function)
    )


def is_variable(name: str, module: ModuleType) -> bool:
    """Return whether a name of a module is that of a type variable."""
    return isinstance(vars(module).get(name), TypeVar)


def attributes(node: ast.ClassDef) -> Iterable[tuple[str, ast.expr]]:
    """Yield the public attributes of a class with their annotations: fields, and the parameters of its constructor."""
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id[0] != "_":
            yield part.target.id, part.annotation
    for init in defined_in(node, "__init__"):
        given = {argument.arg: argument.annotation for argument in parameters(init)}
        for assigned in ast.walk(init):
            match assigned:
                case ast.AnnAssign(target=ast.Attribute(attr=name), annotation=annotation) if name[0] != "_":
                    yield name, annotation
                case ast.Assign(targets=[ast.Attribute(attr=name)], value=value) if name[0] != "_":
                    known = given.get(value.id) if isinstance(value, ast.Name) else None
                    if known is None:
                        msg = f"{node.name}.{name} has no annotation"
                        raise SystemExit(msg)
                    yield name, known
                case _:
                    pass


def without_await(text: str) -> str:
    """Return a docstring with its wording for sync code."""
    for word in ("await ", "async "):
        text = text.replace(word, "")
    return text
