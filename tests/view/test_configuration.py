"""The file artigraph.toml."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from artigraph.errors import ConfigurationError, UnknownStorageError
from artigraph.storage import get_storage_by_name
from artigraph.view.configuration import embedded_store, import_modules, read_configuration, register_storages

FULL = """
[database]
url = "postgresql://me:secret@host/results"
[storage."file:configured"]
type = "file"
directory = "objects"
durable = false
[cli]
imports = ["configured_module"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARTIGRAPH_URL", raising=False)
    monkeypatch.delenv("ARTIGRAPH_READ_URL", raising=False)
    return tmp_path


def test_what_the_file_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_configuration().url is None
    assert embedded_store() == folder / ".artigraph"
    (folder / "artigraph.toml").write_text(FULL)
    found = read_configuration()
    assert found.url == "postgresql://me:secret@host/results"
    assert "secret" not in repr(found)
    [storage] = register_storages(found)
    assert get_storage_by_name("file:configured") is storage
    assert (found.storages[0].type, found.storages[0].arguments) == ("file", {"directory": "objects", "durable": False})
    (folder / "configured_module.py").write_text("ran = True\n")
    import_modules(found)
    assert sys.modules["configured_module"].ran is True
    monkeypatch.setenv("ARTIGRAPH_URL", "sqlite:///other.db")
    assert read_configuration().url == "sqlite:///other.db"


def test_a_read_replica_belongs_to_its_database(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = (
        '[store.a]\nurl = "sqlite:///a.db"\nread_url = "sqlite:///b.db?s3cret"\n[store.c]\nurl = "sqlite:///c.db"\n'
    )
    (folder / "artigraph.toml").write_text(f'[database]\nurl = "sqlite:///x.db"\nread_url = "sqlite:///y.db"\n{stores}')
    found = read_configuration()
    assert (found.url, found.read_url) == ("sqlite:///x.db", "sqlite:///y.db")
    assert found.read_urls == {"a": "sqlite:///b.db?s3cret"}
    assert "s3cret" not in repr(found)
    monkeypatch.setenv("ARTIGRAPH_URL", "sqlite:///other.db")
    assert (read_configuration().read_url, read_configuration().is_default) == (None, True)
    monkeypatch.setenv("ARTIGRAPH_READ_URL", "sqlite:///copy.db")
    assert (read_configuration().read_url, read_configuration().is_default) == ("sqlite:///copy.db", True)
    monkeypatch.delenv("ARTIGRAPH_URL")
    with pytest.raises(ConfigurationError, match="ARTIGRAPH_READ_URL is set without ARTIGRAPH_URL"):
        read_configuration()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[database", "no valid TOML"),
        ("[databse]", "unknown"),
        ("[database]\nuri = 'secret'", "the key 'uri' in .database., which is unknown"),
        ("database = 'secret'", "is a table"),
        ("[database]\nread_url = 'secret'", "a key 'read_url' and no 'url'"),
        ("[database]\nurl = 5", "no text for the key 'url'"),
        ("[cli]\nimports = 'secret'", "no list of texts"),
        ("[storage]\nx = 'secret'", "is a table"),
        ("[storage.x]\ndirectory = 'secret'", "no key 'type'"),
        ("[storage.x]\ntype = 'file'\nname = 'secret'", "The name of the table is the name of the storage"),
    ],
)
def test_mistakes_are_named_and_values_are_not_shown(folder: Path, text: str, problem: str) -> None:
    (folder / "artigraph.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=problem) as refused:
        read_configuration()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "error", "problem"),
    [
        ("type = 'none'", UnknownStorageError, "no storage type 'none'"),
        ("type = 'file'", ConfigurationError, "needs 'directory'"),
        ("type = 'file'\ndirectory = 'a'\nkey = 'secret'", ConfigurationError, "takes no 'key'. It takes directory"),
        ("type = 'file'\ndirectory = 5", ConfigurationError, "of another type"),
    ],
)
def test_a_storage_that_cannot_be_made(folder: Path, text: str, error: type[Exception], problem: str) -> None:
    (folder / "artigraph.toml").write_text(f"[storage.x]\n{text}")
    with pytest.raises(error, match=problem) as refused:
        register_storages(read_configuration())
    assert "secret" not in str(refused.value)


def test_a_file_that_is_not_there_and_a_module_that_fails(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no configuration file 'none\.toml'"):
        read_configuration("none.toml")
    (folder / "artigraph.toml").write_text("[cli]\nimports = ['no_such_module']")
    with pytest.raises(ConfigurationError, match="'no_such_module' of the key 'imports' cannot be imported"):
        import_modules(read_configuration())
