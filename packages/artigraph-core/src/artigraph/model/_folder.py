"""Folders of files as artifacts or values."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, ClassVar, Literal, NamedTuple
from uuid import uuid4

from artigraph.errors import DeserializationError, InvalidLabelError, NotFoundError, SerializationError
from artigraph.identifiers import check_label
from artigraph.model._base import ArtifactModel
from artigraph.model._collections import ArtifactMapping
from artigraph.model.lazy import Lazy, held
from artigraph.printable import bytes_text, count_text, printable
from artigraph.raw_file import BENEATH, folder_beneath
from artigraph.serializer.file import File, sync_folder
from artigraph.serializer.preview import TableColumn, TablePreview


@dataclass(init=False)
class Folder(ArtifactModel, name="artigraph.Folder"):
    """A folder of files with its subfolders: a model directory, a tokenizer, a Zarr store.

        await Folder("runs/model").save("model")       # as an artifact, or as a field of your own model
        folder = await Folder.load(node_id)
        config = await (await folder.file("config.json")).read()
        await folder.copy_to("restored")

    `Folder(path)` lists the folder at once and reads the files when it is saved. A loaded folder reads nothing before
    you ask for a file. Names, content and empty folders are kept; times, owners and permissions are not. Files with
    equal content are stored once. Symbolic links and special files are refused. So are names that are not valid labels
    (255 characters at most, no surrogates). A link that replaces a file or a subfolder after the listing is not
    followed: the save fails. Two folders are equal if their names and contents are.

    Listing blocks, so call `await asyncio.to_thread(Folder, path)` for a large folder in async code. The calls of this
    class are async; without async, pass them to `artigraph.sync.wait_for`.

    Raises:
        SerializationError: the folder cannot be listed, or contains something that is not stored. The message has its
            path.
    """

    files: ArtifactMapping[str, Lazy[File]]
    """The files directly in the folder, by name."""
    folders: ArtifactMapping[str, Folder]
    """The folders directly in the folder, by name."""

    _artigraph_takes_storage: ClassVar[frozenset[str]] = frozenset({"files", "folders"})

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        files: Mapping[str, Lazy[File]] | None = None,
        folders: Mapping[str, Folder] | None = None,
    ) -> None:
        """List a folder on disk, or make a folder of its parts."""
        if path is not None:
            if files is not None or folders is not None:
                msg = "A Folder is made of a path or of files and folders, not of both"
                raise TypeError(msg)
            files, folders = _listed(Path(path))
        elif files is None and folders is None:
            msg = "Folder takes the path of a folder"
            raise TypeError(msg)
        self.files = ArtifactMapping(files or {})
        self.folders = ArtifactMapping(folders or {})
        for name in (*self.files, *self.folders):
            _check_name(name, name)
        both = set(self.files).intersection(self.folders)
        if both:
            msg = f"{both.pop()!r} is both a file and a folder"
            raise SerializationError(msg)

    @property
    def paths(self) -> list[str]:
        """The paths of all files, relative to the folder, with `/` between names. Sorted by name in each folder."""
        return [path for path, _ in self._walk()]

    @property
    def size(self) -> int:
        """The number of bytes of all files together.

        Raises:
            OSError: a file on disk does not exist any more.
        """
        return sum(_size_of(file) for _, file in self._walk())

    async def file(self, path: str) -> File:
        """Return a file by its path, as in `paths`. Only this file is read, and not before you read from it.

        Raises:
            NotFoundError: the folder has no such file.
            StorageError, CorruptObjectError: the file cannot be read, or does not match its checksum.
        """
        *above, name = path.split("/")
        folder: Folder | None = self
        for step in above:
            folder = None if folder is None else folder.folders.get(step)
        found = None if folder is None else folder.files.get(name)
        if found is None:
            msg = (
                f"There is no file {path!r:.300} in this folder of {count_text(len(self.paths), 'file')}; see its paths"
            )
            raise NotFoundError(msg)
        return await found.load()

    async def copy_to(self, path: str | os.PathLike[str]) -> None:
        """Write the folder to a path. It appears there complete and durable, or not at all.

        The path must not exist, and the folder that contains it must. Nothing is written outside of it.

        Raises:
            FileExistsError: the path exists, or two names are one on this file system.
            DeserializationError: a name is no name of a file on this system.
            StorageError, CorruptObjectError: a file cannot be read, or does not match its checksum.
        """
        target = Path(path)
        if await asyncio.to_thread(os.path.lexists, target):
            msg = f"{target} exists. Remove it first, or copy the folder to another path"
            raise FileExistsError(msg)
        for name in self._names():
            _check_local(name)
        beside = target.with_name(f".{target.name[:50]}.{uuid4().hex}.tmp")
        made: list[Path] = []
        try:
            await self._write_to(beside, made)
            await asyncio.to_thread(_publish, made, target)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(_remove, made))
            raise

    def preview(self, *, rows: int = 50) -> TablePreview:
        """Return the paths and sizes of the first files. It reads no file.

        Raises:
            OSError: a file on disk does not exist any more.
        """
        sizes = [(path, _size_of(file)) for path, file in self._walk()]
        columns = (TableColumn("path", "str"), TableColumn("size", "int"))
        summary = f"{count_text(len(sizes), 'file')}, {bytes_text(sum(size for _, size in sizes))}"
        shown = tuple((printable(path), size) for path, size in sizes[: max(rows, 0)])
        return TablePreview(summary, len(shown) < len(sizes), columns, shown, len(sizes), len(columns))

    def _walk(self) -> Iterator[tuple[str, Lazy[File]]]:
        pending: list[tuple[str, Folder]] = [("", self)]
        while pending:
            start, folder = pending.pop()
            for name in sorted(folder.files):
                yield f"{start}{name}", folder.files[name]
            pending += [(f"{start}{name}/", folder.folders[name]) for name in sorted(folder.folders, reverse=True)]

    def _names(self) -> Iterator[str]:
        pending: list[Folder] = [self]
        for folder in pending:  # the list grows while it is iterated over
            yield from folder.files
            yield from folder.folders
            pending += folder.folders.values()

    async def _write_to(self, path: Path, made: list[Path]) -> None:
        """Write the folder to a path, and append each folder to `made` before it is made."""
        pending: list[tuple[Path, Folder]] = [(path, self)]
        for at, folder in pending:
            made.append(at)
            await asyncio.to_thread(at.mkdir)
            for name, file in folder.files.items():
                await (await file.load()).copy_to(at / name)
            pending += [(at / name, inner) for name, inner in folder.folders.items()]

    def __repr__(self) -> str:
        return f"<Folder of {count_text(len(self.paths), 'file')}>"

    def _artigraph_show(self, level: int) -> str:
        del level
        return repr(self)


def _size_of(file: Lazy[File]) -> int:
    value: Any = held(file)[0]
    size = file.size
    return size if size is not None else int(value.size)


def _publish(made: Sequence[Path], target: Path) -> None:
    if os.path.lexists(target):  # a rename could replace an empty folder
        msg = f"{target} was made in the meantime"
        raise FileExistsError(msg)
    if sys.platform != "win32":
        for folder in made:
            sync_folder(folder)
    made[0].rename(target)
    if sys.platform != "win32":
        sync_folder(target.parent)


def _remove(made: Sequence[Path]) -> None:
    """Remove unfinished folders. `shutil.rmtree` recurses before Python 3.13."""
    for folder in reversed(made):
        with suppress(OSError):
            for file in folder.iterdir():
                with suppress(OSError):
                    file.unlink()
            folder.rmdir()


def _check_name(name: object, where: object) -> str:
    """Check that a text is one name in a folder.

    Raises:
        SerializationError: it is no label, or is a path.
    """
    try:
        text = check_label(name, "A name in a folder")
    except InvalidLabelError as error:
        msg = f"{where!r:.300} cannot be stored: {error}"
        raise SerializationError(msg) from error
    if text in ("", ".", "..") or "/" in text:
        msg = f"{text!r:.300} is no name of a file or folder: a name is not empty, '.' or '..', and has no '/'"
        raise SerializationError(msg)
    return text


def _check_local(name: str) -> None:
    """Check that a name cannot lead out of its folder on this system.

    Raises:
        DeserializationError: it can, or it is no name here.
    """
    if PurePath(name).parts != (name,) or PurePath(name).is_absolute():
        msg = f"{name!r:.300} is a name in the folder, and no name of a file on this system; read its files one by one"
        raise DeserializationError(msg)


def _listed(path: Path) -> tuple[dict[str, Lazy[File]], dict[str, Folder]]:
    """Return the files and folders in a folder on disk, in the order of their names. It does not recurse.

    Raises:
        SerializationError: something in it cannot be stored.
    """
    root = _root_of(path)
    found: list[tuple[Path, dict[str, Lazy[File]], dict[str, Folder]]] = [(path, {}, {})]
    above: list[tuple[int, str]] = [(0, "")]
    for index, (at, files, _) in enumerate(found):
        for entry in _entries(at, root, at.relative_to(path).parts):
            name = _check_name(entry.name, str(at / entry.name))
            if entry.kind == "folder":
                found.append((at / entry.name, {}, {}))
                above.append((index, name))
            elif entry.kind == "file":
                files[name] = Lazy(File(at / entry.name, _beneath=(path, root)))
            elif entry.kind == "link":
                msg = (
                    f"{str(at / entry.name)!r} is a link, and only files and folders are stored. Store a copy, in "
                    "which shutil.copytree(path, copy) replaces links by what they lead to"
                )
                raise SerializationError(msg)
            else:
                msg = (
                    f"{str(at / entry.name)!r} is a special file (a pipe, socket or device); only files and folders "
                    "are stored"
                )
                raise SerializationError(msg)
    for (_, files, folders), (index, name) in zip(reversed(found[1:]), reversed(above[1:]), strict=True):
        found[index][2][name] = Folder(files=files, folders=dict(sorted(folders.items())))
    return found[0][1], dict(sorted(found[0][2].items()))


class _Entry(NamedTuple):
    name: str
    kind: Literal["file", "folder", "link", "special"]


def _root_of(path: Path) -> Path:
    """Return a folder's path without links, so that a link that replaces the folder later leads nowhere."""
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # a circle of links, before Python 3.13
        raise _not_listed(path, error) from error


def _entries(path: Path, root: Path, names: tuple[str, ...]) -> list[_Entry]:
    """Return what is in a folder, sorted by name. `names` lead to it from the root, and no link is followed."""
    try:
        with ExitStack() as stack:
            opened = stack.enter_context(folder_beneath(root, names)) if BENEATH else path
            with os.scandir(opened) as entries:
                found = [_Entry(entry.name, _kind_of(entry)) for entry in entries]
    except OSError as error:
        raise _not_listed(path, error) from error
    return sorted(found)


def _kind_of(entry: os.DirEntry[str]) -> Literal["file", "folder", "link", "special"]:
    if entry.is_symlink() or getattr(entry, "is_junction", bool)():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "special"


def _not_listed(path: Path, error: Exception) -> SerializationError:
    return SerializationError(f"{str(path)!r} cannot be listed as a folder: {error}")
