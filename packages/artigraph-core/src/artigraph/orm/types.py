"""Column types that behave the same on every database.

docs/design/schema.md says what a database would otherwise do to a value. A dialect is imported when a database of it
is used, so that `import artigraph` does not import all dialects.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import BINARY, VARBINARY, DateTime, Dialect, Integer, LargeBinary, String
from sqlalchemy.types import TypeDecorator, TypeEngine

from artigraph.identifiers import id_bytes, id_of, refuse_value

MYSQL_FAMILY = ("mysql", "mariadb")
T = TypeVar("T")


class Stored(TypeDecorator[T]):
    """A type whose values are checked when they are read, because SQLite stores values of any type in any column."""

    __abstract__ = True
    cache_ok: bool | None = True
    python_type_read: type[Any]
    """The type that the driver returns for such a column."""
    expected: str
    """The kind of value that belongs in such a column, for an error."""

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        convert = super().result_processor(dialect, coltype)
        if dialect.name != "sqlite":
            return convert
        right, expected = self.python_type_read, self.expected

        def checked(value: Any) -> Any:
            if value is not None and type(value) is not right:
                refuse_value(value, expected)
            return value if convert is None else convert(value)

        return checked


class Whole(Stored[int]):
    """An integer, of 32 bits unless you pass another integer type of SQLAlchemy."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Integer
    cache_ok: bool | None = True
    python_type_read = int
    expected = "an integer"

    def __init__(self, size: type[Integer] = Integer) -> None:
        super().__init__()
        self.size = size
        self.impl = size()

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(self.size())


def _id_or_none(value: object) -> UUID | None:
    return None if value is None else id_of(value)


class Id(Stored[UUID]):
    """A UUID in 16 bytes: native on PostgreSQL, BINARY(16) elsewhere (MariaDB's driver returns its UUID as str)."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = LargeBinary
    cache_ok: bool | None = True
    python_type_read = bytes
    expected = "an id of 16 bytes"

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            from sqlalchemy.dialects import postgresql

            return dialect.type_descriptor(postgresql.UUID(as_uuid=True))
        return dialect.type_descriptor(BINARY(16) if dialect.name in MYSQL_FAMILY else LargeBinary(16))

    def bind_processor(self, dialect: Dialect) -> Any:
        return None if dialect.name == "postgresql" else id_bytes

    def process_bind_param(self, value: UUID | bytes | None, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else id_bytes(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        # One call for each value, because most values that are read are ids.
        if dialect.name == "postgresql":
            return self.load_dialect_impl(dialect).result_processor(dialect, coltype)
        return _id_or_none


class Text(Stored[str]):
    """Text that every database compares and orders by code point, including trailing spaces."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = String
    cache_ok: bool | None = True
    python_type_read = str
    expected = "text"

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


class ShortBytes(Stored[bytes]):
    """At most `length` bytes, which can be indexed and are ordered byte by byte."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = LargeBinary
    cache_ok: bool | None = True
    python_type_read = bytes
    expected = "bytes"

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL_FAMILY:
            return dialect.type_descriptor(VARBINARY(self.length))
        return dialect.type_descriptor(LargeBinary(self.length))


class Bytes(Stored[bytes]):
    """Bytes of any length. A plain LargeBinary holds at most 64 KiB on MySQL and MariaDB."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = LargeBinary(2**32 - 1)
    cache_ok: bool | None = True
    python_type_read = bytes
    expected = "bytes"


_POINT_IN_TIME = "a point in time"
_SECONDS, _WRITTEN = len("2000-01-01 00:00:00."), len("2000-01-01 00:00:00.000000")
"""The length of the texts that SQLite stores, and where the parts of a second begin in them."""


def _in_utc(value: datetime) -> datetime:
    """Return a time without a zone as one in UTC. In Python 3.11, `value.replace(tzinfo=UTC)` takes twice as long."""
    return datetime.combine(value.date(), value.time(), UTC)


def _time_of_text(value: Any) -> datetime | None:
    """Return the time in UTC of the text that SQLite stores."""
    if value is None:
        return None
    if type(value) is not str:
        refuse_value(value, _POINT_IN_TIME)
    try:
        if len(value) == _WRITTEN and value[_SECONDS:].isdigit():
            return datetime.fromisoformat(f"{value}+00:00")
        read = datetime.fromisoformat(value)  # another program wrote it
        return _in_utc(read) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):  # the text is no time
        refuse_value(value, _POINT_IN_TIME)


class UtcDateTime(Stored[datetime]):
    """The type of a column of points in time. It takes aware datetimes, and returns them in UTC, to the microsecond."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = DateTime
    cache_ok: bool | None = True
    python_type_read = str
    expected = _POINT_IN_TIME

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        # One call for each value, because every run that is read has two.
        return _time_of_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)

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

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if not isinstance(value, datetime):  # MySQL's driver returns something else for an invalid day
            refuse_value(value, self.expected)
        if value.tzinfo is None and dialect.name == "postgresql":  # asyncpg returns this for `infinity`
            refuse_value(value, self.expected)
        return value.astimezone(UTC) if value.tzinfo is not None else _in_utc(value)
