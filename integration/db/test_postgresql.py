"""Connections of psycopg's, which a URL may name instead of asyncpg."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from integration.db.test_connections import (
    test_a_callers_engine_keeps_its_isolation,
    test_a_callers_session,
    test_a_callers_session_in_a_deadlock_cannot_be_committed,
    test_a_connection_that_breaks_inside_a_session,
    test_a_connection_that_breaks_inside_a_write,
    test_a_database_that_is_not_there,
    test_a_deadlock_in_a_session_is_the_callers_to_try_again,
    test_a_server_that_is_not_there,
    test_a_wrong_password_is_not_told,
    test_connections_that_were_dropped_are_never_noticed,
)
from integration.support.databases import fresh_database

__all__ = [
    "test_a_callers_engine_keeps_its_isolation",
    "test_a_callers_session",
    "test_a_callers_session_in_a_deadlock_cannot_be_committed",
    "test_a_connection_that_breaks_inside_a_session",
    "test_a_connection_that_breaks_inside_a_write",
    "test_a_database_that_is_not_there",
    "test_a_deadlock_in_a_session_is_the_callers_to_try_again",
    "test_a_server_that_is_not_there",
    "test_a_wrong_password_is_not_told",
    "test_connections_that_were_dropped_are_never_noticed",
]


@pytest.fixture
def server_url(tmp_path: Path) -> Generator[str]:
    """The URL of an empty database, which names the driver."""
    with fresh_database("postgresql", tmp_path) as url:
        yield make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
