"""Tokens: a run in a short text, for another process."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple
from uuid import UUID

from artigraph.errors import InvalidToken

__all__ = ["RunToken", "parse_token"]

_VERSION = "run1."
_ID = 16
_SUM = 4
_LENGTH = len(_VERSION) + (2 * _ID + _SUM) * 4 // 3


class RunToken(NamedTuple):
    """A run, and the database it is in. No secret: whoever has it can do nothing without the database."""

    run_id: UUID
    store_id: UUID

    def __str__(self) -> str:
        content = self.run_id.bytes + self.store_id.bytes
        return _VERSION + urlsafe_b64encode(content + _sum(content)).decode()


def parse_token(text: object, what: str = "The token") -> RunToken:
    """Return what a token says.

    Raises:
        InvalidToken: it is none; the message begins with `what`.
    """
    if not isinstance(text, str):
        msg = f"{what} is the text that RunManager.token() returned, not {type(text).__name__}"
        raise InvalidToken(msg)
    if not text.startswith(_VERSION) or len(text) != _LENGTH:
        msg = (
            f"{what} is no token of a run: {text!r:.80}. It is what RunManager.token() returned, {_LENGTH} characters "
            f"that begin with {_VERSION!r}; a newer release may write others."
        )
        raise InvalidToken(msg)
    try:
        content = urlsafe_b64decode(text.removeprefix(_VERSION).encode())
    except ValueError:
        content = b""
    if content[2 * _ID :] != _sum(content[: 2 * _ID]) or str(_of(content)) != text:
        msg = f"{what} was altered on its way: {text!r}. Hand over what RunManager.token() returned, letter by letter."
        raise InvalidToken(msg)
    return _of(content)


def _of(content: bytes) -> RunToken:
    return RunToken(UUID(bytes=content[:_ID]), UUID(bytes=content[_ID : 2 * _ID]))


def _sum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_SUM, "big")
