"""Passwords and keys appear nowhere, and files are for their owner."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import traceback
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url

from artigraph import ArtifactModel, Run, RunManager, artifact_field
from artigraph.db import current_database, engine_context, get_engine
from artigraph.db._target import current_target
from artigraph.errors import (
    ArtigraphError,
    ConfigurationError,
    DatabaseUnavailableError,
    LabelConflictError,
    RegistrationError,
    StorageError,
)
from artigraph.migrations import upgrade
from artigraph.migrations.__main__ import main
from artigraph.storage.aws import S3Storage
from artigraph.storage.obstore import ObjectStorage

PASSWORD = "pa55word-of-the-database"
KEY_ID = "AKIDOFTHESTORAGE"
SECRET = "s3cret-key-of-the-storage"
TOKEN = "t0ken-of-the-session"
SECRETS = (PASSWORD, KEY_ID, SECRET, TOKEN)
UNREACHABLE = [
    f"{scheme}://user:{PASSWORD}@127.0.0.1:1/database"
    for scheme in ("postgresql", "mysql", "mariadb", "postgresql+asyncpg", "mysql+asyncmy")
]


def everything_of(error: BaseException, *, attributes: bool = True) -> str:
    """Return everything printable of an error and its causes: messages, notes and attributes."""
    found = ["".join(traceback.format_exception(error))]
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is not None:
            found += [str(current), repr(current), repr(current.args), repr(vars(current)) if attributes else ""]
            pending += [current.__cause__, current.__context__]
    return "\n".join(found)


def assert_kept_secret(text: str) -> None:
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No log record of any logger at any level has a secret."""
    caplog.set_level(logging.DEBUG)
    yield
    assert_kept_secret("\n".join(record.getMessage() for record in caplog.records))


@pytest.mark.parametrize("url", UNREACHABLE)
async def test_the_password_of_a_database_is_shown_nowhere(url: str) -> None:
    async with engine_context(url) as engine:
        for shown in (engine, engine.url, get_engine(), current_target(), vars(current_target())):
            assert_kept_secret(f"{shown} {shown!r}")
        with pytest.raises(DatabaseUnavailableError) as caught:
            await current_database()
    assert_kept_secret(everything_of(caught.value))
    with pytest.raises(DatabaseUnavailableError) as caught:
        await upgrade(url)
    assert_kept_secret(everything_of(caught.value))


@pytest.mark.parametrize("url", UNREACHABLE)
def test_the_command_line_shows_no_password(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["current", url]) == 1
    printed = capsys.readouterr()
    assert "cannot be reached" in printed.err
    assert_kept_secret(printed.out + printed.err)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{PASSWORD}@host:port/database",
        f"postgresql//user:{PASSWORD}@host/database",
        f"{PASSWORD}",
        f"oracle://user:{PASSWORD}@host/database",
        f"postgresql+psycopg2://user:{PASSWORD}@host/database",
        f"postgresql+nodriver://user:{PASSWORD}@host/database",
        f"mysql+aiomysql://user:{PASSWORD}@host/database",
        f"sqlite://user:{PASSWORD}@host/database",
        make_url(f"sqlite://user:{PASSWORD}@host/database"),
    ],
)
async def test_a_url_that_cannot_be_used_is_not_shown(url: str | URL) -> None:
    with pytest.raises((ConfigurationError, ImportError)) as caught:
        async with engine_context(url):
            await current_database()
    assert_kept_secret(everything_of(caught.value))


async def test_what_is_stored_is_in_no_error_of_the_database(database_url: str) -> None:
    """The values of a refused save appear neither in a log nor in the cause."""

    @dataclass
    class Account(ArtifactModel):
        token: str

    async with engine_context(database_url, create_tables=True), RunManager(Run()) as manager:
        await manager.save_artifact("a label", Account("anything"))
        with pytest.raises(LabelConflictError) as caught:
            await manager.save_artifact("a label", Account(TOKEN))
    # SQLAlchemy's own error has the parameters as an attribute, which nothing prints.
    assert_kept_secret(everything_of(caught.value, attributes=False))


@pytest.fixture
async def s3() -> AsyncGenerator[S3Storage]:
    storage = S3Storage(
        "bucket",
        endpoint_url="http://127.0.0.1:1",
        region="us-east-1",
        access_key_id=KEY_ID,
        secret_access_key=SECRET,
        session_token=TOKEN,
        deadline=1,
        connect_timeout=0.2,
    )
    async with storage:
        yield storage


