"""What the four databases spell differently, in the statements that the library builds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Column,
    Delete,
    Dialect,
    Insert,
    Select,
    SQLColumnExpression,
    Table,
    func,
    literal,
    select,
    union,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from artigraph.orm.types import UtcDateTime

__all__ = [
    "RECURSION_LIMIT",
    "DialectName",
    "dialect_name",
    "distinct_values",
    "insert_missing",
    "parts_first",
    "recursive",
    "share_lock",
    "upsert",
    "utc_in",
    "utc_now",
]

DialectName = Literal["sqlite", "postgresql", "mysql", "mariadb"]
"""A database, whatever its driver is and whatever its URL calls it."""

RECURSION_LIMIT = 1_000_000
"""Levels of a recursive query where MySQL and MariaDB would end at 1,000; deeper than any graph that a store holds."""

SelectT = TypeVar("SelectT", bound=Select[*tuple[Any, ...]])


def dialect_name(dialect: Dialect) -> DialectName:
    """Say which database a dialect talks to; it knows MariaDB behind a mysql URL once it has connected."""
    if dialect.name in ("mysql", "mariadb"):
        return "mariadb" if getattr(dialect, "is_mariadb", False) else "mysql"
    return cast("DialectName", dialect.name)


@cache
def insert_missing(table: Table, dialect: DialectName) -> Insert:
    """Return an INSERT that leaves alone, and does not fail for, rows that are there already under any unique key."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import mysql

    # INSERT IGNORE would hide other errors too, and logs a warning for each row.
    key = next(iter(table.primary_key))
    return mysql.insert(table).on_duplicate_key_update({key.name: key})


@cache
def upsert(table: Table, dialect: DialectName) -> Insert:
    """Return an INSERT that, where there is a row of this primary key, gives that row its other values."""
    others = [column.name for column in table.columns if not column.primary_key]
    if dialect in ("postgresql", "sqlite"):
        if dialect == "postgresql":
            from sqlalchemy.dialects.postgresql import insert
        else:
            from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
        made = insert(table)
        return made.on_conflict_do_update(
            index_elements=list(table.primary_key), set_={name: made.excluded[name] for name in others}
        )
    from sqlalchemy.dialects import mysql

    inserted = mysql.insert(table)
    return inserted.on_duplicate_key_update({name: inserted.inserted[name] for name in others})


def share_lock(statement: SelectT, dialect: DialectName) -> SelectT:
    """Make a SELECT see what is committed now and keep its rows from being deleted until the transaction ends.

    SQLite needs nothing: a write transaction is alone there.
    """
    if dialect == "sqlite":
        return statement
    return statement.with_for_update(read=True, key_share=dialect == "postgresql")


class _UtcNow(FunctionElement[datetime]):
    type = UtcDateTime()
    inherit_cache = True


def utc_now() -> SQLColumnExpression[datetime]:
    """Return the time by the database's clock, as a value of `UtcDateTime`; SQLite's clock ticks in milliseconds."""
    return _UtcNow()


@compiles(_UtcNow, "postgresql")
def _postgresql_now(_element: _UtcNow, _compiler: SQLCompiler, **_kw: Any) -> str:
    # now() would be the start of the transaction.
    return "clock_timestamp()"


