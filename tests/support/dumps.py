"""Stores as text: the statements that make a database what a release left behind, and its objects beside them.

    tests/data/stores/0001/postgresql/database.sql     one statement a line, in ASCII
                                      index.json       ids and times, which no two stores share
                                      objects/         the objects; long ones are compressed and end in .xz

Restoring one needs only a connection, and no program of the server.
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, MetaData, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from artigraph.db._url import parse_url
from artigraph.storage.file import FileSystem

__all__ = ["STORES", "keep", "restore", "restore_objects", "rows_of", "statements"]

STORES = Path(__file__).resolve().parent.parent / "data" / "stores"

_SIMPLE = re.compile(r"[ !#$&(-\[\]-~]*")
"""Text that stands between quotes as it is, in every database and for every driver."""
_COMPRESSED = 4 * 1024
"""Bytes from which an object is compressed."""


def rows_of(connection: Connection, metadata: MetaData) -> dict[str, list[Any]]:
    """Return all rows of all tables, in an order that does not depend on the database."""
    return {table.name: list(_rows(connection, table)) for table in metadata.sorted_tables}


def statements(connection: Connection, metadata: MetaData) -> Iterator[str]:
    """Yield the INSERT statements that bring all rows of all tables back."""
    for table in metadata.sorted_tables:
        for row in _rows(connection, table):
            values = ", ".join(_literal(value, connection.dialect.name) for value in row)
            yield f"INSERT INTO {table.name} VALUES ({values})"


def _rows(connection: Connection, table: Table) -> Iterator[Any]:
    # Ids sort by time, so that parents come before what belongs to them.
    yield from connection.execute(select(table).order_by(*table.primary_key.columns))


def _literal(value: Any, dialect: str) -> str:
    postgresql = dialect == "postgresql"
    match value:
        case None:
            literal = "NULL"
        case int():
            literal = str(value)
        case UUID():
            literal = f"'{value}'" if postgresql else _binary(value.bytes, dialect)
        case datetime():
            literal = f"'{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}{'+00:00' if postgresql else ''}'"
        case str() if _SIMPLE.fullmatch(value):
            literal = f"'{value}'"
        case str():
            literal = _text(_binary(value.encode(), dialect), dialect)
        case _:
            literal = _binary(bytes(value), dialect)
    return literal


def _binary(data: bytes, dialect: str) -> str:
    return f"'\\x{data.hex()}'::bytea" if dialect == "postgresql" else f"X'{data.hex()}'"


def _text(binary: str, dialect: str) -> str:
    if dialect == "postgresql":
        return f"convert_from({binary}, 'UTF8')"
    return f"CONVERT({binary} USING utf8mb4)" if dialect in ("mysql", "mariadb") else f"CAST({binary} AS TEXT)"


def keep(folder: Path, lines: list[str], index: dict[str, Any], objects: Path) -> None:
    """Write a store down."""
    folder.mkdir(parents=True)
    (folder / "database.sql").write_text("".join(f"{line};\n" for line in lines), encoding="ascii")
    (folder / "index.json").write_text(json.dumps(index, indent=1, default=_plain) + "\n", encoding="ascii")
    for path in sorted(objects.rglob("*")):
        relative = path.relative_to(objects)
        if path.is_file() and not relative.parts[0].startswith("."):
            data = path.read_bytes()
            target = folder / "objects" / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            if len(data) >= _COMPRESSED:
                target.with_name(f"{target.name}.xz").write_bytes(lzma.compress(data))
            else:
                target.write_bytes(data)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


async def restore(folder: Path, url: str) -> dict[str, Any]:
    """Make the database of a store anew at a URL that names an empty one, and return the store's index."""
    engine = create_async_engine(parse_url(url))

    async def work(connection: AsyncConnection) -> None:
        for line in (folder / "database.sql").read_text("ascii").splitlines():
            await connection.exec_driver_sql(line.removesuffix(";"))

    try:
        async with engine.begin() as connection:
            await work(connection)
    finally:
        await engine.dispose()
    index: dict[str, Any] = json.loads((folder / "index.json").read_text("ascii"))
    return index


def restore_objects(folder: Path, directory: Path, name: str) -> FileSystem:
    """Bring the objects of a store into a directory, and return the storage that keeps them."""
    for path in (folder / "objects").rglob("*"):
        if path.is_file():
            target = directory / path.relative_to(folder / "objects")
            target.parent.mkdir(parents=True, exist_ok=True)
            data = path.read_bytes()
            target.with_suffix("").write_bytes(lzma.decompress(data) if path.suffix == ".xz" else data)
    return FileSystem(directory, name=name)
