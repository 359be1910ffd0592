"""Bytes that claim more than they hold are refused within bounded memory, by every serializer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MOST = 1024
"""The MiB by which the process may grow."""
GROWTH = 256
"""The MiB by which it may grow for one input."""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_bytes_that_claim_much_are_refused_within_bounded_memory() -> None:
    command = [sys.executable, "-m", "tests.reliability.hostile_bytes", str(MOST)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr[-2000:]
    *found, unfolding = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) > 500
    assert [row for row in found if row[2] not in ("refused", "a value")] == []
    # A changed note of a frame may be valid, too, and bytes of padding may have any value.
    loaded = [row[0] for row in found if row[2] == "a value"]
    assert [name for name in loaded if ": note " not in name and "points elsewhere" not in name] == []
    assert [row for row in found if row[4] > GROWTH] == []
    # Valid bytes may expand to any size. The process's limit stops that with an ordinary error.
    name, size, outcome = unfolding[:3]
    assert (name, size < 1024, outcome) == ("unfolding", True, "refused")
