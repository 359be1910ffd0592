"""`python -m benchmarks`: run the benchmarks, or write the page with their results."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.about import about
from benchmarks.bench import Effort, Job, is_there, opened
from benchmarks.jobs.all import JOBS
from benchmarks.report import page, tables
from benchmarks.results import Curve, Results, Row

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "appendix" / "performance" / "results.json"
PAGE = ROOT / "docs" / "appendix" / "performance.md"
PEERS = ROOT / "benchmarks" / "peers" / "results" / "peers.md"
DATABASES = ("sqlite", "postgresql", "mysql", "mariadb")
QUICK = Effort(rounds=5, heavy_rounds=5, divisor=20, nodes=100_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure, and merge what was found into the results")
    run.add_argument("--only", nargs="+", metavar="JOB", choices=[job.name for job in JOBS], help="these jobs alone")
    run.add_argument("--database", nargs="+", choices=DATABASES, help="these databases alone; otherwise all there are")
    run.add_argument("--long", action="store_true", help="the jobs that take much time or memory alone")
    run.add_argument("--quick", action="store_true", help="small sizes, SQLite alone, under a minute; proves no target")
    run.add_argument("--output", type=Path, help=f"the file of results (otherwise {RESULTS.relative_to(ROOT)})")
    run.add_argument("--nodes", type=int, help="the size of the large store of the job growth, instead of 10,000,000")
    report = commands.add_parser("report", help="write docs/appendix/performance.md from the results")
    report.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    if given.command == "report":
        plots = sorted(path.relative_to(PAGE.parent).as_posix() for path in RESULTS.parent.glob("*.svg"))
        peers = PEERS.read_text("utf-8") if PEERS.exists() else ""
        PAGE.write_text(page(Results.read(given.results), plots=plots, peers=peers), encoding="utf-8")
        return 0
    output = given.output or (None if given.quick else RESULTS)
    databases = given.database or (("sqlite",) if given.quick else DATABASES)
    jobs = [job for job in JOBS if (job.name in given.only if given.only else job.long == given.long)]
    if given.quick and not given.only:
        jobs = [job for job in jobs if job.quick]
    effort = QUICK if given.quick else Effort()
    if given.nodes is not None:
        effort = replace(effort, nodes=given.nodes)
    return asyncio.run(_run(jobs, databases, effort, output))


async def _run(jobs: Sequence[Job], databases: Sequence[str], effort: Effort, output: Path | None) -> int:
    results = Results() if output is None else Results.read(output)
    results.about = await about(databases, results.about.get("Databases", ""))
    found: list[Row] = []
    failed: list[str] = []
    for database in databases:
        if not is_there(database):
            print(f"{database}: not measured, there is no server (integration/README.md says how to name one)")
    for job in jobs:
        for database in job.databases:
            if database not in databases or not is_there(database):
                continue
            start = time.perf_counter()
            try:
                async with opened(database, effort) as bench:
                    measured = await job.measure(bench)
            except Exception as error:
                print(f"{job.name} on {database} FAILED: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                failed.append(f"{job.name} on {database}")
                continue
            print(f"{job.name} on {database}: {time.perf_counter() - start:.1f} s", flush=True)
            results.add(measured)
            found += [item for item in measured if not isinstance(item, Curve)]
            if output is not None:
                results.write(output)
    print("\n" + tables(found))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
