"""Tokens: short texts that name a run, for another process."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from artigraph.db import current_database
from artigraph.errors import InvalidTokenError, NodeNotFoundError
from artigraph.graph.run_rows import RunRow
from artigraph.graph.runs import join_run

_VERSION = "run1."
_ID = 16
_SUM = 4
_LENGTH = len(_VERSION) + (2 * _ID + _SUM) * 4 // 3


class RunToken(NamedTuple):
    """The ids of a run and of its database. It is no secret: without the database nobody can use it."""

    run_id: UUID
    store_id: UUID

    def __str__(self) -> str:
        content = self.run_id.bytes + self.store_id.bytes
        return _VERSION + urlsafe_b64encode(content + _sum(content)).decode()


def parse_token(text: object, what: str = "The token") -> RunToken:
    """Return the ids in a token.

    Raises:
        InvalidTokenError: the text is no token; the message begins with `what`.
    """
    if not isinstance(text, str):
        msg = f"{what} is the text that RunManager.token() returned, not {type(text).__name__}"
        raise InvalidTokenError(msg)
    if not text.startswith(_VERSION) or len(text) != _LENGTH:
        msg = (
            f"{what} is no token of a run: {text!r:.80}. It is what RunManager.token() returned, {_LENGTH} characters "
            f"that begin with {_VERSION!r}; a newer release may write others."
        )
        raise InvalidTokenError(msg)
    try:
        content = urlsafe_b64decode(text.removeprefix(_VERSION).encode())
    except ValueError:
        content = b""
    if content[2 * _ID :] != _sum(content[: 2 * _ID]) or str(_of(content)) != text:
        msg = f"{what} was altered on its way: {text!r}. Hand over what RunManager.token() returned, letter by letter."
        raise InvalidTokenError(msg)
    return _of(content)


def _of(content: bytes) -> RunToken:
    return RunToken(UUID(bytes=content[:_ID]), UUID(bytes=content[_ID : 2 * _ID]))


def _sum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_SUM, "big")


async def join(token: RunToken, which: str, lease: timedelta) -> RunRow:
    """Join the run that a token names: take a lease on it, and return its stored row.

    Raises:
        NodeNotFoundError: the run is in another database, or does not exist. The message begins with `which`.
    """
    if (await current_database()).store_id != token.store_id:
        msg = (
            f"{which}, {token.run_id}, is in another database than the one that is in force here. Set the one that "
            "it was started in: set_engine(...), or the variable ARTIGRAPH_URL."
        )
        raise NodeNotFoundError(msg)
    row = await join_run(token.run_id, lease)
    if row is None:
        msg = f"{which}, {token.run_id}, is not there: it was deleted, or its start was not committed yet"
        raise NodeNotFoundError(msg)
    return row
