"""The program of a MySQL server that can be in a group."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.support.system import missing

__all__ = ["mysqld"]

_PLUGINS = Path("usr/lib/mysql/plugin")


def mysqld() -> list[str]:
    """Return how to call a mysqld that has the plugin of Group Replication; skip the test without one.

    It is installed in the system, or in a folder of the cache, where .ci/mysql-server installs Debian's package.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    installed = shutil.which("mysqld", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    roots = [Path("/")] if installed else []
    roots += [found.parents[2] for found in sorted(cache.glob("artigraph-*/*/usr/sbin/mysqld"))]
    root = next((root for root in roots if (root / _PLUGINS / "group_replication.so").exists()), None)
    if root is None:
        missing("no MySQL with the plugin of Group Replication is installed (.ci/mysql-server --install)")
    options = ["--no-defaults", f"--plugin-dir={root / _PLUGINS}", "--secure-file-priv=", "--mysqlx=OFF"]
    options += ["--user=root"] if os.geteuid() == 0 else []
    if root == Path("/"):
        return [str(installed), *options]
    # Its C library, which lies beside the loader, is newer than that of this system.
    loader = next(root.glob("usr/lib*/**/ld-linux-*.so.*")).resolve()
    libraries = [loader.parent, root / "usr/lib/mysql/private", root / "usr/lib"]
    program = [str(loader), "--library-path", ":".join(map(str, libraries)), str(root / "usr/sbin/mysqld")]
    return [*program, *options, f"--basedir={root}/usr", f"--lc-messages-dir={root}/usr/share/mysql"]
