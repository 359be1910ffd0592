"""Read and write for the rest of the library: in the current session if there is one, else on a pooled connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Dialect, Executable, Table, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db._files import Placement
from artigraph.db._group import AbandonedError
from artigraph.db._loop_engine import Database, LoopEngine
from artigraph.db._replica import may_read_replica, read_on_replica
from artigraph.db._schema import create, prepare
from artigraph.db._target import Target, current_group, current_target
from artigraph.db._transaction import Committed, Work, read_on, write_on
from artigraph.db._watch import NoSpareConnectionError
from artigraph.errors import NodeNotFoundError
from artigraph.orm.metadata import metadata
from artigraph.orm.types import Id
from artigraph.printable import printable

T = TypeVar("T")


async def current_database() -> Database:
    """Return the facts about the current database, which are read on the first use of an engine.

    Raises:
        MissingTablesError: the database has no tables of Artigraph, and `create_tables` is not set.
        SchemaVersionError: its tables are of an older or newer release.
    """
    group = current_group()
    if group is not None and group.database is not None:
        group.check()
        return group.database
    loop_engine = current_target().loop_engine()
    return loop_engine.state.database or await prepare(loop_engine)


async def create_tables() -> None:
    """Create the tables in the current database if they do not exist. Any number of processes may call it at once.

    Raises:
        SchemaVersionError: the tables are of an older or newer release.
    """
    loop_engine = current_target().loop_engine()
    await create(loop_engine)
    await prepare(loop_engine)


def current_placement() -> Placement:
    """Return the current settings for the placement of values."""
    return current_target().placement


def cancel_timeout() -> float | None:
    """Return the seconds that a canceled call has to end; None means no limit."""
    return current_target().timeouts.cancel


def in_session() -> bool:
    """Return whether calls here run in a session."""
    return current_group() is not None


async def read(work: Work[T]) -> T:
    """Run work that only reads. If the connection breaks, all of the work is retried.

    Each statement sees what was committed before it began. In a session the work runs on the session's connection, in a
    savepoint.
    """
    while (group := current_group()) is not None:  # at most one iteration for each open session
        with suppress(AbandonedError):
            return await group.run(work)
    return await read_on(await _ready(), work)


async def read_anywhere(work: Work[T], *, lacks: Callable[[T], bool] | None = None) -> T:
    """Run work that only reads, on the read replica if there is one, else as `read` does.

    In a session, in a run and in `on_primary()` it is `read`, so that callers see what they wrote. What the replica
    does not have yet is read from the primary: if the work raises `NodeNotFoundError`, or `lacks` says so of its
    result. The work may then run once more.
    """
    target = current_target()
    if target.replica is None or not may_read_replica():
        return await read(work)
    try:
        found = await read_on_replica(target.loop_engine(), target.replica, work)
    except NodeNotFoundError:
        return await read(work)
    return await read(work) if lacks is not None and lacks(found) else found


async def write(work: Work[T], *, committed: Committed | None = None) -> T:
    """Run work in one transaction, shielded from cancellation, and retry it if the database aborts it.

    The work may run several times, so its only effects must be in the database. If the connection breaks during COMMIT,
    `committed` is called on a fresh connection to find out whether the transaction took effect. In a session the work
    runs once, on the session's connection, in a savepoint.

    Raises:
        RetryableError: every attempt gave way to another transaction; in a session, the only attempt.
        DatabaseUnavailableError: there is no connection, or it is unknown whether the transaction took effect.
    """
    while (group := current_group()) is not None:  # at most one iteration for each open session
        with suppress(AbandonedError):
            return await group.run(work)
    return await write_on(await _ready(), work, committed=committed)


async def write_apart(work: Work[T]) -> T:
    """Write in a separate transaction even in a session, so that locks are not held until the session ends.

    If there is no second connection, it is a savepoint of the session. That is the case on SQLite, which has one
    writer at a time, and if neither the pool nor the server has a free connection. It also is a savepoint in a caller's
    session above READ COMMITTED, whose snapshot would not show what is written separately.
    """
    group = current_group()
    if group is None:
        return await write(work)
    if not group.alone and await group.sees_commits():
        group.check()
        try:
            return await write_on(group.loop_engine, work, spare=True)
        except NoSpareConnectionError:
            group.alone = True
    return await write(work)


async def _ready() -> LoopEngine:
    loop_engine = current_target().loop_engine()
    if loop_engine.state.database is None:
        await prepare(loop_engine)
    return loop_engine


@dataclass(frozen=True, slots=True, eq=False)
class Address:
    """A database to which work can still write when another database has become the current one."""

    target: Target
    """The target that was current. Addresses with the same target are of the same database."""
    loop_engine: LoopEngine | None
    """The only engine for this database, on its event loop: a caller's own, or that of a database in memory.

    None if an engine can be made for any event loop.
    """

    async def write(self, work: Work[T]) -> T:
        """Run work in a transaction of its own, as `db.write` does outside of a session."""
        return await write_on(self.loop_engine or self.target.loop_engine(), work)


def current_address() -> Address:
    """Return the address of the current database; inside a session, of the session's database."""
    group = current_group()
    target = current_target()
    loop_engine = target.loop_engine() if group is None else group.loop_engine
    return Address(target, None if loop_engine.ours and not loop_engine.memory else loop_engine)


