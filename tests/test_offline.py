"""The guard that keeps the fast tests offline sees what it has to see."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.offline import Guard


@pytest.mark.parametrize("port", [3306, 5432, 53307])
async def test_a_connection_to_a_server_is_refused_and_noted(port: int, offline_guard: Guard) -> None:
    with offline_guard.on() as refused:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=1)
        with pytest.raises(OSError, match="refused"):
            await asyncio.open_connection("127.0.0.1", port)
        with socket.socket() as plain:
            assert plain.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
    assert refused == [("127.0.0.1", port)] * 3


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets here")
def test_a_connection_to_dockers_socket_is_refused_and_noted(offline_guard: Guard) -> None:
    with (
        offline_guard.on() as refused,
        socket.socket(socket.AF_UNIX) as docker,
        pytest.raises(ConnectionRefusedError),
    ):
        docker.connect("/var/run/docker.sock")
    assert refused == ["/var/run/docker.sock"]


async def test_servers_of_the_test_are_reached(tmp_path: Path, offline_guard: Guard) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"here")
        writer.close()
        await writer.wait_closed()

    with offline_guard.on() as refused:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await reader.read() == b"here"
            writer.close()
            await writer.wait_closed()
    assert refused == []


def test_a_test_that_asks_for_a_server_fails_even_where_it_catches_the_refusal(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.support.offline import offline, offline_guard\n__all__ = ['offline', 'offline_guard']\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import contextlib, socket\n\n"
        "def test_one():\n"
        "    with contextlib.suppress(OSError):\n"
        "        socket.create_connection(('127.0.0.1', 5432), timeout=1)\n\n"
        "def test_other():\n"
        "    pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    result = subprocess.run(command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True, timeout=120)
    assert "2 passed, 1 error" in result.stdout, result.stdout + result.stderr
    assert "connected to [('127.0.0.1', 5432)]" in result.stdout
