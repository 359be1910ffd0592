"""Column types that mean the same on every database.

What a database would do to a value otherwise is in docs/design/schema.md. The dialects are imported when a database of
theirs is used, so that `import artigraph` does not wait for those of all.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BINARY, VARBINARY, DateTime, Dialect, LargeBinary, String
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = ["Bytes", "Id", "ShortBytes", "Text", "UtcDateTime"]

MYSQL_FAMILY = ("mysql", "mariadb")


class Id(TypeDecorator[UUID]):
    """A UUID in 16 bytes: native on PostgreSQL, BINARY(16) elsewhere (MariaDB's driver returns its UUID as str)."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = LargeBinary
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            from sqlalchemy.dialects import postgresql

            return dialect.type_descriptor(postgresql.UUID(as_uuid=True))
        return dialect.type_descriptor(BINARY(16) if dialect.name in MYSQL_FAMILY else LargeBinary(16))

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else value.bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        return value if value is None or dialect.name == "postgresql" else UUID(bytes=bytes(value))


class Text(TypeDecorator[str]):
    """Text that is compared and ordered by code point, on every database, trailing spaces included."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = String
    cache_ok: bool | None = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL_FAMILY:
            from sqlalchemy.dialects import mysql

            collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
            return dialect.type_descriptor(mysql.VARCHAR(self.length, charset="utf8mb4", collation=collation))
        if dialect.name == "postgresql":
            from sqlalchemy.dialects import postgresql

            return dialect.type_descriptor(postgresql.VARCHAR(self.length, collation="C"))
        return dialect.type_descriptor(String(self.length))


class ShortBytes(TypeDecorator[bytes]):
    """At most `length` bytes that can be indexed and are ordered byte by byte."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = LargeBinary
    cache_ok: bool | None = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL_FAMILY:
            return dialect.type_descriptor(VARBINARY(self.length))
        return dialect.type_descriptor(LargeBinary(self.length))


class Bytes(TypeDecorator[bytes]):
    """Bytes of any length; a plain LargeBinary ends at 64 KiB on MySQL and MariaDB."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = LargeBinary(2**32 - 1)
    cache_ok: bool | None = True


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, in UTC and to the microsecond."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = DateTime
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL_FAMILY:
            from sqlalchemy.dialects import mysql

            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"{value!r} has no time zone; Artigraph stores points in time in UTC"
            raise ValueError(msg)
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)