@compiles(_UtcNow, "mysql")
@compiles(_UtcNow, "mariadb")
def _mysql_now(_element: _UtcNow, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "UTC_TIMESTAMP(6)"


@compiles(_UtcNow, "sqlite")
def _sqlite_now(_element: _UtcNow, _compiler: SQLCompiler, **_kw: Any) -> str:
    # The form in which SQLAlchemy keeps times in SQLite: text with six digits after the second.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


class _UtcIn(FunctionElement[datetime]):
    type = UtcDateTime()
    inherit_cache = True


def utc_in(span: timedelta) -> SQLColumnExpression[datetime]:
    """Return the time by the database's clock when so much time will have passed, to its milliseconds at least."""
    return _UtcIn(literal(span // timedelta(microseconds=1), BigInteger))


@compiles(_UtcIn, "postgresql")
def _postgresql_in(element: _UtcIn, compiler: SQLCompiler, **kw: Any) -> str:
    return f"clock_timestamp() + {compiler.process(element.clauses, **kw)} * INTERVAL '1 microsecond'"


@compiles(_UtcIn, "mysql")
@compiles(_UtcIn, "mariadb")
def _mysql_in(element: _UtcIn, compiler: SQLCompiler, **kw: Any) -> str:
    return f"UTC_TIMESTAMP(6) + INTERVAL {compiler.process(element.clauses, **kw)} MICROSECOND"


@compiles(_UtcIn, "sqlite")
def _sqlite_in(element: _UtcIn, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = f"({compiler.process(element.clauses, **kw)} / 1e6) || ' seconds'"
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {seconds})"


class _DeepSelect(Select[Any]):
    """A SELECT whose recursion MariaDB does not cut short."""

    inherit_cache = True


@compiles(_DeepSelect)
def _deep_select(element: _DeepSelect, compiler: SQLCompiler, **kw: Any) -> str:
    outermost = not compiler.stack
    statement = str(cast("Any", compiler).visit_select(element, **kw))
    return f"SET STATEMENT max_recursive_iterations={RECURSION_LIMIT} FOR {statement}" if outermost else statement


def recursive(statement: SelectT, dialect: DialectName) -> SelectT:
    """Lift the limit of 1,000 levels from a SELECT with a recursive CTE, for this statement alone.

    MySQL stops there with an error; MariaDB returns what it has until then, as if it were all. Engines that Artigraph
    makes have the limit lifted on connect; this holds on anybody's.
    """
    if dialect == "mysql":
        return statement.prefix_with(f"/*+ SET_VAR(cte_max_recursion_depth={RECURSION_LIMIT}) */", dialect="mysql")
    if dialect == "mariadb":
        # What MariaDB wants stands before WITH, where SQLAlchemy has no place for words of one's own.
        deep: Any = statement.execution_options()
        deep.__class__ = _DeepSelect
        return cast("SelectT", deep)
    return statement


def distinct_values(
    column: Column[Any], behind: Column[Any], firsts: Sequence[str], dialect: DialectName
) -> Select[*tuple[Any, ...]]:
    """Return a select of the values of a column that an index has behind another one, of which all values are given.

    It takes one step through the index for each value, not for each row. MySQL and MariaDB do so for DISTINCT by
    themselves, if no condition is in their way; the others are led from each value to the next one.
    """
    if dialect in ("mysql", "mariadb"):
        pairs = select(behind, column).distinct().subquery()
        return select(pairs.c[column.name]).where(pairs.c[column.name].is_not(None)).distinct()
    return select(union(*(_steps(column, behind, first) for first in firsts)).subquery())


def _steps(column: Column[Any], behind: Column[Any], first: str) -> Select[*tuple[Any, ...]]:
    least = select(func.min(column).label("value")).where(behind == first, column.is_not(None))
    found = least.cte(f"found_{first}", recursive=True)
    following = column.table.alias(f"following_{first}")
    value = following.c[column.name]
    following_least = select(func.min(value)).where(following.c[behind.name] == first, value > found.c.value)
    following_one = select(following_least.correlate(found).scalar_subquery()).where(found.c.value.is_not(None))
    found = found.union_all(following_one)
    return select(found.c.value).where(found.c.value.is_not(None))


class _OrderedDelete(Delete):
    """A DELETE that takes rows in descending order of a column."""

    inherit_cache = False
    order: Column[Any]


@compiles(_OrderedDelete)
def _ordered_delete(element: _OrderedDelete, compiler: SQLCompiler, **kw: Any) -> str:
    statement = str(cast("Any", compiler).visit_delete(element, **kw))
    return f"{statement} ORDER BY {compiler.preparer.quote(element.order.name)} DESC"


def parts_first(statement: Delete, position: Column[Any], dialect: DialectName) -> Delete:
    """Make a DELETE of whole trees take parts before what they are a part of, where a database looks row by row.

    MySQL and MariaDB check a reference as soon as a row is gone, the others when the statement has ended.
    """
    if dialect not in ("mysql", "mariadb"):
        return statement
    ordered: Any = statement.execution_options()
    ordered.__class__ = _OrderedDelete
    ordered.order = position
    return cast("Delete", ordered)
