"""The cost of importing the library, and of what the command line does in a new process."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence

from artigraph import Run, RunManager
from artigraph.db import engine_context
from benchmarks.bench import Bench, Job
from benchmarks.models import Measure
from benchmarks.results import Row, compared

__all__ = ["JOBS"]

_SCRIPT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
_MODULES = {"ours": "artigraph.model, artigraph.run, artigraph.serializer.file", "raw": "sqlalchemy.ext.asyncio"}


async def imports(bench: Bench) -> Sequence[Row]:
    """Import in new processes, in turns. The interpreter's start does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in _MODULES}
    env = _environment(bench)
    for number in range(-1, 2 * bench.effort.rounds if bench.effort.divisor == 1 else 3):
        for name, module in list(_MODULES.items())[:: 1 if number % 2 else -1]:
            taken = await _import(module, env)
            if number >= 0:
                seconds[name].append(taken)
    title = "from artigraph import ArtifactModel, Run, File, raw being import sqlalchemy.ext.asyncio"
    return [compared(seconds, job="import", title=title, database="-", limit=1.15, against="raw")]


async def help_text(bench: Bench) -> Sequence[Row]:
    """Print the help of the command line in new processes, in turns with an interpreter that imports argparse."""
    seconds = await _in_turns(bench, {"ours": ("-m", "artigraph", "--help"), "raw": ("-c", "import argparse")}, {})
    title = "artigraph --help, raw being python -c 'import argparse'"
    return [compared(seconds, job="help", title=title, database="-", limit=4, against="raw")]


async def completion(bench: Bench) -> Sequence[Row]:
    """Complete a reference as a shell does, in turns with an interpreter that imports SQLAlchemy."""
    url = f"sqlite:///{bench.folder / 'completed.db'}"
    async with engine_context(url, create_tables=True), RunManager(Run(name="train")) as run:
        await run.save_artifact("one", Measure(0.5))
    programs = {"ours": ("-m", "artigraph"), "raw": ("-c", f"import {_MODULES['raw']}")}
    asked = {
        "ARTIGRAPH_URL": url,
        "_ARTIGRAPH_COMPLETE": "bash_complete",
        "COMP_WORDS": "artigraph show run:t",
        "COMP_CWORD": "2",
    }
    seconds = await _in_turns(bench, programs, asked)
    title = "complete a reference on the command line, raw being python -c 'import sqlalchemy.ext.asyncio'"
    return [compared(seconds, job="completion", title=title, database="-", limit=1.5, against="raw")]


async def _in_turns(
    bench: Bench, programs: Mapping[str, Sequence[str]], more: Mapping[str, str]
) -> dict[str, list[float]]:
    """Return the seconds that new interpreters took, from start to end."""
    env = {**_environment(bench), **more}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(-1, 2 * bench.effort.rounds if bench.effort.divisor == 1 else 3):
        for name, arguments in list(programs.items())[:: 1 if number % 2 else -1]:
            start = time.perf_counter()
            process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, stdout=asyncio.subprocess.DEVNULL, env=env
            )
            assert await process.wait() == 0
            if number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def _environment(bench: Bench) -> dict[str, str]:
    """Return an environment in which compiled files are imported, as users do. The first round writes them."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return env | {"PYTHONPYCACHEPREFIX": str(bench.folder / "compiled")}


async def _import(module: str, env: Mapping[str, str]) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SCRIPT.format(module), stdout=asyncio.subprocess.PIPE, env=env
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return float(output)


JOBS = (
    Job("import", imports, ("sqlite",)),
    Job("help", help_text, ("sqlite",)),
    Job("completion", completion, ("sqlite",)),
)
