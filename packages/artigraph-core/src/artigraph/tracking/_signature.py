"""Determine what to record of a function's calls, once, when the function is decorated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Literal, NamedTuple

from artigraph.errors import TrackingError
from artigraph.identifiers import check_label
from artigraph.run.values import value_rows
from artigraph.tracking._known_code import KnownCode
from artigraph.tracking._options import Cache, cache_of

RETURN = "return"
"""The name of a function's result, in annotations and in `exclude`. No argument can have this name."""
Unsupported = Literal["warn", "refuse"]
"""What to do with a value that cannot be stored."""


class Arguments(NamedTuple):
    """The arguments of a call that are recorded."""

    values: dict[str, Any]
    """The values by name, including defaults."""
    unbound: Collection[str] = ()
    """Arguments that should be recorded, too, but whose value or name is unknown."""
    error: Exception | None = None
    """Why these are unknown."""


@dataclass(frozen=True, slots=True)
class Signature:
    """How calls of a function are recorded."""

    name: str
    """The name of the runs."""
    shown: str
    """The name of the function in messages."""
    parameters: inspect.Signature
    wrapped: bool
    """Whether a decorator made the function from another one. Then `parameters` may not be those of the call."""
    recorded: frozenset[str]
    """The names of the arguments that are recorded, and `return` if the result is."""
    selected: bool
    """Whether `include` names them, so that nothing else is recorded."""
    label: str
    tags: Mapping[str, str]
    unsupported: Unsupported
    capture_environment: bool
    file: str
    """The file that defines the function. Warnings point to it."""
    line: int
    function: Any
    """The function below the decorator. A type checker would take it for a method if it were annotated as one."""
    bound: str | None = None
    """The name that a method gives its instance or class."""
    cache: Cache | None = None
    """How its results are used again, if they are."""
    code: KnownCode | None = field(default=None, compare=False)
    """The identity of its code, if its results are used again."""

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """Return the arguments of a call that are recorded.

        Raises:
            TypeError: the arguments do not fit the function. The message is Python's, with the function's name.
        """
        try:
            return Arguments(self._recorded(self.parameters.bind(*args, **kwargs)))
        except TypeError as error:
            if not self.wrapped:
                msg = f"{self.shown}: {error}"
                raise TypeError(msg) from None
            return self._arguments_known(args, kwargs, error)

    def _arguments_known(self, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> Arguments:
        """Return the known arguments of a call that a decorator below `@tracked` completes or alters."""
        unbound: list[str] = []
        try:
            values = self._recorded(self.parameters.bind_partial(*args, **kwargs))
        except TypeError:
            values = {name: value for name, value in kwargs.items() if name in self.recorded}
            if not self.selected:
                unbound = [name for name in kwargs if name not in self.parameters.parameters]
                unbound += [f"args[{index}]" for index in range(len(args))]
        missing = [name for name in self.parameters.parameters if name in self.recorded and name not in values]
        return Arguments(values, missing + unbound, error)

    def _recorded(self, bound: inspect.BoundArguments) -> dict[str, Any]:
        bound.apply_defaults()
        return {name: value for name, value in bound.arguments.items() if name in self.recorded}


def signature_of(  # noqa: PLR0913 (an option each)
    function: Any,
    *,
    name: str | None,
    include: Collection[str] | None,
    exclude: Collection[str],
    label: str,
    tags: Mapping[str, str],
    unsupported: Unsupported,
    capture_environment: bool,
    cache: bool | Cache | None = None,
) -> Signature:
    """Determine what is recorded of a function's calls.

    Raises:
        TrackingError: the function cannot be tracked or cached, or an option does not fit it.
        InvalidLabelError: the name, the label or a tag is not valid.
        TypeError: the tags are not a mapping.
        ValueTooLargeError: there are too many tags.
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
    value_rows("tag", tags)
    bound = _bound_name(function, parameters)
    recorded = set(include) if include is not None else (named | {RETURN}) - {bound}
    caching = cache_of(cache)
    if caching is not None:
        _check_cache(caching, shown, parameters, recorded - set(exclude))
    assert isinstance(function, FunctionType)  # _check_kind refused all else
    return Signature(
        name=check_label(function.__qualname__ if name is None else name, "The name of a run"),
        shown=shown,
        parameters=parameters,
        wrapped=hasattr(function, "__wrapped__") or hasattr(function, "__signature__"),
        recorded=frozenset(recorded - set(exclude)),
        selected=include is not None,
        label=check_label(label),
        tags=dict(tags),
        unsupported=unsupported,
        capture_environment=capture_environment,
        file=function.__code__.co_filename,
        line=function.__code__.co_firstlineno,
        function=function,
        bound=bound,
        cache=caching,
        code=None if caching is None else KnownCode(function, caching.follow),
    )


def _check_cache(cache: Cache, shown: str, parameters: inspect.Signature, recorded: Collection[str]) -> None:
    """Refuse options with which a call could be served from one with other arguments.

    Raises:
        TrackingError: an argument is neither recorded nor ignored, or the result is not recorded.
    """
    if unknown := set(cache.ignore) - set(parameters.parameters):
        msg = f"ignore names {', '.join(sorted(map(repr, unknown)))}, which {shown} does not take"
        raise TrackingError(msg)
    if RETURN not in recorded:
        msg = f"{shown} is cached, so its result must be recorded: leave 'return' out of exclude, or add it to include"
        raise TrackingError(msg)
    if cache.key is not None:
        return
    unseen = [name for name in parameters.parameters if name not in recorded and name not in cache.ignore]
    if unseen:
        names = ", ".join(map(repr, unseen))
        msg = (
            f"{shown} is cached, and {names} would not be compared: calls that differ in it would get the same result. "
            f"Record it (include=[...]), or say that it has no influence: Cache(ignore=[{names}])"
        )
        raise TrackingError(msg)


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


def _bound_name(function: Callable[..., Any], parameters: inspect.Signature) -> str | None:
    """Return the name that a method gives its instance or class, which is an input only if it is included."""
    first = next(iter(parameters.parameters), None)
    around = function.__qualname__.rpartition(".")[0]
    inside_class = around != "" and not around.endswith("<locals>")
    return first if first in ("self", "cls") and inside_class else None
