"""Pointers to data that is kept elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from artigraph.errors import ArtigraphError, ObjectNotFoundError, SerializationError, class_name
from artigraph.model._base import ArtifactModel
from artigraph.raw_file import open_regular
from artigraph.storage import Storage, SupportsFiles, SupportsRanges, get_storage_by_name

_DIGEST = re.compile(r"([a-z0-9_]+):((?:[0-9a-f]{2})+)")
_ALGORITHMS = {name: hashlib.new(name).digest_size for name in ("md5", "sha1", "sha256", "sha384", "sha512", "blake2b")}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:.+", re.DOTALL)
_SECRET = re.compile(
    r"secret|passw|passphrase|pwd|token(?!i[sz]|s)|credential|signature|bearer|jwt|oauth|authoriz|"
    r"(?:api|access|account|auth|encryption|master|private|sas|service|session|shared|signing|storage)[._-]?key|"
    r"(?:^|[._\[-])(?:key|sig|auth|pass|sas|cookie|assertion|cred|creds|otp|pat|session[._-]?id)\]?$",
    re.IGNORECASE,
)
"""The name of a parameter that is likely to be a secret."""
_ASSIGNED = re.compile(r"([\w.\[\]-]+)\s*=")
_PARAMETERS = re.compile(r"[?#;].*", re.DOTALL)
"""What may contain parameters. Before it, `key=5` is the name of a folder, as of a partition."""
_LOGIN = re.compile(r"//[^/@\s]*:[^/@\s]*@")
"""A user with a password, also within an address that is a part of another one, as in `jdbc:`."""
_NO_HOST = re.compile(r"[^A-Za-z0-9.:\[\]-]")
"""A character that no host has: what follows may be a secret."""
_CONTAINERS = ("abfs", "abfss", "wasb", "wasbs")
"""The schemes of Azure in which a container stands where other URIs have a user."""
_LONGEST = 4096
_PART = 2 * 2**20
_STORAGE = "storage"


class ReferenceCheck(NamedTuple):
    """What `Reference.check` found."""

    status: Literal["unchanged", "exists", "changed", "missing", "unknown"]
    """The answer.

    - `unchanged`: the digest is the recorded one.
    - `exists`: the data exists, and no digest is recorded. If a size is recorded, it is equal.
    - `changed`: the size or the digest differs.
    - `missing`: there is no such file or object.
    - `unknown`: Artigraph cannot check it, as `reason` says.
    """
    reason: str
    """The answer as a sentence."""
    size: int | None = None
    """The size in bytes that was found."""
    digest: str | None = None
    """The digest that was found, by the algorithm of the recorded one."""


@dataclass(frozen=True)
class Reference(ArtifactModel, name="artigraph.Reference", frozen=True):
    """A pointer to data that Artigraph does not keep: a file, a table in a warehouse, an object in a bucket.

        raw = Reference("s3://lake/events/2024.parquet", version="3sL4kqtJ")
        raw_id = await raw.save("events")              # as an artifact, or as a field of your own model
        await manager.use(raw_id)                      # a run used it
        raw = await Reference.of_file("events.csv")    # with its size and SHA-256
        (await raw.check()).status                     # 'unchanged'

    It is a model, so queries, lineage and differences treat it as one: `columns(Reference).uri.startswith("s3://")`.
    Deleting it deletes nothing but the pointer. A URI is refused if it has a user or password before its host, or a
    parameter that is named like a secret. Folders named `key=5`, as of partitions, are allowed.

    Raises:
        SerializationError: a field is malformed, or the URI contains credentials. The message does not repeat them.
    """

    uri: str
    """Where the data is: an absolute URI."""
    version: str | None = None
    """The version of the data, in the terms of the system that keeps it."""
    digest: str | None = None
    """The digest of the content: an algorithm, a colon and hexadecimal digits in lower case, `sha256:9f86...` say."""
    size: int | None = None
    """The size of the content in bytes."""

    def __post_init__(self) -> None:
        _check_uri(self.uri)
        version: object = self.version
        if version is not None and type(version) is not str:
            msg = f"The version of a Reference is a text or None, not a {class_name(type(version))}: str(version)"
            raise SerializationError(msg)
        digest: object = self.digest
        if digest is not None:
            found = _DIGEST.fullmatch(digest) if type(digest) is str else None
            if found is None or _ALGORITHMS.get(found[1]) != len(found[2]) // 2:
                msg = (
                    f"{digest!r:.100} is no digest. Write 'sha256:' and its hexadecimal digits in lower case, or use "
                    f"another of {', '.join(_ALGORITHMS)}"
                )
                raise SerializationError(msg)
        size: object = self.size
        if size is not None and (type(size) is not int or size < 0):
            msg = f"The size of a Reference is a number of bytes or None, not {size!r:.100}"
            raise SerializationError(msg)

    @classmethod
    async def of_file(cls, path: str | Path, *, version: str | None = None) -> Reference:
        """Return a reference to a file on this machine, with its size and SHA-256. It reads the file once.

        Raises:
            SerializationError: the path is not a file that can be read.
        """
        try:
            file = await asyncio.to_thread(Path(path).resolve)
            size, digest = await asyncio.to_thread(_hash_path, file, "sha256")
        except (OSError, ValueError, RuntimeError) as error:  # a NUL in the path, or a circle of links
            msg = f"{str(path)!r} cannot be read as a file: {error}"
            raise SerializationError(msg) from error
        return cls(file.as_uri(), version, digest, size)

    async def check(self) -> ReferenceCheck:
        """Look whether the data is there and has the recorded size and digest.

        Files of this machine (`file:///...`) and objects of a registered storage (`storage://NAME/LOCATION`) are
        checked, and read if a digest is recorded. Any other URI gives `unknown`: Artigraph opens no connection for it.
        """
        parts = urlsplit(self.uri)
        try:
            if parts.scheme == "file" and parts.netloc in ("", "localhost"):
                from urllib.request import url2pathname  # imports HTTP, too

                return await self._check_file(Path(url2pathname(parts.path)))
            if parts.scheme == _STORAGE:
                return await self._check_object(get_storage_by_name(unquote(parts.netloc)), unquote(parts.path)[1:])
        except (FileNotFoundError, NotADirectoryError, ObjectNotFoundError):
            return ReferenceCheck("missing", "There is no such file or object")
        except (ArtigraphError, OSError, ValueError) as error:  # a NUL in the path
            return ReferenceCheck("unknown", f"It cannot be read: {error}")
        return ReferenceCheck("unknown", f"Artigraph does not read {parts.scheme!r} URIs; check it where it is kept")

    async def _check_file(self, path: Path) -> ReferenceCheck:
        found = await asyncio.to_thread(path.stat)
        if not stat.S_ISREG(found.st_mode):
            return ReferenceCheck("unknown", "It exists, and is no file with a size and digest of its own")
        if self.digest is None or (self.size is not None and self.size != found.st_size):
            return self._compare(found.st_size, None)
        return self._compare(*await asyncio.to_thread(_hash_path, path, self.digest.partition(":")[0]))

    async def _check_object(self, storage: Storage, location: str) -> ReferenceCheck:
        if not await storage.exists(location):
            return ReferenceCheck("missing", "The storage has no such object")
        if self.digest is None and self.size is None:
            return ReferenceCheck("exists", "The object exists; no size or digest is recorded")
        algorithm = "sha256" if self.digest is None else self.digest.partition(":")[0]
        found, size = hashlib.new(algorithm), 0
        async for part in _parts_of(storage, location):
            size += len(part)
            await asyncio.to_thread(found.update, part)
        return self._compare(size, None if self.digest is None else f"{algorithm}:{found.hexdigest()}")

    def _compare(self, size: int, digest: str | None) -> ReferenceCheck:
        if self.size is not None and self.size != size:
            return ReferenceCheck("changed", f"It has {size:,} bytes; {self.size:,} are recorded", size, digest)
        if digest is None:
            return ReferenceCheck("exists", "It exists; no digest is recorded", size)
        if digest != self.digest:
            return ReferenceCheck("changed", f"Its digest is {digest}, which is not the recorded one", size, digest)
        return ReferenceCheck("unchanged", "Its digest is the recorded one", size, digest)


async def _parts_of(storage: Storage, location: str) -> AsyncIterator[bytes]:
    if isinstance(storage, SupportsFiles):
        file: BinaryIO = await asyncio.to_thread(storage.open, location)
        with file:
            while part := await asyncio.to_thread(file.read, _PART):
                yield part
    elif isinstance(storage, SupportsRanges):
        start = 0
        while part := await storage.read_range(location, start, _PART):
            start += len(part)
            yield part
    else:
        yield await storage.read(location)


def _hash_path(path: Path, algorithm: str) -> tuple[int, str]:
    """Return the size and the digest of a regular file. A special one might never end, or never answer.

    Raises:
        OSError: it is no regular file, or it has more bytes than its size says.
    """
    found, size = hashlib.new(algorithm), 0
    with open_regular(path) as file:
        expected = os.fstat(file.fileno()).st_size
        while part := file.read(_PART):
            size += len(part)
            if size > expected:
                msg = f"{path} has more bytes than its size of {expected:,}: it grows, or is no file on a disk"
                raise OSError(msg)
            found.update(part)
    return size, f"{algorithm}:{found.hexdigest()}"


def _check_uri(uri: object) -> None:
    """Check the form of a URI, and that it contains no credentials.

    Raises:
        SerializationError: it is malformed, or contains credentials. The message does not repeat them.
    """
    if type(uri) is not str or not _SCHEME.fullmatch(uri) or len(uri) > _LONGEST or not uri.isprintable():
        shown = f"of {len(uri):,} characters" if isinstance(uri, str) else f"of type {class_name(_type_of(uri))}"
        msg = (
            f"The uri of a Reference ({shown}) is no absolute URI of at most {_LONGEST:,} printable characters. Begin "
            "with a scheme in lower case: 's3://...', 'https://...', or Path(...).resolve().as_uri() for a file"
        )
        raise SerializationError(msg)
    try:
        parts = urlsplit(uri)
        user, password = parts.username, parts.password
    except ValueError as error:
        msg = "The uri of a Reference is malformed: its host cannot be read. Write it as scheme://host/path"
        raise SerializationError(msg) from error
    text = _unquoted(uri)
    # Without `//` there is no path: `odbc:` is followed by parameters.
    within = _PARAMETERS.search(text) if "//" in text else re.search(r":.*", text, re.DOTALL)
    names = [] if within is None else _ASSIGNED.findall(within[0])
    found = next(filter(None, map(_SECRET.search, names)), None)
    secret = None if found is None else found[0].strip("._[]-")
    if password is not None or _LOGIN.search(text) or (user is not None and parts.scheme not in _CONTAINERS):
        what = "a user or password before its host"
    elif secret is not None:
        what = f"a parameter with {secret!r} in its name"
    else:
        return
    host = _NO_HOST.split(parts.netloc.rpartition("@")[2])[0]
    msg = (
        f"The uri of a Reference to {parts.scheme}://{host} contains {what}, which may be a credential. Artigraph "
        "stores no credentials: leave it out, and let the program that reads the data find it elsewhere"
    )
    raise SerializationError(msg)


def _unquoted(uri: str) -> str:
    """Return a URI without percent-encoding. A URI within another one is encoded more than once."""
    for _ in range(5):
        uri, before = unquote(uri), uri
        if uri == before:
            break
    return uri


def _type_of(value: object) -> type[object]:
    return type(value)
