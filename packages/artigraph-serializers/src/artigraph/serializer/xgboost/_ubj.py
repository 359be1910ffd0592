"""Universal Binary JSON, as far as XGBoost writes it. Each length is checked before anything is made of that length."""

from __future__ import annotations

import struct
from importlib import import_module
from typing import Any, cast

from artigraph.serializer._support.trees import check, refuse_model

np: Any = import_module("numpy")

_NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_WORDS = {"T": True, "F": False, "N": None}
_LENGTH = 9
"""The bytes of a length: its type and a number of 64 bits."""
_DEEPEST = 16
"""XGBoost nests 8 levels."""


class Reader:
    """Reads values from a buffer, one after the other."""

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)
        self.position = 0

    def take(self, length: int) -> memoryview:
        """Return the next bytes.

        Raises:
            DeserializationError: there are fewer.
        """
        check(0 <= length <= len(self.data) - self.position, "it ends too early")
        start, self.position = self.position, self.position + length
        return self.data[start : self.position]

    def mark(self) -> str:
        """Return the next character, which says what follows."""
        return chr(self.take(1)[0])

    def is_next(self, mark: str) -> bool:
        """Say whether a character comes next, and pass it if so."""
        found = bytes(self.data[self.position : self.position + 1]) == mark.encode()
        self.position += found
        return found

    def length(self) -> int:
        """Return a length."""
        check(self.is_next("L"), "a length has another type than XGBoost writes")
        return int.from_bytes(self.take(_LENGTH - 1), "big", signed=True)

    def text(self) -> str:
        """Return a string without its mark."""
        return bytes(self.take(self.length())).decode()

    def value(self, depth: int = 0) -> Any:
        """Return a value. Arrays of one type of number are arrays of NumPy, and others are lists."""
        check(depth < _DEEPEST, "it is nested too deeply")
        mark = self.mark()
        if mark == "{":
            return self._object(depth)
        if mark == "[":
            return self._array(depth)
        if mark == "S":
            return self.text()
        if mark in _WORDS:
            return _WORDS[mark]
        check(mark in _NUMBERS, f"{mark!r} is no type that XGBoost writes")
        dtype = np.dtype(_NUMBERS[mark])
        return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self.is_next("}"):
            key = self.text()
            check(key not in found, f"{key!r} is there twice")
            found[key] = self.value(depth + 1)
        return found

    def _array(self, depth: int) -> Any:
        mark = self.mark() if self.is_next("$") else None
        check(self.is_next("#"), "an array has no length")
        count = self.length()
        if mark is None:
            check(0 <= count <= len(self.data) - self.position, "it ends too early")
            return [self.value(depth + 1) for _ in range(count)]
        check(mark in _NUMBERS, f"{mark!r} is no type of an array")
        dtype = np.dtype(_NUMBERS[mark])
        return np.frombuffer(self.take(count * dtype.itemsize), dtype)


def parse(data: bytes | memoryview) -> dict[str, Any]:
    """Return the object of a whole buffer.

    Raises:
        DeserializationError: it is something else.
    """
    reader = Reader(data)
    found: Any = reader.value()
    if not isinstance(found, dict) or reader.position != len(reader.data):
        refuse_model("it is no object, or goes on after it")
    return cast("dict[str, Any]", found)


def written(text: str) -> bytes:
    """Return a string as the key of an object. With an `S` before it, it is a value."""
    data = text.encode()
    return b"L" + struct.pack(">q", len(data)) + data
