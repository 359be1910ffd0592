"""The floor of the bare drivers: one open connection, the SQL of SQLAlchemy Core, and values in the driver's types."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import URL, make_url
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import Executable

from artigraph.orm import node_table
from benchmarks.rows import COLUMNS, Rows, insert_nodes

__all__ = ["RawFloor", "open_raw"]

Values = list[tuple[Any, ...]]


class Sql(NamedTuple):
    """A statement in the driver's form."""

    text: str
    names: Sequence[str]
    """The parameters, in order."""
    constants: Mapping[str, Any]
    """Parameters whose values the statement itself has."""


class RawFloor(ABC):
    """Saves and loads rows of the same tables through a driver."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._insert = self.compiled(insert_nodes, COLUMNS)

    def compiled(self, statement: Executable, names: Iterable[str] | None = None) -> Sql:
        """Return the SQL of a statement for this driver."""
        build: Any = statement
        compiled: Any = build.compile(dialect=self._dialect, column_keys=None if names is None else list(names))
        places: tuple[str, ...] = tuple(compiled.positiontup or ())
        return Sql(str(compiled), places, compiled.params)

    def values(self, rows: Rows) -> Values:
        """Return rows in the driver's form, in the order of the insert."""
        return [self.bound(self._insert, row) for row in rows]

    def bound(self, sql: Sql, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the parameters of a statement in the driver's form."""
        given = {**sql.constants, **parameters}
        return tuple(self._value(given[name]) for name in sql.names)

    def _value(self, value: Any) -> Any:
        return value.bytes if isinstance(value, UUID) else value

    @abstractmethod
    async def insert(self, values: Values) -> None:
        """Insert rows in one transaction."""

    @abstractmethod
    async def select(self, sql: Sql, parameters: tuple[Any, ...]) -> Sequence[Any]:
        """Return all rows of a select."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""


class SqliteFloor(RawFloor):
    """The floor of aiosqlite."""

    def __init__(self, dialect: Dialect, connection: Any) -> None:
        super().__init__(dialect)
        self._connection = connection

    @classmethod
    async def open(cls, url: URL) -> SqliteFloor:
        driver: Any = importlib.import_module("aiosqlite")
        connection = await driver.connect(url.database, isolation_level=None, timeout=5.0)
        for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL"):
            await connection.execute_fetchall(f"PRAGMA {pragma}")
        return cls(url.get_dialect()(), connection)

    async def insert(self, values: Values) -> None:
        await self._connection.execute("BEGIN IMMEDIATE")
        await self._connection.executemany(self._insert.text, values)
        await self._connection.commit()

    async def select(self, sql: Sql, parameters: tuple[Any, ...]) -> Sequence[Any]:
        rows: Sequence[Any] = await self._connection.execute_fetchall(sql.text, parameters)
        return rows

    async def close(self) -> None:
        await self._connection.close()


class PostgresqlFloor(RawFloor):
    """The floor of asyncpg."""

    def __init__(self, dialect: Dialect, connection: Any) -> None:
        super().__init__(dialect)
        self._connection = connection

    @classmethod
    async def open(cls, url: URL) -> PostgresqlFloor:
        driver: Any = importlib.import_module("asyncpg")
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return cls(url.get_dialect()(), await driver.connect(plain))

    def _value(self, value: Any) -> Any:
        return value

    async def insert(self, values: Values) -> None:
        async with self._connection.transaction():
            await self._connection.executemany(self._insert.text, values)

    async def copy(self, values: Values) -> None:
        """Insert rows by COPY in one transaction."""
        async with self._connection.transaction():
            await self._connection.copy_records_to_table(
                node_table.name, records=values, columns=list(self._insert.names)
            )

    async def select(self, sql: Sql, parameters: tuple[Any, ...]) -> Sequence[Any]:
        rows: Sequence[Any] = await self._connection.fetch(sql.text, *parameters)
        return rows

    async def close(self) -> None:
        await self._connection.close()


class MysqlFloor(RawFloor):
    """The floor of asyncmy, for MySQL and MariaDB."""

    def __init__(self, dialect: Dialect, connection: Any) -> None:
        super().__init__(dialect)
        self._connection = connection

    @classmethod
    async def open(cls, url: URL) -> MysqlFloor:
        driver: Any = importlib.import_module("asyncmy")
        connection = await driver.connect(
            host=url.host, port=url.port, user=url.username, password=url.password or "", db=url.database,
            charset="utf8mb4", init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", autocommit=True,
        )  # fmt: skip
        return cls(url.get_dialect()(), connection)

    async def insert(self, values: Values) -> None:
        await self._connection.begin()
        async with self._connection.cursor() as cursor:
            await cursor.executemany(self._insert.text, values)
        await self._connection.commit()

    async def select(self, sql: Sql, parameters: tuple[Any, ...]) -> Sequence[Any]:
        async with self._connection.cursor() as cursor:
            await cursor.execute(sql.text, parameters)
            rows: Sequence[Any] = await cursor.fetchall()
            return rows

    async def close(self) -> None:
        await self._connection.ensure_closed()


async def open_raw(url: str) -> RawFloor:
    """Open a connection of the driver that a URL names."""
    parsed = make_url(url)
    floors: dict[str, Callable[[URL], Awaitable[RawFloor]]] = {
        "sqlite": SqliteFloor.open,
        "postgresql": PostgresqlFloor.open,
        "mysql": MysqlFloor.open,
        "mariadb": MysqlFloor.open,
    }
    return await floors[parsed.get_backend_name()](parsed)