async def test_the_keys_of_a_storage_are_shown_nowhere(
    s3: S3Storage, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "botocore")  # at DEBUG it logs whole requests, as its users know
    public: dict[str, Any] = {name: value for name, value in vars(s3).items() if not name.startswith("_")}
    assert_kept_secret(f"{s3} {s3!r} {public}")

    @dataclass
    class Kept(ArtifactModel):
        content: bytes = artifact_field(storage=s3)

    for work in (s3.create(b"x", key="a"), s3.read("a"), s3.exists("a"), s3.delete("a")):
        with pytest.raises(StorageError) as caught:
            await work
        assert_kept_secret(everything_of(caught.value))
    async with engine_context(database_url, create_tables=True):
        with pytest.raises(ArtigraphError) as refused:
            await Kept(b"content").save("kept")
    assert_kept_secret(everything_of(refused.value))
    assert_kept_secret(repr(Kept(b"content")))


ADDRESSES: list[tuple[str, dict[str, Any]]] = [
    ("s3://bucket", {"endpoint": f"http://user:{SECRET}@127.0.0.1:1"}),
    ("s3://bucket", {"endpoint": f"http://{SECRET}@127.0.0.1:1"}),
    ("s3://bucket", {"endpoint": f"http//user:{SECRET}@127.0.0.1:1"}),
    ("s3://bucket", {"endpoint_url": f"http://127.0.0.1:1?token={SECRET}"}),
    ("s3://bucket", {"aws_endpoint": f"http://user:{SECRET}@127.0.0.1:1"}),
    ("az://container", {"endpoint": f"http://user:{SECRET}@127.0.0.1:1", "account_name": "a"}),
    ("gs://bucket", {"base_url": f"http://user:{SECRET}@127.0.0.1:1"}),
]


@pytest.mark.parametrize(("url", "options"), ADDRESSES, ids=map(str, range(len(ADDRESSES))))
def test_an_address_with_credentials_is_refused_without_them(url: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="without credentials") as caught:
        ObjectStorage(url, **options)
    assert_kept_secret(everything_of(caught.value))


@pytest.mark.parametrize("kind", ["S3Storage", "ObjectStorage"])
async def test_the_password_of_an_address_from_the_environment_is_shown_nowhere(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        monkeypatch.setenv(name, f"http://user:{SECRET}@127.0.0.1:1")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    storage: Any
    keys: dict[str, Any] = {"region": "us-east-1", "access_key_id": KEY_ID, "secret_access_key": "s", "deadline": 1}
    if kind == "S3Storage":
        storage = S3Storage("bucket", **keys, connect_timeout=0.2)
    else:
        storage = ObjectStorage("s3://bucket", **keys)
    for work in (storage.create(b"x", key="a"), storage.read("a"), storage.exists("a"), storage.delete("a")):
        with pytest.raises(StorageError) as caught:
            await work
        assert_kept_secret(everything_of(caught.value) + repr(storage))
    if kind == "S3Storage":
        await storage.close()


def test_another_storage_of_the_name_is_refused_without_its_keys(s3: S3Storage) -> None:
    first = S3Storage("bucket", name="secret-s3", access_key_id=KEY_ID, secret_access_key=SECRET).register()
    with pytest.raises(RegistrationError) as caught:
        S3Storage("other", name="secret-s3", access_key_id=KEY_ID, secret_access_key=SECRET).register()
    assert_kept_secret(everything_of(caught.value) + repr(first))


# Permissions ------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A umask that removes no permission."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder.parent)): stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]
    }


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_all_of_an_embedded_store_is_for_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_umask: None
) -> None:
    monkeypatch.chdir(tmp_path)

    @dataclass
    class Big(ArtifactModel):
        content: bytes

    found: dict[str, int] = {}

    async def save() -> None:
        await Big(b"x" * 10**6).save("it")
        found.update(modes(tmp_path / ".artigraph"))

    asyncio.run(save())
    names = {name.partition("/")[2] for name in found}
    assert {"artigraph.db", "artigraph.db-wal", "artigraph.db-shm", "objects"} <= names
    for name, mode in found.items():
        assert mode == (0o700 if (tmp_path / name).is_dir() else 0o600 if ".gitignore" not in name else mode), name


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
async def test_a_sqlite_file_of_a_url_is_for_its_owner(database_url: str, tmp_path: Path, open_umask: None) -> None:
    async with engine_context(database_url, create_tables=True):
        await current_database()
        files = {name: mode for name, mode in modes(tmp_path).items() if "artigraph.db" in name}
    assert [Path(name).name for name in sorted(files)] == ["artigraph.db", "artigraph.db-shm", "artigraph.db-wal"]
    assert set(files.values()) == {0o600}


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
async def test_a_sqlite_file_that_is_there_keeps_its_mode(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "artigraph.db"
    path.touch()
    path.chmod(0o640)
    async with engine_context(database_url, create_tables=True):
        await current_database()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
