"""The session of a block, in which calls and tasks take turns: each call is a savepoint of one transaction."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import ContextVar
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, AsyncTransaction
from sqlalchemy.orm import SessionTransaction

import artigraph.errors as errors
from artigraph.db import _transaction
from artigraph.db._caller_connection import join_transaction
from artigraph.db._loop_engine import Database, LoopEngine
from artigraph.db._target import Owner, Target, open_group
from artigraph.db._transaction import Work
from artigraph.db._watch import Watch, has_deadline, outlive

T = TypeVar("T")


class AbandonedError(errors.SessionStateError):
    """The session belongs to a generator that was closed. The caller must retry without the session."""


class Group:
    """One session, with the state that runs calls in it one after the other."""

    def __init__(
        self, session: AsyncSession, loop_engine: LoopEngine, target: Target, *, callers: bool = False
    ) -> None:
        self.session = session
        self.loop_engine = loop_engine
        """The engine of the session, also for writes apart from it."""
        self.target = target
        """The current target when the session was opened. While another one is current, the session does not apply."""
        self.owner = Owner()
        self.outer: Group | None = open_group().get()
        """The enclosing session, which is on another database."""
        self.database: Database | None = None
        self.alone = loop_engine.alone
        """Whether there is no second connection, so that writes apart from the session go into it."""
        self._callers = callers
        """Whether the session is the caller's, whose transactions may have any isolation level."""
        self._asked: SessionTransaction | None = None
        """The transaction of which the isolation level is known."""
        self._sees_commits = True
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._ended = False
        self._broken: BaseException | None = None
        """The error that ended the transaction."""
        self._watch: Watch | None = None
        """The watch that ends the last call in time."""
        self._lost = False
        """Whether the connection broke."""

    def check(self) -> None:
        """Raise an error if this session cannot run a call here and now."""
        if self._loop is not _running_loop():
            msg = (
                "This session belongs to another event loop or thread. Await the async function where it was opened "
                "(sync calls are done on a loop of their own), or make this call outside of its block."
            )
            raise errors.WrongEventLoopError(msg)
        if self.owner.abandoned:
            raise AbandonedError
        if self._ended:
            msg = "The session_context in which this task was started has ended; await its tasks inside the block"
            raise errors.SessionStateError(msg)
        self.check_broken()
        if _working.get() is self:
            msg = "A call in a session was begun inside another one, for whose end it would wait"
            raise errors.SessionStateError(msg)

    async def run(self, work: Work[T]) -> T:
        """Run work in a savepoint, when it is its turn. If it fails, the savepoint is rolled back."""
        self.check()
        async with self._turn:
            self.check()
            watch = self._watch = _transaction.watch_on(self.loop_engine)
            try:
                result = await watch.shielded(self._in_savepoint(work, watch))
            except Exception as error:  # raised again, typed
                _transaction.raise_typed(error)
            if self.owner.abandoned:  # a generator was closed meanwhile, and this work is rolled back
                raise AbandonedError
            return result

    async def sees_commits(self) -> bool:
        """Return whether statements see what others commit during this transaction, as under READ COMMITTED.

        A caller's session is asked once for each of its transactions.
        """
        if self._callers and (self._asked is None or self._asked is not self.session.sync_session.get_transaction()):
            level = await self.run(lambda connection: connection.get_isolation_level())
            self._asked = self.session.sync_session.get_transaction()
            self._sees_commits = level in ("READ COMMITTED", "READ UNCOMMITTED")
        return self._sees_commits

    async def end(self) -> None:
        """Wait for the running call, and let no other begin. After a cancellation the call has a short time to end."""
        if has_deadline():
            self._cut_short()
        await outlive(asyncio.ensure_future(self._end()), self._cut_short)

    async def _end(self) -> None:
        async with self._turn:
            self._ended = True

    def _cut_short(self) -> None:
        self._ended = True
        if self._watch is not None:
            self._watch.abandon()

    def check_broken(self) -> None:
        """Raise an error if the transaction is lost: rolled back by the database, or with its connection."""
        if self._broken is None:
            return
        kind: type[errors.ArtigraphError] = errors.RetryableError
        msg = "The database rolled the whole transaction back. Leave the block and do all of it again."
        if self._lost:
            kind = errors.DatabaseUnavailableError
            msg = "The connection of this session broke, and its transaction with it. Leave the block and do all again."
        raise kind(msg) from self._broken

    async def connection(self) -> AsyncConnection:
        """Return the session's connection, in a transaction."""
        connection = await self.session.connection()
        if not self.loop_engine.ours:
            if self.loop_engine.sqlite:
                await connection.run_sync(join_transaction)
            else:
                await _refuse_autocommit(connection)
        return connection

    async def _in_savepoint(self, work: Work[T], watch: Watch) -> T:
        _working.set(self)
        connection = await self.connection()
        watch.hold(connection)
        savepoint: AsyncTransaction | None = None
        try:
            savepoint = await connection.begin_nested()
            result = await _transaction.run_naming_rows(connection, work)
            await savepoint.commit()
        except BaseException as error:
            if watch.why is not None and not connection.invalidated:
                with suppress(Exception):
                    await connection.invalidate()
            await self._undo(savepoint, connection, error)
            raise
        return result

    async def _undo(
        self, savepoint: AsyncTransaction | None, connection: AsyncConnection, first: BaseException
    ) -> None:
        """Roll back a savepoint. An error of the rollback is ignored: the first error is the cause."""
        gone = False
        try:
            if savepoint is not None:
                await savepoint.rollback()
        except Exception:
            gone = True
        self._lost = self._lost or connection.invalidated
        if gone or self._lost:
            # After a deadlock on MySQL, the transaction and its savepoints no longer exist, and the next statement
            # would begin a new one. End it here, so that later calls cannot continue in a new one as if it were the
            # first.
            self._broken = first
            transaction = connection.get_transaction()
            if transaction is not None:
                with suppress(Exception):
                    await transaction.rollback()


_working: ContextVar[Group | None] = ContextVar("artigraph_session_working", default=None)
"""The group that runs a call in this task. A nested call would wait for its turn for ever."""


async def _refuse_autocommit(connection: AsyncConnection) -> None:
    detect = getattr(connection.dialect, "detect_autocommit_setting", None)  # since SQLAlchemy 2.0.43
    proxy = await connection.get_raw_connection()
    if detect is not None and detect(proxy.dbapi_connection):
        msg = "The session's connection commits each statement by itself (AUTOCOMMIT); it cannot hold a transaction"
        raise errors.ConfigurationError(msg)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
