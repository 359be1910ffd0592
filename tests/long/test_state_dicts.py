"""One tensor of a state dict of 2 GiB. `just long` runs this in the environment of `just frameworks`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from artigraph.db import bytes_in_flight
from tests.long import state_dicts
from tests.support.frameworks import framework
from tests.support.snippets import ROOT

framework("torch")
pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def test_one_tensor_of_two_gibibytes_is_loaded_by_reading_that_tensor(tmp_path: Path) -> None:
    check_one_tensor("files", tmp_path, 2 * 1024**3)


def check_one_tensor(place: str, folder: Path, size: int) -> None:
    """Save a state dict in one process, load one tensor of it in another, and check what that read and took."""
    saved = run("save", place, folder, size)
    assert saved["growth"] <= bytes_in_flight(), saved  # pieces that are hashed and written
    told = run("load", place, folder, saved["id"])
    assert told["same"]
    assert told["size"] >= size
    assert told["tensor"] == size // state_dicts.TENSORS
    # The chunks that the tensor lies in, of which the first and last have other bytes too, and that of the header.
    assert told["fetched"] <= told["tensor"] + 3 * state_dicts.CHUNK, told
    assert told["growth"] <= told["tensor"] + 64 * 1024**2, told


def run(action: str, place: str, folder: Path, given: object) -> dict[str, Any]:
    command = [sys.executable, "-m", state_dicts.__name__, action, place, str(folder), str(given)]
    told: dict[str, Any] = json.loads(
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    )
    return told
