"""Listing a bucket yields every object, page by page, or raises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.retries.standard
import pytest

from artigraph.errors import StorageError
from artigraph.storage import StoredEntry
from artigraph.storage.aws import S3Storage
from tests.support.proxy import Fault, proxied

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
DATE = "Fri, 02 Jan 2026 12:00:00 GMT"


@pytest.fixture
async def storage(bucket: str, endpoint: str) -> AsyncIterator[S3Storage]:
    async with made(bucket, endpoint) as storage:
        yield storage


def made(bucket: str, endpoint: str) -> S3Storage:
    return S3Storage(
        bucket, "some/data", endpoint_url=endpoint, access_key_id="k", secret_access_key="s", region="eu-west-1"
    )


async def answering(storage: S3Storage, monkeypatch: pytest.MonkeyPatch, *pages: dict[str, Any]) -> list[Any]:
    """Set the answers of the server, and return its requests."""
    asked: list[Any] = []
    client: Any = await storage._clients.get()

    async def list_objects_v2(**parameters: Any) -> dict[str, Any]:
        asked.append(parameters)
        return pages[min(len(asked), len(pages)) - 1]

    monkeypatch.setattr(client, "list_objects_v2", list_objects_v2)
    return asked


def page(*keys: str, age: timedelta = timedelta(), date: str | None = DATE, **rest: Any) -> dict[str, Any]:
    contents = [{"Key": f"some/data/{key}", "Size": 5, "LastModified": NOW - age} for key in keys]
    headers = {} if date is None else {"date": date}
    return {"Contents": contents, "ResponseMetadata": {"HTTPHeaders": headers}, **rest}


async def listed(storage: S3Storage) -> list[StoredEntry]:
    return [entry async for entry in storage.list("store/")]


async def test_ages_are_differences_between_times_of_the_server(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, date, told in (
        (timedelta(days=5), DATE, timedelta(days=5)),
        (timedelta(seconds=-3), DATE, timedelta()),
        (timedelta(days=5), None, timedelta()),
        (timedelta(days=5), "yesterday", timedelta()),
    ):
        await answering(storage, monkeypatch, page("store/a", age=age, date=date))
        assert await listed(storage) == [StoredEntry("store/a", 5, told)]


async def test_pages_follow_each_other(storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    first = page("store/a", "store/b", IsTruncated=True, NextContinuationToken="more", KeyCount=2)
    asked = await answering(storage, monkeypatch, first, page("store/c", IsTruncated=False, KeyCount=1))
    assert [entry.location for entry in await listed(storage)] == ["store/a", "store/b", "store/c"]
    assert [given.get("ContinuationToken") for given in asked] == [None, "more"]
    assert {given["Prefix"] for given in asked} == {"some/data/store/"}


async def test_what_is_none_of_ours_is_left_out(storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = page("store/a", "store/no key", "store/../b", "other/a", "store/")
    answer["Contents"].append({"Key": "elsewhere/store/a", "Size": 5, "LastModified": NOW})
    await answering(storage, monkeypatch, answer)
    assert [entry.location for entry in await listed(storage)] == ["store/a"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "answer",
    [
        page("store/a", IsTruncated=True),
        page("store/a", IsTruncated=False, NextContinuationToken="more"),
        page("store/a", "store/b", KeyCount=1),
        page("store/a", IsTruncated=True, NextContinuationToken="itself"),
    ],
)
async def test_a_listing_that_does_not_end_as_it_should_is_an_error(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    await answering(storage, monkeypatch, answer)
    with pytest.raises(StorageError, match=r"list"):
        await listed(storage)


@pytest.mark.parametrize("length", [1, 2, 3, 7])
@pytest.mark.parametrize("before", [0, 1, 5])
async def test_pages_that_lead_in_a_circle_are_an_error(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch, length: int, before: int
) -> None:
    pages = [
        page(f"store/{number}", IsTruncated=True, NextContinuationToken=f"page {number}") for number in range(before)
    ]
    circle = [page("store/x", IsTruncated=True, NextContinuationToken=f"circle {number}") for number in range(length)]
    asked = await answering(storage, monkeypatch, *pages, *(circle * 20))
    with pytest.raises(StorageError, match="in a circle"):
        await listed(storage)
    assert len(asked) <= 3 * (before + length) + 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_delay(_backoff: object, _context: object) -> float:
        return 0.001

    monkeypatch.setattr(botocore.retries.standard.ExponentialBackoff, "delay_amount", no_delay)
    monkeypatch.setattr("artigraph.storage._retries._FIRST_PAUSE", 0.001)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["503", "reset", "lost"])
async def test_a_page_that_fails_is_asked_for_again(s3: Any, bucket: str, endpoint: str, fault: Fault) -> None:
    s3.put_object(Bucket=bucket, Key="some/data/store/a", Body=b"value")
    with proxied(endpoint) as proxy:
        async with made(bucket, proxy.url) as storage:
            proxy.script("GET", fault, fault, fault)
            assert [entry.location for entry in await listed(storage)] == ["store/a"]
            assert proxy.done[fault] == 3


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["503", "reset", "truncate", "short", "garbage", "denied"])
async def test_a_listing_that_cannot_be_completed_is_an_error(
    s3: Any, bucket: str, endpoint: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=bucket, Key="some/data/store/a", Body=b"value")
    with proxied(endpoint) as proxy:
        async with made(bucket, proxy.url) as storage:
            proxy.always(fault)
            with pytest.raises(StorageError, match="list"):
                await listed(storage)


async def test_a_bucket_that_is_not_there_is_an_error(endpoint: str) -> None:
    async with made("no-such-bucket", endpoint) as storage:
        with pytest.raises(StorageError, match="no bucket"):
            await listed(storage)
