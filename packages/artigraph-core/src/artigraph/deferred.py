"""Names that a package offers and imports when they are first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

__all__ = ["deferred"]


def deferred(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package, for names that not everybody needs (PEP 562).

    `homes` are the names by the submodule that has them; a submodule is an attribute too, as if it had been imported.
    Type checkers are told of the names by imports under `if TYPE_CHECKING`, and not of `__getattr__`, which would have
    them accept any name.
    """
    module = sys.modules[package]
    home_of = {name: home for home, names in homes.items() for name in names}

    def get(name: str) -> object:
        home = name if name in homes else home_of.get(name)
        if home is None:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=module)
        found = import_module(f"{package}.{home}")
        if name == home:
            return found
        value: object = getattr(found, name)
        setattr(module, name, value)  # so that it is found without asking again
        return value

    def names() -> list[str]:
        return sorted({*vars(module), *home_of})

    return get, names
