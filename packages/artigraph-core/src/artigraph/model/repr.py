"""Short reprs of models, whatever their size and depth, and where their views for notebooks are made."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import Any, cast

from artigraph.printable import printable

_LONGEST_INT = 1024
"""The most bits of an integer whose digits are shown, shortened."""


class _Shorten(reprlib.Repr):
    """A repr that cuts long and deep values, and shows values with a shape by their shape."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 4
        self.maxstring = self.maxother = 60
        self.maxlong = 40

    def repr1(self, x: Any, level: int) -> str:
        cls = cast("type[object]", type(x))
        show = getattr(cls, "_artigraph_show", None)
        if show is not None and (cls.__repr__.__module__ or "").startswith("artigraph.model."):
            return str(show(x, level))
        shape = getattr(x, "shape", None)
        if isinstance(shape, tuple) and shape:
            dtype = getattr(x, "dtype", None)
            size = "x".join(str(length) for length in shape)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            return f"<{cls.__name__} {size}>" if dtype is None else f"<{cls.__name__} {size} {printable(str(dtype))}>"
        return super().repr1(x, level)

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to convert integers with very many digits.
        return super().repr_int(x, level) if x.bit_length() <= _LONGEST_INT else f"<int of {x.bit_length()} bits>"


_shorten = _Shorten()


def short_repr(value: object) -> str:
    """Return a repr that stays short."""
    return _shorten.repr(value)


def show_parts(name: str, parts: Iterable[tuple[str, object]], level: int, *, most: int = 12) -> str:
    """Return `Name(a=..., b=...)`, each part one level deeper, or `Name(...)` if no level is left."""
    if level <= 0:
        return f"{name}(...)"
    shown: list[str] = []
    for key, value in parts:
        if len(shown) == most:
            shown.append("...")
            break
        text = _shorten.repr1(value, level - 1)
        shown.append(f"{printable(key)}={text}" if key else text)
    return f"{name}({', '.join(shown)})"


def top_level() -> int:
    """Return the number of levels with which a repr begins."""
    return _shorten.maxlevel


def html_of(value: object) -> str:
    """Return the view of a model or of another value as HTML. The code for it is imported when it is first used."""
    from artigraph.html import attempt, render
    from artigraph.model.html import value_view

    return render(attempt(lambda: value_view(value)))
