"""Targets: the sources of engines. A URL gives one engine for each event loop; or a caller made the engine."""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from collections.abc import AsyncGenerator
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.db import _files as files
from artigraph.db._engine import Synchronous, make_engine
from artigraph.db._files import Placement, embedded_folder, is_memory, make_placement, sqlite_file
from artigraph.db._hosts import check_writing
from artigraph.db._loop_engine import LoopEngine, adopt, own
from artigraph.db._url import parse_url, url_of
from artigraph.db._watch import Timeouts
from artigraph.errors import ConfigurationError, WrongEventLoopError
from artigraph.portal import background_loop, finish
from artigraph.printable import quoted
from artigraph.storage import Storage

if TYPE_CHECKING:
    from artigraph.db._group import Group


class _Entry(NamedTuple):
    pid: int
    """The process of the engine: a forked child makes its own engines."""
    loop_engine: LoopEngine
    closer: AsyncGenerator[None, None] | None
    """Disposes an engine that Artigraph made when it is closed. Its event loop closes it when the loop ends."""


class Target:
    """A database, from which engines are made as event loops need them."""

    def __init__(  # noqa: PLR0913 (the settings of `set_engine`)
        self,
        source: str | URL | os.PathLike[str] | AsyncEngine,
        *,
        create_tables: bool,
        sqlite_synchronous: Synchronous = "NORMAL",
        folder: Path | None = None,
        large_value_storage: Storage | None = None,
        inline_limit: int | None = None,
        timeouts: Timeouts | None = None,
        read_only: bool = False,
        read_url: str | URL | os.PathLike[str] | None = None,
        is_replica: bool = False,
    ) -> None:
        if timeouts is not None and not isinstance(timeouts, Timeouts):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"timeouts is a Timeouts(...), not {timeouts!r:.100}"
            raise ConfigurationError(msg)
        self.timeouts: Timeouts = timeouts or Timeouts()
        self.placement: Placement = make_placement(large_value_storage, inline_limit)
        self._create_tables = create_tables
        self._synchronous: Synchronous = sqlite_synchronous
        self._entries: dict[asyncio.AbstractEventLoop, _Entry] = {}
        self._in_memory = False
        """Whether a database in memory was made. It ends with its event loop."""
        self._engine = source if isinstance(source, AsyncEngine) else None
        self._url = url_of(source)
        self._file = None if self._url is None else sqlite_file(self._url)
        self._folder = folder or embedded_folder(self._file)
        self._is_default = folder is not None
        if sqlite_synchronous not in ("NORMAL", "FULL"):
            msg = f"sqlite_synchronous is 'NORMAL' or 'FULL', not {sqlite_synchronous!r}"
            raise ConfigurationError(msg)
        if self._url is None and sqlite_synchronous != "NORMAL":
            msg = "sqlite_synchronous is for engines that Artigraph makes; an engine of your own is used as it is"
            raise ConfigurationError(msg)
        self._read_only = read_only
        if read_only:
            self._check_reading()
        elif not is_replica:
            check_writing(self.url)
        self.replica: Target | None = None if read_url is None else _replica(read_url, self.timeouts)
        """The read replica. None if all reads go to this database."""
        _targets.add(self)

    @property
    def url(self) -> URL:
        """The URL of the database, with its password."""
        return self._engine.url if self._url is None and self._engine is not None else cast("URL", self._url)

    @property
    def is_callers(self) -> bool:
        """Whether the engine is the caller's own."""
        return self._engine is not None

    @property
    def creates_tables(self) -> bool:
        """Whether the first use creates missing tables, and SQLite's file."""
        return self._create_tables

    @property
    def synchronous(self) -> Synchronous:
        """How SQLite commits on engines that Artigraph makes."""
        return self._synchronous

    def engine(self) -> AsyncEngine:
        """Return the engine for the running event loop; a caller's own engine even if no loop is running."""
        return self._engine or self.loop_engine().engine

    def loop_engine(self) -> LoopEngine:
        """Return the engine bound to the running event loop.

        Raises:
            WrongEventLoopError: no loop is running, or the engine belongs to another one.
        """
        loop = _running_loop()
        entry = self._entries.get(loop)
        if (
            entry is not None
            and entry.pid == os.getpid()
            and entry.loop_engine.pool is entry.loop_engine.engine.sync_engine.pool
        ):
            return entry.loop_engine
        for target in tuple(_targets):
            target.forget_closed_loops()
        entry = self._adopted() if self._engine is not None else self._made()
        self._entries[loop] = entry
        return entry.loop_engine

    def loop_engine_of(self, engine: Engine) -> LoopEngine | None:
        """Return the engine bound to the running event loop if it is `engine` or shares its connections, else None."""
        loop = _running_loop()
        ours = self._engine.sync_engine if self._engine is not None else None
        entry = self._entries.get(loop)
        if ours is None and entry is not None:
            ours = entry.loop_engine.engine.sync_engine
        return self.loop_engine() if ours is not None and ours.pool is engine.pool else None

    async def dispose(self) -> None:
        """Close the connections of Artigraph's engine on the running loop. They are made again when needed."""
        self.forget_closed_loops()
        entry = self._entries.pop(_running_loop(), None)
        self._in_memory = False
        if entry is not None and entry.closer is not None and entry.pid == os.getpid():
            await entry.closer.aclose()
        if self.replica is not None:
            await self.replica.dispose()

    def dispose_in_background(self) -> None:
        """Close the connections of Artigraph's engine on the background loop of sync calls, if that is another loop.

        Other loops close their connections when they end.
        """
        if self.replica is not None:
            self.replica.dispose_in_background()
        loop = background_loop()
        entry = None if loop is None or loop is _running_loop() else self._entries.pop(loop, None)
        if loop is None or entry is None or entry.closer is None or entry.pid != os.getpid():
            return
        finish(entry.closer.aclose())

    def forget_closed_loops(self) -> None:
        """Forget engines whose event loop is closed."""
        for loop in tuple(self._entries):  # other threads change entries of their own loops
            entry = self._entries.pop(loop, None) if loop.is_closed() else None
            if entry is not None and entry.closer is not None:
                # Most loops disposed their engine when they ended. The connections of the others can no longer be
                # closed.
                entry.loop_engine.engine.sync_engine.dispose(close=False)

    def _check_reading(self) -> None:
        msg = None
        if self._url is None:
            msg = "an engine of your own is used as it is; give its user or its connections no right to write"
        elif self._create_tables:
            msg = "it excludes create_tables=True, which writes"
        elif self._url.get_backend_name() == "sqlite" and self._file is None:
            msg = "a database in memory would always be empty"
        elif self._url.query.get("prepared_statement_cache_size") == "0":
            msg = "behind PgBouncer it is not possible; connect as a user who may only read"
        if msg is not None:
            msg = f"read_only=True is for a database that exists and that Artigraph connects to: {msg}"
            raise ConfigurationError(msg)

    def _adopted(self) -> _Entry:
        assert self._engine is not None  # for type checkers; the caller asked
        return _Entry(os.getpid(), adopt(self._engine, self.timeouts, create_tables=self._create_tables), None)

    def _make_folder(self, folder: Path, file: Path) -> None:
        if self._is_default or not file.exists():  # an existing file that the caller named may be read-only
            files.make_folder(folder, file.name)

    def _made(self) -> _Entry:
        assert self._url is not None
        memory = self._url.get_backend_name() == "sqlite" and is_memory(self._url)
        if memory:
            if self._in_memory:
                msg = (
                    "This SQLite database is in memory and belongs to the event loop that it was first used on. Use a "
                    "file (sqlite:///file.db), or set the engine anew for each loop."
                )
                raise WrongEventLoopError(msg)
            self._in_memory = True
        if self._folder is not None and self._file is not None and self._create_tables:
            self._make_folder(self._folder, self._file)
        engine = make_engine(
            self._url, synchronous=self._synchronous, timeouts=self.timeouts, read_only=self._read_only
        )
        closer = _closer(engine)
        with suppress(StopIteration):
            closer.asend(None).send(None)  # runs to its yield, which registers it with the loop
        loop_engine = own(
            engine,
            create_tables=self._create_tables,
            folder=self._folder,
            memory=memory,
            timeouts=self.timeouts,
        )
        return _Entry(os.getpid(), loop_engine, closer)


