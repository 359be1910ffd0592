"""The settings of tools that show a store: the file `artigraph.toml` and the environment variable `ARTIGRAPH_URL`.

The library itself reads no file. A tool reads this one when it starts:

    [database]
    url = "postgresql://me@localhost/results"
    read_url = "postgresql://me@standby/results"    # a read replica; see `artigraph.db.set_engine`

    [storage."file:data"]             # the permanent name, which is stored with the data
    type = "file"                     # an entry point of the group `artigraph.storage_type`
    directory = "data"                # the other keys are the arguments of the storage's class

    [storage."s3:bucket/prefix"]
    url = "s3://bucket/prefix"        # instead of a type; see `artigraph.storage.storage_from_url`
    region = "eu-west-1"

    [store.vision]                    # a store of the web view, which shows all of them instead of [database]
    url = "postgresql://me@localhost/vision"        # and perhaps a `read_url`

    [cli]
    imports = ["my_project.models"]   # modules to import: this runs their code
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import artigraph.errors as errors
from artigraph.db import find_folder
from artigraph.printable import quoted
from artigraph.storage import Storage, from_url, register_storage

__all__: list[str] = ["FILE", "Configuration", "StorageSettings"]
__all__ += ["embedded_store", "import_modules", "read_configuration", "register_storages"]

FILE = "artigraph.toml"
"""The file that is read in the working directory. It is not searched for anywhere else."""
_URL = "ARTIGRAPH_URL"
_READ_URL = "ARTIGRAPH_READ_URL"
_STORE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """A storage, as a table `[storage.<name>]` describes it."""

    name: str
    """The permanent name."""
    type: str | None
    """The name of its entry point. None if the URL alone says which class makes it."""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """The arguments of its class. They may be secrets, so no error and no repr shows them."""
    url: str | None = field(default=None, repr=False)
    """The URL from which it is made. None if it is made by its type."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a tool is set to."""

    file: Path | None = None
    """The file that was read."""
    url: str | None = field(default=None, repr=False)
    """The database. None means the embedded store. It may hold a password, so no repr shows it."""
    storages: tuple[StorageSettings, ...] = ()
    stores: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The databases of the stores that the web view shows, by name. Without any it shows `url`."""
    read_url: str | None = field(default=None, repr=False)
    """The read replica of `url`."""
    read_urls: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The read replicas of the stores, by the stores' names."""
    imports: tuple[str, ...] = ()
    """Modules to import before values are read."""

    @property
    def is_default(self) -> bool:
        """Whether the library uses this database without being told: that of `ARTIGRAPH_URL`, or the embedded store."""
        if self.url is None:
            return True
        return (self.url, self.read_url) == (os.environ.get(_URL), os.environ.get(_READ_URL) or None)


