"""The fixtures and settings of the tests of a storage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import pytest

from artigraph.storage import Storage


class StorageKit:
    """The storage to test, and a side channel to the place behind it."""

    secrets: Sequence[str] = ()
    """Secret strings with which the storage was made. They must not be visible."""

    creates_once: bool = True
    """Whether exactly one call succeeds if several create different bytes under one key at the same moment.

    Artigraph gives every object its own key, so it also works with a server that cannot promise this. Such a storage
    must say so in its documentation.
    """

    many: int = 1100
    """The number of objects of a long listing. It must exceed a page of the place behind it, if that has pages."""

    @pytest.fixture
    def storage(self) -> Storage:
        """Return the storage to test."""
        msg = "The subclass has to give the fixture `storage`"
        raise NotImplementedError(msg)

    def get_raw(self, storage: Storage, location: str) -> bytes | None:
        """Return the bytes of an object without using the storage, or None if the location has none."""
        raise NotImplementedError

    def put_raw(self, storage: Storage, location: str, data: bytes) -> None:
        """Replace the bytes of an object without using the storage."""
        raise NotImplementedError

    def again(self, storage: Storage) -> Storage | None:
        """Return another instance with the same configuration, as another process would make it.

        Return None if objects end with the instance, so that no other instance can find them.
        """
        raise NotImplementedError

    @pytest.fixture
    def run(self) -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
        """Run coroutines on an event loop that lasts for the test."""
        with asyncio.Runner() as runner:
            yield runner.run
