"""The shipped JSON Schemas describe the documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.make_schemas import FOLDERS, wanted


@pytest.mark.parametrize("folder", FOLDERS, ids=["view", "cli"])
def test_the_files_are_what_the_script_makes(folder: Path) -> None:
    texts = wanted(folder)
    assert texts
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == texts
