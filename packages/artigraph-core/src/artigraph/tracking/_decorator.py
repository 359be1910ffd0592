"""The decorator `tracked`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload
from uuid import UUID

from artigraph.model.identity_map import begin_to_remember
from artigraph.portal import entered, wait_for
from artigraph.tracking._cached import Call
from artigraph.tracking._call import TrackedCall
from artigraph.tracking._explain import CacheExplanation, explain_call, serving_run
from artigraph.tracking._options import Cache
from artigraph.tracking._signature import RETURN, Signature, Unsupported, signature_of

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
Q = ParamSpec("Q")
S = TypeVar("S")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class CachedFunction(Protocol[P, R_co]):
    """A tracked function whose results are used again. It is called like the function itself.

    For a method, call `Class.method.cached(instance, ...)`.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __get__(self, instance: None, owner: type[Any], /) -> CachedFunction[P, R_co]: ...
    @overload
    def __get__(self: CachedFunction[Concatenate[S, Q], R], instance: S, owner: type[Any], /) -> Callable[Q, R]: ...
    def cached(self, *args: P.args, **kwargs: P.kwargs) -> UUID | None:
        """Return the run that would serve this call, or None. Nothing is recorded."""
        ...

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> CacheExplanation:
        """Say why this call would be served or computed. The function is not called, and nothing is recorded."""
        ...


class CachedCoroutineFunction(Protocol[P, R_co]):
    """A tracked coroutine function whose results are used again. It is called like the function itself.

    For a method, call `Class.method.cached(instance, ...)`.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]: ...
    @overload
    def __get__(self, instance: None, owner: type[Any], /) -> CachedCoroutineFunction[P, R_co]: ...
    @overload
    def __get__(
        self: CachedCoroutineFunction[Concatenate[S, Q], R], instance: S, owner: type[Any], /
    ) -> Callable[Q, Coroutine[Any, Any, R]]: ...
    async def cached(self, *args: P.args, **kwargs: P.kwargs) -> UUID | None:
        """Return the run that would serve this call, or None. Nothing is recorded."""
        ...

    async def explain(self, *args: P.args, **kwargs: P.kwargs) -> CacheExplanation:
        """Say why this call would be served or computed. The function is not called, and nothing is recorded."""
        ...


class _CachingDecorator(Protocol):
    @overload
    def __call__(  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload]
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> CachedCoroutineFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...


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
    cache: Literal[False] = False,
) -> Callable[[F], F]: ...
@overload
def tracked(
    *,
    cache: Literal[True] | Cache,
    name: str | None = None,
    label: str = RETURN,
    include: Collection[str] | None = None,
    exclude: Collection[str] = (),
    tags: Mapping[str, str] | None = None,
    unsupported: Unsupported = "warn",
    capture_environment: bool = False,
) -> _CachingDecorator: ...
def tracked(  # noqa: PLR0913 (an option each)
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    label: str = RETURN,
    include: Collection[str] | None = None,
    exclude: Collection[str] = (),
    tags: Mapping[str, str] | None = None,
    unsupported: Unsupported = "warn",
    capture_environment: bool = False,
    cache: bool | Cache = False,
) -> Any:
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

    With `cache`, a call is served from an earlier one whose code and arguments are equal: the function is not called,
    and a run with `cached_from` records the call. `explain(...)` on the function says why. docs/how-to/cache-calls.md
    leads through it.

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
        cache: whether results are used again; see `Cache` for options. True means `Cache()`.

    Raises:
        TrackingError: the function is a generator or otherwise cannot be tracked, or an option does not fit it. Or the
            function is cached, and one of its arguments is neither recorded nor ignored.
        InvalidLabelError: the name, the label or a tag is not valid.
        TypeError: the tags are not a mapping.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = signature_of(
            function,
            name=name,
            include=include,
            exclude=exclude,
            label=label,
            tags=tags or {},
            unsupported=unsupported,
            capture_environment=capture_environment,
            cache=cache,
        )
        begin_to_remember()
        return _async(function, signature) if inspect.iscoroutinefunction(function) else _sync(function, signature)

    return decorate if function is None else decorate(function)


def _async(function: Callable[..., Any], signature: Signature) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        async with TrackedCall(signature, signature.arguments(args, kwargs)) as tracked_call:
            result = await function(*args, **kwargs)
            await tracked_call.keep(result)
        return result

    @functools.wraps(function)
    async def call_cached(*args: Any, **kwargs: Any) -> Any:
        attempt = Call(signature, args, kwargs)
        hit, request = await attempt.serve()
        if hit is not None:
            return hit.value
        async with TrackedCall(signature, attempt.arguments, request) as tracked_call:
            result = await function(*args, **kwargs)
            await tracked_call.keep(result)
        return result

    if signature.cache is None:
        return call

    async def cached(*args: Any, **kwargs: Any) -> UUID | None:
        return await serving_run(signature, args, kwargs)

    async def explain(*args: Any, **kwargs: Any) -> CacheExplanation:
        return await explain_call(signature, args, kwargs)

    return _with_questions(call_cached, cached, explain, signature.cache)


def _sync(function: Callable[..., Any], signature: Signature) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with entered(TrackedCall(signature, signature.arguments(args, kwargs))) as tracked_call:
            result = function(*args, **kwargs)
            wait_for(tracked_call.keep(result))
        return result

    @functools.wraps(function)
    def call_cached(*args: Any, **kwargs: Any) -> Any:
        attempt = Call(signature, args, kwargs)
        hit, request = wait_for(attempt.serve())
        if hit is not None:
            return hit.value
        with entered(TrackedCall(signature, attempt.arguments, request)) as tracked_call:
            result = function(*args, **kwargs)
            wait_for(tracked_call.keep(result))
        return result

    if signature.cache is None:
        return call

    def cached(*args: Any, **kwargs: Any) -> UUID | None:
        return wait_for(serving_run(signature, args, kwargs))

    def explain(*args: Any, **kwargs: Any) -> CacheExplanation:
        return wait_for(explain_call(signature, args, kwargs))

    return _with_questions(call_cached, cached, explain, signature.cache)


def _with_questions(
    call: Any, cached: Callable[..., Any], explain: Callable[..., Any], cache: Cache
) -> Callable[..., Any]:
    call.cached, call.explain = cached, explain
    call._artigraph_version = cache.version  # a cached function that calls this one is changed, too, by another version
    asked: Callable[..., Any] = call
    return asked
