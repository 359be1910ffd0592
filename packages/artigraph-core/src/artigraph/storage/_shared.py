"""What storages share: checks of their settings, parts of streams, and values that stay in their process."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar
from uuid import uuid4
from weakref import WeakValueDictionary

from artigraph.errors import ConfigurationError

_LONGEST = 366 * 24 * 3600
"""The most seconds of a limit. Clients of services count them in integers of their own."""


def check_seconds(**limits: object) -> None:
    """Check that limits are positive numbers of seconds, of at most a year: `check_seconds(deadline=deadline)`.

    Raises:
        ConfigurationError: a limit is no number, NaN, zero or negative, or too long. The message has its name.
    """
    for name, value in limits.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LONGEST:
            msg = f"{name} is a positive number of seconds, at most {_LONGEST:,} (a year), not {value!r:.100}"
            raise ConfigurationError(msg)


def check_whole(least: int, most: int, **numbers: object) -> None:
    """Check that settings are whole numbers of a range: `check_whole(1, 1000, max_connections=max_connections)`.

    Raises:
        ConfigurationError: a setting is no int, or is outside of the range. The message has its name.
    """
    for name, value in numbers.items():
        if type(value) is not int or not least <= value <= most:
            msg = f"{name} is a whole number from {least:,} to {most:,}, not {value!r:.100}"
            raise ConfigurationError(msg)


# Parts of a stream ----------------------------------------------------------------------------------------------------


class Pieces:
    """Cuts the bytes of an iterator into pieces of requested sizes."""

    def __init__(self, parts: AsyncIterator[bytes | memoryview]) -> None:
        self._parts = parts
        self._rest = memoryview(b"")

    async def take(self, size: int) -> bytes:
        """Return the next `size` bytes, or fewer at the end."""
        piece = io.BytesIO()  # grows in place and returns its bytes without a copy
        while (missing := size - piece.tell()) and not await self.ended():
            piece.write(self._rest[:missing])
            self._rest = self._rest[missing:]
        return piece.getvalue()

    async def ended(self) -> bool:
        """Say whether no more bytes follow."""
        while not self._rest:
            part = await anext(self._parts, None)
            if part is None:
                return True
            if memoryview(part).nbytes:  # (an empty view cannot be cast)
                self._rest = memoryview(part).cast("B")
        return False


# Values of one process ------------------------------------------------------------------------------------------------


T = TypeVar("T")


class ProcessLocal(Generic[T]):
    """Holds a value that does not leave this process, such as credentials.

        self._credentials = ProcessLocal(Credentials(access_key_id, secret_access_key))

    A pickle of it has a random token in place of the value. In this process it unpickles as the same instance. In
    another process, `value` is None. Its repr does not show the value.
    """

    __slots__ = ("__weakref__", "_token", "value")

    def __init__(self, value: T, _token: str | None = None) -> None:
        self.value: T | None = value
        self._token = _token

    def __reduce__(self) -> tuple[object, ...]:
        if self._token is None:
            token = uuid4().hex
            _pickled[token] = self  # first: another thread takes the token as soon as it is there
            self._token = token
        return _here, (self._token,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


_pickled: WeakValueDictionary[str, ProcessLocal[Any]] = WeakValueDictionary()


def _here(token: str) -> ProcessLocal[Any]:
    """Return the instance with a token, or one without a value that keeps the token."""
    known = _pickled.get(token)
    if known is None:
        known = _pickled.setdefault(token, ProcessLocal(None, token))
    return known