Item = TypeVar("Item")

_IN_LIST = 1000
"""The most items of one IN list. asyncpg takes 32,767 parameters, SQLite expressions of depth 1,000."""

Row = Sequence[Any]
"""A tuple, or the driver's own type, which can be indexed, sliced and unpacked."""


async def fetch_rows(connection: AsyncConnection, statement: Executable, parameters: Mapping[str, Any]) -> list[Row]:
    """Execute a select and return all its rows as the driver made them.

    Integers, text and bytes have their Python types; convert an `Id` by `id_of`. SQLAlchemy's type conversions and
    `Row` objects are skipped. For a tree of 10,000 nodes, these take half of the time, and are most of the objects
    that the garbage collector traverses.
    """
    result: Any = await connection.execute(statement, parameters)
    rows: list[Row] = result.cursor.fetchall()
    result.close()
    return rows


async def distinct_texts(
    connection: AsyncConnection,
    column: ColumnElement[str],
    *conditions: ColumnElement[bool],
    prefix: str = "",
    most: int | None = None,
) -> list[str]:
    """Return the distinct values of a column of text, in their order, by one index lookup for each.

    Args:
        connection: the connection.
        column: a column of an index.
        conditions: equalities on the columns that precede it in the index, and others.
        prefix: only values that begin with it.
        most: the most values; None for all.
    """
    found: list[str] = []
    while most is None or len(found) < most:
        place = column > found[-1] if found else column >= prefix
        following = await connection.scalar(select(column).where(*conditions, place).order_by(column).limit(1))
        if following is None or not following.startswith(prefix):
            break
        found.append(following)
    return found


def in_batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Split a sequence into parts that fit into an IN list. No part is empty."""
    for start in range(0, len(items), _IN_LIST):
        yield items[start : start + _IN_LIST]


_PART = 2000
"""Rows in one batch. Between batches, other tasks of the event loop get a turn."""


class _Insert(NamedTuple):
    """An INSERT as a driver takes it."""

    statement: str
    parameters: Callable[[Sequence[Mapping[str, Any]]], list[Any]]
    """Converts rows to parameters."""


async def insert_rows(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same column names as keys. Ids are given as 16 bytes, other values as they are.

    The statement is SQLAlchemy's, compiled once for a dialect, and so are its errors, events and transaction. The
    parameters go to the driver unchanged, because these values need none of the conversions of the column types.
    """
    statement, parameters = _insert(connection.dialect, table, tuple(rows[0]))
    for start in range(0, len(rows), _PART):
        if start:
            await asyncio.sleep(0)
        await connection.exec_driver_sql(statement, parameters(rows[start : start + _PART]))


_made: WeakKeyDictionary[Dialect, dict[tuple[Table, tuple[str, ...]], _Insert]] = WeakKeyDictionary()


def _insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> _Insert:
    made = _made.setdefault(dialect, {})
    known = made.get((table, columns))
    if known is None:
        known = made[table, columns] = _make(dialect, table, columns)
    return known


