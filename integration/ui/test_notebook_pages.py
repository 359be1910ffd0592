"""The notebooks of examples/, executed and rendered as pages, in a browser: light and dark."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import nbclient as _nbclient
import nbconvert as _nbconvert
import nbformat as _nbformat
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Request, expect

from integration.ui.conftest import Open
from tests.support.snippets import ROOT, clean_environment

# They have no types.
nbclient: Any = _nbclient
nbconvert: Any = _nbconvert
nbformat: Any = _nbformat

pytestmark = pytest.mark.xdist_group("browser")

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
LOADS_NOTHING = {f"{name}_url": "" for name in ("require_js", "mathjax", "jquery", "widget_renderer")}
"""The page of nbconvert itself would load these libraries from elsewhere."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
async def test_a_notebook_can_be_read(
    path: Path, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (clean_environment() | {"IPYTHONDIR": str(tmp_path / "ipython")}).items():
        monkeypatch.setenv(name, value)
    notebook: Any = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    await client.async_execute()
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    for theme in ("light", "dark"):
        exporter = nbconvert.HTMLExporter(template_name="lab", theme=theme, **LOADS_NOTHING)
        body, _ = await asyncio.to_thread(exporter.from_notebook_node, notebook)
        file = tmp_path / f"{theme}.html"
        file.write_text(body, "utf-8")
        async with opened(scheme=theme, width=1000) as it:
            it.page.on("request", note)
            await it.page.goto(file.as_uri())
            views = it.page.locator(".artigraph-view")
            assert await views.count() >= 9
            for view in await views.all():
                await expect(view).to_be_visible()
                # Nothing is wider than its cell, or it can be scrolled there.
                assert await view.evaluate("e => e.getBoundingClientRect().right <= window.innerWidth")
            for drawing in await it.page.locator(".artigraph-view svg[role=img]").all():
                box = await drawing.bounding_box()
                assert box is not None
                assert min(box["width"], box["height"]) > 10
            axe: Any = Axe()
            found = await axe.run(it.page, context={"include": [[".artigraph-view"]]})
            nodes = [
                (each["id"], node["html"][:200]) for each in found.response["violations"] for node in each["nodes"]
            ]
            # The HTML of pandas itself has an empty cell above the index.
            assert [each for each in nodes if each != ("empty-table-header", "<th></th>")] == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
