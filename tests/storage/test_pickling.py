"""Storages in pickles: pipeline engines send them to other processes together with the models that name them."""

from __future__ import annotations

import base64
import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import cloudpickle
import pytest

from artigraph.storage import MemoryStorage, ProcessLocal, Storage, _shared
from artigraph.storage.aws import S3Storage
from artigraph.storage.file import FileSystem
from artigraph.storage.obstore import ObjectStorage

SECRET, TOKEN, KEY_ID = "very-secret-key-4711", "very-secret-token-4712", "access-key-id-4713"
Dumps = Callable[[Any], bytes]
_cloudpickle: Any = cloudpickle
DUMPS = pytest.mark.parametrize("dumps", [pickle.dumps, _cloudpickle.dumps], ids=["pickle", "cloudpickle"])


def s3(endpoint: str, name: str, bucket: str = "bucket") -> S3Storage:
    return S3Storage(
        bucket,
        name=name,
        endpoint_url=endpoint,
        region="us-east-1",
        access_key_id=KEY_ID,
        secret_access_key=SECRET,
        session_token=TOKEN,
    )


def obstore(endpoint: str, name: str, bucket: str = "bucket") -> ObjectStorage:
    return ObjectStorage(
        f"s3://{bucket}",
        name=name,
        endpoint=endpoint,
        region="us-east-1",
        access_key_id=KEY_ID,
        secret_access_key=SECRET,
        token=TOKEN,
    )


