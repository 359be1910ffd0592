"""Imports and `__all__` are a small part of the lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import imports

MODULE = '''"""A module, which says: import nothing."""

from __future__ import annotations

from os import (
    path,
    sep,
)

__all__: list[str] = ["sep"]
__all__ += [
    "path",
]


def late() -> None:
    import sys, re
    all_ = "__all__"
'''


def test_each_line_of_an_import_and_of_the_names_counts() -> None:
    assert imports.lines_of(MODULE) == imports.Lines(10, 18)
    assert imports.lines_of("") == (0, 0)
    assert imports.lines_of("").percent == 0


def test_the_sync_twin_does_not_count(tmp_path: Path) -> None:
    room = tmp_path / "packages/some/src/artigraph"
    (room / "sync").mkdir(parents=True)
    (room / "sync" / "run.py").write_text("import os\n")
    (room / "run.py").write_text("import os\nfound = os.sep\n")
    assert imports.packages(tmp_path) == {"some": (1, 2)}


def test_the_share_is_below_the_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code = imports.main()
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert printed.splitlines()[-1].startswith("all ")
    monkeypatch.setattr(imports, "BAR", 1.0)
    assert imports.main() == 1
    assert "more than 1.0 %" in capsys.readouterr().out
