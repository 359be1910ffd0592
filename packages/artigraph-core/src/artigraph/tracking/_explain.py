"""Why a call was served from the cache or computed, and what the cache has of each function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import FunctionType
from typing import Any
from uuid import UUID

from artigraph.errors import TrackingError
from artigraph.graph.run_rows import CACHED_FROM
from artigraph.identifiers import NodeId, check_id
from artigraph.printable import printable
from artigraph.tracking._cached import Call
from artigraph.tracking._describe import IncomparableError
from artigraph.tracking._options import ENVIRONMENT, cache_mode
from artigraph.tracking._ownership import name_of
from artigraph.tracking._signature import Signature
from artigraph.tracking._sql import (
    FUNCTION,
    KEY,
    PARTS,
    SERVED,
    Recorded,
    forget,
    functions,
    latest,
    parts_of,
    read_recorded,
)

_COMPARED = 50
"""The most earlier calls among which the nearest is searched."""
_FEW = 8
"""The most parts of the code that a sentence names."""
_NOT_YET = (
    "nothing differs, but the earlier result was not there yet, was too old or could not be read, or "
    f"{ENVIRONMENT} was refresh"
)


@dataclass(frozen=True, slots=True)
class CacheExplanation:
    """Why a call is served from the cache, or why it is computed. `str` shows it in sentences."""

    function: str
    """The name of the function with its module."""
    run_id: UUID | None
    """The run that would serve the call. For a miss it is the nearest earlier run, or None."""
    is_hit: bool
    """Whether the call is served."""
    differences: tuple[str, ...] = ()
    """What differs from the nearest earlier call, or why its result does not serve. Empty for a hit."""
    equal: tuple[str, ...] = ()
    """What is equal, such as `code` and the names of arguments."""
    not_followed: tuple[str, ...] = ()
    """What the code refers to and could not be followed. A change of it is not noticed."""

    def __str__(self) -> str:
        lines = [f"{'hit' if self.is_hit else 'miss'}: {'; '.join(self._reasons())}"]
        if self.not_followed:
            lines.append("not followed, so a change of it is not noticed:")
            lines += [f"  {what}" for what in self.not_followed]
        return "\n".join(lines)

    def _reasons(self) -> list[str]:
        if self.is_hit:
            return [f"run {self.run_id} serves the call"]
        if self.run_id is None:
            return [*self.differences]
        return [*self.differences, *(f"{name} equal" for name in self.equal), f"compared with run {self.run_id}"]


async def explain_call(signature: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> CacheExplanation:
    """Explain what the cache would do for a call. The function is not called, and nothing is recorded."""
    call, mode = Call(signature, args, kwargs), cache_mode()
    try:
        request = await call.compared()
    except IncomparableError as error:
        why = f"the call is never cached: {printable(str(error))}"
        return CacheExplanation(signature.shown, None, is_hit=False, differences=(why,))
    reasons = [] if mode == "on" else [f"{ENVIRONMENT} is {mode}"]
    candidate, damage = await call.usable(request)
    if damage is not None:
        reasons.append(f"its result cannot be used again: {printable(str(damage))}")
    if candidate is not None:
        return CacheExplanation(
            request.function,
            candidate.run_id,
            is_hit=not reasons,
            differences=tuple(reasons),
            equal=("code", *request.arguments) if reasons else (),
            not_followed=request.not_followed,
        )
    earlier = await latest(request.function, _COMPARED)
    gone = "its result was deleted or is too old"
    found = _compare(request.function, request.key, request.parts, earlier, request.not_followed, gone)
    return replace(found, differences=(*reasons, *found.differences))


async def serving_run(signature: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> UUID | None:
    """Return the run that would serve a call, or None."""
    call = Call(signature, args, kwargs)
    if cache_mode() != "on":
        return None
    request = await call.request()
    candidate, damage = (None, None) if request is None else await call.usable(request)
    return None if candidate is None or damage is not None else candidate.run_id


async def explain_run(run: NodeId) -> CacheExplanation | None:
    """Explain why a run of a cached function was served, or why it was computed.

    The run is compared with the nearest earlier one of its function. None means that the run has no key: its function
    is not cached, or the key was cleared. Or its result can serve no call: the run failed, an argument or the result
    could not be stored, or `ARTIGRAPH_CACHE` was off.

    Raises:
        InvalidNodeIdError: `run` denotes no node.
    """
    run_id = check_id(run)
    values = await read_recorded(run_id)
    served: object = values.get(CACHED_FROM)
    if isinstance(served, UUID):
        computed = parts_of((await read_recorded(served)).get(PARTS))
        return CacheExplanation(
            str(values.get(SERVED, "")), served, is_hit=True, not_followed=tuple(map(str, computed["not_followed"]))
        )
    function: object = values.get(FUNCTION)
    if not isinstance(function, str) or not isinstance(values.get(PARTS), dict):  # none, or the rows were altered
        return None
    parts = parts_of(values[PARTS])
    earlier = await latest(function, _COMPARED, before=run_id)
    key: object = values.get(KEY)
    own = key if isinstance(key, bytes) else b""
    return _compare(function, own, parts, earlier, tuple(map(str, parts["not_followed"])), _NOT_YET)


def _compare(
    function: str,
    key: bytes,
    parts: Mapping[str, Any],
    earlier: list[Recorded],
    not_followed: tuple[str, ...],
    gone: str,
) -> CacheExplanation:
    """Explain why a call was computed. `gone` says why an earlier call with the same key did not serve it."""
    if not earlier:
        why = (f"no earlier call of {function} has a cached result",)
        return CacheExplanation(function, None, is_hit=False, differences=why, not_followed=not_followed)
    compared = [(each, _differences(each.parts, parts)) for each in earlier]
    # The same call with other code is nearer than another call with the same code. The newest of the nearest is taken.
    nearest, differences = min(
        compared, key=lambda pair: (pair[0].parts["arguments"] != parts["arguments"], len(pair[1]))
    )
    if not differences:
        differences = (gone if nearest.key == key else "the label or an option of the function",)
    names = [name for name in parts["arguments"] if nearest.parts["arguments"].get(name) == parts["arguments"][name]]
    same = ("code",) if _code(nearest.parts) == _code(parts) else ()
    return CacheExplanation(
        function,
        nearest.run_id,
        is_hit=False,
        differences=differences,
        equal=(*same, *names),
        not_followed=not_followed,
    )


def _code(parts: Mapping[str, Any]) -> object:
    return parts["code"], parts["version"], parts["python"]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    if before["python"] != after["python"]:
        found.append(f"Python {before['python']} -> {after['python']}")
    if None not in (before["label"], after["label"]) and before["label"] != after["label"]:
        found.append(f"the label of the result {before['label']} -> {after['label']}")
    if before["version"] != after["version"]:
        found.append(f"version {before['version']} -> {after['version']}")
    if before["version"] is None and after["version"] is None:
        found += _of_code(before["code"], after["code"])
    for name in sorted({*before["arguments"], *after["arguments"]}):
        one, other = before["arguments"].get(name), after["arguments"].get(name)
        if one is None or other is None:
            found.append(f"argument {name} {'is new' if one is None else 'is gone'}")
        elif one != other:
            texts = [parts["shown"].get(name) for parts in (before, after)]
            known = None not in texts and texts[0] != texts[1]
            found.append(f"{name} {texts[0]} -> {texts[1]}" if known else f"{name} ({one[:8]} -> {other[:8]})")
    return tuple(found)


def _of_code(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    for words, names in (
        ("changed", [name for name in after if before.get(name, after[name]) != after[name]]),
        ("new", [name for name in after if name not in before]),
        ("gone", [name for name in before if name not in after]),
    ):
        if names:
            shown = ", ".join(sorted(map(_words, names))[:_FEW])
            more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
            found.append(f"code {words}: {shown}{more}")
    return found


def _words(name: str) -> str:
    """Return the name of a part: a function or class, or a constant with the function that uses it."""
    user, _, constant = name.partition(" ")
    return f"{constant} in {user}" if constant and not constant.startswith("(") else name


# All functions with cached results ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CachedFunctionInfo:
    """What the cache has of one function."""

    function: str
    """The name of the function with its module."""
    results: int
    """Calls that were computed, and can serve later ones. The result of some may have been deleted."""
    hits: int
    """Calls that were served, also from results that are no longer there."""
    newest_run_id: UUID
    """The newest run that computed a result."""
    newest_at: datetime
    """When that run started, in UTC."""


@dataclass(frozen=True, slots=True)
class ClearReport:
    """What `clear_cache` forgot or, on a dry run, would forget."""

    dry_run: bool
    """Whether nothing was changed."""
    functions: tuple[CachedFunctionInfo, ...]
    """The functions, by name, as they were before."""
    results: int
    """How many results serve no call any more. Their runs and artifacts stay."""

    def render(self) -> str:
        """Return the report as text."""
        what = "Would forget" if self.dry_run else "Forgot"
        if not self.functions:
            return f"{what} nothing: there are no cached results."
        widest = max(len(printable(each.function)) for each in self.functions)
        lines = [f"  {printable(each.function):{widest}}  {_count(each.results)}" for each in self.functions]
        return "\n".join([f"{what}:", *lines, "The runs and artifacts stay."])


def _count(results: int) -> str:
    return "1 result" if results == 1 else f"{results:,} results"


async def cached_functions() -> list[CachedFunctionInfo]:
    """Return the functions that have cached results, by name.

    It takes three statements, however many results there are. They read an index, and one row for each function.
    """
    return [CachedFunctionInfo(*row) for row in await functions()]


async def clear_cache(function: str | Callable[..., object] | None = None, *, dry_run: bool = False) -> ClearReport:
    """Forget the results of one function, or of all, so that its next calls are computed. Runs and artifacts stay.

    It is one transaction. Explanations no longer compare calls with the forgotten ones.

    Args:
        function: the cached function itself, or its name with its module, as `cached_functions` returns it. By default
            all functions.
        dry_run: return the same report, and change nothing.

    Raises:
        TrackingError: `function` is no cached function.
    """
    name = function if function is None or isinstance(function, str) else _name(function)
    there = tuple(CachedFunctionInfo(*row) for row in await functions(name))
    count = sum(each.results for each in there) if dry_run else await forget(name)
    return ClearReport(dry_run, there, count)


def _name(function: Callable[..., object]) -> str:
    """Return the name of a cached function.

    Raises:
        TrackingError: it is not one.
    """
    plain: Any = getattr(function, "__func__", function)
    below: object = getattr(plain, "__wrapped__", None)
    if not hasattr(plain, "explain") or not isinstance(below, FunctionType):
        msg = f"{function!r:.100} is no cached function. Decorate it with @tracked(cache=True), or pass its name"
        raise TrackingError(msg)
    return name_of(below)
