"""Identifiers that are made by the client and sort by time."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from struct import Struct, unpack
from uuid import UUID

from artigraph.errors import NodeNotFoundError

__all__ = ["check_id", "first_id", "moment_of", "new_id", "new_id_bytes", "new_ids"]

_HALVES = Struct(">QQ")
"""Milliseconds, version and the fraction of one; variant and random bits."""
_lock = threading.Lock()
_last = 0
"""The newest 60-bit timestamp handed out: 48 bits of milliseconds since 1970, then 12 bits of a millisecond."""


def check_id(value: object) -> UUID:
    """Return the id of a node, if it can be one: the same on every database, before it is asked.

    Raises:
        NodeNotFoundError: it is no UUID.
    """
    if not isinstance(value, UUID):
        msg = f"There is no node {value!r:.100}: an id is a uuid.UUID, not {type(value).__name__}"
        if isinstance(value, str):  # where a collection of ids is taken, this is the first character of a text
            msg += "; uuid.UUID(text) makes one of a text"
        raise NodeNotFoundError(msg)
    return value


def first_id(moment: datetime) -> UUID:
    """Return the least id that can have been made at a moment or later; the moment is aware."""
    milliseconds = (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    return UUID(int=min(max(milliseconds, 0), 2**48 - 1) << 80)


def moment_of(node_id: UUID) -> datetime:
    """Return when an id was made, in UTC and to the millisecond."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=node_id.int >> 80)


def new_id() -> UUID:
    """Return a fresh UUID of version 7 (RFC 9562, section 5.7)."""
    return new_ids(1)[0]


def new_ids(count: int) -> list[UUID]:
    """Return fresh UUIDs of version 7 in ascending order, each greater than all that this process made before."""
    return [UUID(bytes=value) for value in new_id_bytes(count)]


def new_id_bytes(count: int) -> list[bytes]:
    """Return what `new_ids` does, each as its 16 bytes: a UUID costs more than the rest of a row does.

    The 12 bits after the millisecond are its fraction (RFC 9562, section 6.2, method 3); where calls come faster than
    that clock ticks, or the clock is set back, the timestamp is counted on instead.
    """
    global _last  # noqa: PLW0603 (one clock for the process)
    random = os.urandom(8 * count)
    with _lock:
        now = time.time_ns()
        first = max(((now // 1_000_000) << 12) | ((now % 1_000_000) * 4096 // 1_000_000), _last + 1)
        _last = first + count - 1
    pack = _HALVES.pack
    return [
        pack((stamp >> 12) << 16 | 0x7000 | stamp & 0xFFF, tail >> 2 | 1 << 63)
        for stamp, tail in enumerate(unpack(f">{count}Q", random), first)
    ]
