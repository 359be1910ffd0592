"""Leases of runs, renewed for as long as this process lives.

docs/design/runs.md says why a thread does this, and which clock counts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Address, current_address
from artigraph.errors import ConfigurationError
from artigraph.graph.leases import mark_lost, renew_leases, report_lost_runs
from artigraph.printable import quoted

LEASE = timedelta(minutes=5)
"""How long a run counts as alive after its last sign of life."""
_SHORTEST = timedelta(seconds=1)
_LONGEST = timedelta(days=366)
_RENEWALS = 5
"""How often a lease is renewed within its length. All of these renewals but one may fail."""
_LINGER = 60.0
"""How many seconds the thread waits for another run before it ends."""

Release = Callable[[], Awaitable[None]]
"""Stops renewing a lease."""

_log = logging.getLogger("artigraph.run")


def check_lease(length: object) -> timedelta:
    """Return the length of a lease after checking it.

    Raises:
        ConfigurationError: it is no timedelta, or not from a second to a year.
    """
    if not isinstance(length, timedelta) or not _SHORTEST <= length <= _LONGEST:
        msg = f"A lease is a timedelta from a second to a year, timedelta(minutes=5) say, not {length!r:.100}"
        raise ConfigurationError(msg)
    return length


def hold(run_id: UUID, length: timedelta) -> Release:
    """Renew the lease of a run in the current database until it is released.

    A thread that all runs of the process share renews it. For an engine that works on this event loop only, a task on
    the loop does.
    """
    held = _Held(run_id, length, current_address(), time.monotonic() + _interval(length))
    if held.address.loop_engine is not None:
        return _on_this_loop(held)
    keeper = _keepers.setdefault(os.getpid(), _Keeper())  # a forked child inherits no thread of its parent's
    keeper.add(held)

    async def release() -> None:
        keeper.remove(held)

    return release


@dataclass(eq=False, slots=True)
class _Held:
    run_id: UUID
    length: timedelta
    address: Address
    due: float
    """The time of the next renewal, in seconds of the monotonic clock."""


def _interval(length: timedelta) -> float:
    return length.total_seconds() / _RENEWALS


async def _renew(address: Address, lengths: Mapping[UUID, timedelta]) -> None:
    """Renew leases, and mark runs as lost whose lease has expired."""

    async def work(connection: AsyncConnection) -> None:
        await renew_leases(connection, lengths)

    try:
        # A database that is locked or does not answer must not prevent the renewal of leases in other databases.
        async with asyncio.timeout(_interval(min(lengths.values()))):
            await address.write(work)
            lost = await address.write(mark_lost)
        report_lost_runs(lost)
    except Exception as error:  # no caller waits for the result, and there is time for more attempts
        _warn(len(lengths), error)


def _warn(count: int, error: Exception) -> None:
    what = quoted(str(error)) if str(error) else type(error).__name__
    _log.warning("The leases of %d runs could not be renewed, which is tried again: %s", count, what)


class _Keeper:
    """Renews leases from a thread of its own, so that a run looks alive while Python code blocks the event loop."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: set[_Held] = set()
        self._thread: threading.Thread | None = None

    def add(self, held: _Held) -> None:
        with self._changed:
            self._held.add(held)
            if self._thread is None:
                # Start the thread early: later, a computation that never yields may keep the interpreter busy.
                self._thread = threading.Thread(target=self._work, name="artigraph-leases", daemon=True)
                self._thread.start()
            self._changed.notify()

    def remove(self, held: _Held) -> None:
        with self._changed:
            self._held.discard(held)

    def _work(self) -> None:
        while due := self._wait():
            # Each round has its own event loop and engines, so nothing stays open that would have to be closed at exit.
            try:
                asyncio.run(_renew_all(due))
            except Exception as error:  # no loop could be made: too many open files, say
                _warn(len(due), error)

    def _wait(self) -> Collection[_Held]:
        """Wait until leases are due, schedule their next renewal, and return them.

        An empty result means that no run is held, and the thread must end.
        """
        with self._changed:
            while True:
                now = time.monotonic()
                due = [held for held in self._held if held.due <= now]
                for held in due:
                    held.due = now + _interval(held.length)
                if due:
                    return due
                left = min((held.due - now for held in self._held), default=_LINGER)
                if not self._changed.wait(left) and not self._held:
                    self._thread = None
                    return ()


async def _renew_all(due: Collection[_Held]) -> None:
    places: defaultdict[object, dict[UUID, timedelta]] = defaultdict(dict)
    addresses: dict[object, Address] = {}
    for held in due:
        addresses[held.address.target] = held.address
        lengths = places[held.address.target]
        lengths[held.run_id] = max(held.length, lengths.get(held.run_id, held.length))
    await asyncio.gather(*(_renew(addresses[target], lengths) for target, lengths in places.items()))


_keepers: dict[int, _Keeper] = {}
"""Keepers by process id."""


def _on_this_loop(held: _Held) -> Release:
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None
    renewing: asyncio.Task[None] | None = None

    def wait() -> None:
        nonlocal timer
        timer = loop.call_later(_interval(held.length), begin)

    def begin() -> None:
        nonlocal renewing
        renewing = loop.create_task(renew())

    async def renew() -> None:
        await _renew(held.address, {held.run_id: held.length})
        wait()

    async def release() -> None:
        if asyncio.get_running_loop() is not loop:
            return  # the loop in which the run was entered no longer runs
        if timer is not None:
            timer.cancel()
        if renewing is not None:
            renewing.cancel()
            await asyncio.wait([renewing])

    wait()
    return release
