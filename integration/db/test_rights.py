"""The rights that docs/concepts/security.md says are enough are enough, and no others are used."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, make_url, text

from artigraph import ArtifactModel, Run, RunManager
from artigraph.db import current_database, engine_context
from artigraph.errors import DatabaseError
from artigraph.storage import MemoryStorage
from integration.support.databases import fresh_database


@dataclass
class Right(ArtifactModel, name="integration.Right"):
    number: int
    content: bytes = b""


@pytest.fixture
async def users(database: str, tmp_path: Path) -> AsyncGenerator[tuple[URL, URL]]:
    """Two users of a database with tables: one who may write to the tables, one who may only read them."""
    writer, reader = (f"artigraph_{name}_{uuid4().hex[:12]}" for name in ("writer", "reader"))
    with fresh_database(database, tmp_path) as url:
        async with engine_context(url, create_tables=True) as engine:
            await current_database()
            async with engine.begin() as connection:
                for user, rights in ((writer, "SELECT, INSERT, UPDATE, DELETE"), (reader, "SELECT")):
                    await connection.execute(text(f"CREATE ROLE {user} LOGIN PASSWORD 'x'"))
                    await connection.execute(text(f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {user}"))
            yield make_url(url).set(username=writer, password="x"), make_url(url).set(username=reader, password="x")
            async with engine.begin() as connection:
                for user in (writer, reader):
                    await connection.execute(text(f"DROP OWNED BY {user}"))
                    await connection.execute(text(f"DROP ROLE {user}"))


@pytest.mark.parametrize("database", ["postgresql"])
async def test_the_rights_of_the_docs_are_enough(users: tuple[URL, URL]) -> None:
    writer, reader = users
    memory = MemoryStorage(f"rights-{uuid4().hex}").register()
    async with engine_context(writer, large_value_storage=memory, inline_limit=1024), RunManager(Run()) as manager:
        node_id = await manager.save_artifact("it", Right(1, b"x" * 5000))
    async with engine_context(reader):
        assert await Right.load(node_id) == Right(1, b"x" * 5000)
        run = Run(None, manager.run.node_id, status="completed")
        assert await RunManager(run).load_artifacts() == {"it": Right(1, b"x" * 5000)}
        with pytest.raises(DatabaseError, match="permission denied"):
            await Right(2).save("refused")
