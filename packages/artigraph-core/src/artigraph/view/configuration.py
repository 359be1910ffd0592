"""The settings of tools that show a store: the file `artigraph.toml` and the environment variable `ARTIGRAPH_URL`.

The library itself reads no file. A tool reads this one when it starts:

    [database]
    url = "postgresql://me@localhost/results"

    [storage."file:data"]             # the permanent name, which is stored with the data
    type = "file"                     # an entry point of the group `artigraph.storage_type`
    directory = "data"                # the other keys are the arguments of the storage's class

    [store.vision]                    # a store of the web view, which shows all of them instead of [database]
    url = "postgresql://me@localhost/vision"

    [cli]
    imports = ["my_project.models"]   # modules to import: this runs their code
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NoReturn

import artigraph.errors as errors
from artigraph.db import find_folder
from artigraph.printable import quoted
from artigraph.storage import Storage, register_storage

__all__: list[str] = ["FILE", "Configuration", "StorageSettings"]
__all__ += ["embedded_store", "import_modules", "read_configuration", "register_storages"]

FILE = "artigraph.toml"
"""The file that is read in the working directory. It is not searched for anywhere else."""
_URL = "ARTIGRAPH_URL"
_GROUP = "artigraph.storage_type"
_STORE = re.compile(r"[A-Za-z0-9_-]+")
_PACKAGES = {"aws": "artigraph[aws]", "file": "artigraph-storage-fs"}


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """A storage, as a table `[storage.<name>]` describes it."""

    name: str
    """The permanent name."""
    type: str
    """The name of its entry point."""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """The arguments of its class. They may be secrets, so no error and no repr shows them."""


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
    imports: tuple[str, ...] = ()
    """Modules to import before values are read."""

    @property
    def is_default(self) -> bool:
        """Whether the library uses this database without being told: that of `ARTIGRAPH_URL`, or the embedded store."""
        return self.url is None or self.url == os.environ.get(_URL)


def read_configuration(file: str | os.PathLike[str] | None = None) -> Configuration:
    """Return the settings in a file, or in `artigraph.toml` of the working directory if it exists.

    The environment variable `ARTIGRAPH_URL` overrides the URL in the file. Paths are relative to the working directory.
    Nothing is imported, and no connection is made.

    Raises:
        ConfigurationError: the file does not exist or cannot be read, or has a key that is unknown or of another type.
    """
    path = Path(FILE if file is None else file)
    url = os.environ.get(_URL) or None
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        if file is None:
            return Configuration(url=url)
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
    reader.check_keys("database", database, ("url",))
    tool = reader.table("cli", said)
    reader.check_keys("cli", tool, ("imports",))
    return Configuration(
        file=path,
        url=url or reader.text("database", database, "url"),
        storages=tuple(reader.storages(reader.table("storage", said))),
        stores=dict(reader.stores(reader.table("store", said))),
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
            if kind is None:
                self._refuse(f"has no key 'type' in [{table}]. Known types: {_known_types()}")
            if "name" in arguments:
                self._refuse(f"has a key 'name' in [{table}]. The name of the table is the name of the storage")
            found.append(StorageSettings(name, arguments.pop("type"), arguments))
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
            self.check_keys(table, store, ("url",))
            url = self.text(table, store, "url")
            if url is None:
                self._refuse(f"has no key 'url' in [{table}]")
            yield name, url

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
        MissingDependencyError: a library that the storage needs is not installed.
        ConfigurationError: the class does not take these arguments.
        RegistrationError: another storage has the name.
    """
    return [register_storage(_make(settings)) for settings in configuration.storages]


def _make(settings: StorageSettings) -> Storage:
    for entry_point in entry_points(group=_GROUP, name=settings.type):
        return _make_of(_load(entry_point), settings)
    package = _PACKAGES.get(settings.type)
    hint = f"pip install '{package}'" if package else f"Known types: {_known_types()}"
    msg = f"There is no storage type {quoted(settings.type)}, which {quoted(settings.name)} should be of. {hint}"
    raise errors.UnknownStorageError(msg)


def _load(entry_point: EntryPoint) -> Any:
    try:
        return entry_point.load()
    except ImportError as error:
        msg = f"The storage type {quoted(entry_point.name)} cannot be imported: {error}"
        raise errors.MissingDependencyError(msg) from error


def _make_of(kind: Any, settings: StorageSettings) -> Storage:
    parameters = inspect.signature(kind).parameters
    unknown = [name for name in settings.arguments if name not in parameters]
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in settings.arguments and name != "name"
    ]
    where = f"The storage {quoted(settings.name)} of type {quoted(settings.type)}"
    if unknown:
        known = ", ".join(name for name in parameters if name != "name")
        msg = f"{where} takes no {', '.join(map(quoted, unknown))}. It takes {known}"
        raise errors.ConfigurationError(msg)
    if missing:
        msg = f"{where} needs {', '.join(map(quoted, missing))}"
        raise errors.ConfigurationError(msg)
    try:
        made: Storage = kind(**settings.arguments, name=settings.name)
    except TypeError as error:
        msg = f"{where} has an argument of another type than its class takes"  # the cause may show a secret
        raise errors.ConfigurationError(msg) from error
    return made


def _known_types() -> str:
    return ", ".join(sorted({entry_point.name for entry_point in entry_points(group=_GROUP)})) or "none are installed"


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
