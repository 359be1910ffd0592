"""The boundary to other people's libraries: what they raise becomes one of our errors."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from artigraph.errors import ArtigraphError, DeserializationError, MissingDependencyError, SerializationError

__all__ = ["class_name", "deserializing", "needs", "serializing"]

_NOT_OURS = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)
"""What asks the process or the task to stop; everything else is a failure of the value or of its bytes.

BaseException is caught and these are let through, rather than Exception caught, because a panic of polars (a
`PanicException`) derives from BaseException alone.
"""


def class_name(value: object) -> str:
    """Return the name by which messages speak of a value's class."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


@contextmanager
def serializing(name: str, value: object) -> Generator[None]:
    """Turn what a library raises in the block into a SerializationError."""
    try:
        yield
    except (*_NOT_OURS, SerializationError):
        raise
    except BaseException as error:
        msg = f"The serializer {name!r} cannot store this {class_name(value)} exactly: {error}"
        raise SerializationError(msg) from error


@contextmanager
def deserializing(name: str) -> Generator[None]:
    """Turn what a library raises in the block into a DeserializationError; what a stored file raises goes on."""
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
    """Turn a failing import in the block into an error that names the pip command."""
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
