# /// script
# requires-python = ">=3.11"
# dependencies = ["cosmic-ray==8.7.*", "coverage>=7.6"]
# ///
"""Change the code in small ways and see whether the tests notice.

    mutation.py REPORT [--count N] [--seed N] [--jobs N] [--tests N]

The code is that of graph/, db/, model/ and the codecs. First its fast tests run once, and coverage notes which test
runs which line. Cosmic Ray then makes the mutants. A sample of them is tried; one seed always gives the same sample.
Each mutant meets the tests that run its line: at most `--tests` of them, spread over the files of tests. The
report lists the mutants that no test noticed, though a test that was left out might have.

Each job works in a copy of the checkout, so the checkout itself never changes. The tests run in the environment that
`MUTATION_PYTHON` belongs to, with the copy's packages before the installed ones. It has to be Python 3.12 or newer
(scripts/unit.py says why). Tests that need servers do not take part: a mutant in code for one database server may pass
here and fail there.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from queue import SimpleQueue
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CORE = Path("packages", "artigraph-core", "src", "artigraph")
AREAS = {
    "graph": ("graph/*.py",),
    "db": ("db/*.py",),
    "model": ("model/*.py",),
    "codecs": ("serializer/codec/*.py", "serializer/search_key.py", "serializer/json.py", "serializer/datetime.py"),
}
"""Patterns of the mutated modules, below the core's package."""
TESTS = (
    *("tests/db", "tests/graph", "tests/lineage", "tests/maintenance", "tests/migrations", "tests/model", "tests/orm"),
    *("tests/query", "tests/reliability", "tests/run", "tests/serializer/test_*.py", "tests/tracking"),
    "tests/test_*.py",
)
"""Patterns of the tests that check these modules. Other tests are slow, or run the same code again."""
NO_TESTS = ("tests/test_forbidden.py",)
"""Tests of the checkout's text, which need git."""
OPTIONS = ("-q", "-p", "no:cacheprovider", "-m", "not slow and not long")
TIMEOUT = 1800.0
"""Seconds for the tests of one mutant. A test that hangs ends by its own timeout long before."""
EXCLUDED = re.compile(
    "core/ReplaceBinaryOperator_BitOr_"  # nearly all of them are unions in annotations, which nothing evaluates
    "|core/RemoveDecorator"  # `@overload` and the like
)

OUTCOMES = ("noticed", "passed", "not run", "too slow")

Coverage = dict[str, dict[int, set[str]]]
"""By module and line: the tests that run it. A line that runs on import alone has an empty set."""


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    area: str
    module: str
    """Its path below the core's package."""
    line: int
    operator: str
    occurrence: int
    mutation: Any
    """Cosmic Ray's own description."""


@dataclass(frozen=True)
class Tried:
    """A mutant, and its outcome."""

    mutant: Mutant
    outcome: str
    """`noticed`, `passed`, `not run` where no test runs the line, or `too slow` where the tests took too long."""
    diff: str = ""


