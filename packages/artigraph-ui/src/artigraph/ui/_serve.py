"""Run the web view on this machine, with a server of its own."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Collection
from contextlib import suppress

import uvicorn

from artigraph.errors import ConfigurationError
from artigraph.printable import quoted
from artigraph.ui._app import app_of
from artigraph.ui._security import LOOPBACK, Security
from artigraph.ui._store import configured

PORT = 8710
"""The port, if none is asked for. If it is taken, one of the following is used."""
_TRIES = 20
_GRACE = 3
"""The seconds that open requests have to end when the server stops."""


def serve(
    announce: Callable[[str, str], None],
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    allowed_hosts: Collection[str] = (),
    config: str | os.PathLike[str] | None = None,
) -> None:
    """Show the store of the configuration until the process is interrupted.

    Args:
        announce: it is called with two addresses when the server can be reached. The first contains a new token, which
            everyone needs who wants to see a page. The second is for opening a browser: it works once, within a minute,
            because other users of the machine may read the arguments of a program.
        host: the address to listen on. The default is reached from this machine only.
        port: the port; 0 means any that is free. The default is 8710, or one of the next ones if it is taken.
        allowed_hosts: names under which browsers may ask for it, besides those of this machine and `host`.
        config: the file to read instead of `artigraph.toml`.

    Raises:
        ConfigurationError: the address or the port cannot be used, or the configuration is wrong.
        MissingTablesError: no database is set, and there is no embedded store.
    """
    token = secrets.token_urlsafe(32)
    shown = f"[{host}]" if ":" in host else host
    hosts = [*LOOPBACK, shown, *allowed_hosts]
    app = Security(app_of(configured(config)), authorize=None, allowed_hosts=hosts, token=token)
    listening = _listen(host, port)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
            ws="none",
        )
    )
    with listening:
        everywhere = shown in ("0.0.0.0", "[::]")  # noqa: S104 (it is compared, and the caller asked for it)
        root = f"http://{'127.0.0.1' if everywhere else shown}:{listening.getsockname()[1]}/"
        # Who asks before the server runs waits until it does.
        announce(f"{root}?token={token}", f"{root}?token={app.make_code()}")
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listening])


def _listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens on the port, or on the first that is free from the default on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last: OSError | None = None
    for candidate in range(PORT, PORT + _TRIES) if port is None else (port,):
        try:
            return socket.create_server((host, candidate), family=family)
        except (OSError, OverflowError) as error:
            last = error if isinstance(error, OSError) else OSError(str(error))
    where = f"a port from {PORT} to {PORT + _TRIES - 1}" if port is None else f"port {port}"
    msg = f"The server cannot listen on {where} of {quoted(host)}: {last}. Choose another one"
    raise ConfigurationError(msg) from last
