"""The storage of obstore keeps the contract on real servers, and through a bad connection to them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from artigraph.errors import StorageError, StorageUnavailableError
from artigraph.storage import Storage, new_key
from artigraph.storage.aws import S3Storage
from artigraph.testing.storage import StorageConformance
from integration.buckets.conftest import Bucket, OnS3
from integration.support.s3 import Server
from tests.long import bucket_streams
from tests.support.proxy import proxied
from tests.support.snippets import ROOT


class TestObjectStorage(StorageConformance):
    place: Bucket

    @pytest.fixture
    def storage(self, place: Bucket) -> Storage:
        self.place = place
        self.secrets = place.secrets
        return place.storage()

    def get_raw(self, storage: Storage, location: str) -> bytes | None:
        return self.place.get(f"some/data/{location}")

    def put_raw(self, storage: Storage, location: str, data: bytes) -> None:
        self.place.put(f"some/data/{location}", data)

    def again(self, storage: Storage) -> Storage | None:
        return self.place.storage()


async def test_a_thousand_objects_sixteen_at_once(place: Bucket) -> None:
    values = [random.Random(number).randbytes(4096) for number in range(1000)]
    slots, storage = asyncio.Semaphore(16), place.storage()

    async def there_and_back(value: bytes) -> bytes:
        async with slots:
            return await storage.read(await storage.create(value))

    assert await asyncio.gather(*(there_and_back(value) for value in values)) == values


@pytest.mark.parametrize("seed", range(2))
async def test_a_tenth_of_all_operations_fails_and_nobody_notices(place: Bucket, seed: int) -> None:
    slots = asyncio.Semaphore(16)
    values = [random.Random(seed * 1000 + number).randbytes(number * 100) for number in range(125)]
    with proxied(place.server_url) as proxy:
        proxy.seeded(seed, 0.1, "503", "reset", "lost", "truncate")
        storage = place.storage(proxy.url)

        async def life(number: int, value: bytes) -> None:
            async with slots:
                location = await storage.create(value)
                assert await storage.read(location) == value
                if number % 5:
                    await storage.delete(location)
                assert await storage.exists(location) is (number % 5 == 0)

        await asyncio.gather(*(life(number, value) for number, value in enumerate(values)))
        assert sum(proxy.done.values()) - proxy.done["none"] > 30
    assert sorted([place.get(key) or b"" for key in place.all_keys()]) == sorted(values[::5])


@pytest.mark.parametrize("seed", range(2))
async def test_streams_through_a_bad_connection(place: Bucket, seed: int) -> None:
    values = [random.Random(seed * 10 + number).randbytes((9 << 20) * number) for number in range(4)]
    with proxied(place.server_url) as proxy:
        proxy.seeded(seed, 0.1, "503", "reset", "lost", "truncate", "short")
        storage = place.storage(proxy.url)
        locations = await asyncio.gather(*(storage.create_stream(parts(value)) for value in values))
        for value, location in zip(values, locations, strict=True):
            assert await storage.create_stream(parts(value), key=location) == location
            assert await storage.read_range(location, 5_000_000, 9_000_000) == value[5_000_000:14_000_000]
        with pytest.raises(StorageError, match="other bytes"):
            await storage.create_stream(parts(values[3][::-1]), key=locations[3])
    await place.storage().tidy(timedelta())
    assert sorted([place.get(key) or b"" for key in place.all_keys()]) == sorted(values)


@pytest.mark.parametrize("fault", ["503", "reset"])
async def test_down_for_good_is_said_within_the_deadline(place: Bucket, fault: str) -> None:
    with proxied(place.server_url) as proxy:
        location = await place.storage().create(b"value")  # without a deadline, since the machine may be busy
        storage = place.storage(proxy.url, deadline=1.0, read_timeout=1.0)
        proxy.always("503" if fault == "503" else "reset")
        for work in (
            lambda: storage.create(b"other"),
            lambda: storage.read(location),
            lambda: storage.delete(location),
            lambda: storage.create_stream(parts(bytes(20 << 20))),
        ):
            async with asyncio.timeout(60):
                with pytest.raises(StorageUnavailableError) as caught:
                    await work()
            assert not any(secret in f"{caught.value}{caught.value.__cause__!r}" for secret in place.secrets)


async def test_a_canceled_stream_leaves_no_parts(s3: object, bucket: str, server: Server) -> None:
    place = OnS3(s3, server, bucket)
    storage, begun = place.storage(), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield os.urandom(9 << 20)
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(storage.create_stream(endless()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert place.all_keys() == []
    assert place.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


async def test_both_storages_of_s3_share_names_and_locations(s3: object, bucket: str, server: Server) -> None:
    ours = OnS3(s3, server, bucket).storage()
    theirs = S3Storage(
        bucket,
        "some/data",
        region="us-east-1",
        endpoint_url=server.url,
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
    )
    key, value = new_key(), os.urandom(20 << 20)
    assert ours.name == theirs.name
    assert await ours.create(value, key=key) == await theirs.create(value, key=key) == key
    assert await theirs.read(key) == value
    await theirs.close()


async def parts(value: bytes) -> AsyncIterator[memoryview]:
    for start in range(0, len(value), 1_000_000):
        yield memoryview(value)[start : start + 1_000_000]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_gibibytes_are_streamed_within_64_mebibytes(s3: object, bucket: str, server: Server) -> None:
    size = 2 * 1024**3
    command = [sys.executable, "-m", bucket_streams.__name__, server.url, bucket, str(size)]
    told = json.loads(subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout)
    assert told["same"]
    assert told["growth"] <= 64 * 1024**2, told
    assert len(OnS3(s3, server, bucket).all_keys()) == 2
