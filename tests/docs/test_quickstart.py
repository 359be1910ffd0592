"""The quickstart ends with the next commands, and these work on the store that it made."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.snippets import ROOT, clean_environment

pytestmark = pytest.mark.slow


def run(folder: Path, *arguments: str) -> str:
    """Run Python with these arguments."""
    return output_of(folder, sys.executable, *arguments)


def output_of(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return the program of Python in an environment below the folder of the store, as in a checkout."""
    folder = tmp_path / "work" / "environment"
    folder.parent.mkdir()
    folder.symlink_to(sys.prefix)
    return folder / "bin" / "python"


def test_the_commands_that_it_names_show_what_it_saved(environment: Path) -> None:
    folder = environment.parents[2]
    printed = output_of(folder, str(environment), str(ROOT / "examples/quickstart.py")).splitlines()
    computed, _, shell, *commands, browser, last = printed[-9:]
    assert computed.startswith("3 calls of train were computed. ")
    assert (shell, browser) == ("Look at it in a shell:", "or in a browser:")
    assert last == "  environment/bin/artigraph ui"  # integration/ui starts it
    assert [line.split("artigraph ")[1] for line in commands] == ["ls", "show @", "tree run:quickstart", "cache ls"]
    listed, shown, drawn, cached = (output_of(folder, *shlex.split(line)) for line in commands)
    assert [line.split("\t")[1] for line in listed.splitlines()[1:]] == ["Comparison", *["Classifier"] * 3, "Dataset"]
    assert re.search(r"^status\s+completed$", shown, re.MULTILINE)
    assert "classifier: Classifier (version 1)" in drawn
    assert re.search(r"^quickstart\.train\t3\t0\t", cached, re.MULTILINE)


def test_the_second_start_computes_nothing_again(tmp_path: Path) -> None:
    script = tmp_path / "quickstart.py"
    script.write_text((ROOT / "examples/quickstart.py").read_text("utf-8"), "utf-8")
    run(tmp_path, str(script))
    served, *_ = run(tmp_path, str(script)).splitlines()[-9:]
    assert served.startswith("3 of 3 calls of train were not computed again: ")
    assert re.search(r"^quickstart\.train\t3\t3\t", run(tmp_path, "-m", "artigraph", "cache", "ls"), re.MULTILINE)
    changed = script.read_text("utf-8").replace("max_iter=1000", "max_iter=2000")
    script.write_text(changed, "utf-8")
    computed, *_ = run(tmp_path, str(script)).splitlines()[-9:]
    assert computed.startswith("3 calls of train were computed. ")
    assert "code changed: quickstart.train" in run(tmp_path, "-m", "artigraph", "cache", "explain", "run:train")
