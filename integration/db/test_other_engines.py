"""The conformance kit on engines that speak a protocol of ours, in containers. Public CI runs it for information.

ARTIGRAPH_TEST_OTHER_ENGINE names one of them. Without it nothing runs, because none of them is promised.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Generator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from artigraph.testing.database import DatabaseConformance
from integration.support.clusters import ask

ENGINE = os.environ.get("ARTIGRAPH_TEST_OTHER_ENGINE", "")


class Engine(NamedTuple):
    image: str
    command: str | None
    port: int
    url: str


ENGINES = {
    "cockroachdb": Engine(
        "cockroachdb/cockroach:latest-v25.3",
        "start-single-node --insecure --store=type=mem,size=1GiB",
        26257,
        "postgresql+asyncpg://root@{host}:{port}/defaultdb?ssl=disable",
    ),
    "yugabytedb": Engine(
        "yugabytedb/yugabyte:2025.1.0.0-b168",
        "bin/yugabyted start --background=false --tserver_flags=yb_enable_read_committed_isolation=true",
        5433,
        "postgresql+asyncpg://yugabyte@{host}:{port}/yugabyte",
    ),
    "tidb": Engine("pingcap/tidb:v8.5.3", None, 4000, "mysql+asyncmy://root@{host}:{port}/test"),
}

pytestmark = [
    pytest.mark.skipif(not ENGINE, reason="ARTIGRAPH_TEST_OTHER_ENGINE names no engine"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("other engines"),
]


@pytest.fixture(scope="module")
def server() -> Generator[str]:
    """The URL of the engine, in a container."""
    from testcontainers.core.container import DockerContainer

    engine = ENGINES[ENGINE]
    container: Any = DockerContainer(engine.image).with_exposed_ports(engine.port)
    if engine.command is not None:
        container = container.with_command(engine.command)
    with container:
        address = {"host": container.get_container_host_ip(), "port": container.get_exposed_port(engine.port)}
        url = engine.url.format(**address)
        ends = time.monotonic() + 180
        while True:
            try:
                asyncio.run(ask(url, "SELECT 1"))
            except AssertionError:  # SQLAlchemy cannot read the version: the server answers, and the tests say so
                break
            except Exception:
                if time.monotonic() > ends:
                    raise
                time.sleep(1)
            else:
                break
        yield url


class TestOtherEngine(DatabaseConformance):
    @pytest.fixture
    def database_url(self, server: str) -> Generator[str]:
        name = f"artigraph_test_{uuid4().hex[:12]}"
        asyncio.run(ask(server, f"CREATE DATABASE {name}"))
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        asyncio.run(ask(server, f"DROP DATABASE {name}"))
