"""The SQLAlchemy Core floor: plain engines, statements built once, and a transaction for each save."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.sql import Executable

from benchmarks.rows import Rows, insert_nodes, whole_tree

__all__ = ["CoreFloor"]

_PRAGMAS = ("foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000")


class CoreFloor:
    """Saves and loads rows of the same tables through SQLAlchemy Core."""

    def __init__(self, url: str) -> None:
        if url.startswith("sqlite"):
            self.writer, self.reader = _sqlite(url, "BEGIN IMMEDIATE"), _sqlite(url, None)
        else:
            self.writer = self.reader = create_async_engine(url, isolation_level="READ COMMITTED")

    async def insert(self, rows: Rows) -> None:
        """Insert rows in one statement and one transaction."""
        async with self.writer.begin() as connection:
            await connection.execute(insert_nodes, rows)

    async def select(self, statement: Executable, parameters: dict[str, Any]) -> Sequence[Any]:
        """Return all rows of a select."""
        async with self.reader.connect() as connection:
            rows: Sequence[Any] = (await connection.execute(statement, parameters)).all()
            return rows

    async def execute(self, sql: str, parameters: tuple[Any, ...]) -> Sequence[Any]:
        """Execute a statement in the driver's form, which Core does not compile."""
        async with self.reader.connect() as connection:
            rows: Sequence[Any] = (await connection.exec_driver_sql(sql, parameters)).all()
            return rows

    async def analyze(self) -> None:
        """Update the statistics that the database plans by."""
        table = "TABLE " if self.writer.dialect.name == "mysql" else ""
        async with self.writer.begin() as connection:
            for name in ("artigraph_node", "artigraph_link"):
                (await connection.execute(text(f"ANALYZE {table}{name}"))).close()

    async def tree(self, root_id: UUID) -> Rows:
        """Return the rows of a tree as parameters of an insert."""
        found = await self.select(whole_tree, {"root": root_id})
        return [dict(row._mapping) for row in found]

    async def close(self) -> None:
        """Close all connections."""
        await self.writer.dispose()
        await self.reader.dispose()


def _sqlite(url: str, begin: str | None) -> AsyncEngine:
    """Return an engine as durable as ours. The driver begins no transaction by itself, so reads have none."""
    engine = create_async_engine(url)

    def tune(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine.sync_engine, "connect", tune)
    if begin is not None:

        def start(connection: Any) -> None:
            connection.exec_driver_sql(begin)

        event.listen(engine.sync_engine, "begin", start)
    return engine
