"""How the rest of the library reads and writes: inside a session on its connection, else on one from the pool."""

from __future__ import annotations

from typing import TypeVar

from artigraph.db._bound import Bound, Database
from artigraph.db._config import current_target
from artigraph.db._placement import Placement
from artigraph.db._schema import create, prepare
from artigraph.db._session import current_group
from artigraph.db._transaction import Committed, Work, read_on, write_on

__all__ = ["create_tables", "current_database", "current_placement", "in_session", "read", "write", "write_apart"]

T = TypeVar("T")


async def current_database() -> Database:
    """Return what is known of the database that is in force here; it is found out on the first use of an engine.

    Raises:
        MissingTablesError: it has no tables of ours, and they were not to be made.
        SchemaVersionError: its tables are those of an older or a newer release.
    """
    group = current_group()
    if group is not None and group.database is not None:
        group.check()
        return group.database
    bound = current_target().bound()
    return bound.known.database or await prepare(bound)


async def create_tables() -> None:
    """Make the tables in the database that is in force here, if they are not there; any number of processes may.

    Raises:
        SchemaVersionError: there are tables, of an older or a newer release.
    """
    bound = current_target().bound()
    await create(bound)
    await prepare(bound)


def current_placement() -> Placement:
    """Return which values stand in rows here, and where the others go."""
    return current_target().placement


def in_session() -> bool:
    """Say whether calls here are done in a session."""
    return current_group() is not None


async def read(work: Work[T]) -> T:
    """Do work that only reads, as a whole again if the connection turns out to be broken.

    Each statement sees what was committed before it began. In a session the work is done on its connection, in a
    savepoint.
    """
    group = current_group()
    return await (read_on(await _ready(), work) if group is None else group.run(work))


async def write(work: Work[T], *, committed: Committed | None = None) -> T:
    """Do work in one transaction, shielded from cancellation as a whole and tried again where the database gives way.

    The work may be done several times and has no effects but those in the database. If the connection breaks while
    COMMIT is in flight, `committed` is asked on a fresh one whether the transaction took effect. In a session the work
    is done once, on its connection, in a savepoint.

    Raises:
        RetryableError: every attempt gave way; in a session, the first.
        DatabaseUnavailable: there is no connection, or it is not known whether the transaction took effect.
    """
    group = current_group()
    if group is not None:
        return await group.run(work)
    return await write_on(await _ready(), work, committed=committed)


async def write_apart(work: Work[T]) -> T:
    """Write in a transaction of its own even in a session, so that no lock lasts as long as the session does.

    On SQLite, where one writes at a time, it is a savepoint of the session all the same.
    """
    group = current_group()
    if group is None:
        return await write(work)
    if group.bound.sqlite:
        return await group.run(work)
    group.check()
    return await write_on(group.bound, work)


async def _ready() -> Bound:
    bound = current_target().bound()
    if bound.known.database is None:
        await prepare(bound)
    return bound
