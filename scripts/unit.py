"""Run the fast tests and require 95% of the branches, with coverage measured on Python 3.12 or newer.

Python 3.11 may loop forever in a traced process while threads that used greenlets end. The timeout of a test cannot
interrupt that. So on 3.11 the tests run without coverage, and the output says so.
"""

import subprocess
import sys

TESTS = ("pytest", "-n", "auto", "-m", "not slow and not long")
COVERAGE = ("--cov", "--cov-report=term")


def main(*arguments: str) -> int:
    """Return the exit code of pytest. It is also not 0 if too few branches were run."""
    measured = sys.version_info >= (3, 12)
    if not measured:
        print("Coverage is not measured on Python 3.11 (scripts/unit.py says why). Take Python 3.12 or newer for it.")
    return subprocess.run([*TESTS, *(COVERAGE if measured else ()), *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
