"""Paths and URLs of SQLite files: an embedded store is the same store by whatever name it is opened."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from artigraph import ArtifactModel, select
from artigraph.db import create_tables, current_database, engine_context, get_engine, session_context, set_engine
from artigraph.errors import ConfigurationError, MissingDependencyError, MissingTablesError, UnknownStorageError
from artigraph.graph import placement as storages
from artigraph.maintenance import fsck, gc
from artigraph.migrations import current, downgrade, upgrade
from artigraph.storage.file import FileSystem


@dataclass
class Large(ArtifactModel, name="LargeOfPaths"):
    content: bytes


LARGE = Large(bytes(range(256)) * 400)
"""Beyond the limit of 64 KiB, so it is an object."""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ARTIGRAPH_URL", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def embedded(tmp_path: Path) -> tuple[Path, UUID]:
    """The `.artigraph` of an embedded store, and the id of an artifact whose value is an object."""
    node_id = asyncio.run(LARGE.save("large"))
    folder = tmp_path / ".artigraph"
    assert len(objects_of(folder)) == 1
    return folder, node_id


def objects_of(folder: Path) -> list[Path]:
    return [path for path in (folder / "objects").rglob("*") if path.is_file() and not path.name.startswith(".")]


def everything_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


NAMES: dict[str, str | Path] = {
    "URL": "sqlite:///{folder}/artigraph.db",
    "URL with driver": "sqlite+aiosqlite:///{folder}/artigraph.db",
    "relative URL": "sqlite:///.artigraph/artigraph.db",
    "URL of the folder": "sqlite:///{folder}",
    "file URI": "sqlite:///file:{folder}/artigraph.db?mode=rw&uri=true",
    "file URI with host": "sqlite:///file://{folder}/artigraph.db?uri=true",
    "path": Path("{folder}/artigraph.db"),
    "path as text": "{folder}/artigraph.db",
    "relative path as text": ".artigraph/artigraph.db",
    "folder": Path("{folder}"),
    "folder as text": ".artigraph",
    "folder that holds it": Path("{folder}/.."),
    "folder that holds it as text": "{folder}/..",
}


@pytest.mark.parametrize("name", NAMES)
def test_an_embedded_store_is_read_and_written_by_any_name(name: str, embedded: tuple[Path, UUID]) -> None:
    folder, node_id = embedded

    async def work() -> None:
        assert await Large.load(node_id) == LARGE
        await Large(LARGE.content[::-1]).save("another")
        assert len(objects_of(folder)) == 2
        assert not (await fsck()).problems
        assert ((await current_database()).folder or Path()).resolve() == folder.resolve()

    source = type(NAMES[name])(str(NAMES[name]).format(folder=folder))
    with engine_context(source):
        asyncio.run(work())
    assert asyncio.run(Large.load(node_id)) == LARGE


def test_the_environment_names_it_too(embedded: tuple[Path, UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, node_id = embedded
    for number, value in enumerate((f"sqlite:///{folder}/artigraph.db", str(folder), str(folder.parent))):
        (elsewhere := folder.parent / f"elsewhere{number}").mkdir()
        monkeypatch.chdir(elsewhere)
        monkeypatch.setenv("ARTIGRAPH_URL", value)
        assert asyncio.run(Large.load(node_id)) == LARGE
        assert not list(elsewhere.iterdir())


def test_what_the_environment_names_wrongly_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTIGRAPH_URL", "postgresql://u:s3cret@h:99999/d")
    with pytest.raises(ConfigurationError, match=r"ARTIGRAPH_URL.*1 to 65535") as caught:
        get_engine()
    assert "s3cret" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_leads_to_it(embedded: tuple[Path, UUID], tmp_path: Path) -> None:
    folder, node_id = embedded
    (tmp_path / "link.db").symlink_to(folder / "artigraph.db")
    with engine_context(tmp_path / "link.db"):
        assert asyncio.run(Large.load(node_id)) == LARGE


async def test_an_engine_and_a_session_of_ones_own_find_its_objects(tmp_path: Path) -> None:
    node_id = await LARGE.save("large")
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/.artigraph/artigraph.db")

    @event.listens_for(engine.sync_engine, "connect")
    def switch_on(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys=ON")

    async with engine_context(engine):
        assert await Large.load(node_id) == LARGE
    async with engine_context("sqlite://"), AsyncSession(engine) as session, session_context(session):
        assert await Large.load(node_id) == LARGE
    await engine.dispose()


async def test_gc_by_url_keeps_what_is_in_use_and_removes_the_rest(tmp_path: Path) -> None:
    node_id = await LARGE.save("large")
    async with engine_context(f"sqlite:///{tmp_path}/.artigraph/artigraph.db"):
        report = await gc()
        assert not report.skipped
        assert await Large.load(node_id) == LARGE


def test_objects_that_moved_away_are_told_where_to_be(embedded: tuple[Path, UUID], tmp_path: Path) -> None:
    folder, node_id = embedded
    for file in folder.glob("artigraph.db*"):
        shutil.copy(file, tmp_path / file.name.replace("artigraph", "moved"))
    with engine_context(tmp_path / "moved.db"):
        with pytest.raises(UnknownStorageError, match=r"'artigraph-embedded': the folder 'objects' beside"):
            asyncio.run(Large.load(node_id))
        FileSystem(folder / "objects", name="artigraph-embedded").register()
        try:
            assert asyncio.run(Large.load(node_id)) == LARGE
        finally:
            _forget("artigraph-embedded")


def _forget(name: str) -> None:
    from artigraph.storage import base

    registry: Any = vars(base)["_storages"]
    del vars(registry)["_items"][name]


def test_without_the_distribution_it_says_what_to_install(
    embedded: tuple[Path, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storages, "_embedded", {})
    monkeypatch.setattr(storages, "_has_file_storage", lambda: False)
    with pytest.raises(MissingDependencyError, match="pip install artigraph-storage-fs"):
        asyncio.run(Large.load(embedded[1]))


@pytest.mark.parametrize("name", ["x.db", "folder/x.db", ".artigraph", "folder/.artigraph"])
def test_what_is_not_there_is_made_when_asked_for_and_not_by_reading(name: str, tmp_path: Path) -> None:
    if name == "folder/x.db":
        (tmp_path / "folder").mkdir()
    path = tmp_path / name
    before = sorted(tmp_path.rglob("*"))

    async def refused() -> None:
        works: list[Callable[[], Awaitable[object]]] = [select(Large).all, fsck, gc, current_database]
        works.append(lambda: Large(b"").save("label"))
        for work in works:
            with pytest.raises((MissingTablesError, ConfigurationError), match=r"no store at|does not exist"):
                await work()
        with pytest.raises((MissingTablesError, ConfigurationError), match=r"no store at|does not exist"):
            async with session_context():
                pass

    with engine_context(path):
        asyncio.run(refused())
    assert sorted(tmp_path.rglob("*")) == before
    if name == "folder/.artigraph":
        (tmp_path / "folder").mkdir()
    with engine_context(path, create_tables=True):
        node_id = asyncio.run(LARGE.save("large"))
    with engine_context(path):
        assert asyncio.run(Large.load(node_id)) == LARGE
    if name.endswith(".artigraph"):
        assert (path / "artigraph.db").is_file()
        assert (path / ".gitignore").read_text() == "*\n"
        assert len(objects_of(path)) == 1


async def test_tables_and_migrations_make_the_file_and_questions_do_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    assert await current(url) is None
    with pytest.raises(MissingTablesError, match="no store at"):
        await downgrade(url)
    assert everything_in(tmp_path) == []
    await upgrade(tmp_path / "x.db")
    assert await current(tmp_path / "x.db") is not None
    async with engine_context(tmp_path / "y.db"):
        await create_tables()
        assert await select(Large).all() == []


async def test_a_folder_without_a_store_is_refused_at_once(tmp_path: Path) -> None:
    for source in (tmp_path, str(tmp_path), f"sqlite:///{tmp_path}"):
        with pytest.raises(ConfigurationError, match=r"holds no store.*create_tables=True"):
            set_engine(source, create_tables=True)
    assert everything_in(tmp_path) == []


def test_the_store_of_a_folder_above_is_told_once(
    embedded: tuple[Path, UUID], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, node_id = embedded
    (below := folder.parent / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.setattr("artigraph.db._target._fallbacks", {})
    with caplog.at_level(logging.INFO, "artigraph"):
        for _ in range(2):
            assert asyncio.run(Large.load(node_id)) == LARGE
    told = [record.getMessage() for record in caplog.records if "above" in record.getMessage()]
    assert len(told) == 1
    assert str(folder) in told[0]


def test_a_read_only_store_is_read_by_its_path(embedded: tuple[Path, UUID], tmp_path: Path) -> None:
    folder, node_id = embedded
    uri = f"sqlite:///file:{folder}/artigraph.db?mode=ro&uri=true"
    program = (
        "import asyncio, sys, uuid\n"
        "from artigraph import ArtifactModel\n"
        "from artigraph.db import engine_context\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Large(ArtifactModel, name='LargeOfPaths'):\n"
        "    content: bytes\n"
        "with engine_context(sys.argv[1]):\n"
        "    print(len(asyncio.run(Large.load(uuid.UUID(sys.argv[2]))).content))\n"
    )
    command = [sys.executable, "-c", program, uri, str(node_id)]
    result = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == str(len(LARGE.content)), result.stderr


def test_types_of_paths() -> None:
    path = Path("x.db")
    sources: list[str | os.PathLike[str] | AsyncEngine] = [path, os.fspath(path)]
    for source in sources:
        set_engine(source, create_tables=True)()
    assert not path.exists()
