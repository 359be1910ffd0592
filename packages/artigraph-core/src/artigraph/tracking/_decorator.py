"""The decorator `tracked`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, cast, overload

from artigraph.model.identity_map import begin_to_remember
from artigraph.portal import entered, wait_for
from artigraph.tracking._call import TrackedCall
from artigraph.tracking._signature import RETURN, Signature, Unsupported, signature_of

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
    """Record each call of a function as a run: its arguments as inputs, its result as an artifact.

        @tracked
        async def train(samples: Samples, rate: float) -> Classifier: ...

        @tracked(exclude=["connection"], tags={"step": "report"})
        def report(classifier: Classifier, connection: Connection) -> Report: ...

    The run is a child of the active run, so calls within calls nest. Numbers, texts and other small plain values become
    its parameters. Models, frames and arrays become artifacts that it used. If one was loaded or saved before and is
    unchanged, the run used that artifact. Else it is saved with the run, under the argument's name.

    The result is saved under `label`, unless it is None, and is returned unchanged. An exception propagates unchanged,
    and the run is recorded as failed.

    You can track functions, coroutine functions and methods. A method's `self` is an input only if you include it. A
    sync function records on a background loop and waits for it, in sync code as in async code.

    Args:
        function: the function, if there are no options.
        name: the name of the runs; by default the function's qualified name.
        label: the label of the result.
        include: the arguments to record; by default all. Add "return" to record the result, too.
        exclude: arguments that are not recorded, such as secrets and connections. "return" means the result.
        tags: the tags of the runs.
        unsupported: what to do if a value cannot be stored: "warn" leaves it out with a `TrackingWarning`; "refuse"
            raises a TrackingError, for an argument before the function is called.
        capture_environment: whether the runs record their environment; see `RunManager`.

    Raises:
        TrackingError: the function is a generator or otherwise cannot be tracked, or an option does not fit it.
        InvalidLabelError: the name, the label or a tag is not valid.
        TypeError: the tags are not a mapping.
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
