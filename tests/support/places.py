"""Where the tests that break things keep what they save: a database, and a folder or a bucket."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import boto3
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel
from artigraph.db import engine_context
from artigraph.storage import Storage
from artigraph.storage.aws import S3Storage
from artigraph.storage.file import FileSystem

__all__ = ["PARTIAL", "Bucket", "Parcel", "Part", "Place", "parcel"]

PARTIAL = ".artigraph-partial"
"""The folder of files that are not objects yet."""


@dataclass
class Part(ArtifactModel, name="reliability.Part"):
    number: int
    data: bytes


@dataclass
class Parcel(ArtifactModel, name="reliability.Parcel"):
    """A model of several rows and objects."""

    number: int
    parts: list[Part]
    text: str


def parcel(seed: int, objects: int = 3) -> Parcel:
    """Return a model with this many objects, all of its own but the first, which every parcel has."""
    drawn = random.Random(str(seed))  # of numbers it takes no account of the sign
    parts = [Part(number, drawn.randbytes(drawn.randint(2_000, 20_000))) for number in range(1, objects)]
    return Parcel(seed, [Part(0, b"the same" * 500), *parts], "small" * 10)


@dataclass(frozen=True)
class Bucket:
    """A bucket, and our credentials for its server."""

    endpoint: str
    name: str
    access_key_id: str
    secret_access_key: str

    def objects(self) -> Iterator[str]:
        """List the keys of all objects."""
        for page in _client(self).get_paginator("list_objects_v2").paginate(Bucket=self.name):
            yield from (item["Key"] for item in page.get("Contents", []))

    def bytes_of(self, key: str) -> bytes:
        """Return the bytes of an object."""
        data: bytes = _client(self).get_object(Bucket=self.name, Key=key)["Body"].read()
        return data


@cache
def _client(bucket: Bucket) -> Any:
    """Return a client that is not the storage's."""
    boto: Any = boto3
    return boto.client(
        "s3",
        endpoint_url=bucket.endpoint,
        aws_access_key_id=bucket.access_key_id,
        aws_secret_access_key=bucket.secret_access_key,
        region_name="us-east-1",
    )


@dataclass(frozen=True)
class Place:
    """A database and a storage; what it is made of fits into an argument of a process."""

    kind: str
    """For display: `postgresql and files`."""
    url: str
    storage_name: str
    folder: str | None = None
    bucket: Bucket | None = None

    def storage(self) -> Storage:
        """Return the storage, as a process that knows its name and place makes it."""
        if self.bucket is None:
            assert self.folder is not None
            return FileSystem(self.folder, name=self.storage_name)
        return S3Storage(
            self.bucket.name,
            name=self.storage_name,
            region="us-east-1",
            endpoint_url=self.bucket.endpoint,
            access_key_id=self.bucket.access_key_id,
            secret_access_key=self.bucket.secret_access_key,
        )

    @asynccontextmanager
    async def opened(self, storage: Storage | None = None, **options: Any) -> AsyncGenerator[AsyncEngine]:
        """Put the place in force: all values but small ones become objects."""
        storage = storage or self.storage()
        async with engine_context(
            self.url, create_tables=True, large_value_storage=storage, inline_limit=1024, **options
        ) as engine:
            try:
                yield engine
            finally:
                if isinstance(storage, S3Storage):
                    await storage.close()

    def objects(self) -> Iterator[str]:
        """List the locations of all objects."""
        if self.bucket is None:
            assert self.folder is not None
            root = Path(self.folder)
            for path in root.rglob("*"):
                if path.is_file() and path.relative_to(root).parts[0] != PARTIAL:
                    yield path.relative_to(root).as_posix()
            return
        yield from self.bucket.objects()

    def bytes_of(self, location: str) -> bytes:
        """Return the bytes of an object."""
        if self.bucket is None:
            assert self.folder is not None
            return (Path(self.folder) / location).read_bytes()
        return self.bucket.bytes_of(location)

    def unfinished(self) -> list[str]:
        """List what is left of objects that were being written."""
        if self.folder is None:
            return []
        folder = Path(self.folder) / PARTIAL
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        given = json.loads(text)
        bucket = given.pop("bucket")
        return cls(**given, bucket=None if bucket is None else Bucket(**bucket))
