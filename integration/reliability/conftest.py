"""The places of the tests that break things: the databases, with objects in files and on S3.

Every day PostgreSQL and MySQL with files, as far as a test asks for them; in the long run all of them. Every day S3 has
its own tests of faults, and of gc beside writers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from integration.support.databases import DATABASES, fresh_database
from integration.support.s3 import Server, bucket, s3, server
from tests.support.places import Bucket, Place
from tests.support.racing import Objects, files
from tests.support.system import strace

__all__ = ["bucket", "database", "fresh", "objects", "s3", "server", "strace", "where"]

_EVERY_DAY = {("postgresql", "files")}
_ALL = [(database, kind) for database in DATABASES for kind in ("files", "s3") if database != "sqlite" or kind == "s3"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the short tests of places that are for the long run."""
    for item in [*items]:
        given: Any = getattr(item, "callspec", None)
        if given is None or "place" not in given.params or item.path.parent != Path(__file__).parent:
            continue
        if given.params["place"] not in _EVERY_DAY and "short" in given.id.split("-"):
            items.remove(item)


@pytest.fixture(params=_ALL, ids=lambda given: f"{given[0]}_{given[1]}")
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where to save, on each combination in turn."""
    database, kind = request.param
    name = f"reliability-{uuid4().hex}"
    with fresh_database(database, tmp_path) as url:
        if kind == "files":
            yield Place(f"{database} and files", url, name, folder=str(tmp_path / "objects"))
        else:
            its: Server = request.getfixturevalue("server")
            where = Bucket(its.url, request.getfixturevalue("bucket"), its.access_key_id, its.secret_access_key)
            yield Place(f"{database} and S3", url, name, bucket=where)


COMBINATIONS = [
    pytest.param(("postgresql", "files"), id="postgresql-files"),
    pytest.param(("postgresql", "s3"), id="postgresql-s3", marks=pytest.mark.long),
    pytest.param(("mysql", "files"), id="mysql-files"),
    pytest.param(("mariadb", "files"), id="mariadb-files", marks=pytest.mark.long),
    pytest.param(("mysql", "s3"), id="mysql-s3", marks=pytest.mark.long),
    pytest.param(("mariadb", "s3"), id="mariadb-s3", marks=pytest.mark.long),
]


@pytest.fixture(params=COMBINATIONS)
def combination(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A database and a place for objects."""
    database, kind = request.param
    return str(database), str(kind)


@pytest.fixture
def database(combination: tuple[str, str]) -> str:
    """The name of the database."""
    return combination[0]


@pytest.fixture
def where(combination: tuple[str, str]) -> str:
    """What it runs on, for the figures."""
    return f"{combination[0]} and {combination[1].replace('s3', 'S3')}"


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
