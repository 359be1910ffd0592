"""A client that ends the connections of others."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine


async def own_id(connection: AsyncConnection) -> int:
    name = "pg_backend_pid" if connection.dialect.name == "postgresql" else "connection_id"
    return int((await connection.execute(text(f"SELECT {name}()"))).scalar_one())


class Killer:
    """Ends other connections, as a server that restarts or an administrator does."""

    def __init__(self, url: str) -> None:
        self.engine = create_async_engine(url, isolation_level="AUTOCOMMIT", pool_size=1)

    async def kill_all(self) -> None:
        async with self.engine.connect() as connection:
            me = await own_id(connection)
            if connection.dialect.name == "postgresql":
                others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            elif getattr(connection.dialect, "is_mariadb", False):
                others = "SELECT id FROM information_schema.processlist WHERE db = database()"
            else:  # MySQL's process list fails to show statements that hold bytes
                others = "SELECT processlist_id FROM performance_schema.threads WHERE processlist_db = database()"
            for other in (await connection.execute(text(others))).scalars().all():
                if other != me:
                    await self.kill(other, connection)

    async def kill(self, other: int, connection: AsyncConnection) -> None:
        postgresql = connection.dialect.name == "postgresql"
        try:
            await connection.execute(text(f"SELECT pg_terminate_backend({other})" if postgresql else f"KILL {other}"))
        except SQLAlchemyError:  # it ended by itself in the meantime
            await connection.rollback()

    async def kill_one(self, other: int) -> None:
        async with self.engine.connect() as connection:
            await self.kill(other, connection)
