"""With `read_only`, nothing is written, neither to the database nor to the files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from artigraph import ArtifactModel
from artigraph.db import engine_context, set_engine
from artigraph.errors import ConfigurationError, DatabaseError, MissingTablesError


@dataclass
class Kept(ArtifactModel, name="read_only.Kept"):
    number: int


@pytest.mark.parametrize("name", ["a store.db", "100%.db", "why?.db", "a#b.db", "URI.db"])
async def test_a_file_is_read_and_not_written(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    async with engine_context(path, create_tables=True):
        node_id = await Kept(1).save("it")
    before = path.read_bytes()
    source = f"sqlite+aiosqlite:///{path.as_uri()}?uri=true&mode=rwc" if name == "URI.db" else path
    async with engine_context(source, read_only=True):
        assert await Kept.load(node_id) == Kept(1)
        with pytest.raises(DatabaseError, match="read-only"):
            await Kept(2).save("refused")
    assert path.read_bytes() == before


async def test_another_process_may_write_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with engine_context(path, create_tables=True):
        first = await Kept(1).save("it")
        async with engine_context(path, read_only=True):
            assert await Kept.load(first) == Kept(1)
            async with engine_context(path):
                second = await Kept(2).save("it")
            assert await Kept.load(second) == Kept(2)


async def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    async with engine_context(path, read_only=True):
        with pytest.raises(MissingTablesError):
            await Kept.load("0198c1d2-1111-7000-8000-000000000000")
    assert not path.exists()


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        ("sqlite:///:memory:", {}, "in memory"),
        ("sqlite:///a.db", {"create_tables": True}, "create_tables"),
        ("postgresql+asyncpg://u@localhost/x?prepared_statement_cache_size=0", {}, "PgBouncer"),
        (create_async_engine("sqlite+aiosqlite:///a.db"), {}, "engine of your own"),
    ],
)
def test_what_cannot_be_read_only_is_refused(source: Any, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        set_engine(source, read_only=True, **options)
