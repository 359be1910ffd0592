"""What the tests of a storage are given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import pytest

from artigraph.storage import Storage

__all__ = ["StorageKit"]


class StorageKit:
    """The storage to be tested, and a side channel to the place behind it."""

    secrets: Sequence[str] = ()
    """Texts that the storage was made with and that nobody may see."""

    creates_once: bool = True
    """Whether of several that create other bytes under one key at the same moment exactly one succeeds.

    Artigraph gives every object a key of its own, so it can do with a server that has no way to promise this; the
    storage then says so in its documentation.
    """

    many: int = 1100
    """Objects of a long listing: more than a page of the place behind it holds, if it has pages."""

    @pytest.fixture
    def storage(self) -> Storage:
        """Return the storage to be tested."""
        msg = "The subclass has to give the fixture `storage`"
        raise NotImplementedError(msg)

    def get_raw(self, storage: Storage, location: str) -> bytes | None:
        """Return the bytes behind a location, or None if there are none, without using the storage."""
        raise NotImplementedError

    def put_raw(self, storage: Storage, location: str, data: bytes) -> None:
        """Put other bytes behind the location of an object, without using the storage."""
        raise NotImplementedError

    def again(self, storage: Storage) -> Storage | None:
        """Return another instance of the same configuration, as another process would make it.

        None says that objects end with the instance, so there is nothing to be found again.
        """
        raise NotImplementedError

    @pytest.fixture
    def run(self) -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
        """Run coroutines on an event loop that lasts for the test."""
        with asyncio.Runner() as runner:
            yield runner.run
