"""Objects that are put in parts and read in ranges, when the server or the network fails."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import botocore.retries.standard
import pytest

from artigraph.errors import StorageError, StorageUnavailableError
from artigraph.storage import new_key
from artigraph.storage.aws import S3Storage, _storage
from artigraph.storage.aws._upload import PIECE, size_of_piece
from tests.support.proxy import Fault, Proxy, proxied

MIB = 1 << 20
LARGE = os.urandom(17 * MIB + 1)
"""Three parts."""


@pytest.fixture
def proxy(endpoint: str) -> Iterator[Proxy]:
    with proxied(endpoint) as proxy:
        yield proxy


def no_delay(_backoff: object, _context: object) -> float:
    return 0.001


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts."""
    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", no_delay)
    monkeypatch.setattr("artigraph.storage._retries._FIRST_PAUSE", 0.001)


def made(bucket: str, proxy: Proxy, *, read_timeout: float = 5) -> S3Storage:
    return S3Storage(
        bucket,
        endpoint_url=proxy.url,
        access_key_id="k",
        secret_access_key="s",
        region="eu-west-1",
        read_timeout=read_timeout,
    )


def raw(s3: Any, bucket: str, location: str) -> bytes:
    data = s3.get_object(Bucket=bucket, Key=location)["Body"].read()
    assert isinstance(data, bytes)
    return data


def assert_no_parts(s3: Any, bucket: str) -> None:
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


async def cut(data: bytes, size: int = MIB) -> AsyncIterator[memoryview]:
    for start in range(0, len(data), size):
        yield memoryview(data)[start : start + size]


def test_parts_are_of_one_size_and_grow_so_that_ten_thousand_suffice() -> None:
    sizes = [size_of_piece(number) for number in range(1, 10_001)]
    assert set(sizes[:4000]) == {PIECE} == {8 * MIB}
    assert sizes[4000] == 2 * PIECE
    assert sizes == sorted(sizes)
    assert sizes[-1] <= 5 << 30
    assert sum(sizes) >= 5 << 40


@pytest.mark.parametrize(
    ("size", "puts", "posts"), [(0, 1, 0), (PIECE, 1, 0), (PIECE + 1, 2, 2), (2 * PIECE, 2, 2), (2 * PIECE + 1, 3, 2)]
)
async def test_what_fits_in_one_part_is_one_put(
    s3: Any, bucket: str, proxy: Proxy, size: int, puts: int, posts: int
) -> None:
    async with made(bucket, proxy) as storage:
        await storage.create(b"large enough to see whether conditions are heeded", key="seen")
        proxy.seen.clear()
        location = await storage.create_stream(cut(LARGE[:size], 3_000_000))
    assert (proxy.seen["PUT"], proxy.seen["POST"]) == (puts, posts)
    assert raw(s3, bucket, location) == LARGE[:size]


async def test_what_is_too_large_for_one_put_goes_in_parts(
    s3: Any, bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_storage, "LARGEST_PUT", len(LARGE) - 1)
    async with made(bucket, proxy) as storage:
        location = await storage.create(LARGE)
        assert proxy.seen["POST"] == 2
        assert await storage.create(LARGE, key=location) == location
    assert raw(s3, bucket, location) == LARGE
    assert_no_parts(s3, bucket)


@pytest.mark.parametrize(
    ("method", "faults"),
    [
        ("PUT", ["503", "reset", "lost", "none", "503", "reset"]),
        ("POST", ["503", "reset", "lost"]),  # to begin
        ("POST", ["none", "503", "reset", "lost"]),  # to end
        ("HEAD", ["503", "reset", "lost"]),
    ],
)
async def test_each_request_is_tried_again_by_itself(
    s3: Any, bucket: str, proxy: Proxy, method: str, faults: list[Fault]
) -> None:
    async with made(bucket, proxy) as storage:
        proxy.script(method, *faults)
        location = await storage.create_stream(cut(LARGE))
    assert raw(s3, bucket, location) == LARGE
    assert sum(proxy.done.values()) - proxy.done["none"] == len(faults) - faults.count("none")
    if method == "PUT":
        # The upload was begun and ended once. Some versions of aiohttp send a request again by themselves.
        assert proxy.seen["POST"] == 2
        assert proxy.seen["PUT"] >= 3 + 5


