"""Say which code belongs to the distribution of a function, or is not installed either."""

from __future__ import annotations

import importlib.util
import inspect
import site
import sys
import sysconfig
import types
from collections import deque
from collections.abc import Iterable, Mapping
from functools import cache, partial
from importlib.metadata import packages_distributions
from pathlib import Path
from types import CellType, FunctionType, MappingProxyType, MethodType
from typing import Any, cast

_MAIN = ("__main__", "__mp_main__")
_OURS = "artigraph"


def module_of(function_globals: Mapping[str, Any]) -> str:
    """Return the name of the module with these globals, which is the same in all processes that run the file.

    A script has the name of its file, whether it is run or imported. A notebook has the name `__main__`.
    """
    name = str(function_globals.get("__name__", "__main__"))
    if not name.startswith("__"):  # such as __main__, or the name under which a pipeline engine loads a script
        return name
    file: object = function_globals.get("__file__")
    spec: Any = function_globals.get("__spec__")
    if spec is not None and not str(spec.name).startswith("__"):
        return str(spec.name)
    return Path(file).stem if isinstance(file, str) else "__main__"


def module_of_class(cls: type[Any], function: FunctionType) -> str:
    """Return the name of the module of a class, like `module_of`.

    The worker of a pipeline engine gets the classes of a main program from cloudpickle. There, `__main__` is a program
    of the engine. The methods still know the file of their own program, and so does the function that uses the class.
    """
    if cls.__module__ in _MAIN:
        methods = [_function_of(value) for _, value in sorted(vars(cls).items())]
        for each in (*methods, function):
            if each is not None and each.__globals__.get("__name__") in _MAIN:
                return module_of(each.__globals__)
    found = sys.modules.get(cls.__module__)
    return module_of({} if found is None else vars(found))


def _function_of(member: object) -> FunctionType | None:
    """Return the function of a method, below decorators."""
    if isinstance(member, (staticmethod, classmethod)):
        member = cast("Any", member).__func__
    elif isinstance(member, property):
        member = member.fget
    if not isinstance(member, FunctionType):
        return None
    try:
        found: object = inspect.unwrap(member)
    except ValueError:  # a decorator made a circle
        return member
    return found if isinstance(found, FunctionType) else member


def beneath(function: FunctionType) -> list[FunctionType]:
    """Return a function, and the functions that decorators of other distributions made it from.

    They are in `__wrapped__`, or in a closure if a decorator does not use `functools.wraps`.
    """
    found: list[FunctionType] = []
    pending: list[object] = [function]
    for each in pending:  # the list grows while it is iterated over
        if isinstance(each, FunctionType) and all(each is not known for known in found):
            found.append(each)
            pending.append(getattr(each, "__wrapped__", None))
            pending += [content_of(cell) for cell in each.__closure__ or ()]
    return found


class Empty:
    """Stands for the value of a variable of a closure that has none yet."""


