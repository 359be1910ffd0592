"""Calls grouped in one transaction: a session that several calls, and tasks, share by turns."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, AsyncTransaction

from artigraph.db._bound import Bound, Database
from artigraph.db._config import current_target
from artigraph.db._lent import join_transaction
from artigraph.db._shield import shielded
from artigraph.db._target import Target
from artigraph.db._transaction import Work, raise_typed
from artigraph.errors import ConfigurationError, RetryableError, SessionStateError, WrongEventLoopError

__all__ = ["Group", "current_group", "open_group"]

T = TypeVar("T")


class Group:
    """One session, and what it takes to do calls in it one after the other."""

    def __init__(self, session: AsyncSession, bound: Bound, target: Target) -> None:
        self.session = session
        self.bound = bound
        """The engine of the session, for what is written apart from it."""
        self.target = target
        """What was in force where the session was opened; where something else is, the session does not count."""
        self.database: Database | None = None
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._ended = False
        self._broken: Exception | None = None

    def check(self) -> None:
        """Raise if no call can be done in this session, here and now."""
        if self._loop is not _running_loop():
            msg = (
                "This session belongs to another event loop or thread. Await the async function where it was opened "
                "(sync calls are done on a loop of their own), or make this call outside of its block."
            )
            raise WrongEventLoopError(msg)
        if self._ended:
            msg = "The session_context in which this task was started has ended; await its tasks inside the block"
            raise SessionStateError(msg)
        if self._broken is not None:
            msg = "The database rolled the whole transaction back. Leave the block and do all of it again."
            raise RetryableError(msg) from self._broken
        if _working.get() is self:
            msg = "A call in a session was begun inside another one, for whose end it would wait"
            raise SessionStateError(msg)

    async def run(self, work: Work[T]) -> T:
        """Do work in a savepoint, when it is its turn; of what fails, nothing remains."""
        self.check()
        async with self._turn:
            self.check()
            return await shielded(self._in_savepoint(work))

    async def end(self) -> None:
        """Wait for the call that is going on, and let no other begin."""
        async with self._turn:
            self._ended = True

    def check_broken(self) -> None:
        """Raise if the database rolled the transaction back by itself, so that half of it cannot be committed."""
        if self._broken is not None:
            msg = "The database rolled the whole transaction back; do all of it again"
            raise RetryableError(msg) from self._broken

    async def connection(self) -> AsyncConnection:
        """Return the session's connection, in a transaction."""
        connection = await self.session.connection()
        if not self.bound.ours:
            if self.bound.sqlite:
                await connection.run_sync(join_transaction)
            else:
                await _refuse_autocommit(connection)
        return connection

    async def _in_savepoint(self, work: Work[T]) -> T:
        _working.set(self)
        try:
            connection = await self.connection()
            savepoint = await connection.begin_nested()
            try:
                result = await work(connection)
                await savepoint.commit()
            except BaseException:
                await self._undo(savepoint, connection)
                raise
        except Exception as error:  # noqa: BLE001 (raised again, typed)
            raise_typed(error)
        return result

    async def _undo(self, savepoint: AsyncTransaction, connection: AsyncConnection) -> None:
        try:
            await savepoint.rollback()
        except Exception as error:  # noqa: BLE001
            # After a deadlock on MySQL the transaction is gone, and its savepoints with it; what would be executed next
            # would begin another one. Ended here, nobody can take that for the rest of the first.
            self._broken = error
            transaction = connection.get_transaction()
            if transaction is not None:
                await transaction.rollback()


_open: ContextVar[Group | None] = ContextVar("artigraph_session", default=None)
_working: ContextVar[Group | None] = ContextVar("artigraph_session_working", default=None)
"""The group whose turn it is in this task; to ask it for another one would be to wait for ever."""


def open_group() -> ContextVar[Group | None]:
    """Return the variable that holds the innermost session of this task."""
    return _open


def current_group() -> Group | None:
    """Return the session that calls are done in here, if there is one."""
    group = _open.get()
    return group if group is not None and group.target is current_target() else None


async def _refuse_autocommit(connection: AsyncConnection) -> None:
    detect = getattr(connection.dialect, "detect_autocommit_setting", None)  # since SQLAlchemy 2.0.43
    proxy = await connection.get_raw_connection()
    if detect is not None and detect(proxy.dbapi_connection):
        msg = "The session's connection commits each statement by itself (AUTOCOMMIT); it cannot hold a transaction"
        raise ConfigurationError(msg)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
