"""What the twins of classes have in common: each instance holds the async one that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutine
from typing import Any, Self, TypeVar

from artigraph.model.fields import BaseOfModels
from artigraph.portal import wait_for

__all__ = ["BaseOfModels", "Twin", "on_the_loop", "plain", "result_of", "twin"]

T = TypeVar("T")

_classes: dict[type[Any], type[Twin]] = {}
"""The twins of async classes."""


class Twin:
    """Stands for an async object; two are equal if they stand for one."""

    __slots__ = ("_async",)

    _async: Any

    def __init_subclass__(cls, *, of: type[Any] | None = None) -> None:
        super().__init_subclass__()
        if of is not None:
            _classes[of] = cls

    @classmethod
    def _of(cls, plain: Any) -> Self:
        self = object.__new__(cls)
        self._async = plain
        return self

    def __eq__(self, other: object) -> bool:
        return self._async == other._async if isinstance(other, Twin) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._async)

    def __repr__(self) -> str:
        return repr(self._async)

    def _repr_html_(self) -> str | None:
        show: Callable[[], str] | None = getattr(self._async, "_repr_html_", None)
        return None if show is None else show()


def twin(value: Any) -> Any:
    """Return the twin of an async object; what has none as it is."""
    cls = next((_classes[base] for base in value.__class__.__mro__ if base in _classes), None)
    return value if cls is None else cls._of(value)  # pyright: ignore[reportPrivateUsage]


def plain(value: Any) -> Any:
    """Return what a twin stands for; what is none as it is."""
    return value._async if isinstance(value, Twin) else value  # pyright: ignore[reportPrivateUsage]


def result_of(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that returns a coroutine for some arguments, and return the result in each case."""
    value = function(*arguments)
    return wait_for(value) if iscoroutine(value) else value


async def on_the_loop(function: Callable[[], T]) -> T:
    """Call a function where an event loop is running."""
    return function()
