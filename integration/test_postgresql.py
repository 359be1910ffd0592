"""PostgreSQL by other ways than asyncpg: by psycopg, and by asyncpg through PgBouncer."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from artigraph import Node, Run, RunManager, delete, load_many, save_many, select
from artigraph.db import session_context
from integration.support.databases import fresh_database
from integration.support.pgbouncer import pgbouncer
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
from tests.support.racing import Task, race
from tests.support.racing import files as files_in

__all__ = [
    "files",
    "test_a_model_with_everything_comes_back_from_rows_and_objects",
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


@pytest.fixture(params=["psycopg", "pgbouncer"])
def database_url(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> Generator[str]:
    """The URL of an empty database, by each way in turn."""
    with fresh_database(database, tmp_path) as plain:
        url = make_url(plain)
        if request.param == "psycopg":
            yield url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        else:
            with pgbouncer(url, tmp_path) as behind:
                pooled = behind.update_query_dict({"prepared_statement_cache_size": "0"})
                yield pooled.render_as_string(hide_password=False)


async def test_many_models_come_back_in_the_order_of_their_ids() -> None:
    models = [Link(number) for number in range(1200)]
    ids = await save_many(("link", model) for model in models)
    assert await load_many(Link, ids[::-1]) == models[::-1]
    assert [part.inner for part in await load_many(Link, ids[:2], fields=["inner"])] == [0, 1]


async def test_processes_that_share_connections_do_not_take_each_others_statements(
    database_url: str, tmp_path: Path
) -> None:
    async with RunManager(Run()) as manager:
        task = Task("same_content", database_url, files_in(tmp_path / "objects").settings, 20, str(manager.run.node_id))
        outcomes = await race(task, 4)
        assert [(outcome.errors, outcome.conflicts) for outcome in outcomes] == [([], [])] * 4
        saved = [item for outcome in outcomes for item in outcome.saved]
        assert len(await select(Node).in_run(manager.run).artifacts().ids()) == len(saved) == 80


async def test_tasks_that_share_few_connections_do_not_mix() -> None:
    async def work(number: int) -> None:
        for _ in range(3):
            async with RunManager(Run()) as manager:
                await manager.save_artifacts({"a": Link(number), "b": Link(-number)})
                assert await manager.load_artifacts() == {"a": Link(number), "b": Link(-number)}
            async with session_context():
                inside = await Link(Link(number)).save("inside")
                assert await Link.load(inside) == Link(Link(number))
            assert (await delete(inside)).artifacts == 1

    await asyncio.gather(*map(work, range(1, 21)))
    assert await select(Link).count() == 20 * 3 * 2
