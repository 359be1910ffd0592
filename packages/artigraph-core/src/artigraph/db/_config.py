"""Where data goes: what was set for this block, for this process, by the environment, or the embedded default."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.db import _default
from artigraph.db._engine import Synchronous
from artigraph.db._target import Target
from artigraph.errors import SessionStateError
from artigraph.storage import Storage

__all__ = ["ENVIRONMENT", "current_target", "engine_context", "get_engine", "set_engine"]

ENVIRONMENT = "ARTIGRAPH_URL"
"""The environment variable that holds a URL for processes that set no engine."""

_block: ContextVar[Target | None] = ContextVar("artigraph_engine", default=None)
_process: list[Target] = []
"""What was set for the process and not put back; the last one is in force."""
_fallbacks: dict[str | Path, Target] = {}
"""By URL from the environment, or by the folder of the embedded default."""


def set_engine(
    url_or_async_engine: str | URL | AsyncEngine,
    create_tables: bool = False,  # noqa: FBT001, FBT002 (published so)
    *,
    sqlite_synchronous: Synchronous = "NORMAL",
    large_value_storage: Storage | None = None,
    inline_limit: int | None = None,
) -> Callable[[], None]:
    """Set the database for the whole process, and return a function that puts back what was.

    From a URL Artigraph makes engines of its own: tuned, one for each event loop, disposed by `dispose_engines`. An
    engine that is handed over is never altered, and belongs to the event loop that it is first used on. With
    `create_tables` the tables are made on the first use that is awaited. `sqlite_synchronous="FULL"` makes SQLite wait
    for the disk at each commit; with NORMAL, which is faster, the last commits before a loss of power may be
    missing afterwards, though never torn.

    A value whose field names no storage stands in its row up to `inline_limit` bytes; a larger one goes into the
    `large_value_storage` of its model, or else into this one. The limit is 64 KiB on SQLite and PostgreSQL and 16 KiB
    on MySQL and MariaDB, beyond which a row is the dearer place, and 7 MiB where there is no storage to go to.

    The returned function may be called in any order with others, and more than once.

    Raises:
        ConfigurationError: the URL is malformed, names a database or driver that cannot be used, or the engine is not
            an asynchronous one; or the limit is not one.
        MissingDependencyError: the URL's driver is not installed.
    """
    target = Target(
        url_or_async_engine,
        create_tables=create_tables,
        sqlite_synchronous=sqlite_synchronous,
        large_value_storage=large_value_storage,
        inline_limit=inline_limit,
    )
    _process.append(target)

    def put_back() -> None:
        _process[:] = [other for other in _process if other is not target]

    return put_back


class engine_context:  # noqa: N801 (used like a function)
    """Set the database for a block, `with` or `async with`, in this task and those started inside it.

    Takes the arguments of `set_engine`. `async with` returns the engine, and at its end disposes it if it was made from
    a URL; after `with` that is left to `dispose_engines` or the end of the event loop.
    """

    def __init__(
        self,
        url_or_async_engine: str | URL | AsyncEngine,
        create_tables: bool = False,  # noqa: FBT001, FBT002
        *,
        sqlite_synchronous: Synchronous = "NORMAL",
        large_value_storage: Storage | None = None,
        inline_limit: int | None = None,
    ) -> None:
        self._target = Target(
            url_or_async_engine,
            create_tables=create_tables,
            sqlite_synchronous=sqlite_synchronous,
            large_value_storage=large_value_storage,
            inline_limit=inline_limit,
        )
        self._token: Token[Target | None] | None = None

    def __enter__(self) -> None:
        if self._token is not None:
            msg = "This engine_context has been entered already; make one for each block"
            raise SessionStateError(msg)
        self._token = _block.set(self._target)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        try:
            _block.reset(token)
        except ValueError:  # left in another context than it was entered in, as a fixture may be
            _block.set(None if token.old_value is Token.MISSING else token.old_value)

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


def current_target() -> Target:
    """Return what is in force here, settling the embedded default if nothing was set."""
    target = _block.get()
    if target is not None:
        return target
    if _process:
        return _process[-1]
    url = os.environ.get(ENVIRONMENT)
    key: str | Path = url or _default.find_folder()
    target = _fallbacks.get(key)
    if target is None:
        if isinstance(key, str):
            target = Target(key, create_tables=False)
        else:
            target = Target(URL.create("sqlite", database=str(key / _default.FILE)), create_tables=True, folder=key)
        _fallbacks[key] = target
    return target


def get_engine() -> AsyncEngine:
    """Return the engine that is in force here, for queries of one's own: on the running event loop, if it is ours.

    Raises:
        ConfigurationError: the environment's URL cannot be used, or the default's folder cannot be made.
        WrongEventLoopError: no event loop is running, and the engine is one that Artigraph makes.
    """
    return current_target().engine()
