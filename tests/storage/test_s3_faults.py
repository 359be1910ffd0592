"""The S3 storage when the server or the network fails."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import botocore.retries.standard
import pytest

from artigraph.errors import (
    CorruptObjectError,
    ObjectNotFoundError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
)
from artigraph.storage import new_key
from artigraph.storage.aws import S3Storage
from tests.support.proxy import Fault, Proxy, proxied
from tests.support.sizes import note, sizes


@pytest.fixture
def proxy(endpoint: str) -> Iterator[Proxy]:
    with proxied(endpoint) as proxy:
        yield proxy


def no_delay(_backoff: object, _context: object) -> float:
    return 0.001


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts."""
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", no_delay)
    monkeypatch.setattr("artigraph.storage._retries._FIRST_PAUSE", 0.001)


def made(bucket: str, proxy: Proxy, *, read_timeout: float = 0.5) -> S3Storage:
    return S3Storage(
        bucket,
        endpoint_url=proxy.url,
        access_key_id="k",
        secret_access_key="s",
        region="eu-west-1",
        read_timeout=read_timeout,
        deadline=60,
    )


def raw(s3: Any, bucket: str, location: str) -> bytes:
    data = s3.get_object(Bucket=bucket, Key=location)["Body"].read()
    assert isinstance(data, bytes)
    return data


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["503", "reset", "lost"])
@pytest.mark.parametrize("call", ["PUT", "GET", "HEAD", "DELETE"])
async def test_three_faults_then_success(s3: Any, bucket: str, proxy: Proxy, fault: Fault, call: str) -> None:
    async with made(bucket, proxy) as storage:
        location = await storage.create(b"first")
        proxy.script(call, fault, fault, fault)
        if call == "PUT":
            location = await storage.create(b"value", key=new_key())
            assert raw(s3, bucket, location) == b"value"
        elif call == "GET":
            assert await storage.read(location) == b"first"
        elif call == "HEAD":
            assert await storage.exists(location)
        else:
            await storage.delete(location)
            assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
        assert proxy.done[fault] == 3


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["503", "reset", "lost"])
async def test_one_fault_then_success_after_many_calls_failed(bucket: str, proxy: Proxy, fault: Fault) -> None:
    async with made(bucket, proxy) as storage:
        location = await storage.create(b"first")
        proxy.always(fault)  # all calls of a client share 500 units for retries of botocore, and each takes 5
        lost = await asyncio.gather(*(storage.exists(location) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(error, StorageUnavailableError) for error in lost), lost
        proxy.always("none")
        proxy.script("HEAD", fault)
        assert await storage.exists(location)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["truncate", "stall", "short", "flip"])
async def test_a_spoilt_value_is_got_again(bucket: str, proxy: Proxy, fault: Fault) -> None:
    value = os.urandom(300_000)
    async with made(bucket, proxy) as storage:
        location = await storage.create(value)
        proxy.script("GET", fault, fault)
        assert await storage.read(location) == value
        assert proxy.done[fault] == 2


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["truncate", "short", "flip"])
async def test_a_value_that_stays_spoilt_is_never_returned(bucket: str, proxy: Proxy, fault: Fault) -> None:
    async with made(bucket, proxy) as storage:
        location = await storage.create(b"value" * 1000)
        proxy.always(fault)
        with pytest.raises(StorageUnavailableError if fault == "truncate" else CorruptObjectError) as caught:
            await storage.read(location)
        assert caught.value.__cause__ is not None
        assert proxy.done[fault] == 8


@pytest.mark.usefixtures("impatient")
async def test_a_lost_reply_and_a_repeated_create(s3: Any, bucket: str, proxy: Proxy) -> None:
    key, value = new_key(), os.urandom(100_000)
    async with made(bucket, proxy) as storage:
        # After a put, no reply arrives, not even that of a HEAD, which would show that the object is stored.
        proxy.choose = lambda method: "lost" if method == "PUT" or proxy.seen["PUT"] else "none"
        with pytest.raises(StorageUnavailableError):
            await storage.create(value, key=key)
        proxy.always("none")
        assert raw(s3, bucket, key) == value
        assert await storage.create(value, key=key) == key
        with pytest.raises(StorageError, match="other bytes"):
            await storage.create(value[::-1], key=key)
        assert raw(s3, bucket, key) == value


