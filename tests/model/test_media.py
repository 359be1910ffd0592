"""Media: content with its type, as it is; pictures that notebooks and the web view show."""

from __future__ import annotations

import struct
import zlib
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import pytest
import pytest_asyncio
from sqlalchemy import select as sql_select

from artigraph import ArtifactModel, File, Media, columns, diff, select
from artigraph.db import engine_context, read
from artigraph.errors import ArgumentError, SerializationError
from artigraph.orm import blob_table, node_table
from artigraph.serializer.preview import ImagePreview
from artigraph.storage import MemoryStorage
from artigraph.stored import open_stored
from artigraph.view import artifact_document

memory = MemoryStorage("media").register()


@pytest_asyncio.fixture(autouse=True)
async def database(tmp_path: Path) -> AsyncIterator[None]:
    async with engine_context(f"sqlite+aiosqlite:///{tmp_path}/artigraph.db", create_tables=True):
        yield


def png(width: int = 2, height: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\xff\0\0" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@dataclass
class Evaluation(ArtifactModel, name="tests.MediaHolder"):
    plot: Media
    stored: Annotated[Media | None, memory] = None


async def test_media_come_back_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7")
    value = Evaluation(Media(png(), "image/png"), Media(File(tmp_path / "report.pdf"), "application/pdf; version=1.7"))
    node_id = await value.save("evaluation")
    loaded = await Evaluation.load(node_id)
    assert loaded == value
    assert type(loaded.plot.content) is bytes
    assert loaded.stored is not None
    assert isinstance(loaded.stored.content, File)
    assert await loaded.stored.content.read() == b"%PDF-1.7"
    assert not diff(loaded, value)
    with await open_stored(node_id, "plot.content") as file:
        assert file.read() == png()


async def test_media_are_artifacts_and_are_searched_by_type() -> None:
    node_id = await Media(png(), "image/png").save("plot")
    await Media(b"a,b", "text/csv").save("table")
    assert await select(Media).where(columns(Media).media_type == "image/png").ids() == [node_id]
    assert await select(Media).where(columns(Media).media_type.startswith("image/")).count() == 1


async def test_the_stored_form_is_permanent() -> None:
    await Evaluation(Media(b"a", "text/plain"), Media(b"b", "text/plain")).save("it")
    names = [node_table.c[name] for name in ("node_type", "model_name", "label", "serializer", "value")]

    async def work(connection: Any) -> Any:
        rows = (await connection.execute(sql_select(*names).order_by(node_table.c.position))).all()
        return [tuple(row) for row in rows], (await connection.execute(sql_select(blob_table.c.storage))).all()

    rows, blobs = await read(work)
    name = "artigraph.Media"
    assert rows[1:] == [
        ("model", name, "plot", None, None),
        ("value", name, "content", "bytes", b"a"),
        ("value", name, "media_type", "json", b'"text/plain"'),
        ("model", name, "stored", None, None),
        ("value", name, "content", "bytes", None),
        ("value", name, "media_type", "json", b'"text/plain"'),
    ]
    assert blobs == [("media",)]


@pytest.mark.parametrize("media_type", ["image/png", "image/svg+xml", "text/csv; charset=utf-8", 'a/b;c="d e"'])
def test_media_types(media_type: str) -> None:
    assert Media(b"", media_type).media_type == media_type


@pytest.mark.parametrize(
    "media_type", ["", "png", "image/", "/png", "image/PNG", "image/png\n", "image/png; a", "a/b/c", "x" * 300, None, 1]
)
def test_malformed_media_types_are_refused(media_type: Any) -> None:
    with pytest.raises(SerializationError, match="is no media type"):
        Media(b"", media_type)


@pytest.mark.parametrize("content", [None, "text", bytearray(b"a"), BytesIO(b"a"), Path("a")])
def test_other_content_is_refused(content: Any) -> None:
    with pytest.raises(SerializationError, match="a File or bytes"):
        Media(content, "text/plain")


class Figure:
    """Has the method of figures of matplotlib that is used."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.calls: list[dict[str, Any]] = []

    def savefig(self, file: Any, **options: Any) -> None:
        self.calls.append(options)
        file.write(self.content)


def test_a_figure_is_saved_in_a_format() -> None:
    figure = Figure(png())
    assert Media.from_figure(figure, dpi=30) == Media(png(), "image/png")
    assert Media.from_figure(figure, "svg").media_type == "image/svg+xml"
    assert Media.from_figure(figure, "pdf", metadata={"Title": "t"}).media_type == "application/pdf"
    assert figure.calls == [
        {"format": "png", "dpi": 30},
        {"format": "svg", "metadata": {"Date": None}},
        {"format": "pdf", "metadata": {"Title": "t"}},
    ]


def test_what_is_no_figure_is_refused() -> None:
    with pytest.raises(ArgumentError, match="method savefig, not a int"):
        Media.from_figure(1)
    with pytest.raises(SerializationError, match="'gif' is no format of figures"):
        Media.from_figure(Figure(png()), "gif")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(SerializationError, match="wrote nothing"):
        Media.from_figure(Figure(b""))


# Showing ----------------------------------------------------------------------------------------------------------


async def test_a_notebook_shows_pictures_that_hold_no_scripts(tmp_path: Path) -> None:
    (tmp_path / "plot.png").write_bytes(png())
    for content in (png(), File(tmp_path / "plot.png")):
        shown: Any = Media(content, "image/png")
        assert b64decode(shown._repr_mimebundle_()["image/png"]) == png()
        assert shown._repr_html_() is None
    for content, media_type in ((SVG, "image/svg+xml"), (SVG, "image/png"), (png(), "text/html"), (b"", "image/png")):
        other: Any = Media(content, media_type)
        assert other._repr_mimebundle_() == {}
        assert "<svg" not in other._repr_html_()
        assert "media_type" in other._repr_html_()


async def test_the_web_view_has_a_preview_of_the_content() -> None:
    node_id = await Evaluation(Media(png(3, 4), "image/png"), Media(SVG, "image/svg+xml")).save("it")
    document = await artifact_document(node_id, preview_bytes=2**20)
    shown = {".".join(field.path): field for field in document.fields}
    picture = shown["plot.content"]
    assert picture.kind == "object"
    assert isinstance(picture.preview, ImagePreview)
    assert (picture.preview.width, picture.preview.height) == (3, 4)
    assert not isinstance(shown["stored.content"].preview, ImagePreview)
