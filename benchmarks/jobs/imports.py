"""The cost of importing the library."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

from benchmarks.bench import Bench, Job
from benchmarks.results import Row, compared

__all__ = ["JOBS"]

_SCRIPT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
_MODULES = {"ours": "artigraph", "raw": "sqlalchemy.ext.asyncio"}


async def imports(bench: Bench) -> Sequence[Row]:
    """Import in new processes, in turns. The interpreter's start does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in _MODULES}
    # Import compiled files, as users do. The round that does not count writes them.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(bench.folder / "compiled")
    for number in range(-1, 2 * bench.effort.rounds if bench.effort.divisor == 1 else 3):
        for name, module in list(_MODULES.items())[:: 1 if number % 2 else -1]:
            taken = await _import(module, env)
            if number >= 0:
                seconds[name].append(taken)
    title = "import artigraph, raw being import sqlalchemy.ext.asyncio"
    return [compared(seconds, job="import", title=title, database="-", limit=1.15, against="raw")]


async def _import(module: str, env: Mapping[str, str]) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SCRIPT.format(module), stdout=asyncio.subprocess.PIPE, env=env
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return float(output)


JOBS = (Job("import", imports, ("sqlite",)),)
