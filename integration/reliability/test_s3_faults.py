"""Case 11 of docs/appendix/reliability.md: models whose objects go to an S3 server through a network that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest

from artigraph.errors import StorageUnavailableError
from artigraph.storage.aws import S3Storage
from tests.support.check import Checker
from tests.support.places import Bucket, Parcel, Place, parcel
from tests.support.proxy import Proxy, proxied
from tests.support.sizes import note, sizes

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.parametrize("place", [("postgresql", "s3")], indirect=True, ids=["postgresql_s3"]),
]


@pytest.fixture
def bucket_of(place: Place) -> Bucket:
    assert place.bucket is not None
    return place.bucket


@pytest.fixture
def proxy(bucket_of: Bucket) -> Iterator[Proxy]:
    with proxied(bucket_of.endpoint) as proxy:
        yield proxy


@pytest.fixture
def behind(place: Place, bucket_of: Bucket, proxy: Proxy) -> Place:
    """The same place, reached through the proxy."""
    return replace(place, bucket=replace(bucket_of, endpoint=proxy.url))


@pytest.mark.parametrize("count", sizes(40, 400))
async def test_a_tenth_of_all_requests_fails_and_every_model_comes_back(
    place: Place, behind: Place, proxy: Proxy, count: int
) -> None:
    slots = asyncio.Semaphore(4)
    async with behind.opened():
        await parcel(0).save("first")
        proxy.seeded(count, 0.1, "503", "reset", "lost", "truncate", "short", "flip")

        async def save_and_load(number: int) -> UUID:
            async with slots:
                root = await parcel(number).save("it")
                assert await Parcel.load(root) == parcel(number)
                return root

        roots = await asyncio.gather(*(save_and_load(number) for number in range(1, count + 1)))
    found = await Checker(place).look()
    assert found.sound
    assert set(roots) <= found.roots
    assert found.orphans == frozenset()
    faults = sum(proxy.done.values()) - proxy.done["none"]
    assert faults > count // 4
    note(11, place.kind, models=count, requests=sum(proxy.seen.values()), faults=faults, surfaced=0, short_values=0)


async def test_a_server_that_stays_away_is_said_and_nothing_is_left(place: Place, behind: Place, proxy: Proxy) -> None:
    checker = Checker(place)
    storage = behind.storage()
    assert isinstance(storage, S3Storage)
    patience = storage.deadline
    async with place.opened(storage):
        root = await parcel(0).save("first")
        before = await checker.look()
        for fault in ("503", "reset"):
            proxy.always(fault)
            storage.deadline = 2
            with pytest.raises(StorageUnavailableError) as caught:
                await parcel(1).save("refused")
            assert caught.value.__cause__ is not None
        proxy.always("none")
        storage.deadline = patience
        after = await checker.look()
        assert after.rows == before.rows
        assert after.objects == before.objects
        assert await Parcel.load(await parcel(1).save("it")) == parcel(1)
        assert await Parcel.load(root) == parcel(0)
