"""The notebooks of examples/: executed, and shown as a page."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import nbclient as _nbclient
import nbconvert as _nbconvert
import nbformat as _nbformat
import pytest

from artigraph.html import BUDGET
from tests.support.pages import page_of
from tests.support.snippets import ROOT, clean_environment

# They have no types.
nbclient: Any = _nbclient
nbconvert: Any = _nbconvert
nbformat: Any = _nbformat

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def name_of(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    text = path.read_text("utf-8")
    cells = json.loads(text)["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
async def test_a_notebook_runs_and_shows_html(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (clean_environment() | {"IPYTHONDIR": str(tmp_path / "ipython")}).items():
        monkeypatch.setenv(name, value)
    notebook: Any = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    await client.async_execute()
    shown = [output["data"] for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert len(shown) >= 10
    for data in shown:
        assert "text/html" in data, data
        assert len(data["text/html"]) <= BUDGET
        if "artigraph-view" in data["text/html"]:
            page_of(data["text/html"], foreign=True)
    magic = [cell for cell in notebook.cells if cell["source"].startswith("%artigraph ")]
    printed = "".join(output["text"] for cell in magic for output in cell["outputs"])
    assert re.sub(r"\x1b\[[0-9;]*m", "", printed).split()[:3] == ["run_id", "name", "status"]
    cells = [cell for cell in notebook.cells if cell not in magic]
    others = [output for cell in cells for output in cell.get("outputs", []) if "data" not in output]
    assert others == []  # neither errors nor warnings
    body, _ = await asyncio.to_thread(nbconvert.HTMLExporter(template_name="lab").from_notebook_node, notebook)
    views = sum('class="artigraph-view"' in data["text/html"] for data in shown)
    assert body.count('class="artigraph-view"') == views >= 9
    assert body.count('role="img"') >= 2  # a histogram and the lineage
    assert (tmp_path / ".artigraph").is_dir()
