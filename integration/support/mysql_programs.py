"""Where the programs of a MySQL server are that can be in a group."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

PLUGINS = Path("usr/lib/mysql/plugin")


def root_of_mysql() -> Path:
    """Return the folder below which MySQL is installed with the plugin of Group Replication, or skip the test.

    It is the root of the system, or a folder of the cache, where .ci/mysql-server installs Debian's package.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    roots = [Path("/")] if shutil.which("mysqld", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"])) else []
    roots += [found.parents[2] for found in sorted(cache.glob("artigraph-*/*/usr/sbin/mysqld"))]
    for root in roots:
        if (root / PLUGINS / "group_replication.so").exists():
            return root
    pytest.skip("no MySQL with the plugin of Group Replication is installed, for example by .ci/mysql-server")
