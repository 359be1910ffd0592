"""Run the steps of CI, all of them even if one fails; print which failed and how long each took.

Each step is a verb of the justfile; the text after a colon is its argument. You can name steps, as in `just check lint
mypy versions:lowest`, or leave some out, as in `just check --without unit`.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

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
    results: list[tuple[str, int, float]] = []
    for step in chosen:
        print(f"\n=== {step}", flush=True)
        start = time.monotonic()
        code = subprocess.run(["just", *step.split(":")], cwd=ROOT, check=False).returncode
        results.append((step, code, time.monotonic() - start))
    failed = [step for step, code, _ in results if code]
    lines = [f"{'ok' if code == 0 else 'FAILED':8} {seconds:7.1f} s  {step}" for step, code, seconds in results]
    lines += ["", f"Failed: {', '.join(failed)}" if failed else "All steps passed"]
    print("", *lines, sep="\n")
    if options.summary:
        options.summary.write_text("\n".join([*lines, ""]), "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
