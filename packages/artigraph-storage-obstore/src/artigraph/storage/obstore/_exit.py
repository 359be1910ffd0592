"""The end of the process, which waits until the threads of obstore have let go of what a call used.

A call returns before its thread has dropped the last Python objects. If the interpreter ends meanwhile, the process is
aborted: 2 of 15 processes that read an object and then ended.
"""

from __future__ import annotations

import atexit
import os
import time
from functools import cache

_SETTLED = 0.2
"""Seconds after the last call in which its thread was always done: several times what was seen."""
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
