"""One connection for several reads: it leaves the pool once, and returns to it at the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db._errors import ConnectionLostError
from artigraph.db._loop_engine import LoopEngine
from artigraph.db._watch import Watch, open_connection, put_back

P = ParamSpec("P")
T = TypeVar("T")


class Kept:
    """The connections that the reads of one call share, at most one for each engine."""

    def __init__(self) -> None:
        self._free: dict[LoopEngine, AsyncConnection] = {}
        """The connections that no read uses now."""
        self._over = False

    @asynccontextmanager
    async def lent(self, loop_engine: LoopEngine, watch: Watch) -> AsyncGenerator[AsyncConnection]:
        """Provide the connection to one read. Other reads meanwhile open their own, of which one is kept.

        After an error the connection goes back to the pool, so that another attempt gets another one.
        """
        connection = self._free.pop(loop_engine, None)
        if connection is None:
            connection = await open_connection(loop_engine.reader, watch)
        watch.hold(connection)
        keep = False
        try:
            yield connection
            keep = not self._over and loop_engine not in self._free
        finally:
            try:
                if keep:
                    self._free[loop_engine] = connection
                else:
                    await put_back(connection)
            finally:
                watch.let_go()

    async def end(self) -> None:
        """Return the connections. Reads that still run return theirs by themselves."""
        self._over = True
        async with AsyncExitStack() as stack:  # a cancellation leaves none of them open
            while self._free:
                stack.push_async_callback(_return, *self._free.popitem())


async def _return(loop_engine: LoopEngine, connection: AsyncConnection) -> None:
    watch = Watch(loop_engine.timeouts, loop_engine.engine.driver)
    watch.hold(connection)
    with suppress(ConnectionLostError):  # it was closed, and the reads have their results
        await watch.run(put_back(connection))


kept_connections: ContextVar[Kept | None] = ContextVar("artigraph_kept_connections", default=None)
"""What the reads of the current call share. A task that outlives the call shares nothing any more."""


def on_one_connection(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Make all reads of a function, outside of sessions, use one connection, which is the function's until it returns.

    A connection from the pool costs as much as a small statement. Decorate what reads several times, and waits for
    nothing but the database: nobody else gets the connection meanwhile. Each statement still sees what was committed
    before it began, if the engine is Artigraph's.
    """

    async def call(*arguments: P.args, **named: P.kwargs) -> T:
        if kept_connections.get() is not None:
            return await function(*arguments, **named)
        kept = Kept()
        token = kept_connections.set(kept)
        try:
            return await function(*arguments, **named)
        finally:
            kept_connections.reset(token)
            await kept.end()

    return wraps(function)(call)
