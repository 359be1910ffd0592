"""What the figures were measured with: versions, and a description of the machine."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.bench import is_there
from integration.support.databases import server_url

__all__ = ["about"]

_LIBRARIES = ("sqlalchemy", "aiosqlite", "asyncpg", "asyncmy", "numpy", "pandas", "pyarrow", "aiobotocore")


async def about(databases: Sequence[str], before: str = "") -> dict[str, str]:
    """Return the lines to print below the table, without host names.

    Only the named databases are asked for their versions. The versions of the others are taken from `before`.
    """
    servers = dict(part.split(" ", 1) for part in before.split(", ") if " " in part)
    servers |= {name: await _version(name) for name in databases if is_there(name)}
    return {
        "Machine": os.environ.get("ARTIGRAPH_BENCH_MACHINE") or _machine(),
        "Databases": ", ".join(f"{name} {found}" for name, found in servers.items()),
        "Python": f"{platform.python_version()} on {platform.system()}",
        "Libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        "Date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = ""
    info = Path("/proc/meminfo")
    if info.exists():
        kilobytes = int(info.read_text().split("MemTotal:")[1].split()[0])
        memory = f", {round(kilobytes / 1024**2)} GiB"
    return f"{cores} core{'s' if cores > 1 else ''}{memory}; the database servers on the same machine"


async def _version(database: str) -> str:
    if database == "sqlite":
        return sqlite3.sqlite_version
    url = server_url(database)
    assert url is not None
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            question = "SHOW server_version" if database == "postgresql" else "SELECT version()"
            answer = str((await connection.execute(text(question))).scalar_one())
            return answer.split(maxsplit=1)[0].split("-", maxsplit=1)[0]
    finally:
        await engine.dispose()
