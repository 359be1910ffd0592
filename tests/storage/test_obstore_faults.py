"""The storage of obstore when the service or the network fails."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from artigraph.errors import ObjectNotFoundError, StorageError, StorageFullError, StorageUnavailableError
from artigraph.storage import new_key
from artigraph.storage.obstore import ObjectStorage
from tests.support.gcs import Gcs
from tests.support.proxy import Fault, Proxy, proxied
from tests.support.sizes import note, sizes


@dataclass
class Place:
    """A bucket behind a proxy."""

    google: Gcs
    proxy: Proxy
    bucket: str

    @property
    def objects(self) -> dict[str, bytes]:
        return {key: data for key, (data, _) in self.google.buckets[self.bucket].items()}

    def made(self, **options: Any) -> ObjectStorage:
        given: dict[str, Any] = {"read_timeout": 0.5, "deadline": 60, **options}
        return ObjectStorage(f"gs://{self.bucket}", base_url=self.proxy.url, bearer_token=self.google.token, **given)


@pytest.fixture
def place(google: Gcs) -> Iterator[Place]:
    bucket = f"bucket-{uuid.uuid4().hex}"
    google.buckets[bucket] = {}
    with proxied(google.url) as proxy:
        yield Place(google, proxy, bucket)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts."""
    monkeypatch.setattr("artigraph.storage._retries._FIRST_PAUSE", 0.001)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["503", "reset", "lost"])
@pytest.mark.parametrize("call", ["PUT", "GET", "HEAD", "DELETE"])
async def test_three_faults_then_success(place: Place, fault: Fault, call: str) -> None:
    storage = place.made()
    location = await storage.create(b"first")
    place.proxy.script(call, fault, fault, fault)
    if call == "PUT":
        location = await storage.create(b"value", key=new_key())
        assert place.objects[location] == b"value"
    elif call == "GET":
        assert await storage.read(location) == b"first"
    elif call == "HEAD":
        assert await storage.exists(location)
    else:
        await storage.delete(location)
        assert place.objects == {}
    assert place.proxy.done[fault] == 3


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["truncate", "stall"])
async def test_a_spoilt_value_is_got_again(place: Place, fault: Fault) -> None:
    value = os.urandom(300_000)
    storage = place.made()
    location = await storage.create(value)
    place.proxy.script("GET", fault, fault)
    assert await storage.read(location) == value
    place.proxy.script("GET", fault, fault)
    assert await storage.read_range(location, 1000, 200_000) == value[1000:201_000]
    assert place.proxy.done[fault] == 4


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["truncate", "short"])
async def test_a_value_that_stays_spoilt_is_never_returned(place: Place, fault: Fault) -> None:
    storage = place.made()
    location = await storage.create(b"value" * 1000)
    place.proxy.choose = lambda method: fault if method == "GET" else "none"
    with pytest.raises(StorageError) as caught:
        await storage.read_range(location, 0, 5000)
    assert caught.value.__cause__ is not None


@pytest.mark.usefixtures("impatient")
async def test_a_lost_reply_and_a_repeated_create(place: Place) -> None:
    key, value = new_key(), os.urandom(100_000)
    storage = place.made(deadline=3)
    # After a put, no reply arrives, not even that of a HEAD, which would show that the object is stored.
    place.proxy.choose = lambda method: "lost" if method == "PUT" or place.proxy.seen["PUT"] else "none"
    with pytest.raises(StorageUnavailableError):
        await storage.create(value, key=key)
    place.proxy.always("none")
    assert place.objects == {key: value}
    assert await storage.create(value, key=key) == key
    with pytest.raises(StorageError, match="other bytes"):
        await storage.create(value[::-1], key=key)
    assert place.objects == {key: value}


