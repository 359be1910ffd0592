"""Say which values stay as they are, so that a walk through code need not describe them again."""

from __future__ import annotations

import re
import sys
import typing
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta, timezone
from decimal import Decimal
from types import BuiltinFunctionType, FunctionType, MappingProxyType, ModuleType
from typing import Any, NewType, TypeVar, cast, get_args, get_origin
from uuid import UUID

from artigraph.tracking._describe import PLAIN, state_of
from artigraph.tracking._ownership import Ownership, content_of
from artigraph.tracking._readings import ABSENT, Readings

_UNCHANGEABLE = PLAIN | {complex, range, date, timedelta, timezone, Decimal, UUID, re.Pattern}
"""The types of values that never change."""
ALIASES: tuple[type[Any], ...] = ()
if sys.version_info >= (3, 12):
    ALIASES = (typing.TypeAliasType,)
TYPE_NAMES = (NewType, TypeVar, *ALIASES)
"""The types of what gives a type another name."""
_FORM: type[Any] = type(typing.Optional)
"""The type of what makes annotations, such as `Literal`."""
OF_WRAPPERS = frozenset(
    (
        *("__wrapped__", "__doc__", "__name__", "__qualname__", "__module__", "__annotations__", "__annotate__"),
        *("__type_params__", "func", "attrname"),
    )
)
"""Attributes of wrappers that are described by other means, or change no result."""


class FixedValues:
    """The values of one walk that stay as they are. What decides it is noted."""

    def __init__(self, ownership: Ownership, readings: Readings) -> None:
        self._ours = ownership
        self._readings = readings
        self._known: dict[int, tuple[bool, object]] = {}
        """By id, whether a value stays as it is, and the value."""

    def is_fixed(self, value: object) -> bool:
        """Return whether a value stays as it is, or is a function, class or module whose content is noted."""
        kind: Any = type(value)
        if kind in _UNCHANGEABLE or issubclass(kind, (type, ModuleType, *TYPE_NAMES)):
            return True
        if id(value) not in self._known:
            self._known[id(value)] = True, value  # it may hold itself
            is_fixed, parts = self._fixed_parts(kind, value)
            self._known[id(value)] = is_fixed and all(self.is_fixed(part) for part in parts), value
        return self._known[id(value)][0]

    def _fixed_parts(self, kind: Any, value: Any) -> tuple[bool, Iterable[object]]:
        """Return whether a value stays as it is if its parts do, and the parts."""
        if kind is FunctionType:
            return self._is_fixed_function(value)
        if kind is BuiltinFunctionType:
            return value.__self__ is None or isinstance(value.__self__, ModuleType), ()
        if kind is MappingProxyType:
            self._readings.same(lambda: list(value))
            return not value, ()
        if kind in (staticmethod, classmethod):
            own = cast("dict[str, object]", value.__dict__)
            self._readings.same(lambda: list(own))
            return all(name in OF_WRAPPERS for name, _ in state_of(value)), [value.__func__]
        if kind is property:
            return True, (value.fget, value.fset, value.fdel)
        return kind in (tuple, frozenset), value if kind in (tuple, frozenset) else ()

    def _is_fixed_function(self, function: FunctionType) -> tuple[bool, Sequence[object]]:
        """Return whether a function has no content that is described with its name, and what it was made from."""
        if self._ours.owns_function(function):  # its attributes are noted when it is followed
            return True, [vars(function).get("__wrapped__")]

        def held() -> list[object]:
            state = vars(function)
            return [*state, *state.values(), *map(content_of, function.__closure__ or ())]

        self._readings.same(held)
        return True, held()

    def is_fixed_annotation(self, value: object) -> bool:
        """Return whether an annotation stays as it is, like a value."""
        if get_origin(value) is None:
            return self.is_fixed(value)
        parts: tuple[object, ...] = get_args(value)
        if parts and get_origin(value) is Callable and type(parts[0]) is list:  # that list is made anew each time
            parts = (*cast("list[object]", parts[0]), *parts[1:])
        return all(map(self.is_fixed_annotation, parts))

    def is_fixed_in_texts(self, value: object) -> bool:
        """Return whether a text that names a value means the same as long as it is the same value."""
        if isinstance(value, FunctionType):  # the text may call it
            return not self._ours.owns_function(value)
        return value is ABSENT or isinstance(value, _FORM) or self.is_fixed_annotation(value)
