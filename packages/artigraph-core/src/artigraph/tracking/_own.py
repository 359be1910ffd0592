"""Say which modules belong to the distribution of a function, or are not installed either."""

from __future__ import annotations

import importlib.util
import site
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

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


class Ownership:
    """Says which modules are followed from a function.

    These are the modules of its top-level package, and of the other packages of its distribution. If it is not
    installed, these are all modules that are not installed either.
    """

    def __init__(self, function_globals: Mapping[str, Any]) -> None:
        self._root = str(function_globals.get("__name__", "__main__")).partition(".")[0]
        self._installed = _is_installed_file(function_globals.get("__file__"))
        self._known: dict[str, bool] = {}

    def owns(self, module: str) -> bool:
        """Say whether the code of a module is followed."""
        top = module.partition(".")[0]
        found = self._known.get(top)
        if found is None:
            found = self._known[top] = self._owns(top)
        return found

    def _owns(self, top: str) -> bool:
        if top == self._root or top in _MAIN:
            return True
        if top == _OURS or top in sys.builtin_module_names or top in sys.stdlib_module_names:
            return False
        if self._installed:
            distributions = _distributions()
            return not set(distributions.get(top, ())).isdisjoint(distributions.get(self._root, ()))
        return not _is_installed(top)


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
