"""The decorator `tracked`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, cast, overload

from artigraph.background import entered, wait_for
from artigraph.model.known import begin_to_remember
from artigraph.tracking.call import TrackedCall
from artigraph.tracking.signature import RETURN, Signature, Unsupported, signature_of

__all__ = ["tracked"]

F = TypeVar("F", bound=Callable[..., Any])


@overload
def tracked(function: F, /) -> F: ...
@overload
def tracked(
    *,
    name: str | None = None,
    label: str = RETURN,
    include: Collection[str] | None = None,
    exclude: Collection[str] = (),
    tags: Mapping[str, str] | None = None,
    unsupported: Unsupported = "warn",
    capture_environment: bool = False,
) -> Callable[[F], F]: ...
def tracked(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    label: str = RETURN,
    include: Collection[str] | None = None,
    exclude: Collection[str] = (),
    tags: Mapping[str, str] | None = None,
    unsupported: Unsupported = "warn",
    capture_environment: bool = False,
) -> F | Callable[[F], F]:
    """Make each call of a function a run, with its arguments as inputs and what it returns as an artifact.

        @tracked
        async def train(samples: Samples, rate: float) -> Classifier: ...

        @tracked(exclude=["connection"], tags={"step": "report"})
        def report(classifier: Classifier, connection: Connection) -> Report: ...

    The run is a child of the active one, so calls within calls nest. Numbers, texts and other small plain values are
    its parameters; models, frames and arrays are artifacts that it used: those that they were loaded from or saved as,
    if they were and are unaltered, else they are saved with the run under the argument's name. What the function
    returns is saved under `label`, and returned as it is; None is not saved. An exception goes on unchanged, and the
    run is recorded as failed.

    Functions, coroutine functions and methods (whose `self` is no input unless it is included) can be tracked. A sync
    function does its recording on a background loop and waits for it, in sync code as well as in async code.

    Args:
        function: the function, where there are no options.
        name: of the runs; the function's qualified name otherwise.
        label: of what the function returns.
        include: the arguments to be recorded, all of them otherwise; with "return" in it, what is returned is too.
        exclude: arguments that are not, secrets and connections say; "return" stands for what is returned.
        tags: of the runs.
        unsupported: what happens if a value cannot be stored: "warn" leaves it out with a `TrackingWarning`; "refuse"
            raises a TrackingError, for an argument before the function is called.
        capture_environment: whether the runs record what they ran in; see `RunManager`.

    Raises:
        TrackingError: it is a generator, or nothing that can be tracked, or an option does not fit it.
        InvalidLabel: the name, the label or a tag is not valid.
        TypeError: the tags are no mapping.
    """

    def decorate(function: F) -> F:
        signature = signature_of(
            function,
            name=name,
            include=include,
            exclude=exclude,
            label=label,
            tags=tags or {},
            unsupported=unsupported,
            capture_environment=capture_environment,
        )
        begin_to_remember()
        wrapper = _async(function, signature) if inspect.iscoroutinefunction(function) else _sync(function, signature)
        return cast("F", wrapper)

    return decorate if function is None else decorate(function)


def _async(function: Callable[..., Any], signature: Signature) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        async with TrackedCall(signature, signature.arguments(args, kwargs)) as tracked_call:
            result = await function(*args, **kwargs)
            await tracked_call.keep(result)
        return result

    return call


def _sync(function: Callable[..., Any], signature: Signature) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with entered(TrackedCall(signature, signature.arguments(args, kwargs))) as tracked_call:
            result = function(*args, **kwargs)
            wait_for(tracked_call.keep(result))
        return result

    return call
