"""The page and the example about fitted models, with the large libraries: `just frameworks` runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support import snippets
from tests.support.frameworks import framework
from tests.support.snippets import LARGE_EXAMPLE, ROOT, blocks, clean_environment

for _library in ("lightgbm", "skops", "torch", "xgboost"):
    framework(_library)
PAGE = ROOT / "docs/how-to/keep-a-fitted-model.md"


def run(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=clean_environment(), check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_blocks_of_the_page_run(tmp_path: Path) -> None:
    assert sum(block.verb == "frameworks" for block in blocks(PAGE)) == 3
    run(tmp_path, snippets.__file__, str(PAGE), "--frameworks")


def test_the_example_runs(tmp_path: Path) -> None:
    lines = run(tmp_path, str(LARGE_EXAMPLE)).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["arrays", "skops", "xgboost", "lightgbm", "torch"]
    assert all(line.endswith("equal predictions") for line in lines)


def test_another_process_shows_what_it_kept(tmp_path: Path) -> None:
    """The command line imports no model. It finds the serializers by their stored names."""
    run(tmp_path, str(LARGE_EXAMPLE))
    settings = """
        [database]
        url = "sqlite:///models.db"
        [storage."file:models"]
        type = "file"
        directory = "models"
    """
    (tmp_path / "artigraph.toml").write_text(settings, "utf-8")
    shown = run(tmp_path, "-m", "artigraph", "show", "Boosters/boosters")
    assert "xgboost-booster" in shown
    shown = run(tmp_path, "-m", "artigraph", "cat", "Boosters/boosters.trees", "--as", "text")
    assert "objective: binary:logistic" in shown
    shown = run(tmp_path, "-m", "artigraph", "cat", "Boosters/boosters.leaves", "--as", "text")
    assert "objective: binary sigmoid:1" in shown
