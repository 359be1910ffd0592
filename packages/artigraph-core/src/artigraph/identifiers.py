"""Ids, labels and save times: make new ids, which sort by time, and check what callers pass."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from struct import Struct, unpack
from typing import Any, NoReturn, Protocol, TypeAlias
from uuid import UUID

from artigraph.errors import InvalidLabelError, InvalidNodeIdError, QueryError, RefusedValueError

_TEXT = re.compile(
    r"(?:urn:uuid:)?(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})", re.IGNORECASE | re.ASCII
)
"""Stricter than `uuid.UUID`, which accepts hyphens anywhere, braces, underscores and digits of any script."""
_HALVES = Struct(">QQ")
"""The first half holds milliseconds, version and the fraction of a millisecond, the second variant and random bits."""
_SIZE = 16
"""The bytes of an id."""
_lock = threading.Lock()
_last = 0
"""The newest 60-bit timestamp in use: 48 bits of milliseconds since 1970, then 12 bits for parts of a millisecond."""


class SupportsNodeId(Protocol):
    """An object with a node's id: a run, its manager, a saved or loaded model, or a result such as a `Node`."""

    def __artigraph_node_id__(self) -> UUID:
        """Return the id of the node.

        Raises:
            InvalidNodeIdError: the object has no node's id, as a model that was neither saved nor loaded.
        """
        ...


NodeId: TypeAlias = UUID | str | SupportsNodeId
"""What public functions accept as a node: its id, the text of its id, or an object that has its id."""


def is_id_text(value: str) -> bool:
    """Return whether a text is that of an id: 32 hexadecimal digits, with hyphens or without."""
    return _TEXT.fullmatch(value) is not None


def check_id(value: object) -> UUID:
    """Return the id of a node from any value that public functions accept (`NodeId`). Reads no database.

    Raises:
        InvalidNodeIdError: the value has no node's id.
    """
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        if is_id_text(value):
            return UUID(value)
        msg = (
            f"{value!r:.100} is not the text of an id, as str(node_id) or print shows it: 32 hexadecimal digits, with "
            "hyphens (018f3c5e-...) or without. A label or a name is no id: use select(...) to find a node by it"
        )
        raise InvalidNodeIdError(msg)
    find = getattr(type(value), "__artigraph_node_id__", None)
    if find is not None:
        return check_id(find(value))
    shown = value.__qualname__ if isinstance(value, type) else f"{value!r:.100} of type {type(value).__qualname__}"
    msg = (
        f"{shown} stands for no node. Pass its id (a uuid.UUID, or the text of one), a Run, a RunManager, a Node, or a "
        "model that was saved or loaded"
    )
    if isinstance(value, Collection):
        msg += "; this call takes one at a time, so pass each of them by itself"
    raise InvalidNodeIdError(msg)


def check_ids(values: object, call: str) -> list[UUID]:
    """Return the ids of several nodes.

    Raises:
        InvalidNodeIdError: a value has no node's id, or `values` is not a collection. The message names the call.
    """
    items: Any = values
    if isinstance(values, (UUID, str, bytes)) or _stands_for_node(values) or not isinstance(values, Iterable):
        msg = f"{call} takes several ids, [node_id] say, not {values!r:.100} of type {type(values).__qualname__}"
        raise InvalidNodeIdError(msg)
    return [check_id(value) for value in items]


def check_one_or_more(values: object, call: str) -> list[UUID]:
    """Return the ids of one node or of several, as `check_id` and `check_ids` do."""
    is_one = isinstance(values, (UUID, str, bytes)) or not hasattr(type(values), "__iter__")
    return [check_id(values)] if is_one or _stands_for_node(values) else check_ids(values, call)


def _stands_for_node(value: object) -> bool:
    return hasattr(type(value), "__artigraph_node_id__")


