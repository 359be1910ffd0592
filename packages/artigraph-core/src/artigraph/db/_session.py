"""Sessions: one transaction for several calls and tasks, which take turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Literal, TypeVar, overload

from sqlalchemy import text
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, AsyncTransaction
from sqlalchemy.orm import SessionTransaction

import artigraph.errors as errors
from artigraph.db import _transaction
from artigraph.db._caller_connection import join_transaction
from artigraph.db._dialect import dialect_name
from artigraph.db._loop_engine import Database, LoopEngine, adopt
from artigraph.db._mysql_settings import check_settings
from artigraph.db._schema import identify, prepare, report_store
from artigraph.db._target import Owner, Target, current_group, current_target, open_group
from artigraph.db._transaction import Work
from artigraph.db._watch import Watch, deadline, has_deadline, outlive

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


_NO_LIMIT = text("SET LOCAL lock_timeout = 0")


@asynccontextmanager
async def session_context(session: AsyncSession | None = None) -> AsyncGenerator[AsyncSession]:
    """Run the calls of a block in one transaction: commit all at the end, or nothing if an error leaves the block.

    Inside another session, it joins that one. Each call has a savepoint, so you can catch an error and continue.
    Tasks started inside take turns, and must end inside. A task that was started before is not in the session.

    You can pass a session of your own. Then the calls belong to its transaction, and you commit, roll back and close
    it.

    An async generator that is suspended inside the block shares the session with its consumer. If it is closed there,
    the session rolls back, and later calls run without it. Close such a generator by `contextlib.aclosing`.

    Raises:
        WrongEventLoopError: the session belongs to another event loop or thread.
        ConfigurationError: the passed session cannot hold a transaction as Artigraph needs it.
        RetryableError: the transaction gave way to another one. Retry the whole block.
        DatabaseUnavailableError: the connection broke, the database did not answer in time, or no session could be
            opened in time. `may_have_committed` says whether this was during COMMIT, which may have taken effect.
    """
    group = current_group()
    if group is not None and (session is None or session is group.session):
        group.check()
        yield group.session
        return
    target = current_target()
    if session is not None:
        async with _caller_session(session, target):
            yield session
        return
    loop_engine = target.loop_engine()
    database = await prepare(loop_engine)
    async with AsyncExitStack() as held:
        await held.enter_async_context(loop_engine.session_turn())
        stack = AsyncExitStack()
        try:
            connection = await _transaction.open_transaction(loop_engine, stack)
            group = Group(AsyncSession(connection, expire_on_commit=False), loop_engine, target)
            group.database = database
            with _current(group):
                try:
                    yield group.session
                except BaseException as error:
                    group.owner.leave(error)
                    await _roll_back(group, stack, connection, error)
                    raise
                group.owner.leave(None)
                await _commit(group, connection)
        finally:
            watch = _transaction.watch_on(loop_engine)
            await watch.shielded(_closed(stack, watch, None))


@overload
def current_session(allow_none: Literal[False] = False) -> AsyncSession: ...  # noqa: FBT002 (published so)


@overload
def current_session(allow_none: bool) -> AsyncSession | None: ...  # noqa: FBT001


def current_session(allow_none: bool = False) -> AsyncSession | None:  # noqa: FBT001, FBT002
    """Return the current session.

    Raises:
        SessionStateError: no session is open, and `allow_none` is false.
    """
    group = current_group()
    if group is not None:
        return group.session
    if allow_none:
        return None
    msg = "No session is open here; open one with `async with session_context() as session:`"
    raise errors.SessionStateError(msg)


async def _roll_back(group: Group, stack: AsyncExitStack, connection: AsyncConnection, error: BaseException) -> None:
    """End a session after an error. Errors of the rollback are ignored, because nothing was committed."""
    soon = group.loop_engine.timeouts.cancel if isinstance(error, asyncio.CancelledError) else None
    with deadline(soon):
        await group.end()
        watch = _transaction.watch_on(group.loop_engine)
        with suppress(Exception):
            await watch.shielded(_closed(stack, watch, connection, group.session))


async def _closed(
    stack: AsyncExitStack, watch: Watch, connection: AsyncConnection | None, session: AsyncSession | None = None
) -> None:
    if connection is not None:
        watch.hold(connection)
    if session is not None:
        with suppress(Exception):
            await session.close()
    await stack.aclose()


async def _commit(group: Group, connection: AsyncConnection) -> None:
    await group.end()
    watch = _transaction.watch_on(group.loop_engine)
    try:
        group.check_broken()
        await watch.shielded(_committed(group.session, connection, watch))
    except Exception as error:  # raised again, typed
        _transaction.raise_typed(error)


async def _committed(session: AsyncSession, connection: AsyncConnection, watch: Watch) -> None:
    watch.hold(connection)
    try:
        await session.commit()  # flushes what its user added; the next line commits the transaction
        await _transaction.commit(connection, watch)
    finally:
        with suppress(Exception):
            await session.close()


@asynccontextmanager
async def _caller_session(session: AsyncSession, target: Target) -> AsyncGenerator[None]:
    """Run calls in a caller's session."""
    loop_engine = _loop_engine_of(session, target)
    state = loop_engine.state
    if state.database is None and loop_engine.create_tables and not session.in_transaction():
        await prepare(loop_engine)
    async with AsyncExitStack() as held:
        if loop_engine.shared:
            await held.enter_async_context(state.turn)
        group = Group(session, loop_engine, target, callers=True)
        limited = await _ready(group)
        if state.database is None:
            state.reads_lock = await group.run(lambda connection: connection.run_sync(check_settings))
            store_id = await group.run(identify)
            state.database = Database(dialect_name(loop_engine.engine.dialect), store_id, loop_engine.folder)
            report_store(loop_engine)
        group.database = state.database
        with _current(group):
            try:
                yield
            except BaseException as error:
                group.owner.leave(error)
                raise
            finally:
                group.owner.leave(None)
                await group.end()
                if limited:
                    await _lift_limit(group)


async def _ready(group: Group) -> bool:
    """Check that the session can be used; return whether its waits for locks were limited for this block."""
    watch = _transaction.watch_on(group.loop_engine)

    async def ready() -> bool:
        connection = await group.connection()
        watch.hold(connection)
        return group.loop_engine.sets_lock_timeout and await _transaction.limit_locks(
            connection, group.loop_engine.timeouts
        )

    try:
        return await watch.shielded(ready())
    except Exception as error:  # raised again, typed
        _transaction.raise_typed(error)


async def _lift_limit(group: Group) -> None:
    """Remove the limit on waits for locks from the caller's transaction. A failed transaction does not need that."""
    watch = _transaction.watch_on(group.loop_engine)

    async def lift() -> None:
        if group.session.in_transaction():
            connection = await group.session.connection()
            watch.hold(connection)
            await connection.execute(_NO_LIMIT)

    with suppress(Exception):
        await watch.shielded(lift())


def _loop_engine_of(session: AsyncSession, target: Target) -> LoopEngine:
    try:
        engine = session.get_bind().engine
    except UnboundExecutionError as error:
        msg = "The session is bound to no engine: AsyncSession(engine)"
        raise errors.ConfigurationError(msg) from error
    return target.loop_engine_of(engine) or adopt(AsyncEngine(engine), target.timeouts)


@contextmanager
def _current(group: Group) -> Generator[None]:
    variable = open_group()
    variable.set(group)
    try:
        yield
    finally:
        if variable.get() is group:  # else this is another context, or generators end in another order
            variable.set(group.outer)
