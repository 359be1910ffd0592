"""A server of moto in a process of its own, so that it neither shares our GIL nor is traced for coverage."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO


@contextmanager
def s3_server() -> Generator[str]:
    """Run moto's server, and yield its URL."""
    with tempfile.TemporaryFile() as log:
        server, port = _start(log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def _start(log: IO[bytes]) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(5):  # another process may take the port meanwhile
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=log)
        ends = time.monotonic() + 60
        while time.monotonic() < ends and server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return server, port
        server.kill()
        server.wait()
    log.seek(0)
    raise RuntimeError(f"moto's server does not answer: {log.read().decode(errors='replace')}")
