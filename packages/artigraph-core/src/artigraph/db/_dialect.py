"""The SQL that differs between the four databases, in the statements that the library builds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from artigraph.db.written import written
from artigraph.orm.types import UtcDateTime

DialectName = Literal["sqlite", "postgresql", "mysql", "mariadb"]
"""The kind of a database, independent of its driver and of the name in its URL."""

RECURSION_LIMIT = 1_000_000
"""The most levels of a recursive query, where MySQL and MariaDB stop at 1,000. No stored graph is as deep."""

SelectT = TypeVar("SelectT", bound=sa.Select[*tuple[Any, ...]])


def dialect_name(dialect: sa.Dialect) -> DialectName:
    """Return the kind of a dialect's database. After the first connection, it recognizes MariaDB behind a mysql URL."""
    if dialect.name in ("mysql", "mariadb"):
        return "mariadb" if getattr(dialect, "is_mariadb", False) else "mysql"
    return cast("DialectName", dialect.name)


@cache
def insert_missing(table: sa.Table, dialect: DialectName) -> sa.Insert:
    """Return an INSERT that skips rows that already exist under any unique key, without an error."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import mysql

    # INSERT IGNORE would also hide other errors, and logs a warning for each row.
    key = next(iter(table.primary_key))
    return mysql.insert(table).on_duplicate_key_update({key.name: key})


@cache
def insert_absent(table: sa.Table, dialect: DialectName) -> sa.Insert:
    """Return an INSERT of rows that others may insert, too, which never locks an existing row exclusively.

    On PostgreSQL and SQLite it skips an existing row. On MySQL and MariaDB it fails with a unique violation, and the
    whole transaction must be retried: ON DUPLICATE KEY UPDATE would lock the row exclusively. That would wait for
    every session that holds the row shared, which may itself wait for the connection that inserts.
    """
    return sa.insert(table) if dialect in ("mysql", "mariadb") else insert_missing(table, dialect)


@cache
def upsert(table: sa.Table, dialect: DialectName) -> sa.Insert:
    """Return an upsert: an INSERT that updates all other columns if the primary key exists."""
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
    """Make a SELECT read the latest committed rows and prevent their deletion until the transaction ends.

    SQLite needs no lock: a write transaction is the only one there.
    """
    if dialect == "sqlite":
        return statement
    return statement.with_for_update(read=True, key_share=dialect == "postgresql")


def lock_free(statement: SelectT) -> SelectT:
    """Make a SELECT lock its rows exclusively and skip rows that others have locked. It never waits.

    SQLite needs no lock: a write transaction is the only one there.
    """
    return statement.with_for_update(skip_locked=True)


def through_index(statement: SelectT, table: sa.Table, index: str) -> SelectT:
    """Make a locking SELECT use one index on MySQL and MariaDB.

    InnoDB locks the index entry first and its row second. Statements that lock the same rows through different indexes
    lock in different orders, which leads to deadlocks. The other databases lock only rows.
    """
    for dialect in ("mysql", "mariadb"):
        statement = statement.with_hint(table, f"FORCE INDEX ({index})", dialect)
    return statement


_SQLITE_TIME = "'%Y-%m-%d %H:%M:%f000'"
"""SQLAlchemy's format for times in SQLite: text with six digits after the second."""


@written(
    postgresql="clock_timestamp()",  # now() is the start of the transaction
    mysql="UTC_TIMESTAMP(6)",
    sqlite=f"strftime({_SQLITE_TIME}, 'now')",
)
class _UtcNow(FunctionElement[datetime]):
    type = UtcDateTime()
    inherit_cache = True


def utc_now() -> sa.SQLColumnExpression[datetime]:
    """Return the database's current time, as a value of `UtcDateTime`. SQLite's clock has milliseconds."""
    return _UtcNow()


@written(
    postgresql="clock_timestamp() + {0} * INTERVAL '1 microsecond'",
    mysql="UTC_TIMESTAMP(6) + INTERVAL {0} MICROSECOND",
    sqlite=f"strftime({_SQLITE_TIME}, 'now', ({{0}} / 1e6) || ' seconds')",
)
class _UtcIn(FunctionElement[datetime]):
    type = UtcDateTime()
    inherit_cache = True


