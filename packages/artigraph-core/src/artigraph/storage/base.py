"""The contract of a storage, and the storages known by name."""

from __future__ import annotations

import abc
from typing import Self, TypeVar, cast

from artigraph.errors import UnknownStorageError
from artigraph.registry import Registry

__all__ = ["Storage", "get_storage_by_name", "register_storage", "registered_storages"]


class Storage(abc.ABC):
    """A place for objects: bytes in, a location out, the same bytes back.

    What the bytes mean, how they are encoded, who refers to them and when they may go is the caller's business; so is
    their integrity (the caller records size and SHA-256 and checks them on the way back). A storage promises:

    - An object is durable when `create` returns: it survives a crash of this process and of its machine.
    - An object is whole or not there; nobody ever reads a part of one.
    - A location is used for one object and never again, and what it holds never changes.
    - Any number of calls may run at once, on any event loop, in any thread.

    It does not promise ordering, deduplication or transactions, nor a listing (see `SupportsListing`).

    Errors are those of `artigraph.errors`: `ObjectNotFoundError` where there is no object, `InvalidLocation` for a
    location that this storage cannot have returned, `StorageFull`, `StorageUnavailable` after all attempts, otherwise
    `StorageError`; the original error is the `__cause__`.

    A subclass sets `name`, a permanent string that is stored with every object put here: 1-100 printable ASCII
    characters without spaces. Attributes without a leading underscore are its configuration: two instances of one class
    whose configuration is equal are the same storage. No secret belongs into `repr`, nor into a public attribute.
    """

    name: str

    @abc.abstractmethod
    async def create(self, data: bytes, *, key: str | None = None) -> str:
        """Store an object and return its location: text of 1-512 code points that `read` understands.

        A `key` is a path that the caller never uses for other bytes, well formed in the sense of `check_key` (anything
        else is `InvalidLocation`). The location follows from it, so an object whose reply was lost can be found: to
        create the same bytes under the same key again is success and returns the same location. Other bytes under a
        key that is taken are a `StorageError`, and the first object stays. Without a key the storage makes a fresh one.

        Callers do not use two keys that differ in case alone, nor one that continues another after a `/`: a file
        system may not be able to hold both, and says so with a `StorageError`.
        """

    @abc.abstractmethod
    async def read(self, location: str) -> bytes:
        """Return the object at a location."""

    @abc.abstractmethod
    async def delete(self, location: str) -> None:
        """Remove the object at a location; where there is none, do nothing."""

    @abc.abstractmethod
    async def exists(self, location: str) -> bool:
        """Say whether there is an object at a location."""

    def renew(self, other: Storage) -> None:  # noqa: B027 (few storages have anything to take over)
        """Take over from an equal storage what is not configuration, such as credentials; does nothing by default.

        Called when a storage that is equal to this one is registered after it.
        """

    def register(self) -> Self:
        """Make this storage known by its name; see `register_storage`."""
        return register_storage(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'name', None)!r}>"


StorageT = TypeVar("StorageT", bound=Storage)

_storages: Registry[Storage] = Registry("storage", group="artigraph.storage", unknown=UnknownStorageError)


def register_storage(storage: StorageT) -> StorageT:
    """Make a storage known by its name and return it.

    Registering an equal one again (the same class, name and configuration) changes nothing and returns the one that is
    known: what is saved through the result is found under the name. What may differ between equal ones, such as
    renewed credentials, is taken over from the newer one.

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
        UnknownStorageError: there is none.
        MissingDependencyError: a distribution offers it, but a library that it needs is not installed.
    """
    return _storages.get(name)


def registered_storages() -> tuple[Storage, ...]:
    """Return the storages that are registered here."""
    return tuple(_storages)
