"""The quickstart ends with the next commands, and these work on the store that it made."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.snippets import ROOT, clean_environment

pytestmark = pytest.mark.slow


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_that_it_names_show_what_it_saved(tmp_path: Path) -> None:
    shell, browser = run(tmp_path, str(ROOT / "examples/quickstart.py")).splitlines()[-2:]
    commands = re.findall(r"artigraph ([^,]+)", shell)
    assert commands == ["ls", "show @", "tree @"]
    assert browser.endswith("artigraph ui")  # integration/ui starts it
    listed, shown, drawn = (run(tmp_path, "-m", "artigraph", *command.split()) for command in commands)
    assert [line.split("\t")[1] for line in listed.splitlines()[1:]] == ["Comparison", *["Classifier"] * 3, "Dataset"]
    assert re.search(r"^status\s+completed$", shown, re.MULTILINE)
    assert "classifier: Classifier (version 1)" in drawn