_targets: weakref.WeakSet[Target] = weakref.WeakSet()


async def dispose_engines() -> None:
    """Close the connections of all engines that Artigraph made on the running event loop.

    They are made again when needed. A database in memory is lost. `asyncio.run` does this at its end.
    """
    for target in tuple(_targets):
        await target.dispose()


async def _closer(engine: AsyncEngine) -> AsyncGenerator[None, None]:
    # An event loop closes its async generators before it closes itself. In a forked child, the connections belong to
    # the parent, and the threads that would close them do not exist.
    process = os.getpid()
    try:
        yield
    finally:
        if process == os.getpid():
            await engine.dispose()


def _replica(source: object, timeouts: Timeouts) -> Target:
    if not isinstance(source, (str, URL, os.PathLike)):
        msg = f"read_url is a URL or the path of a SQLite file, not {type(source).__name__}"
        raise ConfigurationError(msg)
    try:
        url = parse_url(cast("str | URL | os.PathLike[str]", source))
        # Behind PgBouncer a session cannot be made read-only. A standby refuses writes by itself.
        behind_pooler = url.query.get("prepared_statement_cache_size") == "0"
        return Target(url, create_tables=False, timeouts=timeouts, read_only=not behind_pooler, is_replica=True)
    except ConfigurationError as error:
        msg = f"read_url cannot be used. {error}"
        raise ConfigurationError(msg) from error


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError as error:
        msg = "Engines are one for each event loop, and none is running here: call this from async code"
        raise WrongEventLoopError(msg) from error


