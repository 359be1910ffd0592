"""Cells of tables, and values as text of a limited length."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from fractions import Fraction
from typing import cast

from artigraph.serializer.codec import StoredStruct

Cell = str | int | float | bool | None
"""A value in a table or array. Anything but a number of 64 bits, a truth value or a missing value is text."""

_LONGEST_CELL = 200
_DECIMAL_BITS = 1024
"""Python refuses to write the decimal digits of very large integers, and takes quadratic time for them."""
_MORE = "…"
_FEW_ITEMS = 1000
"""The most items of a container that are looked at in one cell."""


class Cells:
    """Makes cells of values, and remembers whether one of them was cut."""

    def __init__(self, longest: int = _LONGEST_CELL) -> None:
        self._longest = longest
        self.cut: bool = False
        """Whether a text was longer than a cell."""

    def of(self, value: object) -> Cell:
        """Return the cell of a plain value, or of an instance that `str` shows as a user expects."""
        if value is None or type(value) in (bool, float):
            return cast("Cell", value)
        if type(value) is int and -(2**63) <= value < 2**64:
            return value
        return self.text(value) if isinstance(value, str) else self.text(self.show(value))

    def text(self, text: str) -> str:
        """Return a text that fits into a cell and can be encoded."""
        if len(text) > self._longest:
            self.cut = True
            text = text[: self._longest - 1] + _MORE
        return encodable(text)

    def show(self, value: object) -> str:
        """Return a value as text that fits into a cell: a text as its repr, and a container with its items."""
        writer = _Writer(self._longest)
        try:
            writer.put(value)
        except _FullError:
            self.cut = True
            return encodable("".join(writer.parts)[: self._longest - 1] + _MORE)
        return encodable("".join(writer.parts))


def encodable(text: str) -> str:
    """Return a text with its lone surrogates escaped, because no encoding has them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


class _FullError(Exception):
    """The text is as long as it may be."""


class _Writer:
    """Writes values as Python does, until the text is too long."""

    def __init__(self, longest: int) -> None:
        self.parts: list[str] = []
        self._left = longest

    def put(self, value: object) -> None:
        if isinstance(value, (list, tuple, set, frozenset)):
            items = cast("list[object] | tuple[object, ...] | AbstractSet[object]", value)
            self._put_items(items, *_brackets(items))
        elif isinstance(value, deque):
            self._put_deque(cast("deque[object]", value))
        elif isinstance(value, StoredStruct):
            self._put_pairs(value.fields, f"{value.class_name}(", "=", ")", names=True)
        elif isinstance(value, Mapping):
            start, end = _around(cast("Mapping[object, object]", value))
            self._put_pairs(cast("Mapping[object, object]", value), start, ": ", end, names=False)
        else:
            self._write(self._scalar(value))

    def _write(self, text: str) -> None:
        self._left -= len(text)
        self.parts.append(text)
        if self._left < 0:
            raise _FullError

    def _scalar(self, value: object) -> str:
        if isinstance(value, (str, bytes)):
            if len(value) > self._left:  # the repr of the rest would not be shown
                return repr(value[: max(self._left, 0)]) + " "
            return repr(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return integer_text(int(value))
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        return _integers_text(value) if isinstance(value, (Fraction, range)) else str(value)

    def _put_deque(self, value: deque[object]) -> None:
        self._write("deque(")
        self._put_items(value, "[", "]")
        self._write(")" if value.maxlen is None else f", maxlen={value.maxlen})")

    def _put_items(self, items: Collection[object], start: str, end: str) -> None:
        self._write(start)
        for place, item in enumerate(items):
            if place:
                self._write(", ")
            if place >= _FEW_ITEMS:
                raise _FullError
            self.put(item)
        self._write(("," if isinstance(items, tuple) and len(items) == 1 else "") + end)

    def _put_pairs(
        self, pairs: Mapping[str, object] | Mapping[object, object], start: str, between: str, end: str, *, names: bool
    ) -> None:
        self._write(start)
        for place, (key, item) in enumerate(pairs.items()):
            if place:
                self._write(", ")
            if names:
                self._write(str(key))
            else:
                self.put(key)
            self._write(between)
            self.put(item)
        self._write(end)


def _brackets(items: Collection[object]) -> tuple[str, str]:
    if isinstance(items, AbstractSet):
        return ("{", "}") if items else ("set(", ")")
    return ("(", ")") if isinstance(items, tuple) else ("[", "]")


def _integers_text(value: Fraction | range) -> str:
    """Return values as Python shows them, however large their integers are."""
    if isinstance(value, Fraction):
        return f"{integer_text(value.numerator)}/{integer_text(value.denominator)}"
    limits = [value.start, value.stop] if value.step == 1 else [value.start, value.stop, value.step]
    return f"range({', '.join(map(integer_text, limits))})"


def _around(value: Mapping[object, object]) -> tuple[str, str]:
    """Return what stands before and after the items of a mapping."""
    if isinstance(value, defaultdict):
        return f"defaultdict({getattr(value.default_factory, '__name__', None)}, {{", "})"
    return (f"{type(value).__name__}({{", "})") if isinstance(value, (Counter, OrderedDict)) else ("{", "}")


def integer_text(value: int) -> str:
    """Return an integer as text, hexadecimal if it has very many digits."""
    return str(value) if value.bit_length() <= _DECIMAL_BITS else hex(value)
