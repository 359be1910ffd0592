"""The system calls of the file system storage, their order, and what remains if the system refuses one."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from artigraph.errors import ObjectNotFoundError, StorageError, StorageFullError
from artigraph.storage.file import FileSystem, _folder, _write
from artigraph.storage.file._write import PARTIAL
from tests.support.system import small_disk, strace, unprivileged

__all__ = ["small_disk", "strace", "unprivileged"]

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="strace is of Linux")
POSIX = pytest.mark.skipif(os.name == "nt", reason="of POSIX systems")
CREATE = """
import asyncio, sys
from artigraph.storage.file import FileSystem
async def parts(value):
    for number in range(3):
        yield value.encode() * 1_000_000
async def main():
    storage = FileSystem(sys.argv[1], name="traced", durable=sys.argv[2] == "durable")
    for number, argument in enumerate(sys.argv[3:]):
        key, _, value = argument.partition("=")
        print("CREATE", number, flush=True)
        if value.endswith("..."):
            await storage.create_stream(parts(value), key=key)
        else:
            await storage.create(value.encode() * 100, key=key)
    print("DONE", flush=True)
asyncio.run(main())
"""


def files(storage: FileSystem) -> list[str]:
    """The objects."""
    root = storage.directory
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if path.parts[0] != PARTIAL)


def leftovers(storage: FileSystem) -> list[str]:
    """The content of the folder of files that are not objects yet."""
    folder = storage.directory / PARTIAL
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def storage(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "objects", name="durability")


# The order of the system calls ------------------------------------------------------------------------------------


def traced(strace: str, folder: Path, durable: str, *objects: str, inject: str = "") -> tuple[list[str], int]:
    """Create objects in a process of their own; return the log of its system calls, and how it ended."""
    log = Path(tempfile.mkdtemp(), "strace.log")
    calls = "openat,mkdir,mkdirat,write,pwrite64,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat"
    command = [
        strace,
        "-f",
        "-y",
        "-qq",
        "-o",
        str(log),
        "-e",
        f"trace={calls}",
        *([f"--inject={inject}"] if inject else []),
    ]
    done = subprocess.run(
        [*command, sys.executable, "-c", CREATE, str(folder), durable, *objects], check=False, capture_output=True
    )
    return log.read_text("utf-8", "replace").splitlines(), done.returncode


def story(lines: list[str], folder: Path) -> list[list[str]]:
    """For each create: what was done, as `call place`."""
    stories: list[list[str]] = []
    root = str(folder)
    for line in lines:
        if re.search(r'write\(1<.*"CREATE', line):
            stories.append([])
        if re.search(r'write\(1<.*"DONE', line):
            break
        match = re.match(r"\d+ +(\w+)\((.*)\) += (\d+)", line)
        if not stories or match is None:
            continue
        call, arguments = match[1], match[2]
        if call == "fsync":
            path = re.search(r"<(.*?)>", arguments)
            assert path is not None
            place = "partial" if f"/{PARTIAL}/" in path[1] else os.path.relpath(path[1], root)
            stories[-1].append(f"fsync {place}")
        elif call == "write" and f"/{PARTIAL}/" in arguments:
            stories[-1].append("write partial")
        elif call.startswith("link"):
            stories[-1].append("link")
        elif call.startswith("mkdir"):
            name = re.search(r'"(.*?)"', arguments)
            stories[-1].append(f"mkdir {Path(name[1]).name}" if name else "mkdir")
    return stories


@LINUX
def test_written_through_before_it_is_named_and_its_name_after(strace: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "objects"
    lines, code = traced(strace, folder, "durable", "a/b/first=1", "a/b/second=2", "a/b/second=2", "top=3")
    assert code == 0
    first, second, again, top = story(lines, folder)
    assert first[-4:] == ["write partial", "fsync partial", "link", "fsync a/b"]
    assert second == ["write partial", "fsync partial", "link", "fsync a/b"]
    assert again == ["write partial", "fsync partial", "fsync a/b"]
    assert top == ["write partial", "fsync partial", "link", "fsync ."]
    # Each new folder's entry in its parent, too, before the object has its name.
    made = [step for step in first if step.startswith(("mkdir", "fsync"))]
    assert [step for step in made if step.startswith("mkdir")] == [
        "mkdir new",
        "mkdir objects",
        f"mkdir {PARTIAL}",
        "mkdir a",
        "mkdir b",
    ]
    for folder_made, parent in {"new": "../..", "objects": "..", "a": ".", "b": "a"}.items():
        assert f"fsync {parent}" in first[first.index(f"mkdir {folder_made}") : first.index("link")]


@LINUX
def test_a_stream_is_written_through_once_and_named_at_the_end(strace: str, tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    lines, code = traced(strace, folder, "durable", "a/first=1...", "a/second=2...", "a/second=2...")
    assert code == 0
    first, second, again = story(lines, folder)
    assert first[-6:] == [*["write partial"] * 3, "fsync partial", "link", "fsync a"]
    assert second == [*["write partial"] * 3, "fsync partial", "link", "fsync a"]
    assert again == [*["write partial"] * 3, "fsync partial", "fsync a"]
    assert (folder / "a" / "first").read_bytes() == b"1..." * 3_000_000


@LINUX
def test_without_durability_nothing_is_written_through(strace: str, tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    lines, code = traced(strace, folder, "not", "a/first=1")
    assert code == 0
    assert story(lines, folder) == [["mkdir objects", f"mkdir {PARTIAL}", "mkdir a", "write partial", "link"]]


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("call", ["linkat", "fsync", "unlinkat", "mkdirat"])
def test_killed_at_any_moment(strace: str, tmp_path: Path, call: str) -> None:
    """An object exists in full or not at all, and leftovers are in their own folder."""
    for when in range(1, 6):
        folder = tmp_path / f"objects-{when}"
        traced(strace, folder, "durable", "a/b=1", "a/c=2", inject=f"{call}:signal=KILL:when={when}")
        storage = FileSystem(folder, name="killed")
        for name in files(storage):
            assert (folder / name).read_bytes() in (b"1" * 100, b"2" * 100)
        assert all(re.fullmatch(r"\d+-[0-9a-f]{32}", name) for name in leftovers(storage))
        assert asyncio.run(storage.create(b"1" * 100, key="a/b")) == "a/b"
        assert asyncio.run(storage.read("a/b")) == b"1" * 100


@LINUX
def test_no_space_when_writing_through(strace: str, tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    FileSystem(folder, name="made", durable=False)
    lines, code = traced(strace, folder, "durable", "a=1", inject="fsync:error=ENOSPC")
    assert code == 1
    assert any("ENOSPC" in line for line in lines)
    storage = FileSystem(folder, name="full")
    assert files(storage) == []
    assert leftovers(storage) == []


# What the system refuses ------------------------------------------------------------------------------------------


def refusing(number: int) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("call", ["write", "sync_file", "publish"])
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EIO, StorageError),
        (errno.EACCES, StorageError),
        (errno.EROFS, StorageError),
        (errno.EXDEV, StorageError),
    ],
)
async def test_a_refusal_leaves_nothing_and_says_what_to_do(
    storage: FileSystem, monkeypatch: pytest.MonkeyPatch, call: str, number: int, error: type[StorageError]
) -> None:
    await storage.create(b"before", key="before")
    with monkeypatch.context() as patch:
        patch.setattr(os if call == "write" else _write, call, refusing(number))
        with pytest.raises(error) as caught:
            await storage.create(b"value" * 1000, key="a/b")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == number
    assert str(storage.directory / "a" / "b") in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    assert leftovers(storage) == []
    assert files(storage) == ["before"]
    assert await storage.create(b"value", key="a/b") == "a/b"


async def test_a_folder_that_cannot_be_written_through(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(_write, "sync_folder", refusing(errno.EIO))
        with pytest.raises(StorageError, match="power loss"):
            await storage.create(b"value", key="a/b")
    assert leftovers(storage) == []
    assert await storage.create(b"value", key="a/b") == "a/b"


async def test_half_written_when_the_disk_is_full(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.write, 0

    def write(descriptor: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data[:1000])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(StorageFullError):
        await storage.create(bytes(100_000), key="a")
    assert (files(storage), leftovers(storage)) == ([], [])


@POSIX
async def test_without_hard_links_nothing_is_overwritten(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refusing(errno.EPERM))
    values = [b"%d" % number * 1000 for number in range(8)]
    results = await asyncio.gather(*(storage.create(value, key="a/b") for value in values), return_exceptions=True)
    winners = [value for value, result in zip(values, results, strict=True) if result == "a/b"]
    assert len(winners) == 1
    assert (storage.directory / "a" / "b").read_bytes() == winners[0]
    assert await storage.create(winners[0], key="a/b") == "a/b"
    assert leftovers(storage) == ["lock"]


async def in_parts(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("call", ["write", "sync_file", "publish"])
async def test_a_refusal_in_a_stream_leaves_nothing(
    storage: FileSystem, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os if call == "write" else _write, call, refusing(errno.ENOSPC))
        with pytest.raises(StorageFullError, match="Make space"):
            await storage.create_stream(in_parts(bytes(3 << 20), b"value"), key="a/b")
    assert (files(storage), leftovers(storage), open_below(storage)) == ([], [], [])
    assert await storage.create_stream(in_parts(b"val", b"ue"), key="a/b") == "a/b"
    assert await storage.read("a/b") == b"value"


async def test_a_stream_leaves_nothing_open(storage: FileSystem) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield bytes(3 << 20)
        raise LookupError

    await storage.create_stream(in_parts(b"value"), key="a")
    for key, parts in {"a": in_parts(bytes(3 << 20)), "b": failing()}.items():
        with pytest.raises((StorageError, LookupError)):
            await storage.create_stream(parts, key=key)
    assert (files(storage), leftovers(storage), open_below(storage)) == (["a"], [], [])


def open_below(storage: FileSystem) -> list[str]:
    """The files there that this process has open."""
    descriptors = Path("/proc/self/fd")
    paths: list[str] = []
    for link in descriptors.iterdir() if descriptors.exists() else ():
        with suppress(FileNotFoundError):  # closed since
            paths.append(str(link.readlink()))
    return [path for path in paths if path.startswith(str(storage.directory))]


async def test_a_full_disk_works_again_once_there_is_space(small_disk: Path) -> None:
    storage = FileSystem(small_disk / "objects", name="small")
    location = await storage.create(bytes(3 << 20))
    with pytest.raises(StorageFullError, match="Make space"):
        await storage.create(os.urandom(2 << 20), key="a/b")
    assert leftovers(storage) == []
    assert files(storage) == [location]
    await storage.delete(location)
    assert await storage.create(bytes(2 << 20), key="a/b") == "a/b"


async def test_without_permission(unprivileged: Path) -> None:
    storage = FileSystem(unprivileged / "objects", name="permissions")
    location = await storage.create(b"value", key="a/b")
    (storage.directory / "a" / "b").chmod(0)
    with pytest.raises(StorageError, match="access") as caught:
        await storage.read(location)
    assert not isinstance(caught.value, ObjectNotFoundError)
    (storage.directory / "a").chmod(0o500)
    with pytest.raises(StorageError, match="access"):
        await storage.create(b"value", key="a/c")
    with pytest.raises(StorageError, match="access"):
        await storage.delete(location)
    assert leftovers(storage) == []
    (storage.directory / "a").chmod(0)
    for work in (storage.read(location), storage.exists(location), storage.create(b"value", key="a/d")):
        with pytest.raises(StorageError, match="access"):
            await work
    (storage.directory / "a").chmod(0o700)


# Cancellation -----------------------------------------------------------------------------------------------------


async def test_a_cancelled_create_has_ended_when_the_cancellation_goes_on(
    storage: FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, ended = threading.Event(), threading.Event()
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        began.set()
        written = real(descriptor, data)
        if not ended.is_set():
            threading.Event().wait(0.2)
            ended.set()
        return written

    monkeypatch.setattr(os, "write", write)
    task = asyncio.create_task(storage.create(bytes(32 << 20), key="a"))
    await asyncio.to_thread(began.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert (files(storage), leftovers(storage)) == ([], [])
    monkeypatch.undo()
    assert await storage.create(b"value", key="a") == "a"


async def test_a_second_cancellation_does_not_wait(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    began, goes_on, ended = threading.Event(), threading.Event(), threading.Event()
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        began.set()
        goes_on.wait(30)
        ended.set()
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    task = asyncio.create_task(storage.create(b"value", key="a"))
    await asyncio.to_thread(began.wait)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ended.is_set()
    goes_on.set()


async def test_a_stream_that_hangs_is_cleaned_up_when_it_goes_on(
    storage: FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second cancellation does not wait. The thread removes the file that it works on."""
    began, goes_on = threading.Event(), threading.Event()
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        began.set()
        goes_on.wait(30)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    task = asyncio.create_task(storage.create_stream(in_parts(bytes(3 << 20), b"more"), key="a"))
    await asyncio.to_thread(began.wait)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(leftovers(storage)) == 1
    goes_on.set()
    while leftovers(storage) or open_below(storage):  # noqa: ASYNC110 (a thread has no event to wait for)
        await asyncio.sleep(0.01)
    assert files(storage) == []