def read_configuration(file: str | os.PathLike[str] | None = None) -> Configuration:
    """Return the settings in a file, or in `artigraph.toml` of the working directory if it exists.

    The environment variables `ARTIGRAPH_URL` and `ARTIGRAPH_READ_URL` override both URLs of the database in the file:
    the replica in the file is not one of the environment's database. Paths are relative to the working directory.
    Nothing is imported, and no connection is made.

    Raises:
        ConfigurationError: the file does not exist or cannot be read, or has a key that is unknown or of another type.
            Or a read replica is set without its database.
    """
    path = Path(FILE if file is None else file)
    url = os.environ.get(_URL) or None
    read_url = os.environ.get(_READ_URL) or None
    if read_url is not None and url is None:
        msg = f"{_READ_URL} is set without {_URL}. Set both, or name the replica in {FILE}: read_url in [database]"
        raise errors.ConfigurationError(msg)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        if file is None:
            return Configuration(url=url, read_url=read_url)
        msg = f"There is no configuration file {quoted(str(path))}. Correct the path"
        raise errors.ConfigurationError(msg) from error
    except (OSError, UnicodeError) as error:
        msg = f"The configuration file {quoted(str(path))} cannot be read: {error}"
        raise errors.ConfigurationError(msg) from error
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{quoted(str(path))} is no valid TOML: {error}"
        raise errors.ConfigurationError(msg) from error
    reader = _Reader(path)
    reader.check_keys("", said, ("database", "storage", "store", "cli"))
    database = reader.table("database", said)
    reader.check_keys("database", database, ("url", "read_url"))
    reader.check_replica("database", database)
    tool = reader.table("cli", said)
    reader.check_keys("cli", tool, ("imports",))
    stores = reader.table("store", said)
    return Configuration(
        file=path,
        url=url or reader.text("database", database, "url"),
        read_url=read_url if url else reader.text("database", database, "read_url"),
        storages=tuple(reader.storages(reader.table("storage", said))),
        stores=dict(reader.stores(stores)),
        read_urls=dict(reader.replicas(stores)),
        imports=tuple(reader.texts("cli", tool, "imports")),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads tables, and names the file and the key in errors. It never shows a value, which may be a secret."""

    path: Path

    def check_keys(self, table: str, said: Mapping[str, Any], known: Collection[str]) -> None:
        for key in said:
            if key not in known:
                where = f"[{table}]" if table else "the file"
                self._refuse(f"has the key {quoted(key)} in {where}, which is unknown. Known keys: {', '.join(known)}")

    def table(self, name: str, said: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = said.get(name, {})
        if not isinstance(found, dict):
            self._refuse(f"has a value for {quoted(name)}, which is a table: write [{name}]")
        return found.copy()

    def text(self, table: str, said: Mapping[str, Any], key: str) -> str | None:
        found = said.get(key)
        if found is not None and (not isinstance(found, str) or not found):
            self._refuse(f"has no text for the key {quoted(key)} in [{table}]. Write it in quotation marks")
        return found

    def texts(self, table: str, said: Mapping[str, Any], key: str) -> list[str]:
        found: list[str] = said.get(key, [])
        if type(found) is not list or {type(item) for item in found} - {str}:
            self._refuse(f'has no list of texts for the key {quoted(key)} in [{table}]. Write {key} = ["..."]')
        return found

    def storages(self, said: Mapping[str, Any]) -> list[StorageSettings]:
        found: list[StorageSettings] = []
        for name in said:
            table = f"storage.{quoted(name)}"
            arguments = self.table(name, said)
            kind = self.text(table, arguments, "type")
            url = self.text(table, arguments, "url")
            if kind is None and url is None:
                self._refuse(f"has no key 'type' and no 'url' in [{table}]. Known types: {from_url.known_types()}")
            if "name" in arguments:
                self._refuse(f"has a key 'name' in [{table}]. The name of the table is the name of the storage")
            rest = {key: value for key, value in arguments.items() if key not in {"type", "url"}}
            found.append(StorageSettings(name, kind, rest, url))
        return found

    def stores(self, said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name in said:
            table = f"store.{quoted(name)}"
            if not _STORE.fullmatch(name) or name == "static":
                self._refuse(
                    f"has the name {quoted(name)} for a store, which becomes a part of addresses. Use ASCII letters, "
                    "digits, '-' and '_', and another name than 'static'"
                )
            store = self.table(name, said)
            self.check_keys(table, store, ("url", "read_url"))
            url = self.text(table, store, "url")
            if url is None:
                self._refuse(f"has no key 'url' in [{table}]")
            yield name, url

    def replicas(self, said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name in said:
            read_url = self.text(f"store.{quoted(name)}", self.table(name, said), "read_url")
            if read_url is not None:
                yield name, read_url

    def check_replica(self, table: str, said: Mapping[str, Any]) -> None:
        if "read_url" in said and "url" not in said:
            self._refuse(f"has a key 'read_url' and no 'url' in [{table}]. A replica needs its database")

    def _refuse(self, what: str) -> NoReturn:
        msg = f"{quoted(str(self.path))} {what}"
        raise errors.ConfigurationError(msg)


def embedded_store() -> Path:
    """Return the folder of the embedded store: the nearest `.artigraph` in the working directory or above it.

    If no such folder exists, it is the path in the working directory where the library would make it.
    """
    return find_folder()


def register_storages(configuration: Configuration) -> list[Storage]:
    """Make the storages of the settings, and register each under its permanent name.

    Raises:
        UnknownStorageError: no installed distribution offers a type of this name.
        MissingDependencyError: a distribution or a library that the storage needs is not installed.
        ConfigurationError: the class does not take these arguments, or the URL is invalid.
        RegistrationError: another storage has the name.
    """
    return [register_storage(_make(settings)) for settings in configuration.storages]


def _make(settings: StorageSettings) -> Storage:
    if settings.url is not None:
        return from_url.storage_from_url(settings.url, type=settings.type, name=settings.name, **settings.arguments)
    assert settings.type is not None  # a table has a type or a URL
    kind = from_url.class_of_type(settings.type, settings.name)
    where = f"The storage {quoted(settings.name)} of type {quoted(settings.type)}"
    return from_url.call(kind, {**settings.arguments, "name": settings.name}, where)


def import_modules(configuration: Configuration) -> None:
    """Import the modules of the settings, which may register storages and serializers. This runs their code.

    The working directory is searched first, as `python -m` does.

    Raises:
        ConfigurationError: a module cannot be imported. The original error is the `__cause__`.
    """
    if configuration.imports and "" not in sys.path:
        sys.path.insert(0, "")
    for name in configuration.imports:
        try:
            import_module(name)
        except Exception as error:
            msg = f"The module {quoted(name)} of the key 'imports' cannot be imported: {type(error).__name__}: {error}"
            raise errors.ConfigurationError(msg) from error
