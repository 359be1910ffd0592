"""Another driver than the one that is recommended, as a URL may name one: psycopg, for PostgreSQL."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from artigraph import load_many, save_many
from integration.databases import fresh_database
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
from integration.test_models import (
    Link,
    files,
    test_a_model_with_everything_comes_back_from_rows_and_objects,
    test_every_plain_value_comes_back,
    test_nothing_remains_of_a_save_that_fails,
    test_sessions_commit_and_roll_back_as_a_whole,
    test_tasks_that_save_equal_content_share_one_object,
    test_two_sessions_do_not_see_each_other_before_they_commit,
    test_values_of_any_size_come_back_inline,
)

__all__ = [
    "files",
    "test_a_callers_engine_keeps_its_isolation",
    "test_a_callers_session",
    "test_a_callers_session_in_a_deadlock_cannot_be_committed",
    "test_a_connection_that_breaks_inside_a_session",
    "test_a_connection_that_breaks_inside_a_write",
    "test_a_database_that_is_not_there",
    "test_a_deadlock_in_a_session_is_the_callers_to_try_again",
    "test_a_model_with_everything_comes_back_from_rows_and_objects",
    "test_a_server_that_is_not_there",
    "test_a_wrong_password_is_not_told",
    "test_connections_that_were_dropped_are_never_noticed",
    "test_every_plain_value_comes_back",
    "test_nothing_remains_of_a_save_that_fails",
    "test_sessions_commit_and_roll_back_as_a_whole",
    "test_tasks_that_save_equal_content_share_one_object",
    "test_two_sessions_do_not_see_each_other_before_they_commit",
    "test_values_of_any_size_come_back_inline",
]

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def database() -> str:
    """The name of the database."""
    return "postgresql"


@pytest.fixture
def server_url(database: str, tmp_path: Path) -> Generator[str]:
    """The URL of an empty database, which names the driver."""
    with fresh_database(database, tmp_path) as url:
        yield make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


@pytest.fixture
def database_url(server_url: str) -> str:
    """The same URL."""
    return server_url


async def test_many_models_come_back_in_the_order_of_their_ids() -> None:
    models = [Link(number) for number in range(1200)]
    ids = await save_many(("link", model) for model in models)
    assert await load_many(Link, ids[::-1]) == models[::-1]
    assert [part.inner for part in await load_many(Link, ids[:2], fields=["inner"])] == [0, 1]
