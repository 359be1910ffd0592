"""A MySQL server of our own that is a group of Group Replication, with one member and several possible primaries."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from integration.support.mysql_programs import PLUGINS, root_of_mysql
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
    program = _program()
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    port, member = free_ports(2)
    command = [*program, f"--datadir={folder}/data", *_FAST]
    made = subprocess.run([*command, "--initialize-insecure", "--skip-log-bin"], check=False, capture_output=True)
    assert made.returncode == 0, made.stderr.decode("utf-8", "replace")[-2000:]
    command += ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/s", "--mysqlx=OFF", "--sync-binlog=0"]
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


def _program() -> list[str]:
    """Return how to call a mysqld that has the plugin."""
    root = root_of_mysql()
    arguments = ["--no-defaults", f"--plugin-dir={root / PLUGINS}", "--secure-file-priv="]
    arguments += ["--user=root"] if os.geteuid() == 0 else []
    if root == Path("/"):
        return [shutil.which("mysqld") or "/usr/sbin/mysqld", *arguments]
    loader = next(root.glob("usr/lib*/**/ld-linux-*.so.*"))  # its C library is newer than that of this system
    libraries = [loader.parent, root / "usr/lib/mysql/private", root / "usr/lib"]
    base = [f"--basedir={root}/usr", f"--lc-messages-dir={root}/usr/share/mysql"]
    program = root / "usr/sbin/mysqld"
    return [str(loader), "--library-path", ":".join(map(str, libraries)), str(program), *arguments, *base]
