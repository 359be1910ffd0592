"""Lazy imports: names that a package offers and imports only when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def deferred(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package with lazy imports (PEP 562).

    `homes` maps each submodule to the names that it defines, separated by spaces. A submodule is an attribute, too, as
    if it had been imported. For type checkers, import the names under `if TYPE_CHECKING`. Do not show them
    `__getattr__`, because they would then accept any name.
    """
    module = sys.modules[package]
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def get(name: str) -> object:
        home = name if name in homes else home_of.get(name)
        if home is None:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=module)
        found = import_module(f"{package}.{home}")
        if name == home:
            return found
        value: object = getattr(found, name)
        setattr(module, name, value)  # so that Python finds it without `__getattr__` next time
        return value

    def names() -> list[str]:
        return sorted({*vars(module), *home_of})

    return get, names
