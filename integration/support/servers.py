"""Servers that a test starts, kills and starts again; nobody else uses them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import make_url

from integration.support.s3 import free_ports
from tests.support.system import missing

__all__ = ["OwnServer", "own_folder", "own_server", "programs_of_postgresql", "run_as"]


class OwnServer:
    """A server of our own, and the command that starts it."""

    def __init__(self, url: str, command: Sequence[str], user: str, folder: Path, *endings: int) -> None:
        self.url = url
        self._command = command
        self._user = user
        self.endings = endings
        """The signals that end it at once: in good order first, then without a word to anybody."""
        self._log = folder / "log"
        self._port = make_url(url).port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> None:
        """Start it, perhaps with more arguments, and return when its port answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*_as(self._user), *self._command, *more], stdout=log, stderr=log)
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, self._log.read_text("utf-8", "replace")[-2000:]
                time.sleep(0.05)
            else:
                return
        raise TimeoutError(self._log.read_text("utf-8", "replace")[-2000:])

    def stop(self, number: int) -> None:
        """End it by one of its signals."""
        if self._process is not None:
            os.kill(self._process.pid, number)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Kill all its processes with SIGKILL, as when its machine fails."""
        if self._process is not None:
            processes = [self._process.pid, *_children(self._process.pid)]
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def run(self, command: Sequence[str]) -> str:
        """Run a program as the server's user, and return what it prints, errors included."""
        done = subprocess.run([*_as(self._user), *command], check=False, capture_output=True, text=True)
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
        return done.stdout + done.stderr

    @property
    def log(self) -> str:
        """The end of its log."""
        return self._log.read_text("utf-8", "replace")[-4000:]

    @property
    def command(self) -> Sequence[str]:
        """The command that starts it."""
        return self._command

    @contextmanager
    def stopped(self) -> Generator[None]:
        """Stop all processes of the server with SIGSTOP, so that connections stay open and get no answer."""
        assert self._process is not None
        server = self._process.pid
        processes = [server]
        try:
            _stop(server)  # first, because it starts processes until it is stopped
            processes += _children(server)
            for process in processes[1:]:
                _stop(process)
            yield
        finally:
            for process in reversed(processes):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)


def _stop(process: int) -> None:
    """Stop a process with SIGSTOP, and return when it does nothing more: it may have ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGSTOP)
    for _ in range(200):
        if _is_still(process):
            return
        time.sleep(0.01)
    raise TimeoutError(f"process {process} of the server did not stop")


def _is_still(process: int) -> bool:
    """Whether all threads are stopped or have ended. A stopped server cannot remove its ended processes."""
    return all(_state(thread) in "TZX" for thread in Path(f"/proc/{process}/task").glob("*/stat"))


def _state(thread: Path) -> str:
    try:
        return thread.read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except OSError:  # it has ended
        return "X"


def _children(parent: int) -> list[int]:
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            after_name = status.read_text("utf-8", "replace").rpartition(")")[2].split()
            if int(after_name[1]) == parent:
                found.append(int(status.parent.name))
    return found


@contextmanager
def own_server(database: str) -> Generator[OwnServer]:
    """Make the data of a server; skip the test where its programs are not installed."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    server = _postgresql(folder) if database == "postgresql" else _mariadb(folder)
    try:
        yield server
    finally:
        server.stop(server.endings[-1])
        shutil.rmtree(folder, ignore_errors=True)


def programs_of_postgresql() -> Path:
    """Return the folder of PostgreSQL's programs; skip the test where they are not installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        missing("PostgreSQL's programs are not installed (apt-get install postgresql)")
    return programs[-1].parent


def _postgresql(folder: Path) -> OwnServer:
    programs_at, [port] = programs_of_postgresql(), free_ports(1)
    data = own_folder(folder, "postgres")
    run_as(["initdb", "-A", "trust", "-U", "postgres", "-D", str(data)], "postgres", programs_at)
    command = [str(programs_at / "postgres"), "-D", str(data), "-p", str(port), "-k", str(data)]
    command += ["-c", "listen_addresses=127.0.0.1"]
    return OwnServer(
        f"postgresql+asyncpg://postgres@127.0.0.1:{port}/postgres",
        command,
        "postgres",
        folder,
        signal.SIGINT,
        signal.SIGQUIT,
    )


def _mariadb(folder: Path) -> OwnServer:
    if shutil.which("mariadbd") is None or shutil.which("mariadb-install-db") is None:
        missing("MariaDB's programs are not installed (apt-get install mariadb-server)")
    data, [port] = own_folder(folder, "mysql"), free_ports(1)
    run_as(
        [
            "mariadb-install-db",
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            f"--datadir={data}",
        ],
        "mysql",
    )
    command = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={data}/socket", f"--port={port}"]
    command += ["--bind-address=127.0.0.1"]
    return OwnServer(
        f"mysql+asyncmy://root@127.0.0.1:{port}/test", command, "mysql", folder, signal.SIGTERM, signal.SIGKILL
    )


def own_folder(folder: Path, user: str) -> Path:
    """Make a folder for the data of a server that a user runs."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(data, user, user)
    return data


def _as(user: str) -> list[str]:
    """Return how to become the user whom a server wants to be run by; it refuses to be run by root."""
    if os.geteuid() != 0:
        return []
    found = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}", "--clear-groups", "--"]


def run_as(command: Sequence[str], user: str, programs_at: Path | None = None) -> None:
    """Run a program as the user of a server."""
    program = str(programs_at / command[0]) if programs_at else command[0]
    done = subprocess.run([*_as(user), program, *command[1:]], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-2000:]
