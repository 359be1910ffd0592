"""Keep the identity of a function's code as long as nothing changes of what a walk through it read."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from artigraph.tracking._bytecode import Encoded, encoded
from artigraph.tracking._code import Walker, classes_in
from artigraph.tracking._options import Follow
from artigraph.tracking._ownership import Ownership, beneath
from artigraph.tracking._readings import Readings

_MOST_KNOWN = 100
"""The most combinations of classes of arguments for which the code of a function is kept."""


@dataclass(frozen=True, slots=True)
class CodeIdentity:
    """The code that a function runs, as far as it can be followed."""

    parts: Mapping[str, str]
    """A digest for each function and class, by its name, and for each constant, by the name of who uses it."""
    not_followed: tuple[str, ...]
    """A description of each reference that could not be followed."""
    encoded: Encoded
    """The parts in their order, ready to be hashed."""


class KnownCode:
    """The identity of the code of a function. It is kept as long as nothing changes of what a walk read."""

    def __init__(self, function: FunctionType, follow: Follow) -> None:
        self._function = function
        self._follow: Follow = follow
        self._beneath: list[FunctionType] = []
        self._ours: Ownership | None = None
        self._known: dict[tuple[type[Any], ...], tuple[Readings, CodeIdentity]] = {}
        """By the classes of the values that it is called with."""
        self.seconds = math.inf
        """How long it took the last time."""

    def __reduce__(self) -> tuple[type[KnownCode], tuple[FunctionType, Follow]]:
        """Pickle no readings: they refer to whatever the code uses, such as a queue, and mean nothing elsewhere."""
        return KnownCode, (self._function, self._follow)

    def identity(self, values: Iterable[object]) -> CodeIdentity:
        """Return the identity of the code, and of the classes of values that the function is called with.

        Raises:
            IncomparableError: there is too much of it.
        """
        started = time.monotonic()
        try:
            return self._identity(values)
        finally:
            self.seconds = time.monotonic() - started

    def _identity(self, values: Iterable[object]) -> CodeIdentity:
        ours = self._ownership()
        classes = tuple(classes_in(values, ours))
        known = self._known.get(classes)
        if known is not None and known[0].are_current():
            return known[1]
        readings = Readings()
        walker = Walker(ours, self._follow, readings)
        walker.describe_read(self._function, "")
        for cls in classes:
            walker.describe(cls, "")
        walker.finish()
        found = CodeIdentity(walker.parts, tuple(sorted(walker.not_followed)), encoded(sorted(walker.parts.items())))
        if readings.is_complete and readings.are_current():  # nothing changed during the walk
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[classes] = readings, found
        return found

    def _ownership(self) -> Ownership:
        functions = beneath(self._function)
        if self._ours is None or functions != self._beneath:
            self._beneath, self._ours = functions, Ownership(self._function)
        return self._ours
