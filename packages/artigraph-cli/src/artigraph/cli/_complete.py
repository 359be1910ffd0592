"""Read what completes a reference: names of runs, series and their aliases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.cli._session import run_in_store
from artigraph.db import current_database, distinct_texts, distinct_values, read_anywhere
from artigraph.orm import alias_table, node_table

_MOST = 50
"""The most proposals."""
_PATIENCE = 2.0
"""The seconds after which a server that does not answer is given up."""
_RUN = "run:"


def references(beginning: str, config: Path | None, *, series_only: bool = False) -> list[str]:
    """Return references that begin with a text. It reads a few index entries for each name, and writes nothing."""
    return _proposals(partial(_find, beginning, series_only=series_only), config)


def model_names(beginning: str, config: Path | None) -> list[str]:
    """Return the names of models that begin with a text."""
    return _proposals(partial(_models, beginning), config)


def function_names(beginning: str, config: Path | None) -> list[str]:
    """Return the names of functions with cached results that begin with a text."""
    from artigraph.tracking import cached_functions  # before the time limit, which is for the database

    async def find() -> list[str]:
        names = [each.function for each in await cached_functions()]
        return [name for name in names if name.startswith(beginning)][:_MOST]

    return _proposals(find, config)


def _proposals(find: Callable[[], Coroutine[Any, Any, list[str]]], config: Path | None) -> list[str]:
    """Run a search. An error gives no proposals: a message would be printed into the line that the user types."""

    async def search() -> list[str]:
        async with asyncio.timeout(_PATIENCE):
            return await find()

    try:
        return run_in_store(search, config)
    except Exception:
        return []


async def _find(beginning: str, *, series_only: bool) -> list[str]:
    if beginning.startswith(_RUN) and not series_only:
        return [_RUN + name for name in await _run_names(beginning.removeprefix(_RUN))]
    model, slash, rest = beginning.partition("/")
    if not slash:
        models = await _models(model)
        others = [] if series_only else [each for each in ("@", _RUN) if each.startswith(beginning)]
        return [*others, *(f"{name}/" for name in models)]
    label, at, alias = rest.rpartition("@")
    if at and not series_only:
        names = await _column(
            select(alias_table.c.alias)
            .where(alias_table.c.model_name == model, alias_table.c.label == label)
            .where(alias_table.c.alias.startswith(alias, autoescape=True))
            .order_by(alias_table.c.alias)
        )
        return [f"{model}/{label}@{name}" for name in names]
    return [f"{model}/{name}" for name in await _labels(model, rest)]


async def _labels(model: str, beginning: str) -> list[str]:
    """Return the labels of a model's artifacts. Each takes one index lookup, however many versions it has."""
    node = node_table.c
    # Models inside of artifacts have no search key.
    of_model = node.node_type == "model", node.model_name == model, node.search_key >= b""

    async def work(connection: AsyncConnection) -> list[str]:
        return await distinct_texts(connection, node.label, *of_model, prefix=beginning, most=_MOST)

    return await read_anywhere(work)


async def _run_names(beginning: str) -> list[str]:
    """Return names that begin with a text, of the newest runs that have one."""
    c = node_table.c
    names = select(c.run_name).where(c.node_type == "run", c.run_name.startswith(beginning, autoescape=True))
    return sorted(set(await _column(names.order_by(c.node_id.desc()).limit(20 * _MOST))))[:_MOST]


async def _models(beginning: str) -> list[str]:
    database = await current_database()
    statement = distinct_values(node_table.c.model_name, node_table.c.node_type, ("model",), database.dialect)
    return [name for name in sorted(await _column(statement)) if name.startswith(beginning)][:_MOST]


async def _column(statement: Select[Any]) -> list[str]:
    async def work(connection: AsyncConnection) -> list[str]:
        return list((await connection.execute(statement)).scalars())

    return await read_anywhere(work)
