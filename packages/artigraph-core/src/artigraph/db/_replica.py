"""Read replicas: where a read goes, and what the errors of a replica say."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NoReturn, TypeVar

import artigraph.errors as errors
from artigraph.db._hosts import shown_url
from artigraph.db._loop_engine import LoopEngine
from artigraph.db._schema import prepare
from artigraph.db._target import Target, current_group
from artigraph.db._transaction import Work, read_on

T = TypeVar("T")

_pinned: ContextVar[bool] = ContextVar("artigraph_on_primary", default=False)
_conditions: list[Callable[[], bool]] = []
"""What keeps reads on the primary: each returns whether it does so here."""
_KINDS: tuple[type[errors.ArtigraphError], ...] = (
    *(errors.RetryableError, errors.DatabaseUnavailableError, errors.DatabaseError),
    *(errors.MissingTablesError, errors.SchemaVersionError, errors.SchemaError),
    errors.ConfigurationError,
)
"""The public errors of a database itself, narrower ones first. Other errors are about what is stored in it."""


@contextmanager
def on_primary() -> Generator[None]:
    """In this block, read from the primary: what is read decides what is written."""
    token = _pinned.set(True)
    try:
        yield
    finally:
        _pinned.reset(token)


def read_primary_while(condition: Callable[[], bool]) -> None:
    """Read from the primary wherever a condition holds. Call it once for each, when a module is imported."""
    _conditions.append(condition)


def may_read_replica() -> bool:
    """Return whether a read here may go to the read replica: neither a session, a run nor a write needs the primary."""
    return not _pinned.get() and current_group() is None and not any(condition() for condition in _conditions)


async def read_on_replica(primary: LoopEngine, replica: Target, work: Work[T]) -> T:
    """Run work that only reads on a replica of a primary.

    Raises:
        ConfigurationError: the replica is of another store, or its URL cannot be used.
        DatabaseError, SchemaError: the replica failed. The message names it.
    """
    database = primary.state.database or await prepare(primary)
    try:
        loop_engine = replica.loop_engine()
        found = loop_engine.state.database or await prepare(loop_engine)
        if (found.store_id, found.dialect) != (database.store_id, database.dialect):
            msg = "it has another store than the primary. Correct read_url: it names a replica of the same database"
            raise errors.ConfigurationError(msg)
        return await read_on(loop_engine, work)
    except _KINDS as error:
        _raise_named(error, replica)


def _raise_named(error: errors.ArtigraphError, replica: Target) -> NoReturn:
    """Raise an error again, of the same public type, with the name of the replica."""
    kind = next(kind for kind in _KINDS if isinstance(error, kind))
    msg = f"The read replica {shown_url(replica.url)}: {error}"
    raise kind(msg) from (error.__cause__ or error)
