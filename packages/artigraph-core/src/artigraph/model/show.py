"""Short reprs of models, whatever their size and depth."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import Any, cast

__all__ = ["short_repr", "show_parts", "top_level"]

_LONGEST_INT = 1024
"""Bits of an integer that is written in digits, and cut."""


class _Shorten(reprlib.Repr):
    """Cut what is long or deep, and show things with a shape by it."""

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
            return f"<{cls.__name__} {size}>" if dtype is None else f"<{cls.__name__} {size} {dtype}>"
        return super().repr1(x, level)

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write very many digits.
        return super().repr_int(x, level) if x.bit_length() <= _LONGEST_INT else f"<int of {x.bit_length()} bits>"


_shorten = _Shorten()


def short_repr(value: object) -> str:
    """Return a repr that stays short."""
    return _shorten.repr(value)


def show_parts(name: str, parts: Iterable[tuple[str, object]], level: int, *, most: int = 12) -> str:
    """Return `Name(a=..., b=...)`, each part one level deeper, or `Name(...)` where the depth is used up."""
    if level <= 0:
        return f"{name}(...)"
    shown: list[str] = []
    for key, value in parts:
        if len(shown) == most:
            shown.append("...")
            break
        text = _shorten.repr1(value, level - 1)
        shown.append(f"{key}={text}" if key else text)
    return f"{name}({', '.join(shown)})"


def top_level() -> int:
    """Return the depth at which a repr begins."""
    return _shorten.maxlevel
