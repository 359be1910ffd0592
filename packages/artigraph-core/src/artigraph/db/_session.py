"""Sessions: one transaction for several calls and tasks, which take turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Literal, TypeVar, overload

from sqlalchemy import text
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

import artigraph.errors as errors
from artigraph.db import _transaction
from artigraph.db._dialect import dialect_name
from artigraph.db._group import Group
from artigraph.db._loop_engine import Database, LoopEngine, adopt
from artigraph.db._mysql_settings import check_settings
from artigraph.db._schema import identify, prepare, report_store
from artigraph.db._target import Target, current_group, current_target, open_group
from artigraph.db._watch import Watch, deadline

T = TypeVar("T")


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
