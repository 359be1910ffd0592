"""Which values stand in rows, and where the others go, as it was set together with an engine."""

from __future__ import annotations

from dataclasses import dataclass

from artigraph.errors import ConfigurationError
from artigraph.orm import INLINE_LIMIT, SMALLEST_INLINE_LIMIT
from artigraph.storage import Storage, register_storage

__all__ = ["Placement", "make_placement"]


@dataclass(frozen=True, slots=True)
class Placement:
    """What was set; None leaves it to what suits the database."""

    large_value_storage: Storage | None = None
    """Where values go that outgrow the limit and have no storage of their own."""
    inline_limit: int | None = None
    """The most bytes of a value in a row."""


def make_placement(storage: object, inline_limit: object) -> Placement:
    """Check what was set, and make the storage known by its name.

    Raises:
        ConfigurationError: it is not a storage, or not a limit.
        RegistrationError: the storage has the name of another one.
    """
    if storage is not None and not isinstance(storage, Storage):
        msg = f"large_value_storage is an instance of Storage, not {storage!r}"
        raise ConfigurationError(msg)
    if inline_limit is not None and (
        type(inline_limit) is not int or not SMALLEST_INLINE_LIMIT <= inline_limit <= INLINE_LIMIT
    ):
        msg = f"inline_limit is a number of bytes from {SMALLEST_INLINE_LIMIT} to {INLINE_LIMIT}, not {inline_limit!r}"
        raise ConfigurationError(msg)
    return Placement(None if storage is None else register_storage(storage), inline_limit)
