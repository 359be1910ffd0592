"""Cursors: where a page ends, as a text that callers pass back unchanged."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Literal
from uuid import UUID

from artigraph.errors import InvalidCursorError, QueryError

Kind = Literal["runs", "artifacts", "versions"]
_MARKS: dict[Kind, bytes] = {"runs": b"1r", "artifacts": b"1a", "versions": b"1v"}
"""The first bytes of a cursor: its format, and the pages that it belongs to. The id of the last item follows."""
_TEXT = re.compile(r"[A-Za-z0-9_-]{24}")
MOST_ITEMS = 1_000
"""The most items of a page."""


def cursor_after(kind: Kind, node_id: UUID) -> str:
    """Return the cursor of the page after an item."""
    return urlsafe_b64encode(_MARKS[kind] + node_id.bytes).decode("ascii")


def last_of(kind: Kind, cursor: str | None) -> UUID | None:
    """Return the id of the last item of the page before; None if there is no such page.

    Raises:
        InvalidCursorError: the text is no cursor, or is one of another kind of pages.
    """
    if cursor is None:
        return None
    if isinstance(cursor, str) and _TEXT.fullmatch(cursor):
        data = urlsafe_b64decode(cursor)
        if data.startswith(_MARKS[kind]):
            return UUID(bytes=data[2:])
        if data[:2] in _MARKS.values():
            msg = f"{cursor!r} is a cursor of other pages, not of {kind}. Pass it to the function that returned it"
            raise InvalidCursorError(msg)
    msg = f"{cursor!r:.100} is no cursor of {kind}. Pass the `next` of a page unchanged, or None for the first page"
    raise InvalidCursorError(msg)


def check_limit(limit: object, most: int = MOST_ITEMS) -> int:
    """Return the number of items of a page.

    Raises:
        QueryError: it is no whole number from 1 to `most`.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= most:
        msg = f"limit is the number of items of a page, from 1 to {most:,}, not {limit!r:.100}"
        raise QueryError(msg)
    return limit
