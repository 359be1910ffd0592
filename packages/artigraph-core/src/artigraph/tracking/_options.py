"""The options of a cached function, the variable that overrides them, and the model of values that are no models."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

from artigraph.errors import ConfigurationError, TrackingError
from artigraph.model import ArtifactModel

Follow = Literal["distribution", "function"]
"""What is followed from a function: all code of its distribution, or its own code alone."""
Mode = Literal["on", "off", "refresh"]
ENVIRONMENT = "ARTIGRAPH_CACHE"
"""The environment variable that switches caching off, or refreshes all results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """How the results of a tracked function are used again.

        @tracked(cache=Cache(max_age=timedelta(days=1), ignore=["workers"]))
        async def train(samples: Samples, rate: float, workers: int = 4) -> Classifier: ...

    A call is served from an earlier one if these are equal: the code that the function runs, and the content of each
    recorded argument.
    """

    version: str | int | None = None
    """The version of the code, which you count up yourself. It takes the place of the code: no code is compared."""
    follow: Follow = "distribution"
    """Which code is compared.

    "distribution" means the function, and all functions, classes and constants of its distribution that it uses.
    "function" means the function's own code, its defaults and its closure.
    """
    ignore: Collection[str] = ()
    """Arguments that have no influence on the result, such as connections. They are not compared."""
    max_age: timedelta | None = None
    """How old a result may be. None means that it never expires."""
    key: Callable[..., object] | None = None
    """A function that is called with the same arguments and returns a plain value, which is compared in their place."""

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            TrackingError: an option is not valid; the message says what to pass.
        """
        version: object = self.version
        if version is not None and (not isinstance(version, (str, int)) or isinstance(version, bool)):
            msg = f"The version of a Cache is a text or a number, not {version!r:.100}"
            raise TrackingError(msg)
        if self.follow not in get_args(Follow):
            msg = f"follow is 'distribution' or 'function', not {self.follow!r:.100}"
            raise TrackingError(msg)
        if isinstance(self.ignore, str):
            msg = f"ignore is a collection of names, not the text {self.ignore!r}: ignore=[{self.ignore!r}]"
            raise TrackingError(msg)
        age: object = self.max_age
        if age is not None and (not isinstance(age, timedelta) or age <= timedelta()):
            msg = f"max_age is a positive timedelta, or None, not {age!r:.100}"
            raise TrackingError(msg)
        if self.key is not None and not callable(self.key):
            msg = f"key is a function of the call's arguments, not {self.key!r:.100}"
            raise TrackingError(msg)
        if inspect.iscoroutinefunction(self.key):
            msg = "key is an async function, which returns a coroutine and no key. Make it a function without async"
            raise TrackingError(msg)


def cache_of(option: bool | Cache | None) -> Cache | None:  # noqa: FBT001 (an option of the decorator)
    """Return the options that `tracked(cache=...)` stands for.

    Raises:
        TrackingError: it is neither a bool nor a `Cache`.
    """
    given: Any = option
    if given is None or given is False:
        return None
    if given is True:
        return Cache()
    if isinstance(given, Cache):
        return given
    msg = f"cache is True, False or a Cache, not {given!r:.100}"
    raise TrackingError(msg)


def cache_mode() -> Mode:
    """Return whether caching is on, off, or computes each result anew.

    Raises:
        ConfigurationError: the environment variable has another value.
    """
    match os.environ.get(ENVIRONMENT, "").strip().lower():
        case "" | "on":
            return "on"
        case "off":
            return "off"
        case "refresh":
            return "refresh"
        case other:
            msg = f"{ENVIRONMENT} is on, off or refresh, not {other!r:.100}"
            raise ConfigurationError(msg)


# What a call records --------------------------------------------------------------------------------------------------


@dataclass
class TrackedValue(ArtifactModel, name="artigraph.TrackedValue"):
    """An argument or result of a tracked function that is no model: a frame, an array, a list of models."""

    value: Any


class TrackingWarning(UserWarning):
    """Warns that a value of a tracked call cannot be stored, and is not recorded, or that a call is not cached."""