@pytest.mark.usefixtures("impatient")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("operations", sizes(200, 10_000))
async def test_a_tenth_of_all_operations_fails_and_nobody_notices(place: Place, operations: int) -> None:
    values = [random.Random(number).randbytes(number % 125 * 50) for number in range(operations // 5)]
    slots = asyncio.Semaphore(16)
    storage = place.made()
    place.proxy.seeded(operations, 0.1, "503", "reset", "lost", "truncate")

    async def life(value: bytes) -> None:
        async with slots:
            location = await storage.create(value)
            assert await storage.read(location) == value
            assert await storage.exists(location)
            await storage.delete(location)
            assert not await storage.exists(location)

    await asyncio.gather(*(life(value) for value in values))
    faults = sum(place.proxy.done.values()) - place.proxy.done["none"]
    assert faults > operations // 20
    note(11, "a fake of Google", operations=operations, faults=faults, surfaced=0, short_values=0)


@pytest.mark.parametrize("fault", ["503", "reset", "stall"])
@pytest.mark.parametrize("call", ["create", "read", "delete", "exists", "list", "stream"])
async def test_down_for_good_is_said_within_the_deadline(place: Place, fault: Fault, call: str) -> None:
    storage = place.made(read_timeout=5, deadline=0.5)
    location = await storage.create(b"value" * 1000)
    place.proxy.choose = lambda method: "reset" if fault == "stall" and method != "GET" else fault
    work: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "create": lambda: storage.create(b"other"),
        "read": lambda: storage.read(location),
        "delete": lambda: storage.delete(location),
        "exists": lambda: storage.exists(location),
        "list": lambda: listed(storage, "store/"),
        "stream": lambda: storage.create_stream(parts(os.urandom(9 << 20))),
    }
    began = time.monotonic()
    with pytest.raises(StorageUnavailableError) as caught:
        await work[call]()
    assert time.monotonic() - began < 60
    assert place.bucket in str(caught.value)
    assert caught.value.__cause__ is not None
    assert place.google.token not in f"{caught.value}{caught.value.__cause__!r}{caught.value.__context__!r}"


async def test_nobody_listens(unused_tcp_port: int) -> None:
    storage = ObjectStorage("gs://bucket", base_url=f"http://127.0.0.1:{unused_tcp_port}", bearer_token="t")
    storage.deadline = 0.5
    with pytest.raises(StorageUnavailableError, match=r"deadline of 0\.5 s"):
        await storage.create(b"value")


async def test_full(place: Place) -> None:
    storage = place.made()
    place.proxy.always("full")
    with pytest.raises(StorageFullError, match="Make space"):
        await storage.create(b"value")


async def test_not_allowed(place: Place) -> None:
    storage = place.made()
    place.proxy.always("denied")
    for work in (storage.create(b"value"), storage.read("a"), storage.delete("a"), storage.exists("a")):
        with pytest.raises(StorageError, match="allow this account") as caught:
            await work
        assert not isinstance(caught.value, ObjectNotFoundError | StorageUnavailableError)


async def test_wrong_credentials(place: Place) -> None:
    storage = ObjectStorage(f"gs://{place.bucket}", base_url=place.google.url, bearer_token="a-wrong-token")
    with pytest.raises(StorageError, match="Log in again") as caught:
        await storage.read("a")
    assert "a-wrong-token" not in f"{caught.value}{caught.value.__cause__!r}"


async def test_not_understood(place: Place) -> None:
    storage = place.made()
    place.proxy.always("garbage")
    for work in (storage.create(b"value"), storage.read("a"), storage.delete("a"), storage.exists("a")):
        with pytest.raises(StorageError) as caught:
            await work
        assert not isinstance(caught.value, ObjectNotFoundError)
        assert caught.value.__cause__ is not None


async def test_a_missing_bucket(google: Gcs) -> None:
    storage = ObjectStorage("gs://no-such-bucket", base_url=google.url, bearer_token=google.token)
    work: list[Coroutine[Any, Any, object]] = [storage.read("a"), storage.exists("a"), storage.create(b"value")]
    for each in [*work, storage.delete("a"), listed(storage, "a/")]:
        with pytest.raises(StorageError, match="there is no bucket or container 'no-such-bucket'") as caught:
            await each
        assert not isinstance(caught.value, ObjectNotFoundError)


async def test_cancellation_goes_on(place: Place) -> None:
    storage = place.made(read_timeout=30)
    location = await storage.create(b"value" * 1000)
    place.proxy.always("stall")
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.2):
            await storage.read(location)
    assert not isinstance(caught.value, StorageError)
    place.proxy.always("none")
    assert await storage.read(location) == b"value" * 1000


@pytest.mark.parametrize("seed", range(2))
async def test_streams_through_a_bad_connection(place: Place, seed: int) -> None:
    values = [random.Random(seed * 10 + number).randbytes((9 << 20) * number) for number in range(4)]
    storage = place.made(read_timeout=5)
    place.proxy.seeded(seed, 0.1, "503", "reset", "lost", "truncate", "short")
    locations = await asyncio.gather(*(storage.create_stream(parts(value)) for value in values))
    for value, location in zip(values, locations, strict=True):
        assert await storage.create_stream(parts(value), key=location) == location
        assert await storage.read_range(location, 5_000_000, 9_000_000) == value[5_000_000:14_000_000]
    with pytest.raises(StorageError, match="other bytes"):
        await storage.create_stream(parts(values[3][::-1]), key=locations[3])
    place.proxy.always("none")
    kept = [data for key, data in place.objects.items() if not key.startswith("_tmp/")]
    assert sorted(kept) == sorted(values)


