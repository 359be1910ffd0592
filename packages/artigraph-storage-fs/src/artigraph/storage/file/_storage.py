"""A storage in a folder of the file system."""

from __future__ import annotations

import asyncio
import errno
import inspect
import os
import re
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Self, TypeAlias, TypeVar

from artigraph.errors import ArtigraphError, ConfigurationError, ObjectNotFoundError, StorageError, StorageFullError
from artigraph.storage import Storage, StoredEntry, check_key, check_prefix, check_whole, new_key
from artigraph.storage.file._files import delete_file, file_exists, open_file, read_file, read_part
from artigraph.storage.file._folder import Tree
from artigraph.storage.file._listing import list_folder, remove_partials, take, time_there
from artigraph.storage.file._write import PARTIAL, NewFile

# Errors ---------------------------------------------------------------------------------------------------------------


_FULL = {errno.ENOSPC, errno.EDQUOT}
_REMEDIES = {
    errno.EACCES: "Give this user access to the folder, or choose another directory.",
    errno.EPERM: "Give this user access to the folder, or choose another directory.",
    errno.EROFS: "The file system is mounted read-only: mount it for writing, or choose another directory.",
    errno.EMFILE: "Too many files are open: raise the limit (ulimit -n), or save less at once.",
    errno.ENFILE: "Too many files are open: raise the system's limit, or save less at once.",
    errno.ENAMETOOLONG: "Choose a directory with a shorter path.",
    errno.ENOTDIR: "A file is where a folder has to be: move it away, or choose another directory.",
    errno.EXDEV: "The directory spans several file systems: choose one that does not.",
    errno.EIO: "The device failed: check it, and the system's log.",
}


@contextmanager
def reported(storage: object, action: str, path: str) -> Generator[None, None, None]:
    """Raise errors of the operating system as errors of the storage, with the path and a remedy."""
    try:
        yield
    except ArtigraphError:
        raise  # first, because StorageError is an OSError as well
    except FileNotFoundError as error:
        msg = f"{storage!r} has no object at {path}"
        raise ObjectNotFoundError(msg) from error
    except OSError as error:
        what = f"{storage!r} cannot {action} {path}: {error.strerror or error}."
        if error.errno in _FULL:
            msg = f"{what} Nothing of it was kept. Make space, or raise the quota, and try again."
            raise StorageFullError(msg) from error
        remedy = _REMEDIES.get(error.errno or 0, "")
        if os.name == "nt" and error.errno == errno.EACCES:
            remedy = f"{remedy} Another program may have the file open."
        msg = f"{what} {remedy}".rstrip()
        raise StorageError(msg) from error


