"""Holding runs: their leases are renewed for as long as this process lives.

Why a thread, and which clock, is in docs/design/runs.md.
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
from artigraph.graph import mark_lost, renew_leases

__all__ = ["LEASE", "Release", "check_lease", "hold"]

LEASE = timedelta(minutes=5)
"""How long a run is taken for alive after the last sign of life."""
_SHORTEST = timedelta(seconds=1)
_LONGEST = timedelta(days=366)
_RENEWALS = 5
"""How often a lease is renewed in its time: that many may fail but one."""
_LINGER = 60.0
"""Seconds for which the thread waits for another run before it ends."""

Release = Callable[[], Awaitable[None]]
"""Renews a lease no more."""

_log = logging.getLogger("artigraph")


def check_lease(length: object) -> timedelta:
    """Return the length of a lease.

    Raises:
        ConfigurationError: it is no timedelta, or one that cannot be kept.
    """
    if not isinstance(length, timedelta) or not _SHORTEST <= length <= _LONGEST:
        msg = f"A lease is a timedelta from a second to a year, timedelta(minutes=5) say, not {length!r:.100}"
        raise ConfigurationError(msg)
    return length


def hold(run_id: UUID, length: timedelta) -> Release:
    """Renew the lease of a run, in the database that is in force here, until it is released.

    It is done from a thread that all runs of the process share; for an engine that works on this event loop alone, by
    a task on it.
    """
    held = _Held(run_id, length, current_address(), time.monotonic() + _interval(length))
    if held.address.bound is not None:
        return _on_this_loop(held)
    keeper = _keepers.setdefault(os.getpid(), _Keeper())  # a forked child has no thread but its own
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
    """When it is to be renewed next, by the monotonic clock."""


def _interval(length: timedelta) -> float:
    return length.total_seconds() / _RENEWALS


async def _renew(address: Address, lengths: Mapping[UUID, timedelta]) -> None:
    """Renew leases, and mark those of others that ran out."""

    async def work(connection: AsyncConnection) -> None:
        await renew_leases(connection, lengths)

    try:
        # One database that is locked, or does not answer, is not to keep the leases in others from being renewed.
        async with asyncio.timeout(_interval(min(lengths.values()))):
            await address.write(work)
            await address.write(mark_lost)
    except Exception as error:  # noqa: BLE001 (nobody waits for it; there is time for other attempts)
        _warn(len(lengths), error)


def _warn(count: int, error: Exception) -> None:
    what = error if str(error) else type(error).__name__
    _log.warning("The leases of %d runs could not be renewed, which is tried again: %s", count, what)


class _Keeper:
    """Renews leases from a thread of its own, so that Python code that never yields to the loop does not look dead."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: set[_Held] = set()
        self._thread: threading.Thread | None = None

    def add(self, held: _Held) -> None:
        with self._changed:
            self._held.add(held)
            if self._thread is None:
                # Before it is needed: by then the interpreter may be busy with nothing but one loop.
                self._thread = threading.Thread(target=self._work, name="artigraph-leases", daemon=True)
                self._thread.start()
            self._changed.notify()

    def remove(self, held: _Held) -> None:
        with self._changed:
            self._held.discard(held)

    def _work(self) -> None:
        while due := self._wait():
            # An event loop and engines for each time: nothing is left open that would have to be closed at exit.
            try:
                asyncio.run(_renew_all(due))
            except Exception as error:  # noqa: BLE001 (no loop could be made: there are too many open files, say)
                _warn(len(due), error)

    def _wait(self) -> Collection[_Held]:
        """Wait until leases are due, and put down when they are the next time; nothing if the thread is to end."""
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
"""By process."""


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
            return  # where it was entered nothing runs any more
        if timer is not None:
            timer.cancel()
        if renewing is not None:
            renewing.cancel()
            await asyncio.wait([renewing])

    wait()
    return release