async def test_a_stream_without_a_copy_on_a_condition(
    s3: Any, bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that is too large for S3 to copy is read and sent again."""
    monkeypatch.setattr("artigraph.storage.obstore._upload._LARGEST_COPY", 10 << 20)
    storage = ObjectStorage(f"s3://{bucket}", endpoint=endpoint, access_key_id="k", secret_access_key="s")
    value = os.urandom(17 << 20)
    location = await storage.create_stream(parts(value), key=new_key())
    assert s3.get_object(Bucket=bucket, Key=location)["Body"].read() == value
    assert await storage.create_stream(parts(value), key=location) == location
    with pytest.raises(StorageError, match="other bytes"):
        await storage.create_stream(parts(value[::-1]), key=location)
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [location]


async def test_a_stream_of_too_many_parts_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artigraph.storage.obstore._upload.MOST_PARTS", 2)
    storage = place.made(read_timeout=10)
    with pytest.raises(StorageError, match="part_size="):
        await storage.create_stream(parts(bytes(25 << 20)))
    assert place.objects == {}
    assert place.google.uploads == {}


@pytest.mark.parametrize("fault", ["501", "heedless"])
async def test_without_conditional_puts_nothing_is_overwritten(
    s3: Any, bucket: str, endpoint: str, fault: Fault
) -> None:
    large = os.urandom(2_000_000)
    with proxied(endpoint) as proxy:
        proxy.always(fault)
        storage = ObjectStorage(f"s3://{bucket}", endpoint=proxy.url, access_key_id="k", secret_access_key="s")
        for value in (large, b"value"):
            key = new_key()
            assert await storage.create(value, key=key) == key
            assert await storage.create(value, key=key) == key
            for other in (b"other", bytes(len(value))):
                with pytest.raises(StorageError, match="other bytes"):
                    await storage.create(other, key=key)
            assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == value


async def test_what_an_interrupted_upload_left_is_tidied(place: Place) -> None:
    storage = place.made()
    await storage.create(b"kept", key="a")
    place.google.buckets[place.bucket]["_tmp/left"] = b"left", place.google.now() - timedelta(days=8)
    place.google.buckets[place.bucket]["_tmp/young"] = b"young", place.google.now()
    assert await storage.tidy(timedelta(days=7), dry_run=True) == (1, 4)
    assert await storage.tidy(timedelta(days=7)) == (1, 4)
    assert sorted(place.objects) == ["_tmp/young", "a"]
    assert await storage.tidy(timedelta()) == (1, 5)


async def test_ages_follow_the_clock_of_the_service(place: Place) -> None:
    place.google.ahead = timedelta(days=400)
    try:
        storage = place.made()
        await storage.create(b"value", key="store/a")
        [(location, age)] = await listed(storage, "store/")
        assert location == "store/a"
        assert age < timedelta(minutes=1)
    finally:
        place.google.ahead = timedelta()


async def test_many_listings_ask_the_service_for_its_time_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, puts = place.made(), list[str]()
    await storage.create(b"value", key="store/a/1")

    def choose(method: str) -> str:
        puts.extend(["PUT"] if method == "PUT" else [])
        return "none"

    monkeypatch.setattr(place.proxy, "choose", choose)
    for _ in range(3):
        [(_, age)] = await listed(storage, "store/a/")
        assert timedelta() <= age < timedelta(minutes=1)
    assert len(puts) == 1
    monkeypatch.setattr("artigraph.storage.obstore._bucket._CLOCK", 0)
    await listed(storage, "store/a/")
    assert len(puts) == 2


async def test_who_may_only_read_learns_no_ages(place: Place) -> None:
    storage = place.made()
    await storage.create(b"value", key="store/a")
    place.proxy.choose = lambda method: "denied" if method == "PUT" else "none"
    assert await listed(storage, "store/") == [("store/a", timedelta())]


async def listed(storage: ObjectStorage, prefix: str) -> list[tuple[str, timedelta]]:
    return [(entry.location, entry.age) async for entry in storage.list(prefix)]


async def parts(value: bytes) -> AsyncIterator[memoryview]:
    for start in range(0, len(value), 1_000_000):
        yield memoryview(value)[start : start + 1_000_000]


FORKED = """
import asyncio, os, sys
from artigraph.errors import StorageError
from artigraph.storage.obstore import ObjectStorage

storage = ObjectStorage("gs://" + sys.argv[2], base_url=sys.argv[1], bearer_token=sys.argv[3])
location = asyncio.run(storage.create(b"value"))
child = os.fork()
if not child:
    try:
        asyncio.run(storage.read(location))
    except StorageError as error:
        os._exit(7 if "forked process" in str(error) else 1)
    os._exit(2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert asyncio.run(storage.read(location)) == b"value"
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
async def test_a_forked_child_is_refused_and_does_not_wait(place: Place) -> None:
    command = [sys.executable, "-c", FORKED, place.google.url, place.bucket, place.google.token]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