async def test_a_server_that_is_gone_leaves_nothing(s3: Any, bucket: str, proxy: Proxy) -> None:
    key = new_key()
    async with made(bucket, proxy) as storage:
        proxy.choose = lambda method: "503" if method == "PUT" else "none"
        with pytest.raises(StorageUnavailableError) as caught:
            await storage.create_stream(cut(LARGE), key=key)
        assert caught.value.__cause__ is not None
        assert_no_parts(s3, bucket)
        proxy.always("none")
        assert not await storage.exists(key)
        proxy.choose = lambda method: "reset" if method in {"POST", "DELETE"} else "none"
        with pytest.raises(StorageUnavailableError):
            await storage.create_stream(cut(LARGE), key=key)


async def test_what_fails_or_is_cancelled_leaves_no_parts(s3: Any, bucket: str, proxy: Proxy) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield LARGE
        raise LookupError

    async with made(bucket, proxy) as storage:
        with pytest.raises(LookupError):
            await storage.create_stream(failing())
        assert_no_parts(s3, bucket)
        for pause in (0.01, 0.05, 0.1, 0.3):
            task = asyncio.create_task(storage.create_stream(cut(LARGE)))
            await asyncio.sleep(pause)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert_no_parts(s3, bucket)
        key = await storage.create_stream(cut(LARGE))
        assert await storage.create_stream(cut(LARGE, 5_000_000), key=key) == key
        with pytest.raises(StorageError, match="other bytes"):
            await storage.create_stream(cut(LARGE[::-1]), key=key)
    assert_no_parts(s3, bucket)
    assert raw(s3, bucket, key) == LARGE


@pytest.mark.parametrize("fault", ["501", "heedless"])
async def test_without_conditions_nothing_is_overwritten(s3: Any, bucket: str, proxy: Proxy, fault: Fault) -> None:
    proxy.always(fault)
    key = new_key()
    async with made(bucket, proxy) as storage:
        for _ in range(2):
            assert await storage.create_stream(cut(LARGE), key=key) == key
        with pytest.raises(StorageError, match="other bytes"):
            await storage.create_stream(cut(LARGE[:-1] + b"\0\0"), key=key)
        with pytest.raises(StorageError, match="other bytes"):
            await storage.create_stream(cut(bytes(len(LARGE))), key=key)
    assert raw(s3, bucket, key) == LARGE
    assert_no_parts(s3, bucket)


async def test_what_is_held_is_bounded(s3: Any, bucket: str, proxy: Proxy) -> None:
    opened, given = threading.Event(), 0
    data = os.urandom(MIB)

    def choose(method: str) -> Fault:
        if method == "PUT":
            opened.wait(60)
        return "none"

    async def parts() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(50):
            given += 1
            yield data

    proxy.choose = choose
    async with made(bucket, proxy, read_timeout=60) as storage:
        task = asyncio.create_task(storage.create_stream(parts()))
        before = -1
        while before != given or not given:
            before = given
            await asyncio.sleep(0.5)
        assert given <= 33
        opened.set()
        location = await task
    assert raw(s3, bucket, location) == data * 50


# Ranges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["503", "reset", "lost", "truncate", "stall", "short", "whole"])
async def test_a_spoilt_range_is_got_again(bucket: str, proxy: Proxy, fault: Fault) -> None:
    value = os.urandom(300_000)
    async with made(bucket, proxy, read_timeout=1) as storage:
        location = await storage.create(value)
        proxy.script("GET", fault)
        assert await storage.read_range(location, 100_000, 150_000) == value[100_000:250_000]
        assert proxy.done[fault] == 1


@pytest.mark.parametrize("fault", ["short", "whole"])
async def test_a_range_that_stays_spoilt_is_never_returned(bucket: str, proxy: Proxy, fault: Fault) -> None:
    async with made(bucket, proxy) as storage:
        location = await storage.create(b"value" * 1000)
        proxy.always(fault)
        with pytest.raises(StorageUnavailableError):
            await storage.read_range(location, 10, 20)
