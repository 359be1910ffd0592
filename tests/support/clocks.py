"""Garbage collection by a process whose clock is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from artigraph.storage.file import FileSystem
from tests.support import under_another_clock


def run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def collected(url: str, storage: FileSystem, *under: str) -> Any:
    return json.loads(run(*under, sys.executable, under_another_clock.__file__, url, str(storage.directory)))


@pytest.fixture
def faketime() -> str:
    program = shutil.which("faketime")
    if program is None:
        reason = "no faketime here: install libfaketime (Debian's package faketime)"
        if os.environ.get("ARTIGRAPH_TEST_REQUIRE_SERVERS", "") not in ("", "0"):
            pytest.fail(reason)
        pytest.skip(reason)
    return program
