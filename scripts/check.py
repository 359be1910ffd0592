"""Run the steps of CI, all of them even if one fails; print which failed and how long each took.

Each step is a verb of the justfile; the text after a colon is its argument. You can name steps, as in `just check lint
mypy versions:lowest`, or leave some out, as in `just check --without unit`.

Steps that keep one core busy run at the same time. Their output is printed when they end.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
STEPS = (
    "format",
    "lint",
    "pyright",
    "mypy",
    "verifytypes",
    "layers",
    "dependencies",
    "constraints",
    "unit",
    "versions:lowest",
    "versions:sqlalchemy-2.0",
    "integration",
    "examples",
    "packaging",
)
ON_ONE_CORE = {"pyright", "mypy", "verifytypes", "dependencies", "constraints"}
"""Not `layers` too: it installs into the folder of `verifytypes`."""


class Result(NamedTuple):
    """How a step ended, and after how many seconds."""

    step: str
    code: int
    seconds: float


def run(steps: list[str]) -> Iterator[Result]:
    """Run the steps in their order, and yield their results in this order."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        side_by_side = [step for step in steps if step in ON_ONE_CORE]
        for step in steps:
            if step not in ON_ONE_CORE:
                print(f"\n=== {step}", flush=True)
                yield run_step(step)[0]
            elif step == side_by_side[0]:
                for result, output in pool.map(partial(run_step, output=subprocess.PIPE), side_by_side):
                    print(f"\n=== {result.step}\n{output}", end="", flush=True)
                    yield result


def run_step(step: str, output: int | None = None) -> tuple[Result, str]:
    """Run one step, and return its result, and its output if that was to be kept."""
    start = time.monotonic()
    command = ["just", *step.split(":")]
    errors = None if output is None else subprocess.STDOUT
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=output, stderr=errors, text=True)
    return Result(step, done.returncode, time.monotonic() - start), done.stdout or ""


def main(*arguments: str) -> int:
    """Run the named steps, or all; return 1 if one failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"by default all: {', '.join(STEPS)}")
    parser.add_argument("--without", action="append", default=[], choices=STEPS, metavar="STEP", help="leave it out")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="also write the results to this file")
    options = parser.parse_args(arguments)
    chosen = [step for step in options.steps or STEPS if step not in options.without]
    if not chosen:
        parser.error("no step is left to run")
    results = list(run(chosen))
    failed = [step for step, code, _ in results if code]
    lines = [f"{'ok' if code == 0 else 'FAILED':8} {seconds:7.1f} s  {step}" for step, code, seconds in results]
    lines += ["", f"Failed: {', '.join(failed)}" if failed else "All steps passed"]
    print("", *lines, sep="\n")
    if options.summary:
        options.summary.write_text("\n".join([*lines, ""]), "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
