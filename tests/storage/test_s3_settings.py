"""How an S3 storage is made, named, shared between loops and shown."""

from __future__ import annotations

import asyncio
import gc
import uuid
from typing import Any

import pytest

from artigraph.errors import ConfigurationError, ObjectNotFoundError, RegistrationError, StorageError
from artigraph.storage import get_storage_by_name
from artigraph.storage.aws import S3Storage


def made(bucket: str, endpoint: str, prefix: str = "", **given: Any) -> S3Storage:
    return S3Storage(bucket, prefix, endpoint_url=endpoint, access_key_id="k", secret_access_key="s", **given)


@pytest.mark.parametrize(
    ("bucket", "prefix", "name"),
    [
        ("bucket", "", "s3:bucket"),
        ("bucket", "/", "s3:bucket"),
        ("bucket", "a/b", "s3:bucket/a/b"),
        ("bucket", "/a/b/", "s3:bucket/a/b"),
    ],
)
def test_the_name_follows_from_bucket_and_prefix(bucket: str, prefix: str, name: str) -> None:
    assert S3Storage(bucket, prefix).name == name
    assert S3Storage(bucket, prefix, name="another").name == "another"


@pytest.mark.parametrize("prefix", ["with space", "é", "p" * 100])
def test_where_no_name_follows_one_is_asked_for(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="name="):
        S3Storage("bucket", prefix)
    assert S3Storage("bucket", prefix, name="mine").prefix == prefix


@pytest.mark.parametrize("bucket", ["", "s3://bucket", "a bucket", "bucket/../other", "b" * 300, "bucket\n"])
def test_what_is_no_bucket(bucket: str) -> None:
    with pytest.raises(ConfigurationError):
        S3Storage(bucket, name="mine")


