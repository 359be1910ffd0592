"""Calls of services over a network: within a deadline, and with retries where they can help."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from artigraph.errors import StorageError, StorageUnavailableError

T = TypeVar("T")

ATTEMPTS = 8
SLOWEST = 1024 * 1024
"""Bytes per second. The deadline of a call grows by the time that an object takes at this speed."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

Allow = Callable[[int], None]
"""Makes the deadline later, by the time that a number of bytes takes."""


async def call_service(
    work: Callable[[Allow], Awaitable[T]],
    doing: str,
    deadline: float,
    *,
    can_help: Callable[[Exception], bool],
    translated: Callable[[Exception], StorageError],
    bare: Callable[[Exception], BaseException] = lambda error: error,
    attempts: int = ATTEMPTS,
) -> T:
    """Run a call's work within its deadline, several times if that can help.

    Args:
        work: one attempt.
        doing: how an error begins: "STORAGE cannot read WHERE".
        deadline: the seconds that all attempts may take together.
        can_help: whether another attempt can succeed after an error.
        translated: returns Artigraph's error for one of the service's client.
        bare: returns an error as the cause of another one, without its secrets.
        attempts: the most attempts.

    Raises:
        StorageError: the call failed. A StorageError of the work is raised unchanged.
        StorageUnavailableError: the deadline is over.
    """
    ends = asyncio.get_running_loop().time() + deadline
    timeout = asyncio.timeout_at(ends)
    last: Exception | None = None
    with suppress(TimeoutError):  # of the deadline: the work's own are caught
        async with timeout:
            for attempt in range(attempts):
                try:
                    return await work(lambda size: timeout.reschedule(ends + size / SLOWEST))
                except StorageError:
                    raise
                except Exception as error:
                    if not timeout.expired() or last is None:
                        last = error
                    if timeout.expired() or not can_help(error):
                        break
                if attempt + 1 < attempts:
                    longest = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)
                    await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 (no secret)
    if last is not None and not timeout.expired():
        failure = translated(last)
    else:
        failure = StorageUnavailableError(
            f"{doing}: the deadline of {deadline:g} s is over. Check the endpoint and the network, or give the storage "
            "a longer deadline=."
        )
        failure.__cause__ = TimeoutError() if last is None else bare(last)
    raise failure  # outside of the handlers, so that the original error is no context of it
