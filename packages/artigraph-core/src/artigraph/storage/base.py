"""The contract of a storage, and the registry of storages by name."""

from __future__ import annotations

import abc
import re
import uuid
from collections.abc import Callable
from typing import Self, TypeVar, cast

from artigraph.errors import InvalidLocationError, UnknownStorageError
from artigraph.registry import Registry


class Storage(abc.ABC):
    """Stores objects: it takes bytes, returns a location, and returns the same bytes for that location.

    The caller decides what the bytes mean, how they are encoded, who refers to them and when they are deleted. The
    caller also checks their integrity: it records size and SHA-256 when it stores an object, and compares them when it
    reads one. A storage promises:

    - An object is durable when `create` returns: it survives a crash of this process and of its machine.
    - An object is complete or does not exist. No reader ever sees a part of one.
    - A location is used for one object and never again, and its content never changes.
    - Any number of calls may run at once, on any event loop, in any thread.

    It does not promise ordering, deduplication, transactions or a listing (see `SupportsListing`).

    It raises only errors of `artigraph.errors`, with the original error as the `__cause__`:

    - `ObjectNotFoundError` if the location has no object.
    - `InvalidLocationError` for a location that this storage cannot have returned.
    - `StorageFullError`, and `StorageUnavailableError` after all attempts.
    - `StorageError` in all other cases.

    A subclass sets `name`, a permanent string that is stored with every object it creates: 1-100 printable ASCII
    characters without spaces. Attributes without a leading underscore are its configuration. Two instances of one class
    with equal configuration are the same storage. Keep secrets out of `repr` and out of public attributes.

    Pipeline engines pickle storages with the models that name them. A subclass leaves locks and connections out of a
    pickle (`__getstate__`) and makes them anew (`__setstate__`). It holds secrets in a `ProcessLocal`.
    """

    name: str

    @abc.abstractmethod
    async def create(self, data: bytes, *, key: str | None = None) -> str:
        """Store an object and return its location: a string of 1-512 code points that `read` understands.

        A `key` is a path that the caller never uses for other bytes. It must be well formed as `check_key` defines it;
        otherwise this raises `InvalidLocationError`. The location follows from the key, so the caller can find an
        object whose reply was lost. Creating the same bytes under the same key again succeeds and returns the same
        location. If the key is taken by other bytes, this raises `StorageError` and the first object stays. Without a
        key, the storage makes a new one.

        Callers never use two keys that differ only in case, nor one that continues another after a `/`. A file system
        may be unable to hold both, and then raises `StorageError`.
        """

    @abc.abstractmethod
    async def read(self, location: str) -> bytes:
        """Return the bytes of the object at a location."""

    @abc.abstractmethod
    async def delete(self, location: str) -> None:
        """Remove the object at a location. Does nothing if no object exists there."""

    @abc.abstractmethod
    async def exists(self, location: str) -> bool:
        """Say whether an object exists at a location."""

    def renew(self, other: Storage) -> None:  # noqa: B027 (few storages have anything to take over)
        """Copy from an equal storage what is not configuration, such as credentials. Does nothing by default.

        Called when a storage that is equal to this one is registered after it.
        """

    def registered(self) -> Self:
        """Return the registered storage that is equal to this one, or this one if none is registered."""
        known = _storages.equal_to(self)
        return self if known is None else cast("Self", known)

    def register(self) -> Self:
        """Register this storage under its name; see `register_storage`."""
        return register_storage(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'name', None)!r}>"


StorageT = TypeVar("StorageT", bound=Storage)

_storages: Registry[Storage] = Registry("storage", group="artigraph.storage", unknown=UnknownStorageError)


def register_storage(storage: StorageT) -> StorageT:
    """Register a storage under its name, and return the registered storage.

    Registering an equal one again (the same class, name and configuration) changes nothing and returns the one that is
    already registered. So objects saved through the result are found under the name. The older one copies what may
    differ between equal ones, such as renewed credentials, from the newer one.

    Raises:
        RegistrationError: the name is malformed, or belongs to another storage.
    """
    known = _storages.register(storage)
    if known is not storage:
        known.renew(storage)
    return cast(
        "StorageT", known
    )  # an equal one is of the same class, and one of another class replaces what was known


def get_storage_by_name(name: str) -> Storage:
    """Return the storage that is registered under a name, or that an installed distribution offers under it.

    Raises:
        UnknownStorageError: no storage has this name.
        MissingDependencyError: a distribution offers it, but a library that it needs is not installed.
    """
    return _storages.get(name)


def registered_storages() -> tuple[Storage, ...]:
    """Return the storages that are registered in this process, or named by its model classes."""
    return _storages.all()


def add_storage_source(register_more: Callable[[], None]) -> None:
    """Call a function before a storage is reported as unknown, and before all storages are listed."""
    _storages.add_source(register_more)


_KEY = re.compile(r"[A-Za-z0-9-]+(?:/[A-Za-z0-9-]+)*")
_LONGEST = 200
_DEVICE = re.compile(r"CON|PRN|AUX|NUL|(?:COM|LPT)[0-9]", re.IGNORECASE)
"""Names that Windows reserves for devices. Keys are the same on every system, so no part may be such a name."""


def new_key() -> str:
    """Return a new random key: 32 hexadecimal digits, with a `/` after the first two."""
    digits = uuid.uuid4().hex
    return f"{digits[:2]}/{digits[2:]}"


def check_key(key: str) -> str:
    """Return a key, or a location that is one, if it is well formed.

    A well-formed key has 1-200 ASCII letters, digits, `-` and `/`. No part is empty, and none is a name that Windows
    reserves for a device. So it contains no `..`, no drive and no escape, and means the same on every system.

    Raises:
        InvalidLocationError: the key is not well formed.
    """
    text = cast("object", key)  # a tampered row, or a caller without a type checker, may pass anything
    if (
        isinstance(text, str)
        and len(text) <= _LONGEST
        and _KEY.fullmatch(text)
        and not any(_DEVICE.fullmatch(part) for part in text.split("/"))
    ):
        return text
    shown = f"{text!r:.120}" if isinstance(text, str) else f"A {type(text).__name__}"
    msg = (
        f"{shown} is neither a key nor a location: those are 1-{_LONGEST} ASCII letters, digits, '-' and '/', without "
        "empty parts and without device names of Windows. Nothing was read or written."
    )
    raise InvalidLocationError(msg)


def check_prefix(prefix: str) -> str:
    """Return the prefix of a listing if it is a key followed by a `/`.

    Raises:
        InvalidLocationError: it is not.
    """
    text = cast("object", prefix)
    if isinstance(text, str) and text.endswith("/"):
        return f"{check_key(text[:-1])}/"
    shown = f"{text!r:.120}" if isinstance(text, str) else f"A {type(text).__name__}"
    msg = f"{shown} is no prefix of locations: that is a key and a '/' after it. Nothing was read."
    raise InvalidLocationError(msg)