def content_of(cell: CellType) -> object:
    """Return the value of a variable of a closure; `Empty` if it has no value yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return Empty


def name_of(function: FunctionType) -> str:
    """Return the name of a function with its module, under which its results are cached.

    A function that a decorator of another distribution returned without `functools.wraps` has the decorator's name. So
    it is named together with what it was made from.
    """
    named = inspect.unwrap(function)
    name = f"{module_of(named.__globals__)}.{named.__qualname__}"
    top = _top(named)
    others = [each for each in beneath(function)[1:] if "__wrapped__" not in vars(function) and _top(each) != top]
    made_from = sorted({f"{module_of(each.__globals__)}.{each.__qualname__}" for each in others})
    return f"{name}({', '.join(made_from)})" if made_from else name


def _top(function: FunctionType) -> str:
    return str(function.__globals__.get("__name__", "__main__")).partition(".")[0]


class Ownership:
    """Says which modules, and the code in them, are followed from a function.

    These are the modules of its top-level package, and of the other packages of its distribution. If it is not
    installed, these are all modules that are not installed either. Below decorators, this holds for each function that
    they were given.
    """

    def __init__(self, function: FunctionType) -> None:
        self._function = function
        functions = beneath(function)
        self._roots = {top for each in functions if not _is_never_ours(top := _top(each))}
        files = [each.__globals__.get("__file__") for each in functions if _top(each) in self._roots]
        self._installed = all(_is_installed_file(file) for file in files)
        self._known: dict[str, bool] = {}

    def owns(self, module: str) -> bool:
        """Say whether the code of a module is followed."""
        top = module.partition(".")[0]
        found = self._known.get(top)
        if found is None:
            found = self._owns(top)
            if top in sys.modules:  # another one may be written and imported later
                self._known[top] = found
        return found

    def owns_function(self, function: FunctionType) -> bool:
        """Say whether the code of a function is followed."""
        return self.owns(str(function.__globals__.get("__name__", "__main__")))

    def module_of_class(self, cls: type[Any]) -> str:
        """Return the name of the module of a class that the function uses."""
        return module_of_class(cls, self._function)

    def owns_class(self, cls: type[Any]) -> bool:
        """Say whether the code of a class is followed. One that a function makes may have that function's module."""
        module: object = cls.__module__
        if isinstance(module, str) and self.owns(module):
            return True
        if any(self.owns(str(base.__module__)) for base in cls.__mro__[1:-1]):  # another library derived it from ours
            return True
        if module == "types" and getattr(types, cls.__name__, None) is not cls:  # from `make_dataclass` or `new_class`
            return True
        functions = (each for each in vars(cls).values() if isinstance(each, FunctionType))
        return module in sys.stdlib_module_names and any(
            self.owns(str(each.__globals__.get("__name__", "builtins"))) for each in functions
        )

    def holds(self, value: object, depth: int = 4) -> bool:
        """Say whether a value is code that is followed, or may hold some."""
        if depth == 0:
            return False
        if isinstance(value, (dict, MappingProxyType)):
            parts: Iterable[object] = cast("Mapping[object, object]", value).values()
            return any(self.holds(part, depth - 1) for part in parts)
        if isinstance(value, (list, tuple, set, frozenset, deque)):
            return any(self.holds(part, depth - 1) for part in cast("Iterable[object]", value))
        if isinstance(value, FunctionType):
            return self.owns_function(value) or value.__closure__ is not None
        if isinstance(value, (partial, MethodType)):
            return True
        return self.owns_class(value if isinstance(value, type) else type(value))

    def _owns(self, top: str) -> bool:
        if top in self._roots or top in _MAIN:
            return True
        if _is_never_ours(top):
            return False
        if not self._installed and not _is_installed(top):
            return True
        distributions: Mapping[str, list[str]] = _distributions() if self._installed else {}
        own = {name for root in self._roots for name in distributions.get(root, ())}
        return not own.isdisjoint(distributions.get(top, ()))


def _is_never_ours(top: str) -> bool:
    if top == _OURS or top in sys.builtin_module_names:
        return True
    if top in _MAIN or top not in sys.stdlib_module_names:
        return False
    file: object = getattr(sys.modules.get(top), "__file__", None)  # a script may lie beside a module of this name
    return not isinstance(file, str) or _is_installed_file(file)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _is_installed(top: str) -> bool:
    module = sys.modules.get(top)
    file: object = getattr(module, "__file__", None)
    if file is None:
        places: list[str] = list(getattr(module, "__path__", ()))
        if module is None:
            try:
                spec = importlib.util.find_spec(top)
            except (ImportError, ValueError):
                return True
            file = None if spec is None else spec.origin
            places = [] if spec is None else list(spec.submodule_search_locations or ())
        file = file or (places[0] if places else None)
    return file is None or _is_installed_file(file)


def _is_installed_file(file: object) -> bool:
    return isinstance(file, str) and any(Path(file).is_relative_to(folder) for folder in _installed_folders())


@cache
def _installed_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders.update(site.getsitepackages(), [site.getusersitepackages()])
    return tuple(Path(folder) for folder in folders)