@pytest.mark.parametrize("prefix", ["a//b", "..", "a/../b", "./a", "a\nb", "a\0", "p" * 801])
def test_what_is_no_prefix(prefix: str) -> None:
    with pytest.raises(ConfigurationError):
        S3Storage("bucket", prefix, name="mine")


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:9000", "ftp://host", "http://", "http://user:password@host", "http://[", "https://key@host"]
)
def test_what_is_no_endpoint_and_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        S3Storage("bucket", endpoint_url=url)
    assert "user:password" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"access_key_id": "k"},
        {"secret_access_key": "s"},
        {"session_token": "t"},
        {"deadline": 0},
        {"connect_timeout": -1},
        {"max_connections": 0},
    ],
)
def test_settings_that_make_no_sense(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        S3Storage("bucket", **given)


async def test_credentials_region_and_endpoint_come_from_the_usual_places(
    bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch, s3: Any
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    async with S3Storage(bucket) as storage:
        location = await storage.create(b"value")
    assert s3.get_object(Bucket=bucket, Key=location)["Body"].read() == b"value"


async def test_no_credentials_anywhere(
    bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    async with S3Storage(bucket, endpoint_url=endpoint) as storage:
        with pytest.raises(StorageError, match="AWS_ACCESS_KEY_ID"):
            await storage.create(b"value")


async def test_a_profile_that_is_not_there(bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    async with S3Storage(bucket, endpoint_url=endpoint) as storage:
        with pytest.raises(StorageError, match="no-such-profile"):
            await storage.create(b"value")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_ENDPOINT_URL", "no-url"), ("AWS_DEFAULT_REGION", "no region"), ("AWS_CA_BUNDLE", "none")],
)
async def test_settings_of_the_environment_that_make_no_sense(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    async with S3Storage("bucket", access_key_id="k", secret_access_key="s", deadline=2) as storage:
        with pytest.raises(StorageError, match="cannot write s3://bucket/a") as caught:
            await storage.create(b"value", key="a")
        assert caught.value.__cause__ is not None


async def test_a_missing_bucket_is_not_a_missing_object(endpoint: str) -> None:
    bucket = f"bucket-{uuid.uuid4()}"
    async with made(bucket, endpoint) as storage:
        for work in (storage.create(b"value"), storage.read("a"), storage.exists("a"), storage.delete("a")):
            with pytest.raises(StorageError, match=f"aws s3 mb s3://{bucket}") as caught:
                await work
            assert not isinstance(caught.value, ObjectNotFoundError)


async def test_a_location_is_the_key_below_the_prefix(bucket: str, endpoint: str, s3: Any) -> None:
    async with made(bucket, endpoint, "a/b") as storage, made(bucket, endpoint, "c", name="moved") as moved:
        location = await storage.create(b"value", key="one/two")
        assert location == "one/two"
        assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a/b/one/two"]
        assert not await moved.exists(location)
        s3.copy_object(Bucket=bucket, Key="c/one/two", CopySource={"Bucket": bucket, "Key": "a/b/one/two"})
        assert await moved.read(location) == b"value"


def test_two_storages_do_not_share_a_name(endpoint: str) -> None:
    bucket = f"bucket-{uuid.uuid4()}"
    storage = made(bucket, endpoint).register()
    with pytest.raises(RegistrationError):
        made(bucket, "http://127.0.0.1:1").register()
    with pytest.raises(RegistrationError):
        made(bucket, endpoint, region="eu-west-1").register()
    assert get_storage_by_name(storage.name) is storage


async def test_credentials_are_renewed_by_registering_again(bucket: str, endpoint: str) -> None:
    storage = S3Storage(bucket, endpoint_url=endpoint, access_key_id="old", secret_access_key="old-secret").register()
    location = await storage.create(b"value")
    before = await storage._clients.get()
    same = S3Storage(bucket, endpoint_url=endpoint, access_key_id="old", secret_access_key="old-secret")
    assert same.register() is storage
    assert await storage._clients.get() is before
    newer = S3Storage(bucket, endpoint_url=endpoint, access_key_id="new", secret_access_key="new-secret")
    assert newer.register() is storage
    after: Any = await storage._clients.get()
    assert after is not before
    assert after._get_credentials().access_key == "new"
    assert await storage.read(location) == b"value"
    assert storage._clients._retired
    await storage.close()
    assert storage._clients._retired == []
    assert storage._clients._open == {}


async def test_one_client_for_a_loop(bucket: str, endpoint: str) -> None:
    async with made(bucket, endpoint) as storage:
        clients = await asyncio.gather(*(storage._clients.get() for _ in range(5)))
        assert len({id(client) for client in clients}) == 1
        location = await storage.create(b"value")
        await storage.close()
        assert await storage.read(location) == b"value"
        assert await storage._clients.get() is not clients[0]


def test_the_loop_closes_its_client(bucket: str, endpoint: str) -> None:
    """Whatever is left open is a ResourceWarning, and those are errors here."""
    storage = made(bucket, endpoint)
    for _ in range(3):
        asyncio.run(storage.create(b"value"))
        assert storage._clients._open == {}
    gc.collect()


def test_a_loop_that_was_not_ended_properly_is_forgotten(bucket: str, endpoint: str) -> None:
    storage = made(bucket, endpoint)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(storage._clients.get())
    loop.close()
    assert list(storage._clients._open) == [loop]
    asyncio.run(storage.create(b"value"))
    assert storage._clients._open == {}
    gc.collect()


async def test_cancelled_while_the_client_opens(bucket: str, endpoint: str) -> None:
    async with made(bucket, endpoint) as storage:
        task = asyncio.create_task(storage.exists("a"))
        other = asyncio.create_task(storage.exists("a"))
        await asyncio.sleep(0)
        task.cancel()
        assert await other is False
        assert task.cancelled() or task.cancelling()


async def test_an_object_whose_checksum_the_server_does_not_keep(bucket: str, endpoint: str, s3: Any) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"value")
    assert "ChecksumSHA256" not in s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    async with made(bucket, endpoint) as storage:
        assert await storage.create(b"value", key="a") == "a"
        assert await storage.read("a") == b"value"
        with pytest.raises(StorageError, match="other bytes"):
            await storage.create(b"VALUE", key="a")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"value"
