"""The command line on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys


def on_a_terminal(*arguments: str, answer: str = "", **env: str) -> tuple[int, str]:
    """Return the exit code of a command, and what it writes to a terminal of 80 columns, or of COLUMNS.

    The answer is what the user types.
    """
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "artigraph", *arguments]
    variables = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **env}
    process = subprocess.Popen(command, stdout=theirs, stdin=theirs, stderr=theirs, env=variables)
    os.close(theirs)
    os.write(ours, answer.encode())
    read = b""
    try:
        while part := os.read(ours, 65536):
            read += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return process.wait(), read.decode()
