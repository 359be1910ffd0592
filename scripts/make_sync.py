"""Write `artigraph.sync`, the sync twin, from the async API: `just sync`.

A twin is written for each public name that is async, or that takes or returns async objects. It has the same name,
signature and docstring, without `await`. The other names are the same objects. A test checks that the checked-in files
are those that this script writes. docs/design/sync.md says which kind of twin each name gets.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from textwrap import fill
from types import ModuleType
from typing import Any

from scripts.sync_names import (
    BASES,
    BY_ARGUMENTS,
    CONTEXTS,
    DERIVED,
    DOCSTRINGS,
    ON_THE_LOOP,
    Function,
    Names,
    assigned_to,
    attributes,
    decorators,
    defined_in,
    definitions,
    import_of,
    is_generator,
    is_variable,
    module_of,
    names_in,
    parameters,
    without_await,
)

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "packages/artigraph-core/src/artigraph/sync"
SYNC = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__"} | {
    "__artigraph_node_id__": "__artigraph_node_id__"
}
BLOCKS = {"__aenter__": "enter", "__aexit__": "leave"}
OVERLAPS = "  # pyright: ignore[reportOverlappingOverload] (Run is no model)"
IGNORE = "  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]"

_SPLIT = re.compile(rf"^( +def \w+\()\n((?: {{8}}[^\n]*\n)+    \) -> [^\n]*:){re.escape(IGNORE)}$", re.MULTILINE)
"""A method whose parameters were put on lines of their own. Type checkers want the comment in the first line."""


def main() -> None:
    """Write the package anew."""
    write(TARGET)


def write(target: Path) -> None:
    """Write the package into a folder, except for files that begin with an underscore."""
    names = Names()
    texts = {module: Writer(names, module).text() for module in names.modules} | {"__init__": package_text(names)}
    for path in target.glob("[!_]*.py"):
        path.unlink()
    for module, text in texts.items():
        (target / f"{module}.py").write_text(text, "utf-8")
    for arguments in (["check", "--quiet", "--fix", "--select", "I,F401,RUF022"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--config", str(ROOT / "pyproject.toml"), str(target)]
        subprocess.run(command, check=True)
    for path in target.glob("[!_]*.py"):
        path.write_text(_SPLIT.sub(rf"\1{IGNORE}\n\2", path.read_text("utf-8")), "utf-8")


def package_text(names: Names) -> str:
    """Return the text of the package's own module: the names of `artigraph`, and `wait_for`."""
    imports = {"from artigraph.portal import wait_for"}
    root = import_module("artigraph")
    for name in names.public["artigraph"]:
        home = names.twins.get(name)
        imports.add(f"from artigraph.sync.{home} import {name}" if home is not None else import_of(name, root))
    others = "`, `.".join(module.removeprefix("artigraph.") for module in names.public if module != "artigraph")
    twins = fill(f"`artigraph.sync.{others}` are the twins of the modules of these names.", 120)
    return f'''"""The sync twin of `artigraph`: the same names for scripts, threads and notebooks, without `await`.

    from artigraph.sync import Run, RunManager

    with RunManager(Run()) as manager:
        manager.save_artifact("report", report)

{twins}
All but `_twin` is written by scripts/make_sync.py.
"""

{chr(10).join(sorted(imports))}

__all__ = {sorted([*names.public["artigraph"], "wait_for"])!r}
'''


