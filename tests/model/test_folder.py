"""Folders: exact trees of files, loaded one file at a time, and written out whole."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from artigraph import ArtifactMapping, ArtifactModel, File, Folder, Lazy, diff
from artigraph.db import engine_context, read, write
from artigraph.errors import CorruptObjectError, DeserializationError, NotFoundError, SerializationError
from artigraph.orm import blob_table, node_table
from artigraph.storage import MemoryStorage
from artigraph.stored import load_stored, open_stored
from artigraph.sync import wait_for

memory = MemoryStorage("folders").register()
other = MemoryStorage("folders-other").register()


@pytest_asyncio.fixture(autouse=True)
async def database(tmp_path: Path) -> AsyncIterator[None]:
    url = f"sqlite+aiosqlite:///{tmp_path}/artigraph.db"
    async with engine_context(url, create_tables=True, large_value_storage=memory):
        yield


def tree(path: Path, files: dict[str, bytes], folders: tuple[str, ...] = ()) -> Path:
    for name in folders:
        (path / name).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    path.mkdir(exist_ok=True)
    return path


def folders_in(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir() if each.is_dir())


async def blobs() -> list[Any]:
    async def work(connection: Any) -> list[Any]:
        return list((await connection.execute(select(blob_table))).all())

    return await read(work)


FILES = {"config.json": b"{}", "a/weights.bin": b"w" * 3000, "a/b/copy.bin": b"w" * 3000, "null": b"null", "é ü/x": b""}


def found(path: Path) -> dict[str, bytes | None]:
    entries = sorted(path.rglob("*"))
    return {each.relative_to(path).as_posix(): each.read_bytes() if each.is_file() else None for each in entries}


async def test_a_folder_comes_back_file_by_file(tmp_path: Path) -> None:
    source = tree(tmp_path / "source", FILES, ("empty/inside",))
    folder = Folder(source)
    assert folder.paths == ["config.json", "null", "a/weights.bin", "a/b/copy.bin", "é ü/x"]
    node_id = await folder.save("model")
    loaded = await Folder.load(node_id)
    assert loaded == folder
    assert loaded.paths == folder.paths
    assert loaded.size == folder.size == 6006
    for path, content in FILES.items():
        assert await (await loaded.file(path)).read() == content
    await loaded.copy_to(tmp_path / "copy")
    assert found(tmp_path / "copy") == found(source)
    assert Folder(tmp_path / "copy") == loaded
    assert folders_in(tmp_path) == ["copy", "source"]
    assert repr(loaded) == repr(folder) == "<Folder of 5 files>"


async def test_equal_content_is_stored_once_and_nothing_is_read_at_load(tmp_path: Path) -> None:
    node_id = await Folder(tree(tmp_path / "source", FILES)).save("model")
    stored = await blobs()
    assert len(stored) == len(set(FILES.values()))
    for row in stored:
        await memory.delete(row.location)
    loaded = await Folder.load(node_id)  # reads no object
    assert loaded.size == 6006
    with pytest.raises(Exception, match=r"not there|lost"):
        await loaded.file("config.json")


async def test_a_loaded_folder_can_be_saved_again(tmp_path: Path) -> None:
    first = await Folder.load(await Folder(tree(tmp_path / "source", FILES)).save("model"))
    shutil.rmtree(tmp_path / "source")
    again = await Folder.load(await first.save("again"))
    assert again == first
    assert len(await blobs()) == len(set(FILES.values()))


@dataclass
class Trained(ArtifactModel, name="tests.FolderHolder"):
    weights: Annotated[Folder, other]
    more: list[Folder] | None = None


async def test_a_field_gives_its_storage_to_the_files(tmp_path: Path) -> None:
    folder = Folder(tree(tmp_path / "source", FILES))
    node_id = await Trained(folder, [folder]).save("trained")
    assert {row.storage for row in await blobs()} == {"folders", "folders-other"}
    loaded = await Trained.load(node_id)
    assert loaded == Trained(folder, [folder])
    file = loaded.weights.files["config.json"]
    assert "folders-other" in repr(file)
    assert "folders-other" in repr(loaded.weights.folders["a"].folders["b"].files["copy.bin"])


async def test_the_stored_form_is_permanent(tmp_path: Path) -> None:
    await Folder(tree(tmp_path / "source", {"b/x": b"1"}, ("a",))).save("model")
    columns = [node_table.c[name] for name in ("node_type", "model_name", "model_version", "label", "serializer")]

    async def work(connection: Any) -> Any:
        return (await connection.execute(select(*columns).order_by(node_table.c.position))).all()

    name = "artigraph.Folder"
    assert [tuple(row) for row in await read(work)] == [
        ("model", name, 1, "model", None),
        ("container", name, None, "files", "mapping"),
        ("container", name, None, "folders", "mapping"),
        ("model", name, 1, "a", None),
        ("container", name, None, "files", "mapping"),
        ("container", name, None, "folders", "mapping"),
        ("model", name, 1, "b", None),
        ("container", name, None, "files", "mapping"),
        ("value", None, None, "x", "file"),
        ("container", name, None, "folders", "mapping"),
    ]


async def test_a_stored_folder_is_read_without_classes(tmp_path: Path) -> None:
    node_id = await Folder(tree(tmp_path / "source", FILES)).save("model")
    stored = await load_stored(node_id)
    assert stored.name == "artigraph.Folder"
    with await open_stored(node_id, ["folders", "a", "files", "weights.bin"]) as file:
        assert file.read() == FILES["a/weights.bin"]


async def test_a_difference_is_by_path(tmp_path: Path) -> None:
    one = await Folder.load(await Folder(tree(tmp_path / "one", FILES)).save("model"))
    changed = {**FILES, "config.json": b"[]", "a/new": b"n"}
    del changed["null"]
    disk = Folder(tree(tmp_path / "two", changed))
    two = await Folder.load(await disk.save("model"))
    expected = {
        ("changed", "files['config.json']"),
        ("removed", "files['null']"),
        ("added", "folders['a'].files['new']"),
    }
    for after in (two, disk):
        assert {(each.kind, str(each.path)) for each in diff(one, after).changes} == expected


async def test_a_preview_lists_paths_and_sizes(tmp_path: Path) -> None:
    folder = Folder(tree(tmp_path / "source", FILES))
    shown = folder.preview(rows=2)
    assert shown.rows == (("config.json", 2), ("null", 4))
    assert (shown.total_rows, shown.cut, shown.summary) == (5, True, "5 files, 5.9 KiB")
    loaded = await Folder.load(await folder.save("model"))
    assert loaded.preview() == folder.preview()
    assert "source" not in repr(loaded)


# What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege, and names are Unicode there")
def test_what_is_no_file_or_folder_is_refused_by_path(tmp_path: Path) -> None:
    source = tree(tmp_path / "source", {"a/b": b""})

    def bind(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))

    made: dict[str, Callable[[Path], object]] = {
        "link": lambda path: path.symlink_to(source / "a"),
        "dangling": lambda path: path.symlink_to("nowhere"),
        "loop": lambda path: path.symlink_to(source),
        "pipe": os.mkfifo,
        "socket": bind,
    }
    for name, make in made.items():
        at = source / "a" / name
        make(at)
        with pytest.raises(SerializationError, match=f"a/{name}' is a (link|special file)"):
            Folder(source)
        at.unlink()
    odd = os.fsencode(source) + b"/\xff"
    os.mkdir(odd)  # noqa: PTH102 (bytes)
    with pytest.raises(SerializationError, match=r"udcff' cannot be stored"):
        Folder(source)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SerializationError, match="nowhere' cannot be listed"):
        Folder(tmp_path / "nowhere")
    with pytest.raises(SerializationError, match="cannot be listed"):
        Folder(tree(tmp_path / "source", {"a": b""}) / "a")
    with pytest.raises(TypeError, match="takes the path"):
        Folder()
    with pytest.raises(TypeError, match="not of both"):
        Folder(tmp_path, files={})


@pytest.mark.parametrize("name", ["", ".", "..", "/etc", "a/b", "/", "a" * 256, "a\0b", "\ud800"])
def test_names_that_are_paths_are_refused(name: str) -> None:
    with pytest.raises((SerializationError, ValueError)):
        Folder(files={name: Lazy(File("x"))})
    with pytest.raises((SerializationError, ValueError)):
        Folder(folders={name: Folder(files={})})


async def test_a_stored_name_that_leads_elsewhere_is_not_loaded(tmp_path: Path) -> None:
    node_id = await Folder(tree(tmp_path / "source", {"a": b"1"})).save("model")
    await _rename("a", "../../a")
    with pytest.raises(DeserializationError, match="refused its fields"):
        await Folder.load(node_id)


async def _rename(label: str, to: str) -> None:
    async def work(connection: Any) -> None:
        await connection.execute(update(node_table).where(node_table.c.label == label).values(label=to))

    await write(work)


async def test_a_file_and_a_folder_of_one_name_are_refused() -> None:
    with pytest.raises(SerializationError, match="both a file and a folder"):
        Folder(files={"a": Lazy(File("x"))}, folders={"a": Folder(files={})})


async def test_a_file_that_vanished_since_is_named(tmp_path: Path) -> None:
    folder = Folder(tree(tmp_path / "source", {"a/b": b"1"}))
    (tmp_path / "source" / "a" / "b").unlink()
    with pytest.raises(
        SerializationError, match=r"Folder\.folders\['a'\]\.files\['b'\] cannot be stored by serializer"
    ):
        await folder.save("model")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
@pytest.mark.parametrize(
    ("replaced", "beneath"),
    [("", True), *((replaced, beneath) for replaced in ("a", "a/b", "a/b/x") for beneath in (True, False))],
)
async def test_a_link_that_replaces_a_part_after_the_listing_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: str, beneath: bool
) -> None:
    if not beneath:
        monkeypatch.setattr("artigraph.raw_file.BENEATH", False)
        monkeypatch.setattr("artigraph.model._folder.BENEATH", False)
    tree(tmp_path / "outside", {"a/b/x": b"secret"})
    source = tree(tmp_path / "source", {"a/b/x": b"public"})
    folder = Folder(source)
    assert await (await folder.file("a/b/x")).read() == b"public"
    (source / replaced).rename(tmp_path / "moved")
    (source / replaced).symlink_to(tmp_path / "outside" / replaced)
    with pytest.raises(SerializationError, match=r"cannot be (stored|read)"):
        await folder.save("model")
    with pytest.raises(OSError, match=r"link|Not a directory|Too many"):
        await (await folder.file("a/b/x")).read()
    with pytest.raises(OSError, match=r"link|Not a directory|Too many"):
        print(folder.size)
    assert await blobs() == []
    assert b"secret" not in memory._objects.values()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
async def test_a_link_to_the_folder_itself_is_followed_once(tmp_path: Path) -> None:
    tree(tmp_path / "one", {"a": b"1"})
    tree(tmp_path / "two", {"a": b"2"})
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "one")
    folder = Folder(current)
    current.unlink()
    current.symlink_to(tmp_path / "two")
    assert await (await folder.file("a")).read() == b"1"


async def test_what_is_not_there_cannot_be_asked_for(tmp_path: Path) -> None:
    folder = Folder(tree(tmp_path / "source", FILES))
    for path in ("nothing", "a", "a/nothing", "config.json/x", "", "../source/config.json", "/config.json"):
        with pytest.raises(NotFoundError, match="There is no file"):
            await folder.file(path)


# Writing out ------------------------------------------------------------------------------------------------------


async def test_nothing_is_overwritten_or_left(tmp_path: Path) -> None:
    loaded = await Folder.load(await Folder(tree(tmp_path / "source", FILES)).save("model"))
    (tmp_path / "there").mkdir()
    with pytest.raises(FileExistsError, match="exists"):
        await loaded.copy_to(tmp_path / "there")
    with pytest.raises(FileNotFoundError):
        await loaded.copy_to(tmp_path / "nowhere" / "copy")
    row = next(row for row in await blobs() if row.size == 3000)
    memory._objects[row.location] = b"x" * 3000
    with pytest.raises(CorruptObjectError):
        await loaded.copy_to(tmp_path / "copy")
    assert folders_in(tmp_path) == ["source", "there"]


@pytest.mark.skipif(sys.platform == "win32", reason="of other systems")
async def test_names_are_kept_exactly(tmp_path: Path) -> None:
    names = ["a\\b", "C:x", "con", "e\u0301", "é", " ", "a ", "-rf", "*", "\n", "$tuple", "🍣"]
    source = tree(tmp_path / "source", {name: name.encode() for name in names})
    loaded = await Folder.load(await Folder(source).save("model"))
    await loaded.copy_to(tmp_path / "copy")
    assert found(tmp_path / "copy") == found(source)


def nested(levels: int) -> Folder:
    folder = Folder(files={"x": Lazy(File.of(BytesIO(b"1")))})
    for _ in range(levels):
        folder = Folder(folders={"a": folder})
    return folder


def remove_deep(file: Path) -> None:  # the fixture of pytest would recurse
    file.unlink()
    for folder in list(file.parents)[:-1]:
        folder.rmdir()


@pytest.mark.skipif(sys.platform == "win32", reason="paths are short there")
async def test_a_deep_folder_is_written_and_one_that_is_too_deep_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some systems allow only short paths
    levels = 450 if sys.platform == "darwin" else 1500
    await nested(levels).copy_to("copy")
    assert Folder("copy") == nested(levels)
    with pytest.raises(OSError, match="too long"):
        await nested(3000).copy_to("other")
    assert folders_in(tmp_path) == ["copy"]
    remove_deep(Path("copy", *["a"] * levels, "x"))


def test_without_async_the_calls_are_waited_for(tmp_path: Path) -> None:
    folder = Folder(tree(tmp_path / "source", FILES))
    assert wait_for((wait_for(folder.file("config.json"))).read()) == b"{}"
    wait_for(folder.copy_to(tmp_path / "copy"))
    assert Folder(tmp_path / "copy") == folder


@settings(deadline=None, max_examples=25)
@given(
    st.recursive(
        st.binary(max_size=20),
        lambda inner: st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=8).filter(
                lambda name: name not in (".", "..")
            ),
            inner,
            max_size=4,
        ),
        max_leaves=8,
    ).filter(lambda made: isinstance(made, dict))
)
async def test_any_tree_comes_back(made: dict[str, Any]) -> None:
    def build(items: dict[str, Any]) -> Folder:
        files = {name: Lazy(File.of(BytesIO(x))) for name, x in items.items() if isinstance(x, bytes)}
        return Folder(files=files, folders={n: build(x) for n, x in items.items() if not isinstance(x, bytes)})

    folder = build(made)
    loaded = await Folder.load(await folder.save("model"))
    assert loaded == folder
    assert loaded.paths == folder.paths
    assert isinstance(loaded.files, ArtifactMapping)
