"""The places of the tests that break things: each database, with files and with S3.

Every day PostgreSQL with both, in the long run all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from integration.databases import DATABASES, fresh_database
from integration.s3.conftest import Server, bucket, s3, server
from tests.reliability.places import Bucket, Place
from tests.reliability.system import strace

__all__ = ["bucket", "s3", "server", "strace"]

_EVERY_DAY = {("postgresql", "files"), ("postgresql", "s3")}
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