@pytest.mark.usefixtures("impatient")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("operations", sizes(300, 10_000))
async def test_a_tenth_of_all_operations_fails_and_nobody_notices(bucket: str, proxy: Proxy, operations: int) -> None:
    values = [random.Random(number).randbytes(number % 125 * 50) for number in range(operations // 5)]
    slots = asyncio.Semaphore(16)
    async with made(bucket, proxy) as storage:
        proxy.seeded(operations, 0.1, "503", "reset", "lost", "truncate", "short", "flip")

        async def life(value: bytes) -> None:
            async with slots:
                location = await storage.create(value)
                assert await storage.read(location) == value
                assert await storage.exists(location)
                await storage.delete(location)
                assert not await storage.exists(location)

        await asyncio.gather(*(life(value) for value in values))
    faults = sum(proxy.done.values()) - proxy.done["none"]
    assert faults > operations // 20
    note(11, "moto's S3", operations=operations, faults=faults, surfaced=0, short_values=0)


@pytest.mark.parametrize("fault", ["503", "reset", "stall"])
@pytest.mark.parametrize("call", ["create", "read", "delete", "exists"])
async def test_down_for_good_is_said_within_the_deadline(bucket: str, proxy: Proxy, fault: Fault, call: str) -> None:
    async with made(bucket, proxy, read_timeout=5) as storage:
        location = await storage.create(b"value")
        storage.deadline = 0.5
        proxy.choose = lambda method: "reset" if fault == "stall" and method != "GET" else fault
        work: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
            "create": lambda: storage.create(b"other"),
            "read": lambda: storage.read(location),
            "delete": lambda: storage.delete(location),
            "exists": lambda: storage.exists(location),
        }
        began = time.monotonic()
        with pytest.raises(StorageUnavailableError) as caught:
            await work[call]()
        assert time.monotonic() - began < 60  # the deadline, not the 8 tries' pauses or the proxy's silence
        assert bucket in str(caught.value)
        assert caught.value.__cause__ is not None


async def test_nobody_listens(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with S3Storage("bucket", endpoint_url=url, access_key_id="k", secret_access_key="s", deadline=0.5) as storage:
        with pytest.raises(StorageUnavailableError, match=r"deadline of 0\.5 s"):
            await storage.create(b"value")


@pytest.mark.usefixtures("impatient")
async def test_nobody_listens_to_any_try(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with S3Storage("bucket", endpoint_url=url, access_key_id="k", secret_access_key="s") as storage:
        with pytest.raises(StorageUnavailableError, match="check the endpoint and the network"):
            await storage.read("a")


async def test_full(bucket: str, proxy: Proxy) -> None:
    async with made(bucket, proxy) as storage:
        proxy.always("full")
        with pytest.raises(StorageFullError, match="Make space"):
            await storage.create(b"value")


async def test_not_allowed(bucket: str, proxy: Proxy) -> None:
    async with made(bucket, proxy) as storage:
        proxy.always("denied")
        for work in (storage.create(b"value"), storage.read("a"), storage.delete("a"), storage.exists("a")):
            with pytest.raises(StorageError, match="s3:ListBucket") as caught:
                await work
            assert not isinstance(caught.value, ObjectNotFoundError | StorageUnavailableError)


async def test_not_understood(bucket: str, proxy: Proxy) -> None:
    async with made(bucket, proxy) as storage:
        proxy.always("garbage")
        for work in (storage.create(b"value"), storage.read("a"), storage.delete("a"), storage.exists("a")):
            with pytest.raises(StorageError) as caught:
                await work
            assert not isinstance(caught.value, ObjectNotFoundError)
            assert caught.value.__cause__ is not None


@pytest.mark.parametrize("fault", ["501", "heedless"])
async def test_without_conditional_puts_nothing_is_overwritten(
    s3: Any, bucket: str, proxy: Proxy, fault: Fault
) -> None:
    proxy.always(fault)
    large = os.urandom(2_000_000)
    async with made(bucket, proxy) as storage:
        for value in (large, b"value"):
            key = new_key()
            assert await storage.create(value, key=key) == key
            assert await storage.create(value, key=key) == key
            with pytest.raises(StorageError, match="other bytes"):
                await storage.create(b"other", key=key)
            with pytest.raises(StorageError, match="other bytes"):
                await storage.create(bytes(len(value)), key=key)
            assert raw(s3, bucket, key) == value


async def test_whether_conditions_are_heeded_is_tried_once(bucket: str, proxy: Proxy) -> None:
    async with made(bucket, proxy) as storage:
        for _ in range(3):
            await storage.create(b"value")
    assert proxy.seen["PUT"] == 4
    assert proxy.seen["HEAD"] == 2  # the object, and the bucket because the object is missing


async def test_cancellation_goes_on(bucket: str, proxy: Proxy) -> None:
    async with made(bucket, proxy, read_timeout=30) as storage:
        location = await storage.create(b"value" * 1000)
        proxy.always("stall")
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.2):
                await storage.read(location)
        assert not isinstance(caught.value, StorageError)
        proxy.always("none")
        assert await storage.read(location) == b"value" * 1000
