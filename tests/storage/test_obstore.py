"""The storage of obstore keeps the contract: in memory, on a fake of Google, and on moto's S3."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, cast

import obstore
import pytest
from botocore.exceptions import ClientError

from artigraph.storage import Storage
from artigraph.storage.obstore import ObjectStorage
from artigraph.testing.storage import StorageConformance
from tests.support.gcs import Gcs

SECRET = "a-secret-of-the-storage"
KEY_ID = "an-id-of-the-storage"


class TestInMemory(StorageConformance):
    many = 60

    @pytest.fixture
    def storage(self) -> Storage:
        return ObjectStorage("memory://some/data", name=f"memory-{uuid.uuid4().hex}")

    def get_raw(self, storage: Storage, location: str) -> bytes | None:
        store = cast("ObjectStorage", storage)._clients.one_try
        try:
            return bytes(obstore.get(store, location).bytes())
        except FileNotFoundError:
            return None

    def put_raw(self, storage: Storage, location: str, data: bytes) -> None:
        obstore.put(cast("ObjectStorage", storage)._clients.one_try, location, data)

    def again(self, storage: Storage) -> Storage | None:
        return None


class TestOnGoogle(StorageConformance):
    many = 60
    google: Gcs

    @pytest.fixture
    def storage(self, google: Gcs) -> Storage:
        self.google = google
        self.secrets = (google.token,)
        bucket = f"bucket-{uuid.uuid4().hex}"
        google.buckets[bucket] = {}
        return self.made(bucket)

    def made(self, bucket: str) -> ObjectStorage:
        return ObjectStorage(f"gs://{bucket}/some/data", base_url=self.google.url, bearer_token=self.google.token)

    def objects(self, storage: Storage) -> dict[str, tuple[bytes, datetime]]:
        return self.google.buckets[cast("ObjectStorage", storage)._place.bucket]

    def get_raw(self, storage: Storage, location: str) -> bytes | None:
        return self.objects(storage).get(f"some/data/{location}", (None,))[0]

    def put_raw(self, storage: Storage, location: str, data: bytes) -> None:
        self.objects(storage)[f"some/data/{location}"] = data, datetime.now(UTC)

    def again(self, storage: Storage) -> Storage | None:
        return self.made(cast("ObjectStorage", storage)._place.bucket)


class TestOnS3(StorageConformance):
    secrets = (SECRET, KEY_ID)
    many = 60
    s3: Any

    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let moto end pages early, because putting a thousand objects would be slow."""
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "25")

    @pytest.fixture
    def storage(self, s3: Any, bucket: str, endpoint: str) -> Storage:
        self.s3 = s3
        return self.made(bucket, endpoint)

    def made(self, bucket: str, endpoint: str) -> ObjectStorage:
        return ObjectStorage(
            f"s3://{bucket}/some/data", endpoint=endpoint, access_key_id=KEY_ID, secret_access_key=SECRET
        )

    def get_raw(self, storage: Storage, location: str) -> bytes | None:
        bucket = cast("ObjectStorage", storage)._place.bucket
        try:
            return cast("bytes", self.s3.get_object(Bucket=bucket, Key=f"some/data/{location}")["Body"].read())
        except ClientError as error:
            if cast("Any", error).response["Error"]["Code"] != "NoSuchKey":
                raise
            return None

    def put_raw(self, storage: Storage, location: str, data: bytes) -> None:
        bucket = cast("ObjectStorage", storage)._place.bucket
        self.s3.put_object(Bucket=bucket, Key=f"some/data/{location}", Body=data)

    def again(self, storage: Storage) -> Storage | None:
        known = cast("ObjectStorage", storage)
        return self.made(known._place.bucket, known.options["endpoint"])
