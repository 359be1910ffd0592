"""Keep the fast tests offline: a connection to anything that this process did not bind is refused, and fails the test.

A test that asks for a server passes on the machine where that server runs, and fails on a fresh one. So a
connection gets the answer of a fresh machine, and the test fails even if it catches the error.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast
from unittest.mock import patch

import pytest

__all__ = ["Guard", "offline", "offline_guard"]

_NOBODY = 1
"""The port for tests that need a missing server: privileged, reserved, and not in use anywhere."""


class Guard:
    """Records where this process binds sockets; while it is on, refuses connections to any other address."""

    def __init__(self) -> None:
        self._bound: set[object] = {_NOBODY}
        self._refused: list[object] | None = None

    @contextmanager
    def installed(self) -> Generator[None]:
        """Watch every socket of this process. libpq and other libraries in C are not seen."""
        bind, connect, connect_ex = socket.socket.bind, socket.socket.connect, socket.socket.connect_ex

        def recorded_bind(sock: socket.socket, address: Any) -> None:
            bind(sock, address)
            self._bound.add(_place(sock.getsockname()))

        def guarded_connect(sock: socket.socket, address: Any) -> None:
            if self._refuses(address):
                raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            connect(sock, address)

        def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
            return errno.ECONNREFUSED if self._refuses(address) else connect_ex(sock, address)

        with (
            patch.object(socket.socket, "bind", recorded_bind),
            patch.object(socket.socket, "connect", guarded_connect),
            patch.object(socket.socket, "connect_ex", guarded_connect_ex),
        ):
            yield

    @contextmanager
    def on(self) -> Generator[list[object]]:
        """Refuse connections, and yield the list of the addresses that were refused."""
        before, self._refused = self._refused, []
        try:
            yield self._refused
        finally:
            self._refused = before

    def _refuses(self, address: object) -> bool:
        if self._refused is None or _place(address) in self._bound:
            return False
        self._refused.append(address)
        return True


def _place(address: object) -> object:
    """Return what identifies a listener: the port of an IP address, or the path of a Unix socket."""
    if isinstance(address, tuple):
        return cast("tuple[object, ...]", address)[1]  # bound as 0.0.0.0 or "localhost", reached as 127.0.0.1 or ::1
    return address


@pytest.fixture(scope="session", autouse=True)
def offline_guard() -> Iterator[Guard]:
    """Watch sockets from before the first server of the tests is started."""
    guard = Guard()
    with guard.installed():
        yield guard


@pytest.fixture(autouse=True)
def offline(offline_guard: Guard) -> Iterator[None]:
    """Fail a test that connects to anything but what this process bound."""
    with offline_guard.on() as refused:
        yield
    if refused:
        pytest.fail(f"This test is offline, and connected to {refused}; only servers that it starts are there")
