"""Bound the bytes of stored values that are in memory at once, in the whole process.

docs/design/large-values.md says which bytes count, for how long, and why no task waits for ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from types import TracebackType

from artigraph.db._api import in_session
from artigraph.errors import ConfigurationError
from artigraph.portal import sync_caller

_DEFAULT = 128 * 1024 * 1024
_PATIENCE = 30.0
"""Seconds without progress after which one waiting task continues beyond the bound."""
_LOOK = 5.0
"""Seconds between two checks of a waiting task."""

_log = logging.getLogger("artigraph.db")
_limits: list[list[int]] = []
"""The bounds that were set and not yet reset, each in its own list. The last one is current."""
_held: ContextVar[Reservation | None] = ContextVar("artigraph_reservation", default=None)


def bytes_in_flight() -> int:
    """Return the current bound in bytes."""
    return _limits[-1][0] if _limits else _DEFAULT


def set_bytes_in_flight(limit: int) -> Callable[[], None]:
    """Bound the memory that loads and saves use for stored values; return a function that restores the previous bound.

        put_back = set_bytes_in_flight(512 * 1024 * 1024)

    The bound is in bytes, 128 MiB by default. It applies to the whole process: all engines, event loops and threads
    together. Loads and saves beyond it wait for their turn. A value larger than the bound is processed alone.

    A value in a storage counts from before it is fetched until it is deserialized, or from before it is serialized
    until it is stored. Plain lists, tuples, sets and dicts count only while they are stored. Values in rows do not
    count.

    You may call the returned functions in any order, and more than once.

    Raises:
        ConfigurationError: the limit is not a positive number of bytes.
    """
    if type(limit) is not int or limit < 1:
        msg = f"set_bytes_in_flight takes a positive number of bytes, not {limit!r:.100}. Pass 128 * 1024 * 1024, say."
        raise ConfigurationError(msg)
    entry = [limit]
    _limits.append(entry)
    _ledger.look()

    def put_back() -> None:
        _limits[:] = [other for other in _limits if other is not entry]
        _ledger.look()

    return put_back


class Reservation:
    """Bytes that a task holds or waits for. Used on one event loop only."""

    __slots__ = ("_ledger", "asking", "future", "held", "in_session", "left", "loop", "nested", "size", "standing")

    def __init__(self, ledger: _Ledger, size: int) -> None:
        outer = _held.get()
        self._ledger: _Ledger = ledger
        self.size: int = size
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()
        self.held: bool = False
        self.left: bool = False
        self.asking: bool = False
        self.in_session: bool = in_session()
        self.nested: bool = outer is not None and outer.held and not outer.left and outer._ledger is ledger
        caller = sync_caller.get()
        self.standing: asyncio.AbstractEventLoop | None = None if caller is None else caller.loop

    def resize(self, size: int) -> None:
        """Change the number of bytes held. It never waits: a task that holds bytes must not wait for more."""
        self._ledger.resize(self, size)

    @contextmanager
    def asking_database(self) -> Generator[None]:
        """Let sessions ignore these bytes for a while: the task here may be waiting for a session's connection."""
        if self.in_session:
            yield
            return
        self._ledger.ask(self, asking=True)
        try:
            yield
        finally:
            self._ledger.ask(self, asking=False)


class reserve_memory:  # noqa: N801 (used like a function)
    """Wait until `size` bytes fit within the bound, and hold them for the block.

    First come, first served. A task may hold more than the bound if no other bytes are held.
    """

    __slots__ = ("_outer", "_reservation", "_size")

    def __init__(self, size: int) -> None:
        self._size = size

    async def __aenter__(self) -> Reservation:
        ledger = _ledger
        self._reservation = place = Reservation(ledger, self._size)
        try:
            ledger.enter(place)
            while not place.held:
                done, _ = await asyncio.wait({place.future}, timeout=_LOOK)
                if not done and ledger.insist(place):
                    _log.warning(
                        "Values of %d bytes go on beyond the bound of %d bytes in flight: nothing has moved for %g s",
                        place.size,
                        bytes_in_flight(),
                        _PATIENCE,
                    )
        except BaseException:
            ledger.leave(place)
            raise
        self._outer = _held.get()
        _held.set(place)
        return place

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._reservation._ledger.leave(self._reservation)  # pyright: ignore[reportPrivateUsage]
        if _held.get() is self._reservation:  # else the interpreter ends the coroutine in another context
            _held.set(self._outer)


