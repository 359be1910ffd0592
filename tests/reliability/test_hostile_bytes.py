"""Bytes that claim more than they hold are refused within bounded memory, by every serializer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MOST = 1024
"""MiB that the process may take beyond what it begins with."""
GROWTH = 256
"""MiB by which it may grow for one of them."""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_bytes_that_claim_much_are_refused_within_bounded_memory() -> None:
    command = [sys.executable, "-m", "tests.reliability.hostile_bytes", str(MOST)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr[-2000:]
    *found, unfolding = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) > 500
    assert [row for row in found if row[2] not in ("refused", "a value")] == []
    # A note of a frame may be altered into another one that makes sense, and bytes of padding may be anything.
    loaded = [row[0] for row in found if row[2] == "a value"]
    assert [name for name in loaded if ": note " not in name and "points elsewhere" not in name] == []
    assert [row for row in found if row[4] > GROWTH] == []
    # What is in order may unfold to any size: the limit of the process is what ends it, as an error like any other.
    name, size, outcome = unfolding[:3]
    assert (name, size < 1024, outcome) == ("unfolding", True, "refused")
