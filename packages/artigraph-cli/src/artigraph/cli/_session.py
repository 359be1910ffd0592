"""Run the work of a command with the store that is set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from artigraph.db import engine_context
from artigraph.errors import MissingTablesError
from artigraph.view.configuration import (
    Configuration,
    embedded_store,
    import_modules,
    read_configuration,
    register_storages,
)

T = TypeVar("T")


def run_in_store(
    work: Callable[[], Coroutine[Any, Any, T]],
    config: Path | None,
    *,
    storages: bool = False,
    creates: bool = False,
    examines: bool = False,
    writes: bool = False,
) -> T:
    """Run async work with the database of the configuration, and return what it returns.

    Work that writes reads from the primary, too: what a lagging replica finds is not what should be changed.

    Raises:
        ConfigurationError: the configuration cannot be used.
        MissingTablesError: no database is set, and there is no embedded store.
    """
    configuration = read_configuration(config)
    source = _source(configuration, needed=not (creates or examines))
    read_url = None if writes or creates else configuration.read_url
    if storages:
        import_modules(configuration)
        register_storages(configuration)

    async def run() -> T:
        if examines and configuration.is_default:
            return await work()  # the library finds the same store itself, and says why
        async with engine_context(source, create_tables=creates, read_url=read_url):
            return await work()

    return asyncio.run(run())


def _source(configuration: Configuration, *, needed: bool) -> str | Path:
    if configuration.url is not None:
        return configuration.url
    folder = embedded_store()
    if folder.is_dir() or not needed:
        return folder
    msg = (
        "There is no store here. No database is set, and neither this folder nor one above it has a folder "
        f"{folder.name!r}"
    )
    raise MissingTablesError(msg)
