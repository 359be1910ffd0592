"""Run the fast tests and require 96% of the lines, or with `--branches` 95% of the branches, on Python 3.12 or newer.

Lines are counted at next to no cost. Branches need coverage's tracer, which doubles the time.

Python 3.11 may loop forever in a traced process while threads that used greenlets end. The timeout of a test cannot
interrupt that. So on 3.11 the tests run without coverage, and the output says so.
"""

import subprocess
import sys

TESTS = ("pytest", "-n", "auto", "-m", "not slow and not long")
COVERAGE = ("--cov", "--cov-report=term")
BRANCHES = "--branches"


def main(*arguments: str) -> int:
    """Return the exit code of pytest. It is also not 0 if too little was run."""
    coverage: tuple[str, ...] = COVERAGE
    if sys.version_info < (3, 12):
        print("Coverage is not measured on Python 3.11 (scripts/unit.py says why). Take Python 3.12 or newer for it.")
        coverage = ()
    elif BRANCHES in arguments:
        coverage = (*COVERAGE, "--cov-config=scripts/branches.ini")
    rest = [argument for argument in arguments if argument != BRANCHES]
    return subprocess.run([*TESTS, *coverage, *rest], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
