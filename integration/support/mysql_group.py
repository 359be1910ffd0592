"""A MySQL server of our own that is a group of Group Replication, with one member and several possible primaries."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from integration.support.mysql_programs import mysqld
from integration.support.s3 import free_ports
from integration.support.servers import OwnServer

__all__ = ["mysql_group"]

_FAST = ("--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF")
_GROUP = {
    "group-name": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "bootstrap-group": "ON",
    "start-on-boot": "ON",
    "single-primary-mode": "OFF",
}


@contextmanager
def mysql_group() -> Generator[str]:
    """Yield the URL of the server, without a database; skip the test where MySQL or its plugin is not installed."""
    program = mysqld()
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    port, member = free_ports(2)
    command = [*program, f"--datadir={folder}/data", *_FAST]
    made = subprocess.run([*command, "--initialize-insecure", "--skip-log-bin"], check=False, capture_output=True)
    assert made.returncode == 0, made.stderr.decode("utf-8", "replace")[-2000:]
    command += ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/s", "--sync-binlog=0"]
    command += ["--server-id=1", "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--report-host=127.0.0.1"]
    command += ["--plugin-load-add=group_replication.so"]
    settings = {**_GROUP, "local-address": f"127.0.0.1:{member}"}
    command += [f"--loose-group-replication-{name}={value}" for name, value in settings.items()]
    url = f"mysql+asyncmy://root@127.0.0.1:{port}/"
    server = OwnServer(url, command, "root", folder, signal.SIGKILL)
    try:
        server.start()
        yield url
    finally:
        server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
