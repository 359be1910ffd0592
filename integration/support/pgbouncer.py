"""PgBouncer in front of the PostgreSQL server that the tests use, with connections that last for one transaction."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from integration.support.databases import missing

__all__ = ["pgbouncer"]

_CONFIGURATION = """\
[databases]
* = host={host} port={port} user={user} {password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listens}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = extra_float_digits, jit
"""


@contextmanager
def pgbouncer(server: URL, folder: Path) -> Generator[URL]:
    """Yield the URL of a server as it is behind PgBouncer; skip the test where that is not installed."""
    program = shutil.which("pgbouncer", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if program is None:
        missing("no PgBouncer: apt-get install pgbouncer")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listens = probe.getsockname()[1]
    text = _CONFIGURATION.format(
        host=server.host,
        port=server.port or 5432,
        user=server.username,
        password="" if server.password is None else "password='" + str(server.password).replace("'", "''") + "'",
        listens=listens,
    )
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(text)
    command = [program, "-q", *(("-u", "nobody") if os.geteuid() == 0 else ()), str(configuration)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait_for(listens, process, folder / "log")
            yield server.set(host="127.0.0.1", port=listens)
        finally:
            process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())
