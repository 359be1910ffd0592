"""Values that a pickle refers to and does not contain, such as credentials."""

from __future__ import annotations

from typing import Any, Generic, TypeVar
from uuid import uuid4
from weakref import WeakValueDictionary

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
