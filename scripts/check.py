"""Run the steps that CI runs, all of them even when one fails; print what failed and how long each took.

Each step is a verb of the justfile. Steps can be named: `just check lint mypy`.
"""

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
    "integration",
    "examples",
    "packaging",
)


def main(*steps: str) -> int:
    """Run the named steps, or all; return 1 if one failed."""
    results: list[tuple[str, int, float]] = []
    for step in steps or STEPS:
        print(f"\n=== {step}", flush=True)
        start = time.monotonic()
        code = subprocess.run(["just", step], cwd=ROOT, check=False).returncode
        results.append((step, code, time.monotonic() - start))
    print()
    for step, code, seconds in results:
        print(f"{'ok' if code == 0 else 'FAILED':8} {seconds:7.1f} s  {step}")
    failed = [step for step, code, _ in results if code]
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nAll steps passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
