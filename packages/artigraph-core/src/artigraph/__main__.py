"""`python -m artigraph`: the command line, if artigraph-cli is installed."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec


def main() -> int:
    """Run the command line and return its exit code."""
    if find_spec("artigraph.cli") is None:
        sys.stderr.write("The command line is not installed: pip install artigraph-cli\n")
        return 1
    code: int = import_module("artigraph.cli").main()
    return code


if __name__ == "__main__":
    sys.exit(main())
