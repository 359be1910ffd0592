"""S3 keeps the contract, as far as moto's server can tell; integration/ asks a real one."""

from __future__ import annotations

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from artigraph.storage import Storage
from artigraph.storage.aws import S3Storage
from artigraph.testing.storage import StorageConformance

SECRET = "a-secret-of-the-storage"
KEY_ID = "an-id-of-the-storage"


class TestS3Storage(StorageConformance):
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

    def made(self, bucket: str, endpoint: str | None) -> S3Storage:
        return S3Storage(bucket, "some/data", endpoint_url=endpoint, access_key_id=KEY_ID, secret_access_key=SECRET)

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
        known = cast("S3Storage", storage)
        return self.made(known.bucket, known.endpoint_url)
