"""Opening a session, or joining one that somebody else opened."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import Token
from typing import Literal, overload

from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from artigraph.db._bound import Bound, Database, adopt
from artigraph.db._config import current_target
from artigraph.db._dialect import dialect_name
from artigraph.db._schema import identify, prepare
from artigraph.db._session import Group, current_group, open_group
from artigraph.db._shield import shielded
from artigraph.db._target import Target
from artigraph.db._transaction import commit, open_transaction, raise_typed
from artigraph.errors import ConfigurationError, SessionStateError

__all__ = ["current_session", "session_context"]


@asynccontextmanager
async def session_context(session: AsyncSession | None = None) -> AsyncGenerator[AsyncSession]:
    """Group the calls of a block in one transaction: all of it is committed at the end, or after an error nothing.

    Inside another one it joins that. Each call takes a savepoint, so the session goes on after an error that is caught.
    Tasks that are started inside take turns, and end inside; a task that was started before is not in the session.

    A session of one's own can be handed in. Then the calls belong to its transaction, and committing, rolling back and
    closing stay with its owner.

    Raises:
        WrongEventLoopError: the session belongs to another event loop or thread.
        ConfigurationError: the session that was handed in cannot hold a transaction as Artigraph needs it.
        RetryableError: the transaction gave way to another one; do all of it again.
        DatabaseUnavailable: the connection broke; during COMMIT, it is not known whether it took effect.
    """
    group = current_group()
    if group is not None and (session is None or session is group.session):
        group.check()
        yield group.session
        return
    target = current_target()
    if session is not None:
        async with _lent(session, target):
            yield session
        return
    bound = target.bound()
    database = await prepare(bound)
    async with AsyncExitStack() as held:
        if bound.shared:
            await held.enter_async_context(bound.known.turn)
        elif not bound.sqlite:
            # Each session may need a connection beside its own; were all of the pool taken, all would wait.
            await held.enter_async_context(bound.known.sessions)
        stack = AsyncExitStack()
        try:
            connection = await shielded(open_transaction(bound, stack))
            group = Group(AsyncSession(connection, expire_on_commit=False), bound, target)
            group.database = database
            with _current(group):
                try:
                    yield group.session
                except BaseException:
                    await shielded(_end(group))
                    raise
                await shielded(_commit(group, connection))
        finally:
            await shielded(stack.aclose())


@overload
def current_session(allow_none: Literal[False] = False) -> AsyncSession: ...  # noqa: FBT002 (published so)


@overload
def current_session(allow_none: bool) -> AsyncSession | None: ...  # noqa: FBT001


def current_session(allow_none: bool = False) -> AsyncSession | None:  # noqa: FBT001, FBT002
    """Return the session that is open here.

    Raises:
        SessionStateError: there is none, and `allow_none` is false.
    """
    group = current_group()
    if group is not None:
        return group.session
    if allow_none:
        return None
    msg = "No session is open here; open one with `async with session_context() as session:`"
    raise SessionStateError(msg)


async def _end(group: Group) -> None:
    await group.end()
    await group.session.close()


async def _commit(group: Group, connection: AsyncConnection) -> None:
    await group.end()
    try:
        group.check_broken()
        await group.session.commit()  # writes what its user added; the transaction is not the session's to commit
        await commit(connection)
    except Exception as error:  # noqa: BLE001 (raised again, typed)
        raise_typed(error)
    finally:
        await group.session.close()


@asynccontextmanager
async def _lent(session: AsyncSession, target: Target) -> AsyncGenerator[None]:
    """Do calls in a caller's session."""
    bound = _bound_of(session, target)
    known = bound.known
    if known.database is None and bound.create_tables and not session.in_transaction():
        await prepare(bound)
    async with AsyncExitStack() as held:
        if bound.shared:
            await held.enter_async_context(known.turn)
        group = Group(session, bound, target)
        if known.database is None:
            store_id = await group.run(identify)
            known.database = Database(dialect_name(bound.engine.dialect), store_id, bound.folder)
        else:
            await shielded(_try(group))
        group.database = known.database
        with _current(group):
            try:
                yield
            finally:
                await shielded(group.end())


async def _try(group: Group) -> None:
    """Find out now whether the session can be used."""
    try:
        await group.connection()
    except Exception as error:  # noqa: BLE001 (raised again, typed)
        raise_typed(error)


def _bound_of(session: AsyncSession, target: Target) -> Bound:
    try:
        engine = session.get_bind().engine
    except UnboundExecutionError as error:
        msg = "The session is bound to no engine: AsyncSession(engine)"
        raise ConfigurationError(msg) from error
    return target.bound_of(engine) or adopt(AsyncEngine(engine))


@contextmanager
def _current(group: Group) -> Generator[None]:
    variable = open_group()
    token = variable.set(group)
    try:
        yield
    finally:
        try:
            variable.reset(token)
        except ValueError:  # left in another context than it was entered in, as a fixture may be
            variable.set(None if token.old_value is Token.MISSING else token.old_value)