T = TypeVar("T")


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run blocking work in a thread of the loop's executor.

    If the call is canceled, it sets the event that `work` received and waits until the work ends. Then the
    cancellation propagates, so nothing is written or left behind after it. A second cancellation does not wait, because
    the file system may hang.
    """
    stop = threading.Event()
    future = asyncio.get_running_loop().run_in_executor(None, work, stop)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.set()
        future.add_done_callback(_retrieve)
        await asyncio.wait([future])
        raise


def _retrieve(future: asyncio.Future[T]) -> None:
    """Retrieve the exception of abandoned work, so that the loop does not report it as never retrieved."""
    if not future.cancelled():
        future.exception()


# ruff: noqa: PTH118
# (pathlib has no calls relative to an open folder)


Buffer: TypeAlias = bytes | bytearray | memoryview

_AT_ONCE = 1024 * 1024
"""The bytes of a stream that are worth one call in a thread."""
_LISTED = 1000
"""The entries of a folder that one call in a thread lists. So a folder may be larger than memory."""

_NAME = re.compile(r"[!-~]{1,100}")


class FileSystem(Storage):
    """Stores objects as files of a folder. A location is the path of the file below that folder.

    When `create` returns, the object survives a power failure: its bytes, its name and its folders are on the device.
    With `durable=False`, it survives a crash of the process, but not of the machine. Writes are several times faster.

    The first `create` makes the folder. A relative path is resolved when you create the instance, so the process may
    change its working directory later. `~` is the home directory. Links below the folder are not followed.

    The storage's name is stored with the data. Without `name=` it is made from the directory as you gave it, so it is
    the same on every machine: `FileSystem("data")` is `file:data`. By default, only the user of the process can access
    files and folders. If you set a mode, it applies exactly, and the umask is ignored.

    A pickle has the absolute path of the directory, so the other process has to reach the same folder there.

    Raises:
        ConfigurationError: the directory is invalid, or no name can be made from it.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        name: str | None = None,
        durable: bool = True,
        file_mode: int = 0o600,
        folder_mode: int = 0o700,
    ) -> None:
        given = os.fspath(directory)
        if not isinstance(given, str) or not given or "\0" in given:
            msg = f"{given!r} is no directory: give its path as text, such as FileSystem('data')"
            raise ConfigurationError(msg)
        check_whole(0, 0o7777, file_mode=file_mode, folder_mode=folder_mode)
        if type(durable) is not bool:
            msg = f"durable is True or False, not {durable!r:.100}"
            raise ConfigurationError(msg)
        self.name: str = _name_of(given) if name is None else name
        self.directory: Path = _resolved(given)
        self.durable = durable
        self.file_mode = file_mode
        self.folder_mode = folder_mode
        self._tree = self._new_tree()

    def __getstate__(self) -> dict[str, Any]:
        # Which folders are on the device is known of this machine alone.
        return {name: value for name, value in vars(self).items() if name != "_tree"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._tree = self._new_tree()

    def _new_tree(self) -> Tree:
        return Tree(str(self.directory), self.folder_mode, self.durable)

    @classmethod
    def from_url(cls, url: str, *, name: str | None = None, **options: Any) -> Self:
        """Make a storage from a URL such as `file:data` or `file:///srv/data`; see `storage_from_url`.

        Raises:
            ConfigurationError: it is no such URL, or an argument is invalid or unknown.
        """
        scheme, _, path = url.partition(":")
        if scheme.lower() != "file" or (path.startswith("//") and not path.startswith("///")):
            msg = f"{url!r} is no URL of a folder: write 'file:data' for a relative path, 'file:///srv/data' else"
            raise ConfigurationError(msg)
        known = inspect.signature(cls).parameters
        unknown = [option for option in options if option not in known]
        if unknown:
            msg = f"A FileSystem takes no {', '.join(f'{option}=' for option in unknown)}. It takes {', '.join(known)}"
            raise ConfigurationError(msg)
        from urllib.request import url2pathname  # imports HTTP, too

        return cls(url2pathname(path.removeprefix("//")), name=name, **options)

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        location = new_key() if key is None else check_key(key)
        file = NewFile(self._tree, location, self.file_mode)
        await in_thread(partial(self._finish, file, location, [data]))
        return location

    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        """Write parts to a file as they come; see `SupportsStreams`."""
        location = new_key() if key is None else check_key(key)
        file = NewFile(self._tree, location, self.file_mode)
        waiting = bytearray()  # small parts, since a call in a thread costs as much as writing 100 KiB
        try:
            async for part in parts:
                if memoryview(part).nbytes + len(waiting) < _AT_ONCE:
                    waiting += part
                    continue
                await in_thread(partial(self._write, file, location, [waiting, part]))
                waiting = bytearray()
            await in_thread(partial(self._finish, file, location, [waiting]))
        except BaseException:
            with suppress(StorageError):  # the caller gets the first error
                await in_thread(partial(self._discard, file, location))
            raise
        return location

    async def read(self, location: str) -> bytes:
        check_key(location)

        def work(_: threading.Event) -> bytes:
            with reported(self, "read", self._path(location)):
                return read_file(self._tree, location)

        return await in_thread(work)

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        """Return some bytes of a file; see `SupportsRanges`."""
        check_key(location)

        def work(_: threading.Event) -> bytes:
            with reported(self, "read", self._path(location)):
                return read_part(self._tree, location, start, length)

        return await in_thread(work)

    def open(self, location: str) -> BinaryIO:
        """Open the file of an object; see `SupportsFiles`."""
        check_key(location)
        with reported(self, "read", self._path(location)):
            return open_file(self._tree, location)

    async def delete(self, location: str) -> None:
        check_key(location)

        def work(_: threading.Event) -> None:
            with reported(self, "delete", self._path(location)):
                delete_file(self._tree, location)

        await in_thread(work)

    async def exists(self, location: str) -> bool:
        check_key(location)

        def work(_: threading.Event) -> bool:
            with reported(self, "look at", self._path(location)):
                return file_exists(self._tree, location)

        return await in_thread(work)

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        """Yield the objects below a prefix, folder by folder; see `SupportsListing`.

        It reads the file system's clock by making and removing a file. If it cannot make one, as on a read-only mount,
        all ages are zero.
        """
        first = tuple(check_prefix(prefix)[:-1].split("/"))

        def start(_: threading.Event) -> int | None:
            with reported(self, "list", self._path(prefix)):
                return time_there(self._tree) if Path(self._path(prefix)).is_dir() else None

        now = await in_thread(start)
        waiting = [first]
        while waiting:
            parts = waiting.pop()
            found = list_folder(self._tree, parts, now)
            try:
                while taken := await in_thread(partial(self._take, found, parts)):
                    for item in taken:
                        if isinstance(item, StoredEntry):
                            yield item
                        else:
                            waiting.append(item)
            finally:
                with suppress(ValueError):  # a thread that was abandoned still runs it
                    found.close()

    async def tidy(self, untouched: timedelta, *, dry_run: bool = False) -> tuple[int, int]:
        """Remove files that killed processes were writing; see `SupportsTidying`."""

        def work(_: threading.Event) -> tuple[int, int]:
            with reported(self, "tidy", self._path(PARTIAL)):
                if not Path(self._path(PARTIAL)).is_dir():
                    return 0, 0
                return remove_partials(self._tree, time_there(self._tree), untouched, dry_run=dry_run)

        return await in_thread(work)

    def _take(
        self, found: Iterable[StoredEntry | tuple[str, ...]], parts: Sequence[str], stop: threading.Event
    ) -> Sequence[StoredEntry | tuple[str, ...]]:
        with reported(self, "list", self._path("/".join(parts))):
            return take(found, _LISTED, stop)

    def _write(self, file: NewFile, location: str, parts: Sequence[Buffer], stop: threading.Event) -> None:
        with reported(self, "write", self._path(location)):
            for part in parts:
                file.write(part, stop)

    def _finish(self, file: NewFile, location: str, parts: Sequence[Buffer], stop: threading.Event) -> None:
        try:
            self._write(file, location, parts, stop)
            with reported(self, "write", self._path(location)):
                file.publish(stop)
        finally:
            self._discard(file, location, stop)

    def _discard(self, file: NewFile, location: str, _: threading.Event) -> None:
        with reported(self, "write", self._path(location)):
            file.discard()

    def _path(self, location: str) -> str:
        return os.path.join(self._tree.root, *location.split("/"))


FileSystemStorage = FileSystem


def _name_of(given: str) -> str:
    name = f"file:{PurePath(given).as_posix()}"
    if not _NAME.fullmatch(name):
        msg = (
            f"No name can be made of the directory {given!r}: a storage's name is stored with the data for ever and is "
            "1-100 printable ASCII characters without spaces. Give one: FileSystem(..., name='my-files')."
        )
        raise ConfigurationError(msg)
    return name


def _resolved(given: str) -> Path:
    try:
        return Path(given).expanduser().resolve()
    except (RuntimeError, OSError, ValueError) as error:  # no home directory, a loop of links, ...
        msg = f"The directory {given!r} cannot be resolved: {error}"
        raise ConfigurationError(msg) from error