def elsewhere(storage: Storage, code: str, dumps: Dumps = pickle.dumps) -> str:
    """Run code in another process, in which `storage` is what the pickle of a storage becomes."""
    start = "import asyncio, base64, pickle, sys\nstorage = pickle.loads(base64.b64decode(sys.stdin.read()))\n"
    done = subprocess.run(
        [sys.executable, "-c", start + code],
        input=base64.b64encode(dumps(storage)).decode(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@DUMPS
async def test_a_file_system_is_usable_in_another_process(dumps: Dumps, tmp_path: Path) -> None:
    storage = FileSystem(tmp_path / "data", name="pickled-files", durable=False, folder_mode=0o750)
    location = await storage.create(b"bytes")
    code = "print(vars(storage)['folder_mode'], asyncio.run(storage.read({!r})), asyncio.run(storage.create(b'back')))"
    mode, data, made = elsewhere(storage, code.format(location), dumps).split()
    assert (int(mode), data) == (0o750, "b'bytes'")
    assert await storage.read(made) == b"back"


async def test_what_a_file_system_knows_of_its_machine_is_in_no_pickle(tmp_path: Path) -> None:
    """Which folders are on the device is known of this machine. On another, their entries may be lost with power."""
    storage, unused = (FileSystem(tmp_path / "data", name="pickled-files") for _ in range(2))
    await storage.create(b"bytes")
    assert pickle.dumps(storage) == pickle.dumps(unused)
    assert pickle.loads(pickle.dumps(storage)) is not storage


@DUMPS
@pytest.mark.parametrize("make", [s3, obstore])
def test_a_pickle_has_no_secret(make: Callable[[str, str], Storage], dumps: Dumps) -> None:
    storage = make("http://127.0.0.1:1", "pickled-secrets")
    for data in (dumps(storage), dumps(copy.copy(storage)), dumps(copy.deepcopy(storage))):
        assert b"pickled-secrets" in data
        for secret in (SECRET, TOKEN, KEY_ID):
            assert secret.encode() not in data
            assert base64.b64encode(secret.encode()) not in data


@pytest.mark.parametrize("make", [s3, obstore])
async def test_without_credentials_it_says_what_to_do(make: Callable[[str, str], Storage]) -> None:
    code = """
from artigraph.errors import StorageError
for work in (storage.read("a/b"), storage.create(b"x"), storage.exists("a/b"), storage.delete("a/b")):
    try:
        asyncio.run(work)
    except StorageError as error:
        print(error)
"""
    lines = elsewhere(make("http://127.0.0.1:1", "pickled-advice"), code).splitlines()
    assert len(lines) == 4
    for line in lines:
        assert "'pickled-advice'> came to this process in a pickle" in line
        assert ".register()" in line
        assert "environment" in line
        assert SECRET not in line


@pytest.mark.parametrize("make", [s3, obstore])
def test_here_it_has_its_credentials(make: Callable[[str, str], Any]) -> None:
    storage = make("http://127.0.0.1:1", "pickled-here")
    for copied in (pickle.loads(pickle.dumps(storage)), copy.copy(storage), copy.deepcopy(storage)):
        own = copied._credentials if make is s3 else copied._given
        assert own.value is (storage._credentials if make is s3 else storage._given).value


@pytest.mark.parametrize("make", [s3, obstore])
async def test_a_registered_storage_lends_its_credentials(
    make: Callable[..., Storage], bucket: str, endpoint: str
) -> None:
    storage = make(endpoint, f"pickled-{bucket}", bucket)
    location = await storage.create(b"bytes")
    module = "aws" if make is s3 else "obstore"
    kind = "S3Storage" if make is s3 else "ObjectStorage"
    given = "'{bucket}', endpoint_url" if make is s3 else "'s3://{bucket}', endpoint"
    token = "session_token" if make is s3 else "token"
    code = f"""
from artigraph.storage.{module} import {kind}
from artigraph.errors import StorageError
known = {kind}({given.format(bucket=bucket)}={endpoint!r}, name={storage.name!r}, region="us-east-1",
    access_key_id="{KEY_ID}", secret_access_key="{SECRET}", {token}="{TOKEN}").register()
assert storage.register() is known  # it does not take the known credentials away
async def main():
    print(await storage.read({location!r}), await known.read({location!r}), await storage.create(b"back"))
asyncio.run(main())
"""
    data, again, made = elsewhere(storage, code).split()
    assert data == again == "b'bytes'"
    assert await storage.read(made) == b"back"
    first = "from artigraph.storage import register_storage\nregister_storage(storage)\n"
    later = first + code.replace("storage.register() is known", "known is storage")  # it takes over what comes later
    assert elsewhere(storage, later).startswith("b'bytes'")


async def test_without_given_credentials_it_takes_those_of_each_process(
    bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    for storage in (
        S3Storage(bucket, name="pickled-environment", endpoint_url=endpoint, region="us-east-1"),
        ObjectStorage(f"s3://{bucket}", name="pickled-environment", endpoint=endpoint, region="us-east-1"),
    ):
        location = await storage.create(b"bytes")
        assert elsewhere(storage, f"print(asyncio.run(storage.read({location!r})))") == "b'bytes'\n"
        assert SECRET.encode() not in pickle.dumps(storage)


def obstore_in_memory(name: str) -> ObjectStorage:
    return ObjectStorage("memory://here", name=name)


@pytest.mark.parametrize("make", [MemoryStorage, obstore_in_memory])
async def test_objects_in_memory_stay_in_their_process(make: Callable[[str], Storage]) -> None:
    storage = make("pickled-memory")
    location = await storage.create(b"bytes")
    for copied in (pickle.loads(pickle.dumps(storage)), copy.copy(storage), copy.deepcopy(storage)):
        assert await copied.read(location) == b"bytes"
        assert await storage.read(await copied.create(b"more")) == b"more"
    code = f"""
from artigraph.errors import StorageError
try:
    print(asyncio.run(storage.read({location!r})))
except StorageError as error:
    print(error)
"""
    assert "are in the memory of another process" in elsewhere(storage, code)


def test_a_value_of_this_process() -> None:
    local = ProcessLocal([SECRET])
    assert repr(local) == "ProcessLocal(...)"
    data = pickle.dumps(local)
    assert SECRET.encode() not in data
    assert pickle.loads(data) is local
    assert copy.deepcopy(local) is local
    del local
    gone = pickle.loads(data)
    assert gone.value is None
    assert pickle.loads(pickle.dumps(gone)) is gone


def test_a_value_that_another_thread_pickles_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other thread comes when the first one is about to make the instance known."""
    seen: list[Any] = []

    class Interrupted(WeakValueDictionary[str, ProcessLocal[Any]]):
        def __setitem__(self, token: str, local: ProcessLocal[Any]) -> None:
            if not seen:
                seen.append(None)
                seen.append(pickle.loads(pickle.dumps(local)))
            super().__setitem__(token, local)

    monkeypatch.setattr(_shared, "_pickled", Interrupted())
    local = ProcessLocal(SECRET)
    assert pickle.loads(pickle.dumps(local)) is local
    assert seen[1] is local


async def test_what_came_back_from_another_process_is_what_was_sent(tmp_path: Path) -> None:
    storage = s3("http://127.0.0.1:1", "pickled-return")
    code = "sys.stdout.write(base64.b64encode(pickle.dumps(storage)).decode())"
    back = pickle.loads(base64.b64decode(elsewhere(storage, code)))
    assert back._credentials is storage._credentials
