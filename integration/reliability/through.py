"""A place that is reached through a proxy."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import make_url

from artigraph.testing.proxy import FaultProxy
from integration.support.databases import SERVERS
from tests.support.places import Place

__all__ = ["is_commit", "on_servers", "through"]

on_servers = pytest.mark.parametrize(
    "place", [(database, "files") for database in SERVERS], indirect=True, ids=[f"{name}_files" for name in SERVERS]
)
"""Run a test on each server, with files: what is in question is the connection to the database."""


@asynccontextmanager
async def through(place: Place) -> AsyncGenerator[tuple[Place, FaultProxy]]:
    """Yield a place whose database is behind a proxy that can read what goes by."""
    url = make_url(place.url)
    assert url.host is not None
    assert url.port is not None
    async with FaultProxy(url.host, url.port) as proxy:
        behind = url.set(host=proxy.host, port=proxy.port)
        if url.get_backend_name() == "postgresql":
            behind = behind.update_query_dict({"ssl": "disable"})
        yield replace(place, url=behind.render_as_string(hide_password=False)), proxy


def is_commit(data: bytes) -> bool:
    """Say whether what a client sends is COMMIT: a query of PostgreSQL's or of MySQL's protocol."""
    return (data[:1] == b"Q" and b"COMMIT" in data) or data[3:11] == b"\0\x03COMMIT"