def main(*arguments: str) -> int:
    """Try a sample and write the report; return 1 if the tests fail without a mutant."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--tests", type=int, default=400)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mutation") as folder:
        copies = [_copy(Path(folder, str(number))) for number in range(options.jobs)]
        coverage = _covered(copies[0], options.jobs)
        if coverage is None:
            print("The tests fail without any mutant.")
            return 1
        mutants = sample(_mutants(copies[0], Path(folder)), options.count, options.seed)
        free: SimpleQueue[Path] = SimpleQueue()
        for copy in copies:
            free.put(copy)
        tried: list[Tried] = []
        with ThreadPoolExecutor(len(copies)) as pool:
            control = pool.submit(_control, free, coverage)
            for future in as_completed(
                pool.submit(_try_in, free, mutant, coverage, options.tests) for mutant in mutants
            ):
                one = future.result()
                print(f"{one.outcome:8} {one.mutant.module}:{one.mutant.line} {one.mutant.operator}", flush=True)
                tried.append(one)
                # after each mutant, so that an interrupted run keeps its results
                options.report.write_text(report(tried), "utf-8")
        if not control.result():
            print("The tests fail in one process without any mutant: the report says nothing.")
            return 1
    return 0


def sample(mutants: Collection[Mutant], count: int, seed: int) -> list[Mutant]:
    """Return `count` of the mutants; one seed always gives the same ones."""
    ordered = sorted(mutants, key=lambda one: (one.area, one.module, one.line, one.operator, one.occurrence))
    return random.Random(seed).sample(ordered, min(count, len(ordered)))  # noqa: S311 (a sample, not a secret)


def report(tried: Collection[Tried]) -> str:
    """Return the figures by area, and each mutant that no test noticed, as Markdown."""
    lines = ["| area | mutants | " + " | ".join(OUTCOMES) + " |", "| --- |" + " --- |" * (len(OUTCOMES) + 1)]
    for area in (*AREAS, "all"):
        counts = Counter(one.outcome for one in tried if area in (one.mutant.area, "all"))
        lines.append(f"| {area} | {counts.total()} | " + " | ".join(str(counts[one]) for one in OUTCOMES) + " |")
    for one in sorted(tried, key=lambda one: (one.mutant.module, one.mutant.line)):
        if one.outcome != "noticed":
            mutant = one.mutant
            lines += ["", f"`{mutant.module}:{mutant.line}` {mutant.operator}: {one.outcome}"]
            lines += ["", "```diff", one.diff.strip(), "```"] if one.diff else []
    return "\n".join((*lines, ""))


def _copy(folder: Path) -> Path:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    return folder


def _pytest(copy: Path, *arguments: str) -> list[str]:
    sources = os.pathsep.join(str(path) for path in sorted(copy.glob("packages/*/src")))
    variables = (f"PYTHONPATH={sources}", "PYTHONDONTWRITEBYTECODE=1")
    return ["env", "-C", str(copy), *variables, os.environ["MUTATION_PYTHON"], "-m", "pytest", *OPTIONS, *arguments]


def _covered(copy: Path, jobs: int) -> Coverage | None:
    """Run the fast tests; return which tests run each line, or None if a test fails."""
    command = _pytest(copy, "-n", str(jobs), "--cov", "--cov-context=test", "--cov-report=", "--no-cov-on-fail")
    found = {str(path.relative_to(copy)) for pattern in TESTS for path in copy.glob(pattern)}
    tests = sorted(found.difference(NO_TESTS))
    if subprocess.run([*command, "--cov-fail-under=0", *tests], check=False).returncode:
        return None
    data: Any = import_module("coverage").CoverageData(str(copy / ".coverage"))
    data.read()
    files = {Path(copy, name).resolve(): name for name in data.measured_files()}
    return {
        str(path.relative_to(copy / CORE)): {
            line: {context.rpartition("|")[0] for context in contexts if context}
            for line, contexts in data.contexts_by_lineno(name).items()
        }
        for path, name in files.items()
        if path.is_relative_to(copy / CORE)
    }


def _mutants(copy: Path, folder: Path) -> list[Mutant]:
    init: Any = import_module("cosmic_ray.commands").init
    work: Any = import_module("cosmic_ray.work_db")
    mutants: list[Mutant] = []
    for area, patterns in AREAS.items():
        paths = sorted(path for pattern in patterns for path in (copy / CORE).glob(pattern))
        with work.use_db(str(folder / f"{area}.sqlite")) as database:
            init(paths, database, {})
            for item in database.work_items:
                (mutation,) = item.mutations
                if not EXCLUDED.match(mutation.operator_name):
                    module = str(Path(mutation.module_path).relative_to(copy / CORE))
                    place = (mutation.start_pos[0], mutation.operator_name, mutation.occurrence)
                    mutants.append(Mutant(area, module, *place, mutation))
    return mutants


def _control(free: SimpleQueue[Path], coverage: Coverage) -> bool:
    """Return whether the tests pass without a mutant, run as for a mutant: in one process, by their names."""
    copy = free.get()
    try:
        tests = {test for lines in coverage.values() for found in lines.values() for test in found}
        return not subprocess.run(_named(copy, sorted(tests)), check=False, stdout=subprocess.DEVNULL).returncode
    finally:
        free.put(copy)


def _named(copy: Path, tests: Collection[str]) -> list[str]:
    """Return the command that runs these tests until one fails."""
    names = copy.with_name(f"{copy.name}.tests")
    names.write_text("\n".join(tests), "utf-8")
    return _pytest(copy, "-x", f"@{names}")


def spread(tests: Collection[str], most: int) -> list[str]:
    """Return at most `most` of the tests, one of each file in turn."""
    by_file: dict[str, list[str]] = {}
    for test in sorted(tests):
        by_file.setdefault(test.partition("::")[0], []).append(test)
    turns = zip_longest(*by_file.values())
    return [test for turn in turns for test in turn if test is not None][:most]


def _try_in(free: SimpleQueue[Path], mutant: Mutant, coverage: Coverage, most: int) -> Tried:
    copy = free.get()
    try:
        return _try(copy, mutant, coverage.get(mutant.module, {}), most)
    finally:
        free.put(copy)


def _try(copy: Path, mutant: Mutant, lines: dict[int, set[str]], most: int) -> Tried:
    mutating: Any = import_module("cosmic_ray.mutating")
    items: Any = import_module("cosmic_ray.work_item")
    # Coverage records a statement at its first line. A line inside a statement belongs to the nearest recorded line
    # above.
    tests = next((lines[line] for line in range(mutant.line, 0, -1) if line in lines), None)
    if tests is None:
        return Tried(mutant, "not run")
    # Code that runs on import runs in each test. A selection of tests is enough to import and use the module.
    chosen = tests or {test for found in lines.values() for test in found}
    path = str(copy / CORE / mutant.module)
    mutation = items.MutationSpec(
        module_path=path,
        operator_name=mutant.operator,
        occurrence=mutant.occurrence,
        operator_args=mutant.mutation.operator_args,
        start_pos=mutant.mutation.start_pos,
        end_pos=mutant.mutation.end_pos,
    )
    result = mutating.mutate_and_test([mutation], shlex.join(_named(copy, spread(chosen, most))), TIMEOUT)
    if result.test_outcome == items.TestOutcome.SURVIVED:
        outcome = "passed"
    elif result.test_outcome == items.TestOutcome.KILLED:
        outcome = "too slow" if result.output == "timeout" else "noticed"
    else:
        message = f"{mutant} could not be tried: {result.output}"
        raise RuntimeError(message)
    return Tried(mutant, outcome, result.diff or "")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
