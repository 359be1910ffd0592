"""Tests of a storage that can list its objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from artigraph.errors import InvalidLocationError
from artigraph.storage import Storage, StoredEntry, SupportsListing, SupportsStreams
from artigraph.testing.storage._kit import StorageKit
from artigraph.testing.storage._locations import HOSTILE_LOCATIONS


class ListingTests(StorageKit):
    """Tests of `SupportsListing`, one for each promise."""

    @pytest.fixture
    def lists(self, storage: Storage) -> SupportsListing:
        """Return the storage. Skips the test if it cannot list."""
        if not isinstance(storage, SupportsListing):
            pytest.skip("this storage cannot say what is in it")
        return storage

    def test_listing_is_what_is_there(self, storage: Storage, lists: SupportsListing, run: Callable[..., Any]) -> None:
        assert run(_all(lists, "store/")) == []
        sizes = {"store/a": 5, "store/ab/c-1": 0, "store/ab/d": 70_000, "store/ab/e/f/g": 1}
        for key, size in sizes.items():
            assert run(storage.create(b"x" * size, key=key)) == key, "a storage that lists has keys for locations"
        assert {entry.location: entry.size for entry in run(_all(lists, "store/"))} == sizes
        run(storage.delete("store/ab/d"))
        assert sorted(entry.location for entry in run(_all(lists, "store/"))) == [
            "store/a",
            "store/ab/c-1",
            "store/ab/e/f/g",
        ]

    def test_listing_ends_at_the_prefix(
        self, storage: Storage, lists: SupportsListing, run: Callable[..., Any]
    ) -> None:
        for key in ("ours/a", "ours/b/c", "ours-2/a", "our/a", "other/ours/a", "z"):
            run(storage.create(b"value", key=key))
        assert sorted(entry.location for entry in run(_all(lists, "ours/"))) == ["ours/a", "ours/b/c"]
        assert [entry.location for entry in run(_all(lists, "ours/b/"))] == ["ours/b/c"]
        assert run(_all(lists, "nothing/")) == []

    def test_listing_of_many_has_each_once(
        self, storage: Storage, lists: SupportsListing, run: Callable[..., Any]
    ) -> None:
        keys = {f"many/{number % 7}/{number}" for number in range(self.many)}

        async def fill() -> None:
            async with asyncio.TaskGroup() as tasks:
                for part in range(8):
                    tasks.create_task(_create(storage, sorted(keys)[part::8]))

        run(fill())
        found = [entry.location for entry in run(_all(lists, "many/"))]
        assert len(found) == self.many
        assert set(found) == keys

    def test_listing_tells_ages_that_fit_what_has_just_been_stored(
        self, storage: Storage, lists: SupportsListing, run: Callable[..., Any]
    ) -> None:
        run(storage.create(b"value", key="ages/first"))
        [entry] = run(_all(lists, "ages/"))
        assert type(entry) is StoredEntry
        assert timedelta() <= entry.age < timedelta(hours=1)

    def test_listing_leaves_out_what_is_still_being_written(
        self, storage: Storage, lists: SupportsListing, run: Callable[..., Any]
    ) -> None:
        if not isinstance(storage, SupportsStreams):
            pytest.skip("this storage does not take objects in parts")
        seen: list[list[StoredEntry]] = []

        async def parts() -> AsyncIterator[bytes]:
            yield b"x" * 3_000_000
            seen.append(await _all(lists, "writing/"))
            yield b"y"

        run(storage.create_stream(parts(), key="writing/a"))
        assert seen == [[]]
        assert [entry.size for entry in run(_all(lists, "writing/"))] == [3_000_001]

    def test_listing_can_be_given_up(self, storage: Storage, lists: SupportsListing, run: Callable[..., Any]) -> None:
        for number in range(5):
            run(storage.create(b"value", key=f"some/{number}"))

        async def first() -> StoredEntry:
            listing = lists.list("some/")
            try:
                return await anext(listing)
            finally:
                await listing.aclose()  # type: ignore[attr-defined]  # it is a generator

        assert run(first()).location.startswith("some/")
        assert len(run(_all(lists, "some/"))) == len(range(5))

    def test_listing_by_other_prefixes_is_refused(self, lists: SupportsListing, run: Callable[..., Any]) -> None:
        let_in: list[object] = []
        prefixes: list[Any] = [
            *(f"{location}/" for location in HOSTILE_LOCATIONS),
            "",
            "/",
            "a",
            "a//",
            "a/b",
            1,
            b"a/",
        ]
        for prefix in prefixes:
            try:
                run(_all(lists, prefix))
            except InvalidLocationError:
                continue
            let_in.append(prefix)
        assert let_in == []


async def _create(storage: Storage, keys: list[str]) -> None:
    for key in keys:
        await storage.create(b"value", key=key)


async def _all(lists: SupportsListing, prefix: str) -> list[StoredEntry]:
    return [entry async for entry in lists.list(prefix)]