def _make(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> _Insert:
    compiled: Any = insert(table).compile(dialect=dialect, column_keys=list(columns))
    names: tuple[str, ...] = tuple(compiled.positiontup) if compiled.positional else columns
    positional = bool(compiled.positional)  # the closure must not keep `compiled` and its dialect alive
    getter: Any = itemgetter
    take: Callable[[Mapping[str, Any]], tuple[Any, ...]] = getter(*names)
    ids = [names.index(name) for name in names if isinstance(table.c[name].type, Id)]
    make_id = _maker_of_ids(dialect)

    def parameters(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        values = list(map(take, rows))
        if make_id is not None:
            values = [_with_ids(value, ids, make_id) for value in values]
        return values if positional else [dict(zip(names, value, strict=True)) for value in values]

    return _Insert(str(compiled), parameters)


def _with_ids(values: tuple[Any, ...], ids: Sequence[int], make_id: Callable[[bytes], Any]) -> tuple[Any, ...]:
    made = list(values)
    for index in ids:
        value = made[index]
        if value is not None:
            made[index] = make_id(value)
    return tuple(made)


def _maker_of_ids(dialect: Dialect) -> Callable[[bytes], Any] | None:
    """Return a function that makes a driver's id from its bytes; None if the driver takes bytes."""
    if dialect.name != "postgresql":
        return None
    if dialect.driver == "asyncpg":
        driver: Any = import_module("asyncpg.pgproto.pgproto")  # asyncpg encodes its own ids in C
        return cast("Callable[[bytes], Any]", driver.UUID)
    return lambda value: UUID(bytes=value)


_log = logging.getLogger("artigraph")

_LARGE = 10_000
"""The number of rows that this process inserts between two checks of the statistics."""
_GROWN = 8
_FEWEST_PAGES = 100
"""Tables with fewer pages are fast to read with any plan."""
# PostgreSQL's size of a table is from the last ANALYZE or VACUUM; -1 tuples means unknown.
_outdated = text(
    "SELECT relname FROM pg_catalog.pg_class JOIN (SELECT CAST(name AS regclass) AS table_id FROM unnest("
    "CAST(:names AS text[])) AS name WHERE to_regclass(name) IS NOT NULL) AS ours ON ours.table_id = pg_class.oid "
    "WHERE pg_relation_size(oid) / current_setting('block_size')::int >= :fewest AND (reltuples <= 0 OR "
    "pg_relation_size(oid) / current_setting('block_size')::int > :grown * relpages)"
).bindparams(fewest=_FEWEST_PAGES, grown=_GROWN)


async def note_inserted(rows: int) -> None:
    """Count inserted rows, and analyze our tables if PostgreSQL's statistics are missing or outdated.

    It never fails and never waits. It skips tables without the permission, or that another ANALYZE or session holds. In
    a session, and in a caller's transaction, it only counts the rows.
    """
    group = current_group()
    loop_engine = group.loop_engine if group is not None else current_target().loop_engine()
    if loop_engine.engine.dialect.name != "postgresql":
        return
    loop_engine.state.inserted += rows
    if loop_engine.state.inserted < _LARGE or group is not None:
        return
    loop_engine.state.inserted = 0
    try:
        await _analyze(loop_engine)
    except Exception as error:  # the rows are written, and statistics only affect speed
        _log.debug("The tables were not analyzed: %s: %s", type(error).__name__, printable(str(error)))


async def _analyze(loop_engine: LoopEngine) -> None:
    async with loop_engine.engine.connect() as connection:
        names = [table.name for table in metadata.sorted_tables]
        outdated = list((await connection.execute(_outdated, {"names": names})).scalars())
        for name in outdated:
            await _analyze_table(connection, name)
        await connection.commit()


async def _analyze_table(connection: AsyncConnection, name: str) -> None:
    # Without the permission, PostgreSQL warns and continues. SKIP_LOCKED skips a table that another transaction locked.
    quoted = connection.dialect.identifier_preparer.quote(name)
    await connection.execute(text(f"ANALYZE (SKIP_LOCKED) {quoted}"))
    _log.debug("Analyzed table %s, of which PostgreSQL had no statistics, or old ones", name)
