"""moto's server, a bucket in it, and a client that is not the storage's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.support.gcs import Gcs, gcs_server
from tests.support.moto import s3_server


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(scope="session")
def google() -> Iterator[Gcs]:
    """A fake of Google, which runs as long as its storages are registered."""
    with gcs_server() as found:
        yield found


@pytest.fixture
def s3(endpoint: str) -> Iterator[Any]:
    boto: Any = boto3
    client = boto.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
    )
    yield client
    client.close()


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"bucket-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    return name
