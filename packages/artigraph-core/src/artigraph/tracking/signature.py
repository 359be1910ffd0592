"""What is to be recorded of the calls of a function: worked out once, when it is decorated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from artigraph.errors import TrackingError
from artigraph.labels import check_label

__all__ = ["RETURN", "Signature", "Unsupported", "signature_of"]

RETURN = "return"
"""What the value that a function returns is called, in annotations as in `exclude`: no argument can have this name."""
Unsupported = Literal["warn", "refuse"]
"""What happens to a value that cannot be stored."""


@dataclass(frozen=True, slots=True)
class Signature:
    """How calls of a function are recorded."""

    name: str
    """The name of the runs."""
    shown: str
    """The function, in messages."""
    parameters: inspect.Signature
    recorded: frozenset[str]
    """The arguments that are recorded, and `return`."""
    label: str
    tags: Mapping[str, str]
    unsupported: Unsupported
    capture_environment: bool
    file: str
    """Where the function is defined; warnings are about that place."""
    line: int

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call that are recorded, by name, defaults included.

        Raises:
            TypeError: the function cannot be called so; as the call itself would say.
        """
        bound = self.parameters.bind(*args, **kwargs)
        bound.apply_defaults()
        return {name: value for name, value in bound.arguments.items() if name in self.recorded}


def signature_of(
    function: Callable[..., Any],
    *,
    name: str | None,
    include: Collection[str] | None,
    exclude: Collection[str],
    label: str,
    tags: Mapping[str, str],
    unsupported: Unsupported,
    capture_environment: bool,
) -> Signature:
    """Work out what is recorded of a function's calls.

    Raises:
        TrackingError: it is no function that can be tracked, or an option does not fit it.
        InvalidLabel: the name or the label is not valid.
    """
    shown = _shown(function)
    _check_kind(function, shown)
    parameters = inspect.signature(function)
    named = set(parameters.parameters)
    for option, given in (("include", include or ()), ("exclude", exclude)):
        if isinstance(given, str):
            msg = f"{option} is a collection of names, not the text {given!r}: {option}=[{given!r}]"
            raise TrackingError(msg)
        if unknown := set(given) - named - {RETURN}:
            msg = f"{option} names {', '.join(sorted(map(repr, unknown)))}, which {shown} does not take"
            raise TrackingError(msg)
    if label in named:
        msg = f"The label {label!r} is that of an argument of {shown}; name the returned value otherwise"
        raise TrackingError(msg)
    if unsupported not in ("warn", "refuse"):
        msg = f"unsupported is 'warn' or 'refuse', not {unsupported!r:.100}"
        raise TrackingError(msg)
    recorded = set(include) if include is not None else (named | {RETURN}) - _bound_names(function, parameters)
    return Signature(
        name=check_label(function.__qualname__ if name is None else name, "The name of a run"),
        shown=shown,
        parameters=parameters,
        recorded=frozenset(recorded - set(exclude)),
        label=check_label(label),
        tags=dict(tags),
        unsupported=unsupported,
        capture_environment=capture_environment,
        file=function.__code__.co_filename,
        line=function.__code__.co_firstlineno,
    )


def _shown(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__qualname__', repr(function))}()"


def _check_kind(function: object, shown: str) -> None:
    if isinstance(function, (classmethod, staticmethod)):
        kind = "classmethod" if isinstance(function, classmethod) else "staticmethod"
        msg = f"@tracked stands below @{kind}, next to the function itself"
        raise TrackingError(msg)
    if not inspect.isfunction(function):
        msg = f"tracked takes a function, which {function!r:.100} is not; of an object, track the method in its class"
        raise TrackingError(msg)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        msg = (
            f"{shown} is a generator: what it yields is gone once it was used, so there is no value to keep. Return a "
            "list, or track the function that uses the generator"
        )
        raise TrackingError(msg)


def _bound_names(function: Callable[..., Any], parameters: inspect.Signature) -> set[str]:
    """Return the name that a method has for its instance or class: not an input unless it is asked for."""
    first = next(iter(parameters.parameters), None)
    inside_class = function.__qualname__.rpartition(".")[0].rpartition("<locals>.")[2] != ""
    return {first} if first in ("self", "cls") and inside_class else set()
