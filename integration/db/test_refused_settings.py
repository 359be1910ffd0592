"""Connections of a caller's on MySQL and MariaDB that check neither references nor keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from artigraph import ArtifactModel
from artigraph.db import create_tables, engine_context, read
from artigraph.errors import ConfigurationError
from integration.support.databases import fresh_database


@dataclass
class Page(ArtifactModel, name="refused.Page"):
    number: int = 0


@pytest.mark.parametrize("server", ["mysql", "mariadb"])
@pytest.mark.parametrize("name", ["foreign_key_checks", "unique_checks"])
async def test_an_engine_that_checks_no_references_or_keys(server: str, tmp_path: Path, name: str) -> None:
    with fresh_database(server, tmp_path) as url:
        careless = make_url(url).update_query_dict({"init_command": f"SET SESSION {name} = 0"})
        engine = create_async_engine(careless)
        async with engine_context(engine, create_tables=True):
            with pytest.raises(ConfigurationError, match=f"{name}=0"):
                await Page().save("x")
            with pytest.raises(ConfigurationError, match=f"{name}=0"):
                await create_tables()
        await engine.dispose()
        async with engine_context(careless, create_tables=True):  # ours sets what it needs
            await Page().save("x")
            shown = text(f"SELECT @@{name}")
            assert await read(lambda connection: connection.scalar(shown)) == 1