class _Ledger:
    """Records which tasks hold how many bytes, and which wait.

    No task ever waits for its lock. Changes go into a queue, and the thread that has the lock does all of them. So a
    coroutine can release its bytes even if the garbage collector ends it at an arbitrary point.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._to_do: deque[Callable[[], None]] = deque()
        self._waiting: OrderedDict[Reservation, None] = OrderedDict()
        self._used = 0
        self._asking = 0
        """The used bytes whose holders wait for the database."""
        self._loops: Counter[asyncio.AbstractEventLoop] = Counter()
        """The number of tasks that hold bytes or wait for them, by event loop."""
        self._moved = time.monotonic()

    @property
    def state(self) -> tuple[int, int, int, int]:
        """The bytes held, the bytes of these whose holders ask the database, the tasks that wait, and all tasks."""
        return self._used, self._asking, len(self._waiting), self._loops.total()

    def enter(self, place: Reservation) -> None:
        self._do(partial(self._enter, place))

    def leave(self, place: Reservation) -> None:
        self._do(partial(self._leave, place))

    def resize(self, place: Reservation, size: int) -> None:
        self._do(partial(self._resize, place, size))

    def ask(self, place: Reservation, *, asking: bool) -> None:
        self._do(partial(self._ask, place, asking))

    def look(self) -> None:
        self._do(lambda: None)

    def insist(self, place: Reservation) -> bool:
        """Let a waiting task continue if there was no progress for long; return whether it does."""
        insisted: list[Reservation] = []
        self._do(partial(self._insist, place, insisted))
        return bool(insisted)

    def _do(self, work: Callable[[], None]) -> None:
        self._to_do.append(work)
        # The thread that has the lock checks the queue again after releasing it, so no change is left in the queue.
        while self._to_do and self._lock.acquire(blocking=False):
            try:
                while self._to_do:
                    self._to_do.popleft()()
                while (place := self._next()) is not None:
                    self._take(place)
            finally:
                self._lock.release()

    def _enter(self, place: Reservation) -> None:
        self._loops[place.loop] += 1
        # A task that already holds bytes must not wait for more. A sync call must not wait for the loop that it blocks.
        if place.nested or (place.standing is not None and self._loops[place.standing]):
            self._take(place)
        else:
            self._waiting[place] = None

    def _leave(self, place: Reservation) -> None:
        if place.left:
            return
        place.left = True
        if place.held:
            self._ask(place, asking=False)
            self._used -= place.size
            self._moved = time.monotonic()
        self._waiting.pop(place, None)
        self._loops[place.loop] -= 1
        if not self._loops[place.loop]:
            del self._loops[place.loop]

    def _resize(self, place: Reservation, size: int) -> None:
        if place.held and not place.left:
            asking = place.asking
            self._ask(place, asking=False)
            self._used += size - place.size
            place.size = size
            self._ask(place, asking=asking)

    def _ask(self, place: Reservation, asking: bool) -> None:  # noqa: FBT001
        if place.held and place.asking is not asking:
            place.asking = asking
            self._asking += place.size if asking else -place.size

    def _insist(self, place: Reservation, insisted: list[Reservation]) -> None:
        if place in self._waiting and time.monotonic() - self._moved >= _PATIENCE:
            insisted.append(place)
            self._take(place)

    def _next(self) -> Reservation | None:
        """Return the task to continue now: the first waiting one, once its bytes fit."""
        limit = bytes_in_flight()
        blocked = False
        for place in self._waiting:
            if place.loop.is_closed():
                return place
            if not place.loop.is_running() or (blocked and not place.in_session):
                continue
            used = self._used - (self._asking if place.in_session else 0)
            if not used or used + place.size <= limit:
                return place
            if place.in_session or not self._asking:
                return None
            blocked = True  # it may wait for sessions behind it, so let these pass
        return None

    def _take(self, place: Reservation) -> None:
        self._waiting.pop(place, None)
        place.held = True
        self._used += place.size
        self._moved = time.monotonic()
        try:
            place.loop.call_soon_threadsafe(_wake, place.future)
        except RuntimeError:  # the loop is closed, so no task can hold the bytes
            self._leave(place)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


_ledger = _Ledger()


def _forget() -> None:
    """Start with an empty ledger in a forked child: the tasks that hold bytes or wait are in its parent."""
    global _ledger  # noqa: PLW0603
    _ledger = _Ledger()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)