def utc_in(span: timedelta) -> sa.SQLColumnExpression[datetime]:
    """Return the database's current time plus `span`, to the millisecond or better."""
    return _UtcIn(sa.literal(span // timedelta(microseconds=1), sa.BigInteger))


@written("hex({0})", postgresql="encode({0}, 'hex') COLLATE \"C\"")
class _HexText(FunctionElement[str]):
    type = sa.String()
    inherit_cache = True


def hex_text(data: sa.ColumnElement[bytes] | sa.ColumnElement[bytes | None]) -> sa.SQLColumnExpression[str]:
    """Return bytes as hexadecimal digits, which sort as the bytes do. Their case depends on the database."""
    return _HexText(data)


class _DeepSelect(sa.Select[Any]):
    """A SELECT whose recursion MariaDB does not cut off."""

    inherit_cache = True


@compiles(_DeepSelect)
def _deep_select(element: _DeepSelect, compiler: SQLCompiler, **kw: Any) -> str:
    outermost = not compiler.stack
    untyped: Any = compiler
    statement = str(untyped.visit_select(element, **kw))
    return f"SET STATEMENT max_recursive_iterations={RECURSION_LIMIT} FOR {statement}" if outermost else statement


def recursive(statement: SelectT, dialect: DialectName) -> SelectT:
    """Lift the limit of 1,000 levels from a SELECT with a recursive CTE, for this statement only.

    At the limit MySQL raises an error, and MariaDB silently returns an incomplete result. Engines that Artigraph makes
    lift the limit on connect. This function works on any engine.
    """
    if dialect == "mysql":
        return statement.prefix_with(f"/*+ SET_VAR(cte_max_recursion_depth={RECURSION_LIMIT}) */", dialect="mysql")
    if dialect == "mariadb":
        # MariaDB needs the prefix before WITH, where SQLAlchemy offers no place for one.
        deep = statement.execution_options()
        untyped: Any = deep
        untyped.__class__ = _DeepSelect
        return deep
    return statement


def distinct_values(
    column: sa.Column[Any], behind: sa.Column[Any], firsts: Sequence[str], dialect: DialectName
) -> sa.Select[*tuple[Any, ...]]:
    """Return a select of the distinct values of a column that follows column `behind` in an index.

    Only rows count in which `behind` is one of `firsts`. The select takes one step through the index for each distinct
    value, not for each row. MySQL and MariaDB do so for DISTINCT by themselves, if it has no condition. On the others
    a recursion steps from each value to the next.
    """
    if dialect in ("mysql", "mariadb"):
        pairs = sa.select(behind, column).distinct().subquery()
        is_value = pairs.c[behind.name].in_(firsts) & pairs.c[column.name].is_not(None)
        return sa.select(pairs.c[column.name]).where(is_value).distinct()
    return sa.select(sa.union(*(_steps(column, behind, first) for first in firsts)).subquery())


def _steps(column: sa.Column[Any], behind: sa.Column[Any], first: str) -> sa.Select[*tuple[Any, ...]]:
    least = sa.select(sa.func.min(column).label("value")).where(behind == first, column.is_not(None))
    found = least.cte(f"found_{first}", recursive=True)
    following = column.table.alias(f"following_{first}")
    value = following.c[column.name]
    following_least = sa.select(sa.func.min(value)).where(following.c[behind.name] == first, value > found.c.value)
    following_one = sa.select(following_least.correlate(found).scalar_subquery()).where(found.c.value.is_not(None))
    found = found.union_all(following_one)
    return sa.select(found.c.value).where(found.c.value.is_not(None))


class _OrderedDelete(sa.Delete):
    """A DELETE of rows in descending order of a column."""

    inherit_cache = False
    order: sa.Column[Any]


@compiles(_OrderedDelete)
def _ordered_delete(element: _OrderedDelete, compiler: SQLCompiler, **kw: Any) -> str:
    untyped: Any = compiler
    statement = str(untyped.visit_delete(element, **kw))
    # Ordered by the bare column, InnoDB would read the index backwards. It would then also lock the row before the
    # tree, which another session may not have committed yet.
    return f"{statement} ORDER BY {compiler.preparer.quote(element.order.name)} + 0 DESC"


def parts_first(statement: sa.Delete, position: sa.Column[Any], dialect: DialectName) -> sa.Delete:
    """Make a DELETE of whole trees delete children before parents, on databases that check row by row.

    MySQL and MariaDB check a reference as soon as a row is deleted, the others at the end of the statement.
    """
    if dialect not in ("mysql", "mariadb"):
        return statement
    ordered = statement.execution_options()
    untyped: Any = ordered
    untyped.__class__ = _OrderedDelete
    untyped.order = position
    return ordered
