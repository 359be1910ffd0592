"""S3 keeps the contract on a real server, and through a bad connection to it."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from artigraph.errors import StorageError
from artigraph.storage import Storage, new_key
from artigraph.storage.aws import S3Storage
from artigraph.testing.storage import StorageConformance
from integration.support.s3 import Server
from tests.support.proxy import proxied


def made(bucket: str, server: Server, *, prefix: str = "some/data", url: str | None = None) -> S3Storage:
    return S3Storage(
        bucket,
        prefix,
        endpoint_url=url or server.url,
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
        region="us-east-1",
    )


class TestS3Storage(StorageConformance):
    s3: Any
    server: Server

    @pytest.fixture
    def storage(self, s3: Any, bucket: str, server: Server) -> Storage:
        self.s3, self.server = s3, server
        if server.secret_access_key not in server.url:
            self.secrets = (server.secret_access_key,)
        storage = made(bucket, server)
        self.creates_once = heeds_conditions(s3, bucket)
        return storage

    def get_raw(self, storage: Storage, location: str) -> bytes | None:
        bucket = cast("S3Storage", storage).bucket
        try:
            return cast("bytes", self.s3.get_object(Bucket=bucket, Key=f"some/data/{location}")["Body"].read())
        except ClientError as error:
            if cast("Any", error).response["Error"]["Code"] != "NoSuchKey":
                raise
            return None

    def put_raw(self, storage: Storage, location: str, data: bytes) -> None:
        self.s3.put_object(Bucket=cast("S3Storage", storage).bucket, Key=f"some/data/{location}", Body=data)

    def again(self, storage: Storage) -> Storage | None:
        return made(cast("S3Storage", storage).bucket, self.server)


def heeds_conditions(s3: Any, bucket: str) -> bool:
    """Whether the server has conditional puts; MinIO has them since late 2024."""
    s3.put_object(Bucket=bucket, Key="condition", Body=b"1")
    try:
        s3.put_object(Bucket=bucket, Key="condition", Body=b"1", IfNoneMatch="*")
    except ClientError as error:
        return bool(cast("Any", error).response["ResponseMetadata"]["HTTPStatusCode"] == 412)
    return False


async def test_a_checksum_that_is_wrong_is_refused_by_the_server(s3: Any, bucket: str, server: Server) -> None:
    async with made(bucket, server) as storage:
        objects, client = storage._objects, await storage._clients.get()
        with pytest.raises((ClientError, StorageError)):
            await objects.put(client, "a", b"value", "A" * 43 + "=")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


async def test_a_missing_bucket(server: Server) -> None:
    async with made("artigraph-no-such-bucket", server) as storage:
        for work in (storage.read("a"), storage.exists("a")):
            with pytest.raises(StorageError, match="aws s3 mb"):
                await work
        with pytest.raises(StorageError):
            await storage.create(b"value")


async def test_a_thousand_objects_sixteen_at_once(bucket: str, server: Server) -> None:
    values = [random.Random(number).randbytes(4096) for number in range(1000)]
    slots = asyncio.Semaphore(16)

    async def there_and_back(value: bytes) -> bytes:
        async with slots:
            return await storage.read(await storage.create(value))

    async with made(bucket, server) as storage:
        assert await asyncio.gather(*(there_and_back(value) for value in values)) == values


@pytest.mark.parametrize("seed", range(2))
async def test_a_tenth_of_all_operations_fails_and_nobody_notices(
    s3: Any, bucket: str, server: Server, seed: int
) -> None:
    slots = asyncio.Semaphore(16)
    values = [random.Random(seed * 1000 + number).randbytes(number * 100) for number in range(125)]
    with proxied(server.url) as proxy:
        proxy.seeded(seed, 0.1, "503", "reset", "lost", "truncate", "short", "flip")
        async with made(bucket, server, url=proxy.url) as storage:

            async def life(number: int, value: bytes) -> None:
                async with slots:
                    location = await storage.create(value)
                    assert await storage.read(location) == value
                    if number % 5:
                        await storage.delete(location)
                    assert await storage.exists(location) is (number % 5 == 0)

            await asyncio.gather(*(life(number, value) for number, value in enumerate(values)))
        assert sum(proxy.done.values()) - proxy.done["none"] > 30
    kept = [s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed(s3, bucket)]
    assert sorted(kept) == sorted(values[::5])


async def test_a_lost_reply_and_a_repeated_create(s3: Any, bucket: str, server: Server) -> None:
    key, value = new_key(), os.urandom(3 << 20)
    with proxied(server.url) as proxy:
        async with made(bucket, server, url=proxy.url) as storage:
            proxy.script("PUT", "lost", "lost")
            assert await storage.create(value, key=key) == key
            with pytest.raises(StorageError, match="other bytes"):
                await storage.create(value[::-1], key=key)
    assert [item["Key"] for item in listed(s3, bucket)] == [f"some/data/{key}"]
    assert s3.get_object(Bucket=bucket, Key=f"some/data/{key}")["Body"].read() == value


@pytest.mark.parametrize("seed", range(2))
async def test_streams_through_a_bad_connection(s3: Any, bucket: str, server: Server, seed: int) -> None:
    values = [random.Random(seed * 10 + number).randbytes((9 << 20) * number) for number in range(4)]

    async def parts(value: bytes) -> AsyncIterator[memoryview]:
        for start in range(0, len(value), 1_000_000):
            yield memoryview(value)[start : start + 1_000_000]

    with proxied(server.url) as proxy:
        proxy.seeded(seed, 0.1, "503", "reset", "lost", "truncate", "short")
        async with made(bucket, server, url=proxy.url) as storage:
            locations = await asyncio.gather(*(storage.create_stream(parts(value)) for value in values))
            for value, location in zip(values, locations, strict=True):
                assert await storage.create_stream(parts(value), key=location) == location
                assert await storage.read_range(location, 5_000_000, 9_000_000) == value[5_000_000:14_000_000]
            with pytest.raises(StorageError, match="other bytes"):
                await storage.create_stream(parts(values[3][::-1]), key=locations[3])
    kept = [s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed(s3, bucket)]
    assert sorted(kept) == sorted(values)
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


async def test_a_part_with_a_checksum_that_is_wrong(s3: Any, bucket: str, server: Server) -> None:
    async with made(bucket, server) as storage:
        client = await storage._clients.get()
        at = storage._objects.at("a")
        upload = (await client.create_multipart_upload(**at, ChecksumAlgorithm="SHA256"))["UploadId"]
        part = {"UploadId": upload, "PartNumber": 1, "Body": b"value", "ChecksumAlgorithm": "SHA256"}
        with pytest.raises(ClientError):
            await client.upload_part(**at, **part, ChecksumSHA256="A" * 43 + "=")
        await client.abort_multipart_upload(**at, UploadId=upload)


def listed(s3: Any, bucket: str) -> list[Any]:
    return list(s3.list_objects_v2(Bucket=bucket).get("Contents", []))
