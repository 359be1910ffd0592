"""The store that the pages read: one database for the application, on connections that refuse to write."""

from __future__ import annotations

import asyncio
import os
import re
from contextvars import Context, copy_context
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Receive, Scope, Send

from artigraph.db import engine_context
from artigraph.errors import MissingTablesError
from artigraph.view.configuration import (
    Configuration,
    embedded_store,
    import_modules,
    read_configuration,
    register_storages,
)

Replica: TypeAlias = str | URL | os.PathLike[str]
Source: TypeAlias = Replica | AsyncEngine


def context_of(source: Source, read_url: Replica | None = None) -> Context:
    """Return a context in which a database is set. The engine is made on the first use by an event loop.

    The event loop closes its connections when it ends.
    """
    context = copy_context()
    # An engine of the caller's is used as it is. It may write, but no page does.
    block = engine_context(source, read_only=not isinstance(source, AsyncEngine), read_url=read_url)
    context.run(block.__enter__)
    return context


def dialect_of(source: Source) -> str:
    """Return the name of the database system of a source."""
    if isinstance(source, AsyncEngine):
        return source.dialect.name
    scheme = source.drivername if isinstance(source, URL) else os.fspath(source).partition("://")[0]
    known = re.match(r"(?:postgres|mysql|mariadb)", scheme)
    return {"postgres": "postgresql"}.get(known[0], known[0]) if known else "sqlite"


def configured(config: str | os.PathLike[str] | None) -> Configuration:
    """Return the configuration, and register its storages."""
    configuration = read_configuration(config)
    if not configuration.stores and configuration.url is None and not embedded_store().is_dir():
        msg = f"There is no store here: no database is set, and no folder {embedded_store().name!r} exists"
        raise MissingTablesError(msg)
    import_modules(configuration)
    register_storages(configuration)
    return configuration


def source_of(configuration: Configuration) -> str | Path:
    """Return the database of a configuration without named stores."""
    return configuration.url or embedded_store()


class InStore:
    """Runs each request with the database set, in a task of its own."""

    def __init__(self, app: ASGIApp, *, context: Context, name: str | None = None, dialect: str | None = None) -> None:
        self._app = app
        self._dialect = dialect
        self._context = context
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["artigraph.store"] = self._name
        scope["artigraph.dialect"] = self._dialect

        async def answer() -> None:
            await self._app(scope, receive, send)

        # A context is entered once at a time, so each request has a copy. Who cancels this task cancels the other.
        await asyncio.create_task(answer(), context=self._context.copy())
