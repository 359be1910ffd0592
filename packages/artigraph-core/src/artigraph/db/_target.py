"""What engines come from: a URL, from which one is made for each event loop, or an engine that somebody else made."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.background import background_loop, finish
from artigraph.db import _default
from artigraph.db._bound import Bound, adopt, own
from artigraph.db._engine import Synchronous, make_engine
from artigraph.db._placement import Placement, make_placement
from artigraph.db._url import is_memory, parse_url
from artigraph.errors import ConfigurationError, WrongEventLoopError
from artigraph.storage import Storage

__all__ = ["Target", "dispose_engines"]


class _Entry(NamedTuple):
    pid: int
    """The process that it belongs to: a forked child makes engines of its own."""
    bound: Bound
    closer: AsyncGenerator[None, None] | None
    """Disposes an engine of ours when it is closed, which its event loop does as it ends."""


class Target:
    """Where data goes; it becomes engines as event loops ask for them."""

    def __init__(
        self,
        source: str | URL | AsyncEngine,
        *,
        create_tables: bool,
        sqlite_synchronous: Synchronous = "NORMAL",
        folder: Path | None = None,
        large_value_storage: Storage | None = None,
        inline_limit: int | None = None,
    ) -> None:
        self.placement: Placement = make_placement(large_value_storage, inline_limit)
        self._create_tables = create_tables
        self._synchronous: Synchronous = sqlite_synchronous
        self._folder = folder
        self._entries: dict[asyncio.AbstractEventLoop, _Entry] = {}
        self._in_memory = False
        """Whether a database in memory has been made, which ends with its event loop."""
        self._engine = source if isinstance(source, AsyncEngine) else None
        self._url = _url_of(source)
        if sqlite_synchronous not in ("NORMAL", "FULL"):
            msg = f"sqlite_synchronous is 'NORMAL' or 'FULL', not {sqlite_synchronous!r}"
            raise ConfigurationError(msg)
        if self._url is None and sqlite_synchronous != "NORMAL":
            msg = "sqlite_synchronous is for engines that Artigraph makes; an engine of your own is used as it is"
            raise ConfigurationError(msg)
        _targets.add(self)

    def engine(self) -> AsyncEngine:
        """Return the engine that is used on the running event loop; a caller's own even where none runs."""
        return self._engine or self.bound().engine

    def bound(self) -> Bound:
        """Return the engine for the running event loop.

        Raises:
            WrongEventLoopError: no loop is running here, or the engine belongs to another one.
        """
        loop = _running_loop()
        entry = self._entries.get(loop)
        if entry is not None and entry.pid == os.getpid() and entry.bound.pool is entry.bound.engine.sync_engine.pool:
            return entry.bound
        for target in tuple(_targets):
            target.forget_closed_loops()
        entry = self._adopted() if self._engine is not None else self._made()
        self._entries[loop] = entry
        return entry.bound

    def bound_of(self, engine: Engine) -> Bound | None:
        """Return the engine for the running event loop if it is this one, or shares its connections."""
        loop = _running_loop()
        ours = self._engine.sync_engine if self._engine is not None else None
        entry = self._entries.get(loop)
        if ours is None and entry is not None:
            ours = entry.bound.engine.sync_engine
        return self.bound() if ours is not None and ours.pool is engine.pool else None

    async def dispose(self) -> None:
        """Close the connections that engines of ours have on the running loop; they are made again when needed."""
        self.forget_closed_loops()
        entry = self._entries.pop(_running_loop(), None)
        self._in_memory = False
        if entry is not None and entry.closer is not None and entry.pid == os.getpid():
            await entry.closer.aclose()

    def dispose_in_background(self) -> None:
        """Have the loop of sync calls, if this is another one, close the connections that an engine of ours has on it.

        Other loops end, and close theirs as they do.
        """
        loop = background_loop()
        entry = None if loop is None or loop is _running_loop() else self._entries.pop(loop, None)
        if loop is None or entry is None or entry.closer is None or entry.pid != os.getpid():
            return
        finish(entry.closer.aclose())

    def forget_closed_loops(self) -> None:
        """Let go of engines whose event loop is gone."""
        for loop in tuple(self._entries):  # other threads have loops, and entries, of their own
            entry = self._entries.pop(loop, None) if loop.is_closed() else None
            if entry is not None and entry.closer is not None:
                # Most were disposed by their loop as it ended; of the others no connection can be closed any more.
                entry.bound.engine.sync_engine.dispose(close=False)

    def _adopted(self) -> _Entry:
        assert self._engine is not None  # noqa: S101 (for type checkers; the caller asked)
        return _Entry(os.getpid(), adopt(self._engine, create_tables=self._create_tables), None)

    def _made(self) -> _Entry:
        assert self._url is not None  # noqa: S101
        memory = self._url.get_backend_name() == "sqlite" and is_memory(self._url)
        if memory:
            if self._in_memory:
                msg = (
                    "This SQLite database is in memory and belongs to the event loop that it was first used on. Use a "
                    "file (sqlite:///file.db), or set the engine anew for each loop."
                )
                raise WrongEventLoopError(msg)
            self._in_memory = True
        if self._folder is not None:
            _default.make_folder(self._folder)
        engine = make_engine(self._url, synchronous=self._synchronous)
        closer = _closer(engine)
        with suppress(StopIteration):
            closer.asend(None).send(None)  # up to its yield: from here on the loop knows of it
        bound = own(engine, create_tables=self._create_tables, folder=self._folder, memory=memory)
        return _Entry(os.getpid(), bound, closer)


_targets: weakref.WeakSet[Target] = weakref.WeakSet()


async def dispose_engines() -> None:
    """Close the connections of all engines that Artigraph made on the running event loop.

    They are made again when they are needed; a database in memory is gone. At the end of `asyncio.run` this happens by
    itself.
    """
    for target in tuple(_targets):
        await target.dispose()


async def _closer(engine: AsyncEngine) -> AsyncGenerator[None, None]:
    # An event loop closes the asynchronous generators that were begun on it before it closes itself. In a forked child
    # the connections are its parent's, and the threads that would close them are not there.
    process = os.getpid()
    try:
        yield
    finally:
        if process == os.getpid():
            await engine.dispose()


def _url_of(source: object) -> URL | None:
    if isinstance(source, AsyncEngine):
        return None
    if isinstance(source, (str, URL)):
        return parse_url(source)
    if isinstance(source, Engine):
        msg = (
            "Artigraph needs an asynchronous engine: hand over one of sqlalchemy.ext.asyncio.create_async_engine, or "
            "the URL alone"
        )
        raise ConfigurationError(msg)
    msg = f"An engine is set by a URL or an AsyncEngine, not by {type(source).__name__}"
    raise ConfigurationError(msg)


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError as error:
        msg = "Engines are one for each event loop, and none is running here: call this from async code"
        raise WrongEventLoopError(msg) from error
