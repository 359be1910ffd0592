"""Media and folders in the web view: pictures that hold no scripts are shown, and everything can be saved."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from artigraph import Folder, Media
from artigraph.db import engine_context
from artigraph.storage.file import FileSystem
from artigraph.ui import create_app
from tests.model.test_media import SVG, png
from tests.ui.conftest import Page, client_of


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/store.db"


async def test_a_picture_in_a_row_is_shown(url: str) -> None:
    async with engine_context(url, create_tables=True):
        node_id = await Media(png(3, 4), "image/png").save("plot")
    async with client_of(create_app(url)) as client:
        page = Page((await client.get(f"/artifacts/{node_id}")).text)
        assert ("img", "width", "3") in page.attributes
        answer = await client.get(f"/artifacts/{node_id}/image?path=content")
        assert (answer.headers["content-type"], answer.content) == ("image/png", png(3, 4))


async def test_an_svg_is_shown_as_text_and_never_served_as_one(url: str) -> None:
    async with engine_context(url, create_tables=True):
        node_id = await Media(SVG, "image/svg+xml").save("plot")
    async with client_of(create_app(url)) as client:
        page = Page((await client.get(f"/artifacts/{node_id}")).text)
        assert "img" not in page.tags
        assert SVG.decode() in page.text
        assert (await client.get(f"/artifacts/{node_id}/image?path=content")).status_code == 404
        answer = await client.get(f"/artifacts/{node_id}/content?path=content")
        assert (answer.headers["content-type"], answer.content) == ("application/octet-stream", SVG)
        assert answer.headers["content-disposition"].startswith("attachment")


async def test_files_of_a_folder_are_listed_with_their_content(url: str, tmp_path: Path) -> None:
    (tmp_path / "source" / "a").mkdir(parents=True)
    (tmp_path / "source" / "a" / "config.json").write_bytes(b'{"lower": true}')
    files = FileSystem(tmp_path / "objects", name=f"ui-{uuid4().hex}")
    async with engine_context(url, create_tables=True, large_value_storage=files):
        node_id = await Folder(tmp_path / "source").save("folder")
    async with client_of(create_app(url)) as client:
        text = Page((await client.get(f"/artifacts/{node_id}")).text).text
        assert "config.json" in text
        assert '{"lower": true}' in text
