"""The end of the process, which waits until the threads of obstore have let go of what a call used.

A call returns before its thread has dropped the last Python objects. If the interpreter ends meanwhile, the process is
aborted. That happened to 2 of 15 processes that ended right after a read, and to none of 15 that slept 0.1 s before.
"""

from __future__ import annotations

import atexit
import os
import time
from functools import cache

_SETTLED = 0.2
"""Seconds from the end of the last call to the end of the process. No public name tells when the threads are done."""
_last: dict[int, float] = {}
"""The time of the last call, by process."""


def note_call() -> None:
    """Note that a call has ended now."""
    _register()
    _last[os.getpid()] = time.monotonic()


@cache
def _register() -> None:
    atexit.register(_settle)


def _settle() -> None:
    last = _last.get(os.getpid())
    if last is not None:
        time.sleep(max(0.0, last + _SETTLED - time.monotonic()))