class Writer:
    """Writes one module of the package."""

    def __init__(self, names: Names, module: str) -> None:
        self._names = names
        self._module = module
        self._async = f"async_{module}"
        """The name under which the async module is imported."""
        self._imports: dict[str, str] = {"": f"import artigraph.{module} as {self._async}"}
        """Import statements, by the name that they import."""
        self._variables: dict[str, str] = {}
        self._lines: list[str] = []

    def text(self) -> str:
        """Return the module, before it is formatted."""
        twins = self._names.twins_in(self._module)
        public = self._names.public.get(f"artigraph.{self._module}", twins)
        for name in public:
            if name not in twins:
                self._imports[name] = f"from artigraph.{self._module} import {name}"
        for name in sorted(twins, key=self._order):
            self._write(name)
        parts = [
            f'"""The sync twin of `artigraph.{self._module}`."""',
            "from __future__ import annotations",
            "\n".join(self._imports.values()),
            f"__all__ = {sorted(public)!r}",
            "\n".join(self._variables.values()),
            "\n".join(self._lines),
        ]
        return "\n\n".join(parts) + "\n"

    def _order(self, name: str) -> tuple[bool, int, str, int]:
        """Order classes first, after their bases, and everything else as it is defined."""
        value = self._names.value_in(self._module, name)
        module, bases = module_of(value), len(getattr(value, "__mro__", ()))
        return not bases, bases, module.__name__, definitions(module, name)[0].lineno

    def _write(self, name: str) -> None:
        module = module_of(self._names.value_in(self._module, name))
        found = definitions(module, name)
        if name in CONTEXTS:
            self._context(found[-1], module)
        elif name in DERIVED:
            self._derived_class(found[0], module)
        elif isinstance(found[0], ast.ClassDef):
            self._wrapping_class(found[0], module)
        else:
            for function in found:
                self._function(function, module, f"{self._async}.{name}")

    # Functions -----------------------------------------------------------------------------------------------------

    def _context(self, node: Any, module: ModuleType) -> None:
        """Write a function that returns a context manager."""
        if isinstance(node, ast.ClassDef):
            init, returned = defined_in(node, "__init__")[0], defined_in(node, "__aenter__")[0].returns
            init.args.args = init.args.args[1:]
        else:
            init, returned = node, node.returns.slice  # of AsyncGenerator
        self._import("AbstractContextManager", "contextlib")
        self._import("entered", "artigraph.portal")
        self._add(
            f"def {node.name}({self._parameters(init, module)}) -> "
            f"AbstractContextManager[{self._expression(returned, module)}]:",
            self._docstring(node),
            f"    return entered({self._async}.{node.name}({self._arguments(init)}))",
        )

    def _function(self, function: Function, module: ModuleType, called: str, indent: str = "", end: str = "") -> None:
        """Write the twin of a function or method, or one of its overloads."""
        for decorator in function.decorator_list:
            self._add(f"@{self._expression(decorator, module)}", indent=indent)
        returned = self._annotation(function.returns, module)
        if is_generator(function):
            returned = returned.replace("AsyncIterator[", "Iterator[").replace("AsyncGenerator[", "Iterator[")
            self._import("Iterator", "collections.abc")
        name = SYNC.get(function.name, function.name)
        head = f"def {name}({self._parameters(function, module)}) -> {returned}:"
        if "overload" in decorators(function):
            self._add(f"{head} ...{OVERLAPS if 'type[Run]' in head or '(before: Run |' in head else ''}", indent=indent)
        else:
            call = f"{called}({self._arguments(function)})"
            self._add(head + end, self._docstring(function), *self._body(function, call, returned), indent=indent)

    def _body(self, function: Function, call: str, returned: str) -> list[str]:
        """Return the lines that call the async function and return the twin of its result."""
        if is_generator(function):
            if self._names.mentioned(function.returns):
                raise SystemExit(_unknown(returned))
            self._import("iterate", "artigraph.portal")
            return [f"    return iterate({call.removesuffix('.__aiter__()')})"]
        if function.name in BLOCKS:
            manager, _, arguments = call.removesuffix(")").partition(f".{function.name}(")
            self._import(BLOCKS[function.name], "artigraph.portal")
            call = f"{BLOCKS[function.name]}({', '.join(part for part in (manager, arguments) if part)})"
        elif isinstance(function, ast.AsyncFunctionDef):
            self._import("wait_for", "artigraph.portal")
            call = f"wait_for({call})"
        elif function.name in BY_ARGUMENTS:
            self._import("result_of", "artigraph.sync._twin")
            return [f"    return result_of({call.replace('(', ', ', 1)}"]
        elif function.name in ON_THE_LOOP:
            self._import("wait_for", "artigraph.portal")
            self._import("on_the_loop", "artigraph.sync._twin")
            call = f"wait_for(on_the_loop({call.removesuffix('()')}))"
        if returned == "None":
            return [f"    {call}"]
        if function.name == "__aenter__" and returned == "Self":
            return [f"    {call}", "    return self"]
        if returned == "Self" and "super()" not in call:
            return [f"    return {'cls' if 'classmethod' in decorators(function) else 'self'}._of({call})"]
        return [f"    return {self._twin_of(call, returned, function.returns)}"]

    def _twin_of(self, call: str, returned: str, annotation: ast.expr | None) -> str:
        if returned != "Any" and not self._names.mentioned(annotation):
            return call
        self._import("twin", "artigraph.sync._twin")
        if returned == "Any":
            return f"twin({call})"
        if returned.removesuffix(" | None").partition("[")[0] not in self._names.wrapped:
            raise SystemExit(_unknown(returned))
        self._import("cast", "typing")
        return f'cast("{returned}", twin({call}))'

    def _parameters(self, function: Function, module: ModuleType) -> str:
        """Return the parameters as they are written, with the annotated classes replaced by their twins."""
        copied: Any = ast.parse(ast.unparse(function)).body[0]
        for argument in parameters(copied):
            if argument.annotation is not None:
                argument.annotation = ast.parse(self._annotation(argument.annotation, module), mode="eval").body
        found: ast.arguments = copied.args
        found.defaults = [ast.parse(self._expression(part, module), mode="eval").body for part in found.defaults]
        found.kw_defaults = [
            None if part is None else ast.parse(self._expression(part, module), mode="eval").body
            for part in found.kw_defaults
        ]
        return ast.unparse(found)

    def _arguments(self, function: Function) -> str:
        """Return the arguments that are passed on to the async function."""
        found = function.args
        positional = [*found.posonlyargs, *found.args]
        parts = [self._handed_on(argument) for argument in positional if argument.arg not in ("self", "cls")]
        parts += [f"*{found.vararg.arg}"] if found.vararg else []
        parts += [f"{argument.arg}={self._handed_on(argument)}" for argument in found.kwonlyargs]
        parts += [f"**{found.kwarg.arg}"] if found.kwarg else []
        return ", ".join(parts)

    def _handed_on(self, argument: ast.arg) -> str:
        if not self._names.mentioned(argument.annotation):
            return argument.arg
        self._import("plain", "artigraph.sync._twin")
        return f"plain({argument.arg})"

    def _docstring(self, node: Any) -> str:
        text = DOCSTRINGS.get(node.name) or without_await(ast.get_docstring(node) or "")
        if not text:
            return ""
        lines = f'"""{text}{chr(10) if chr(10) in text else ""}"""'.splitlines()
        return "\n".join(f"    {line}" if line else "" for line in lines)

    # Classes -------------------------------------------------------------------------------------------------------

    def _derived_class(self, node: ast.ClassDef, module: ModuleType) -> None:
        """Write a class whose async methods are overridden by sync ones."""
        for decorator in node.decorator_list:
            self._add(f"@{self._expression(decorator, module)}")
        variables = ", ".join(
            self._expression(base.slice, module) for base in node.bases if isinstance(base, ast.Subscript)
        )
        base = f"{self._async}.{node.name}" + (f"[{variables}]" if variables else "")
        if node.name in BASES:
            self._import("BaseOfModels", "artigraph.sync._twin")
            base += ", metaclass=BaseOfModels"
        self._add(f"class {node.name}({base}):", self._docstring(node), "", "    __slots__ = ()")
        if node.name in BASES:
            self._import("ClassVar", "typing")
            self._add("", "    _artigraph_base: ClassVar[bool] = True")
        for part in node.body:
            if isinstance(part, ast.AsyncFunctionDef) and not part.name.startswith("_"):
                self._function(part, module, f"super().{part.name}", "    ", IGNORE)

    def _wrapping_class(self, node: ast.ClassDef, module: ModuleType) -> None:
        """Write a class whose instances hold an async instance, and forward calls to it."""
        generic = [base for base in node.bases if isinstance(base, ast.Subscript)]
        wrapped = self._names.wrapped
        plain = [base for base in node.bases if isinstance(base, ast.Name) and base.id in wrapped]
        bases = [self._expression(base, module) for base in node.bases if base in generic or base in plain]
        variables = [name for base in generic for name in names_in(base.slice) if is_variable(name, module)]
        held = f"{self._async}.{node.name}" + (f"[{', '.join(variables)}]" if variables else "")
        ignore = "  # pyright: ignore[reportIncompatibleVariableOverride]"
        if not any(name in wrapped for base in node.bases for name in names_in(base)):
            self._import("Twin", "artigraph.sync._twin")
            bases, ignore = ["Twin", *bases], ""
        self._add(
            f"class {node.name}({', '.join(bases)}, of={self._async}.{node.name}):",
            self._docstring(node),
            "",
            "    __slots__ = ()",
            "",
            f"    _async: {held}{ignore}",
            "",
        )
        for init in defined_in(node, "__init__"):
            self._add(
                f"    def __init__({self._parameters(init, module)}) -> None:",
                f"        self._async = {self._async}.{node.name}({self._arguments(init)})",
            )
        for name, annotation in attributes(node):
            self._property(name, annotation, module, f'    """The {name} of the async {node.name}."""')
        for part in node.body:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._member(part, module, node)

    def _member(self, member: Function, module: ModuleType, owner: ast.ClassDef) -> None:
        name, marks = member.name, decorators(member)
        if name.startswith("_") and name not in SYNC:
            if name.startswith("__") and name not in ("__init__", "__post_init__", "__repr__", "__eq__", "__hash__"):
                raise SystemExit(_unknown(f"{owner.name}.{name}"))
        elif "property" in marks:
            self._property(name, member.returns, module, self._docstring(member))
        elif marks & {"classmethod", "staticmethod"}:
            self._function(member, module, f"{self._async}.{owner.name}.{name}", "    ")
        else:
            self._function(member, module, f"self._async.{name}", "    ")

    def _property(self, name: str, annotation: ast.expr | None, module: ModuleType, docstring: str) -> None:
        returned = self._annotation(annotation, module)
        value = self._twin_of(f"self._async.{name}", returned, annotation)
        self._add("@property", f"def {name}(self) -> {returned}:", docstring, f"    return {value}", indent="    ")

    # Names ---------------------------------------------------------------------------------------------------------

    def _annotation(self, annotation: ast.expr | None, module: ModuleType) -> str:
        if annotation is None:
            msg = f"A function of {module.__name__} lacks an annotation"
            raise SystemExit(msg)
        return self._expression(annotation, module)

    def _expression(self, tree: ast.AST, module: ModuleType) -> str:
        """Return an expression of an async module as it reads in the sync twin, and import its names.

        A wrapped class is replaced by its twin. A class that a twin derives from stays, since the twin is a subclass of
        it.
        """
        copied = ast.parse(ast.unparse(tree), mode="eval")
        for node in ast.walk(copied):
            if isinstance(node, ast.Name) and node.id in DERIVED:
                home = self._names.twins[node.id]
                self._imports[f"async_{home}"] = f"import artigraph.{home} as async_{home}"
                node.id = f"async_{home}.{node.id}"
            elif isinstance(node, ast.Name):
                self._use(node.id, module)
        return ast.unparse(copied)

    def _use(self, name: str, module: ModuleType) -> None:
        if name in self._names.wrapped:
            home = self._names.twins[name]
            if home != self._module:
                self._import(name, f"artigraph.sync.{home}")
        elif is_variable(name, module):
            self._define(name, module)
        elif name in vars(module) and name not in self._imports:
            self._imports[name] = import_of(name, module)

    def _define(self, name: str, module: ModuleType) -> None:
        """Define a type variable as an async module does."""
        text = f"{name} = {self._expression(assigned_to(name, module), module)}"
        if self._variables.setdefault(name, text) != text:
            msg = f"artigraph.{self._module} has two type variables {name}"
            raise SystemExit(msg)

    def _import(self, name: str, module: str) -> None:
        self._imports[name] = f"from {module} import {name}"

    def _add(self, *texts: str, indent: str = "") -> None:
        lines = [line for text in texts for line in text.split("\n")]
        self._lines += [f"{indent}{line}" if line else "" for line in lines]


def _unknown(what: str) -> str:
    return f"There is no way yet to write the twin of {what}: teach it to scripts/make_sync.py"


if __name__ == "__main__":
    main()
