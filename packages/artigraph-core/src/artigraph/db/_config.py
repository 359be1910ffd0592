"""The current database: set for a block, for the process or by the environment; else the embedded default."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from types import TracebackType

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.db._engine import Synchronous
from artigraph.db._target import EngineBlock, Target, current_target, engine_block, process_targets
from artigraph.db._watch import Timeouts
from artigraph.errors import SessionStateError
from artigraph.storage import Storage


def set_engine(
    url_or_async_engine: str | URL | PathLike[str] | AsyncEngine,
    create_tables: bool = False,  # noqa: FBT001, FBT002 (published so)
    *,
    sqlite_synchronous: Synchronous = "NORMAL",
    large_value_storage: Storage | None = None,
    inline_limit: int | None = None,
    timeouts: Timeouts | None = None,
    read_only: bool = False,
    read_url: str | URL | PathLike[str] | None = None,
) -> Callable[[], None]:
    """Set the database for the whole process, and return a function that restores the previous one.

    From a URL, Artigraph makes its own tuned engines, one for each event loop, which `dispose_engines` disposes. An
    engine that you pass is never changed, and belongs to the event loop on which it is first used. A path means a
    SQLite file. The path of a folder means the store in it: the folder is a `.artigraph`, or contains one.

    With `create_tables`, the first awaited use creates the tables, and SQLite's file. Without it, a missing SQLite file
    raises `MissingTablesError` on first use, and is not created. `sqlite_synchronous="FULL"` makes SQLite wait for the
    disk at each commit. NORMAL is faster, but a loss of power may lose the last commits, though it never damages the
    file.

    A value whose field names no storage is in its row up to `inline_limit` bytes. A larger one goes into the
    `large_value_storage` of its model, or else into this one. The default limit is 64 KiB on SQLite and PostgreSQL and
    16 KiB on MySQL and MariaDB, beyond which a row costs more than an object. Without any storage it is 7 MiB.

    `timeouts` sets how long calls wait for the database: `Timeouts(command=30)`.

    With `read_only`, the database itself refuses each write, which raises a `DatabaseError`. SQLite opens the file only
    to read. The sessions of the servers have read-only transactions.

    `read_url` names a read replica of the database, such as a hot standby. Queries outside of runs and sessions read
    from it. Writes, and reads in a run or a session, go to the primary, which is the first argument. So do `delete`,
    `prune` and all of `artigraph.maintenance`. A node that is loaded by its id, and that the replica does not have yet,
    is read from the primary. An error of the replica names it, and no call switches to the primary because of one.

    You may call the returned functions in any order, and more than once.

    Raises:
        ConfigurationError: the URL is malformed, or names a database, driver or argument that cannot be used, or a
            folder without a store. Or the engine is not asynchronous, or a setting is invalid, or `read_only` is used
            with `create_tables`, an engine of yours, a database in memory or PgBouncer. Or `read_url` is no such URL.
            A replica of another store raises this error at the first read.
        MissingDependencyError: the URL's driver is not installed.
    """
    target = Target(
        url_or_async_engine,
        create_tables=create_tables,
        sqlite_synchronous=sqlite_synchronous,
        large_value_storage=large_value_storage,
        inline_limit=inline_limit,
        timeouts=timeouts,
        read_only=read_only,
        read_url=read_url,
    )
    process_targets.append(target)

    def put_back() -> None:
        process_targets[:] = [other for other in process_targets if other is not target]

    return put_back


class engine_context:  # noqa: N801 (used like a function)
    """Set the database for a block, by `with` or `async with`, in this task and the tasks started inside.

    It takes the arguments of `set_engine`. `async with` returns the engine, and disposes it at the end if it was made
    from a URL. After `with`, `dispose_engines` or the end of the event loop disposes it.
    """

    def __init__(
        self,
        url_or_async_engine: str | URL | PathLike[str] | AsyncEngine,
        create_tables: bool = False,  # noqa: FBT001, FBT002
        *,
        sqlite_synchronous: Synchronous = "NORMAL",
        large_value_storage: Storage | None = None,
        inline_limit: int | None = None,
        timeouts: Timeouts | None = None,
        read_only: bool = False,
        read_url: str | URL | PathLike[str] | None = None,
    ) -> None:
        self._target = Target(
            url_or_async_engine,
            create_tables=create_tables,
            sqlite_synchronous=sqlite_synchronous,
            large_value_storage=large_value_storage,
            inline_limit=inline_limit,
            timeouts=timeouts,
            read_only=read_only,
            read_url=read_url,
        )
        self._block: EngineBlock | None = None

    def __enter__(self) -> None:
        if self._block is not None:
            msg = "This engine_context has been entered already; make one for each block"
            raise SessionStateError(msg)
        self._block = EngineBlock(self._target, engine_block.get())
        engine_block.set(self._block)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        block, self._block = self._block, None
        if block is None:
            return
        block.owner.leave(error)
        if engine_block.get() is block:  # else this is another context, or generators end in another order
            engine_block.set(block.outer)

    async def __aenter__(self) -> AsyncEngine:
        engine = self._target.engine()
        self.__enter__()
        return engine

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)
        self._target.dispose_in_background()
        await self._target.dispose()


def get_engine() -> AsyncEngine:
    """Return the current engine, for your own queries. One that Artigraph makes is that of the running event loop.

    Raises:
        ConfigurationError: the environment's URL cannot be used, or the default's folder cannot be made.
        WrongEventLoopError: no event loop is running, and Artigraph makes the engine.
    """
    return current_target().engine()
