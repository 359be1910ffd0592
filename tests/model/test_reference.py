"""References: pointers to data that is kept elsewhere, without credentials, which can be checked."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from artigraph import ArtifactModel, File, Media, Reference, Run, RunManager, ancestors, columns, diff, select
from artigraph.db import engine_context
from artigraph.errors import SerializationError, StorageError
from artigraph.serializer.file import file_serializer
from artigraph.storage import MemoryStorage
from artigraph.storage.file import FileSystem
from artigraph.stored import load_stored
from artigraph.sync import wait_for
from tests.support.bare_storage import BareStorage

memory = MemoryStorage("references").register()


class Broken(BareStorage):
    """A storage that does not answer."""

    async def exists(self, location: str) -> bool:
        msg = "it does not answer"
        raise StorageError(msg)


Broken("references-broken").register()


@pytest_asyncio.fixture(autouse=True)
async def database(tmp_path: Path) -> AsyncIterator[None]:
    async with engine_context(f"sqlite+aiosqlite:///{tmp_path}/artigraph.db", create_tables=True):
        yield


SHA = "sha256:" + hashlib.sha256(b"content").hexdigest()


@dataclass
class Trained(ArtifactModel, name="tests.ReferenceHolder"):
    data: Reference
    accuracy: float = 0.5


async def test_a_reference_is_stored_found_and_compared() -> None:
    raw = Reference("s3://lake/events.parquet", "v1", SHA, 7)
    node_id = await Trained(raw).save("trained")
    assert await Trained.load(node_id) == Trained(raw)
    field = columns(Trained).data
    assert await select(Trained).where(field.uri.startswith("s3://lake/"), field.version == "v1").ids() == [node_id]
    assert await select(Trained).where(field.digest == SHA, field.size > 7).count() == 0
    newer = Trained(Reference("s3://lake/events.parquet", "v2"))
    assert [str(each.path) for each in diff(Trained(raw), newer).changes] == [
        "data.version",
        "data.digest",
        "data.size",
    ]
    stored: Any = (await load_stored(node_id)).fields["data"].value
    assert {name: each.value for name, each in stored.fields.items()} == {
        "uri": "s3://lake/events.parquet",
        "version": "v1",
        "digest": SHA,
        "size": 7,
    }


async def test_a_reference_is_an_anchor_of_lineage() -> None:
    raw_id = await Reference("https://example.org/data.csv").save("raw")
    async with RunManager(Run(name="train")) as manager:
        await manager.use(raw_id)
        trained_id = await manager.save_artifact("trained", Trained(Reference("https://example.org/data.csv")))
    uri = columns(Reference).uri
    assert [run.node_id for run in await select(Run).used(select(Reference).where(uri.startswith("https"))).all()] == [
        manager.run.node_id
    ]
    assert raw_id in {node.node_id for node in await ancestors(trained_id)}


SECRETS = [
    "https://user:hunter2@example.org/x",
    "https://hunter2@example.org/x",
    "s3://hunter2:hunter2@bucket/x",
    "https://example.org/x?token=hunter2",
    "https://example.org/x?a=1&X-Amz-Signature=hunter2",
    "https://example.org/x?X-Amz-Credential=hunter2",
    "https://account.blob.core.windows.net/c/x?sv=1&sig=hunter2",
    "https://example.org/x#access_token=hunter2",
    "https://example.org/x?api%5Fkey=hunter2",
    "https://example.org/x?key=hunter2",
    "jdbc:postgresql://host/db?user=me&password=hunter2",
    "jdbc:postgresql://me:hunter2@host/db",
    "odbc:Driver=x;Server=y;PWD=hunter2",
    "abfss://container:hunter2@account.dfs.core.windows.net/x",
    "sqlserver://host;user=sa;password=hunter2",
    "https://example.org/?q=hunter2token=",
    *(
        f"https://example.org/x?{name}=hunter2"
        for name in (
            "pass",
            "passwd",
            "db_pass",
            "passphrase",
            "sas",
            "sas-key",
            "jwt",
            "auth",
            "Authorization",
            "bearer",
            "oauth_nonce",
            "AWSAccessKeyId",
            "private_key",
            "session_id",
            "cookie",
            "opts[token]",
            "opts%5Btoken%5D",
        )
    ),
    "https://example.org/x;jsession=1;auth=hunter2",
    "https://example.org/x#/callback?jwt=hunter2",
    "odbc:PWD=hunter2;Driver=x",
    "https://example.org/open?uri=https%3A%2F%2Fa.org%2Fb%253Ftoken%253Dhunter2",
    "s3://bucket/key=5/part?key=hunter2",
]


@pytest.mark.parametrize("uri", SECRETS)
def test_credentials_are_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(SerializationError, match="may be a credential") as caught:
        Reference(uri)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.__cause__)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/prefix/key.parquet?versionId=3sL4kqtJ",
        "abfss://container@account.dfs.core.windows.net/path",
        "https://example.org/päth/x?page=2&a=b#part",
        "file:///data/a%20b",
        "snowflake://account/db/schema/table",
        "urn:isbn:0451450523",
        "hf://datasets/squad@main/plain_text",
        "s3://bucket/key=5/part-0.parquet",
        "s3://bucket/token=abc/auth=x/key=5/part-0.parquet?versionId=3sL4kqtJ",
        "file:///data/key%3D5/x",
        "https://example.org/x?monkey=1&author=me&compass=2&tokenizer=bert&max_tokens=5&path=a",
    ],
)
def test_other_uris_are_taken(uri: str) -> None:
    assert Reference(uri).uri == uri


@pytest.mark.parametrize(
    "uri", ["", "data.csv", "/data", "C:\\data", "s3:", "S3://b", "s3://a\nb", "s3://\ud800", None, 1]
)
def test_what_is_no_absolute_uri_is_refused(uri: Any) -> None:
    with pytest.raises(SerializationError, match="is no absolute URI"):
        Reference(uri)


@pytest.mark.parametrize("uri", ["s3://" + "x" * 5000, "https://[::1/x"])
def test_malformed_uris_are_refused(uri: str) -> None:
    with pytest.raises(SerializationError, match=r"uri of a Reference"):
        Reference(uri)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"version": 1}, "str(version)"),
        ({"digest": "abc"}, "is no digest"),
        ({"digest": "sha256:ABCD"}, "is no digest"),
        ({"digest": "sha256:abcd"}, "is no digest"),
        ({"digest": "crc:abcd"}, "is no digest"),
        ({"size": -1}, "number of bytes"),
        ({"size": True}, "number of bytes"),
        ({"size": 1.0}, "number of bytes"),
    ],
)
def test_malformed_parts_are_refused(more: Any, words: str) -> None:
    with pytest.raises(SerializationError) as caught:
        Reference("s3://a/b", **more)
    assert words in str(caught.value)


# Checking ---------------------------------------------------------------------------------------------------------


async def test_a_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "a b.csv"
    path.write_bytes(b"content")
    made = await Reference.of_file(path, version="3")
    assert made == Reference(path.as_uri(), "3", SHA, 7)
    assert await made.check() == ("unchanged", "Its digest is the recorded one", 7, SHA)
    assert (await Reference(path.as_uri()).check()).status == "exists"
    assert (await Reference(path.as_uri(), size=7).check()).status == "exists"
    assert (await Reference(path.as_uri(), size=8).check()).status == "changed"
    md5 = "md5:" + hashlib.md5(b"content", usedforsecurity=False).hexdigest()
    assert (await Reference(path.as_uri(), digest=md5).check()).status == "unchanged"
    path.write_bytes(b"another")
    found = await made.check()
    assert (found.status, found.size) == ("changed", 7)
    assert found.digest != SHA
    path.unlink()
    assert (await made.check()).status == "missing"
    assert (await Reference(f"{path.as_uri()}/inside").check()).status == "missing"
    assert (await Reference(tmp_path.as_uri()).check()).status == "unknown"
    with pytest.raises(SerializationError, match="cannot be read as a file"):
        await Reference.of_file(path)
    with pytest.raises(SerializationError, match="cannot be read as a file"):
        await Reference.of_file(tmp_path)


async def test_an_object_of_a_storage_is_checked(tmp_path: Path) -> None:
    files = FileSystem(tmp_path / "objects", name="references-files").register()
    for storage in (memory, files):
        location = await storage.create(b"content")
        uri = f"storage://{storage.name}/{quote(location)}"
        assert await Reference(uri, digest=SHA, size=7).check() == (
            "unchanged",
            "Its digest is the recorded one",
            7,
            SHA,
        )
        assert (await Reference(uri, digest=SHA).check()).status == "unchanged"
        assert (await Reference(uri, size=7).check()).status == "exists"
        assert (await Reference(uri).check()).status == "exists"
        assert (await Reference(uri, size=8).check()).status == "changed"
        assert (await Reference(uri, digest="sha256:" + "0" * 64).check()).status == "changed"
        await storage.delete(location)
        assert (await Reference(uri).check()).status == "missing"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://bucket/key", "'s3'"),
        ("https://example.org/x", "'https'"),
        ("file://other-machine/x", "'file'"),
        ("storage://no-such-storage/x", "no-such-storage"),
        ("storage://references-broken/x", "does not answer"),
        ("storage://references-elsewhere/../../etc/passwd", "cannot be read"),
    ],
)
async def test_what_cannot_be_checked_is_unknown(uri: str, words: str, tmp_path: Path) -> None:
    if "elsewhere" in uri:
        FileSystem(tmp_path, name="references-elsewhere").register()
    found = await Reference(uri, digest=SHA).check()
    assert found.status == "unknown"
    assert words in found.reason


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in its folders")
async def test_what_is_no_regular_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    async with asyncio.timeout(20):
        with pytest.raises(SerializationError, match="not a regular file"):
            await Reference.of_file(pipe)
        assert (await Reference(pipe.as_uri(), digest=SHA).check()).status == "unknown"
        with pytest.raises(OSError, match="not a regular file"):
            File(pipe).open()
        assert Media(File(pipe), "image/png")._repr_mimebundle_() == {}
    with pytest.raises(SerializationError, match="cannot be read"):
        await Reference.of_file("a\0b")
    assert (await Reference("file:///a%00b").check()).status == "unknown"


ENDLESS = Path("/proc/self/pagemap")


@pytest.mark.skipif(not ENDLESS.exists(), reason="this system has no such file")
async def test_a_file_with_more_bytes_than_its_size_is_not_read_for_ever() -> None:
    async with asyncio.timeout(20):
        assert (await Reference(ENDLESS.as_uri(), digest=SHA).check()).status == "unknown"
        with pytest.raises(SerializationError, match="changed its size"):
            b"".join(file_serializer.serialize_stream(File(ENDLESS)))


def test_without_async_it_is_waited_for(tmp_path: Path) -> None:
    assert wait_for(Reference((tmp_path / "nothing").as_uri()).check()).status == "missing"
