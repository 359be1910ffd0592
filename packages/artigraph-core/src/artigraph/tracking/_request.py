"""Make the key of a call: from the code that the function runs, and from the content of its arguments."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import artigraph.errors as errors
from artigraph.graph import without_recording
from artigraph.graph.fingerprint import fingerprint, read_fingerprint
from artigraph.model.any_model import is_model_instance
from artigraph.model.identity_map import origin_in_map
from artigraph.model.partial import is_partial, loaded_fields
from artigraph.model.save import to_trees
from artigraph.model.traverse import find_stream
from artigraph.printable import printable
from artigraph.progress import run_in_slices
from artigraph.tracking._bytecode import PYTHON, digest_of, encoded
from artigraph.tracking._describe import Describer, IncomparableError
from artigraph.tracking._known_code import CodeIdentity
from artigraph.tracking._options import TrackedValue, TrackingWarning
from artigraph.tracking._ownership import module_of_class, name_of
from artigraph.tracking._signature import Arguments, Signature

_BRIEF = 0.01
"""Seconds. Code that takes longer to compare is compared in a thread, so that others of the event loop go on."""
_SHOWN = 60
"""The most characters of a value in an explanation."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call, as the cache sees it."""

    function: str
    """The name of the function with its module."""
    key: bytes
    code: Mapping[str, str]
    """The digest of each part of the code; empty if `Cache.version` takes its place."""
    version: str | None
    label: str
    """The label of the result."""
    arguments: Mapping[str, str]
    """The digest of each argument that is compared."""
    shown: Mapping[str, str]
    """The short text of each plain argument."""
    not_followed: tuple[str, ...]
    fingerprints: Mapping[str, bytes]
    """The fingerprints of the arguments that would be saved as artifacts."""
    python: str = PYTHON

    @property
    def parts(self) -> dict[str, Any]:
        """What the key was made of, as plain values that are stored for explanations."""
        return {
            "python": self.python,
            "version": self.version,
            "label": self.label,
            "code": dict(self.code),
            "arguments": dict(self.arguments),
            "shown": dict(self.shown),
            "not_followed": list(self.not_followed),
        }


async def request_of(
    signature: Signature,
    arguments: Arguments,
    given: tuple[tuple[Any, ...], Mapping[str, Any]],
    key: tuple[object] | None,
) -> Request:
    """Return the request of a call.

    Args:
        signature: how calls of the function are recorded.
        arguments: the recorded arguments.
        given: all arguments, as they were passed.
        key: what the function's own `Cache.key` returned, if it has one.

    Raises:
        IncomparableError: an argument cannot be compared by content; the message says which, and why.
    """
    cache = signature.cache
    assert cache is not None  # only calls of cached functions have a request
    if arguments.error is not None:
        msg = f"its arguments are unknown: {arguments.error}"
        raise IncomparableError(msg) from arguments.error
    function: FunctionType = signature.function
    compared = {name: value for name, value in arguments.values.items() if name not in cache.ignore}
    code = CodeIdentity({}, (), encoded([])) if cache.version is not None else await _code(signature, given)
    shown = {name: text for name, value in compared.items() if (text := _short(value)) is not None}
    if key is not None:
        compared, shown = {"key": key[0]}, {}  # a key is not shown, because it may hold a secret
    digests: dict[str, str] = {}
    fingerprints: dict[str, bytes] = {}
    for name, value in sorted(compared.items()):
        try:
            content = await _digest(value)
            digests[name] = digest_of(content).hex()
            if content[0] == "content":
                fingerprints[name] = content[1]
        except IncomparableError as error:
            msg = f"argument {name!r}: {error}"
            raise IncomparableError(msg) from error
    bound = signature.bound
    if bound is not None and bound not in compared:
        # Its own code is among the code. But the function may name that class anyway, and be called on another one.
        about = f"class of {bound}"
        shown[about] = _class_of(given[0][0] if given[0] else given[1].get(bound), function)
        digests[about] = digest_of(shown[about]).hex()
    name = name_of(function)
    version = None if cache.version is None else f"{type(cache.version).__name__} {cache.version}"
    parts = (name, PYTHON, signature.label, version, code.encoded, sorted(digests.items()), cache.key is not None)
    return Request(
        name,
        digest_of(parts),
        code.parts,
        version,
        signature.label,
        digests,
        shown,
        code.not_followed,
        fingerprints,
    )


def _class_of(bound: object, method: FunctionType) -> str:
    """Return the name of the class that a method is called on."""
    cls: type[Any] = bound if isinstance(bound, type) else type(bound)
    return f"{module_of_class(cls, method)}.{cls.__qualname__}"


async def _code(signature: Signature, given: tuple[tuple[Any, ...], Mapping[str, Any]]) -> CodeIdentity:
    code = signature.code
    assert code is not None  # its results are used again
    values = [*given[0], *given[1].values()]
    if code.seconds < _BRIEF:
        return code.identity(values)
    # The first time, sources are read and compiled; and constants may be large.
    return await asyncio.to_thread(code.identity, values)


async def _digest(value: object) -> tuple[Any, ...]:
    """Return what identifies an argument: the fingerprint of what a save of it would store.

    Raises:
        IncomparableError: the value cannot be stored, so its content is unknown.
    """
    if await run_in_slices(find_stream(value)) is not None:
        msg = "it is or holds a stream, which can be read only once"
        raise IncomparableError(msg)
    if is_partial(type(value)):
        return await _of_partial(value)
    try:
        [tree] = await to_trees([("value", value if is_model_instance(value) else TrackedValue(value))], None)
        return ("content", await fingerprint(tree))
    except (errors.DatabaseError, errors.StorageError):
        raise
    except Exception as error:  # a plain dataclass, an enum member, or a value that no save would store
        try:
            return ("described", Describer().describe(value, ""))
        except IncomparableError:
            raise
        except Exception:
            raise IncomparableError(str(error)) from error


async def _of_partial(value: object) -> tuple[Any, ...]:
    """Return what identifies a model that was loaded in part: the stored artifact, and the fields that were loaded."""
    origin = origin_in_map(value)
    with without_recording():
        found = None if origin is None or origin.path else await read_fingerprint(origin.node_id)
    if found is None:
        msg = "it was loaded in part, and the artifact that it was loaded from is not there"
        raise IncomparableError(msg)
    return ("part", found, sorted(loaded_fields(value)))


def _short(value: object) -> str | None:
    if value is None or type(value) in (bool, int, float, str):
        try:
            text = repr(value)
        except ValueError:  # an int of more digits than Python writes
            return None
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return None


def warn_uncached(signature: Signature, why: object) -> None:
    """Warn that a call is computed, and not cached, because an argument cannot be compared."""
    msg = (
        f"A call of {signature.shown} is not cached: {printable(str(why))}. Cache(ignore=[...]) leaves an argument "
        "out, and Cache(key=...) compares something else in place of all"
    )
    warnings.warn_explicit(msg, TrackingWarning, signature.file, signature.line)