@POSIX
def test_a_killed_writer_leaves_what_can_be_told_from_objects(tmp_path: Path) -> None:
    program = CREATE.replace("import asyncio, sys\n", "import asyncio, os, signal, sys\n").replace(
        "asyncio.run(main())",
        "real = os.write\n"
        "def write(*given):\n    real(*given)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "from artigraph.storage.file import _write\n_write.os.write = write\nasyncio.run(main())",
    )
    folder = tmp_path / "objects"
    done = subprocess.run([sys.executable, "-c", program, str(folder), "durable", "a=1"], check=False)
    assert done.returncode == -signal.SIGKILL
    storage = FileSystem(folder, name="killed")
    assert files(storage) == []
    assert len(leftovers(storage)) == 1
    assert not asyncio.run(storage.exists("a"))


# What systems differ in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
async def test_a_file_system_that_cannot_write_folders_through(
    storage: FileSystem, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert await storage.create(b"value", key="a/b") == "a/b"


async def test_a_folder_above_that_is_closed_to_us(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that existed before are not synced; folders that we made are."""
    real, above = os.open, storage.directory.parent.parent

    def opened(path: str, *given: Any, **named: Any) -> int:
        if Path(path) == above:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *given, **named)

    monkeypatch.setattr(os, "open", opened)
    assert await storage.create(b"value", key="a/b") == "a/b"
    above = storage.directory.parent / "new"
    with pytest.raises(StorageError):
        await FileSystem(above / "objects", name="other").create(b"value")


async def test_what_is_remembered_of_folders_is_bounded(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_folder, "_REMEMBERED", 4)
    for number in range(20):
        await storage.create(b"value", key=f"{number}/a")
        assert len(storage._tree._kept) <= 4


async def test_a_file_that_changes_while_it_is_read(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    location = await storage.create(b"value")
    real = os.fstat

    def larger(descriptor: int) -> os.stat_result:
        found = list(real(descriptor))
        found[stat.ST_SIZE] += 1
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", larger)
    with pytest.raises(StorageError, match="changed while it was read"):
        await storage.read(location)
