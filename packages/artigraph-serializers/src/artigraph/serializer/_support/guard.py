"""Translate the errors of third-party libraries into Artigraph's."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from artigraph.errors import ArtigraphError, DeserializationError, MissingDependencyError, SerializationError

_NOT_OURS = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)
"""Exceptions that ask the process or the task to stop. All others mean that the value or its bytes are bad.

We catch BaseException and let these pass, because a panic of polars (`PanicException`) does not derive from Exception.
"""


def class_name(value: object) -> str:
    """Return the name of a value's class as messages show it."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


@contextmanager
def serializing(name: str, value: object) -> Generator[None]:
    """Raise the errors of a library in this block as SerializationError."""
    try:
        yield
    except (*_NOT_OURS, SerializationError):
        raise
    except BaseException as error:
        msg = f"The serializer {name!r} cannot store this {class_name(value)} exactly: {error}"
        raise SerializationError(msg) from error


@contextmanager
def deserializing(name: str) -> Generator[None]:
    """Raise the errors of a library in this block as DeserializationError. Errors of a stored file pass unchanged."""
    try:
        yield
    except _NOT_OURS:
        raise
    except BaseException as error:
        if isinstance(error, ArtigraphError) and not isinstance(error, SerializationError):
            raise
        msg = (
            f"These bytes are not what the serializer {name!r} writes, or need something that is not here: "
            f"{type(error).__name__}: {error}"
        )
        raise DeserializationError(msg) from error


@contextmanager
def needs(extra: str) -> Generator[None]:
    """Raise a failing import in this block as an error that names the pip command."""
    try:
        yield
    except MissingDependencyError:
        raise
    except ImportError as error:
        msg = (
            f"artigraph.serializer.{extra} cannot be imported: {error}. Install what it needs: "
            f"pip install 'artigraph[{extra}]'"
        )
        raise MissingDependencyError(msg) from error