# Which target and session are current -------------------------------------------------------------------------------

ENVIRONMENT = "ARTIGRAPH_URL"
"""The environment variable with the URL for processes that set no engine."""
READ_ENVIRONMENT = "ARTIGRAPH_READ_URL"
"""The environment variable with the URL of the read replica of the database of `ARTIGRAPH_URL`."""

_log = logging.getLogger("artigraph.db")


class Owner:
    """The task that entered a block, and whether the block has ended, even if its context variable is still set.

    An async generator runs in the context of its consumer, and sets the consumer's context variables. If it is left
    early, it is closed in another context, where it cannot reset them.
    """

    def __init__(self) -> None:
        task = _task()
        self._task = None if task is None else weakref.ref(task)
        self._left = False
        self._abandoned = False

    @property
    def abandoned(self) -> bool:
        """Whether a generator was closed inside the block."""
        return self._abandoned

    def leave(self, error: BaseException | None) -> None:
        """Record that the block ends, with or without an error. Call it before anything is awaited."""
        self._left = True
        self._abandoned = self._abandoned or isinstance(error, GeneratorExit)

    def is_over(self) -> bool:
        """Return whether the block no longer applies where its variable is still set.

        If a generator was closed inside the block, it applies nowhere. Otherwise it no longer applies in the task that
        entered it. In a task started inside that outlives the block it still does, so that its next call raises an
        error.
        """
        if self._abandoned or not self._left:
            return self._abandoned
        task = _task()
        return task is not None and self._task is not None and self._task() is task


def _task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


@dataclass(eq=False, slots=True)
class EngineBlock:
    """A block for which an engine is set."""

    target: Target
    outer: EngineBlock | None
    owner: Owner = field(default_factory=Owner)


engine_block: ContextVar[EngineBlock | None] = ContextVar("artigraph_engine", default=None)
process_targets: list[Target] = []
"""The targets set for the process and not yet reset. The last one is current."""
_fallbacks: dict[tuple[str, str | None] | Path, Target] = {}
"""Targets by the URLs from the environment, or by the folder of the embedded default."""


_open: ContextVar[Group | None] = ContextVar("artigraph_session", default=None)


def current_target() -> Target:
    """Return the current target, creating the target of the embedded default if nothing was set."""
    found = block = engine_block.get()
    while block is not None and block.owner.is_over():
        block = block.outer
    if block is not found:
        engine_block.set(block)
    if block is not None:
        return block.target
    if process_targets:
        return process_targets[-1]
    url, read_url = os.environ.get(ENVIRONMENT), os.environ.get(READ_ENVIRONMENT) or None
    if read_url is not None and not url:
        msg = f"The environment variable {READ_ENVIRONMENT} is set without {ENVIRONMENT}. Set both, or neither."
        raise ConfigurationError(msg)
    key = (url, read_url) if url else files.find_folder()
    target = _fallbacks.get(key)
    if target is None:
        target = _target_of_environment(*key) if isinstance(key, tuple) else _embedded_target(key)
        _fallbacks[key] = target
    return target


def _embedded_target(folder: Path) -> Target:
    if folder.parent != Path.cwd():
        _log.info(
            "The store of a folder above is used: %s (the working folder is %s)",
            quoted(str(folder)),
            quoted(str(Path.cwd())),
        )
    return Target(URL.create("sqlite", database=str(folder / files.FILE)), create_tables=True, folder=folder)


def _target_of_environment(url: str, read_url: str | None) -> Target:
    try:
        return Target(url, create_tables=False, read_url=read_url)
    except ConfigurationError as error:
        which = ENVIRONMENT if read_url is None else f"{ENVIRONMENT} or {READ_ENVIRONMENT}"
        msg = f"The environment variable {which} cannot be used. {error}"
        raise ConfigurationError(msg) from error


def open_group() -> ContextVar[Group | None]:
    """Return the context variable with the innermost session of this task."""
    return _open


def current_group() -> Group | None:
    """Return the session in which calls run here, or None."""
    found = group = _open.get()
    while group is not None and group.owner.is_over():
        group = group.outer
    if group is not found:
        _open.set(group)
    return group if group is not None and group.target is current_target() else None
