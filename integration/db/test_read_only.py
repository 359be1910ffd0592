"""With `read_only`, the database itself refuses to write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text

from artigraph import ArtifactModel, Run, RunManager
from artigraph.db import engine_context
from artigraph.errors import DatabaseError
from artigraph.maintenance import fsck
from artigraph.orm import NodeRow
from artigraph.view import storage_document
from integration.support.databases import fresh_database


@dataclass
class Read(ArtifactModel, name="integration.Read"):
    number: int


async def test_the_database_refuses_to_write(database: str, tmp_path: Path) -> None:
    with fresh_database(database, tmp_path) as url:
        async with engine_context(url, create_tables=True), RunManager(Run(name="first")):
            node_id = await Read(1).save("it")
        async with engine_context(url, read_only=True) as engine:
            assert await Read.load(node_id) == Read(1)
            with pytest.raises(DatabaseError, match="read-only"):
                await Read(2).save("refused")
            with pytest.raises(DatabaseError, match="read-only"):
                async with RunManager(Run(name="refused")):
                    pass
            for refused in (delete(NodeRow), text("CREATE TABLE more (number INTEGER)")):
                async with engine.connect() as connection:
                    # Each driver has a class of its own for this error.
                    with pytest.raises(Exception, match=r"(?i)read-?\s?only"):
                        await connection.execute(refused)
            report = await fsck()
            assert report.ok
            assert report.unrecorded is not None
            async with engine.connect() as connection:
                rows = (await connection.execute(select(func.count()).select_from(NodeRow))).scalar()
        async with engine_context(url) as engine, engine.connect() as connection:
            assert (await connection.execute(select(func.count()).select_from(NodeRow))).scalar() == rows
            await Read(2).save("more")  # nothing was set for others
            assert (await fsck()).unrecorded is None
            assert (await storage_document()).last_fsck is not None