def first_id(moment: datetime) -> UUID:
    """Return the least id that can have been made at or after a moment. The moment must be aware."""
    milliseconds = (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    return UUID(int=min(max(milliseconds, 0), 2**48 - 1) << 80)


def moment_of(node_id: UUID) -> datetime:
    """Return when an id was made, in UTC and to the millisecond."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=node_id.int >> 80)


def new_id() -> UUID:
    """Return a new UUID of version 7 (RFC 9562, section 5.7)."""
    return new_ids(1)[0]


def new_ids(count: int) -> list[UUID]:
    """Return new UUIDs of version 7 in ascending order, each greater than all that this process made before."""
    return [UUID(bytes=value) for value in new_id_bytes(count)]


def new_id_bytes(count: int) -> list[bytes]:
    """Return new ids as `new_ids` does, each as 16 bytes. Making a UUID costs more than the rest of a row.

    The 12 bits after the milliseconds are a fraction of a millisecond (RFC 9562, section 6.2, method 3). If calls come
    faster than this clock ticks, or the clock is set back, the timestamp counts up from the last one instead.
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


LABEL_LENGTH = 255
"""The most code points of a label."""


def check_label(label: object, what: str = "A label", *, most: int = LABEL_LENGTH) -> str:
    """Return a label that every database can store and tell apart from all others.

    The rule is stricter than that of some databases, so that a label that is valid on one is valid on all. A label is a
    string of at most `most` code points, without NUL (PostgreSQL cannot store it) and without surrogates (which no
    database can store).

    Raises:
        InvalidLabelError: the label is not such a string. The message begins with `what`.
    """
    if not isinstance(label, str):
        msg = f"{what} is text, not {label!r} of type {type(label).__name__}"
        raise InvalidLabelError(msg)
    if len(label) > most:
        msg = f"{what} has at most {most} code points; {label[:40]!r}... has {len(label)}"
        raise InvalidLabelError(msg)
    if "\0" in label:
        msg = f"{what} cannot hold NUL: {label!r}"
        raise InvalidLabelError(msg)
    try:
        label.encode()
    except UnicodeEncodeError as error:
        msg = f"{what} cannot hold surrogates, which are no characters: {label!r}"
        raise InvalidLabelError(msg) from error
    return str(label)


def check_order(call: str, label: object, other: object) -> None:
    """Check that the label of a call and the next argument are not swapped.

    Raises:
        InvalidLabelError: they are swapped. The message says how to write the call.
    """
    if isinstance(other, str) and not isinstance(label, str):
        what = label.__qualname__ if isinstance(label, type) else f"the {type(label).__qualname__}"
        msg = f"The arguments of {call} are swapped: the label comes first, {call}({other!r:.100}, ...), then {what}"
        raise InvalidLabelError(msg)


def check_moment(moment: object) -> datetime:
    """Return `moment` if it is an aware datetime.

    Raises:
        QueryError: it is not an aware datetime.
    """
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        msg = f"A time of saving is an aware datetime, datetime.now(UTC) say, not {moment!r:.100}"
        raise QueryError(msg)
    return moment


def refuse_value(value: object, expected: str) -> NoReturn:
    """Raise the error for a value, read from a row, that its column cannot hold.

    Raises:
        RefusedValueError: always. `expected` says which kind of value belongs there.
    """
    msg = f"A row holds {value!r:.100} where {expected} belongs; it was altered by hand, or the database is damaged"
    raise RefusedValueError(msg, value)


def id_of(value: object) -> UUID:
    """Return a driver's id as a UUID: PostgreSQL's returns a UUID, the others its 16 bytes.

    Raises:
        MalformedRowError: the value is neither.
    """
    if type(value) is bytes and len(value) == _SIZE:
        return UUID(bytes=value)
    if isinstance(value, UUID):
        return value
    refuse_value(value, "an id of 16 bytes")


def id_bytes(value: UUID | bytes | None) -> bytes | None:
    """Return an id as the 16 bytes that databases without a type for it store."""
    return value.bytes if isinstance(value, UUID) else value
