"""The tests of tests/reliability on servers: the databases with objects in files, and on S3."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from integration.databases import fresh_database
from integration.s3.conftest import Server, bucket, s3, server
from tests.reliability.racing import Objects, files

__all__ = ["bucket", "database", "fresh", "objects", "s3", "server", "where"]

COMBINATIONS = [
    pytest.param(("postgresql", "files"), id="postgresql-files"),
    pytest.param(("postgresql", "s3"), id="postgresql-s3"),
    pytest.param(("mysql", "files"), id="mysql-files"),
    pytest.param(("mariadb", "files"), id="mariadb-files", marks=pytest.mark.long),
    pytest.param(("mysql", "s3"), id="mysql-s3", marks=pytest.mark.long),
    pytest.param(("mariadb", "s3"), id="mariadb-s3", marks=pytest.mark.long),
]


@pytest.fixture(params=COMBINATIONS)
def combination(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A database and a place for objects."""
    return request.param


@pytest.fixture
def database(combination: tuple[str, str]) -> str:
    """The name of the database."""
    return combination[0]


@pytest.fixture
def where(combination: tuple[str, str]) -> str:
    """What it runs on, for the figures."""
    return " and ".join(combination)


@pytest.fixture
def objects(combination: tuple[str, str], tmp_path: Path, request: pytest.FixtureRequest) -> Objects:
    """A storage that several processes can open."""
    if combination[1] == "files":
        return files(tmp_path / "objects")
    return _on_s3(request.getfixturevalue("server"), request.getfixturevalue("bucket"), request.getfixturevalue("s3"))


def _on_s3(server: Server, bucket: str, s3: Any) -> Objects:
    def stored() -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", []):
                found[item["Key"]] = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        return found

    settings = {
        "bucket": bucket,
        "name": f"racing-{uuid4().hex}",
        "region": "us-east-1",
        "endpoint_url": server.url,
        "access_key_id": server.access_key_id,
        "secret_access_key": server.secret_access_key,
    }
    return Objects(settings, stored)


@pytest.fixture
def fresh(database: str, tmp_path: Path) -> Callable[[], AbstractContextManager[str]]:
    """A function that lends an empty database, by its URL."""
    return lambda: fresh_database(database, tmp_path)
