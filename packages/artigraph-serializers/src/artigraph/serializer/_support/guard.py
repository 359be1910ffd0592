"""Translate the errors of third-party libraries into Artigraph's."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import artigraph.errors as errors


def class_of(value: object) -> str:
    """Return the name of a value's class as messages show it."""
    return errors.class_name(type(value))


@contextmanager
def serializing(name: str, value: object) -> Generator[None]:
    """Raise the errors of a library in this block as SerializationError."""
    try:
        yield
    except (*errors.STOPPING, errors.SerializationError):
        raise
    except BaseException as error:  # a panic of polars does not derive from Exception
        msg = f"The serializer {name!r} cannot store this {class_of(value)} exactly: {error}"
        raise errors.SerializationError(msg) from error


@contextmanager
def deserializing(name: str) -> Generator[None]:
    """Raise the errors of a library in this block as DeserializationError. Errors of a stored file pass unchanged."""
    try:
        yield
    except errors.STOPPING:
        raise
    except BaseException as error:
        if isinstance(error, errors.ArtigraphError) and not isinstance(error, errors.SerializationError):
            raise
        msg = (
            f"These bytes are not what the serializer {name!r} writes, or need something that is not here: "
            f"{type(error).__name__}: {error}"
        )
        raise errors.DeserializationError(msg) from error


@contextmanager
def needs(extra: str) -> Generator[None]:
    """Raise a failing import in this block as an error that names the pip command.

    The block may import serializers of another extra. The error names this one, which has all that both need.
    """
    try:
        yield
    except ImportError as error:
        cause = error.__cause__ if isinstance(error, errors.MissingDependencyError) else error
        msg = (
            f"artigraph.serializer.{extra} cannot be imported: {cause}. Install what it needs: "
            f"pip install 'artigraph[{extra}]'"
        )
        raise errors.MissingDependencyError(msg) from cause


def attributes_of(value: object) -> set[str]:
    """Return the names of the attributes that the instance itself holds."""
    return set(vars(value))
