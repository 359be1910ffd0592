"""The run that computed the result of a run that the cache served."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import FromClause, select

from artigraph.errors import MalformedRowError
from artigraph.graph.runs import CACHE, CACHED_FROM
from artigraph.identifiers import id_of
from artigraph.orm import run_value_table


def cached_from_of(run: FromClause) -> Any:
    """Return a column with the id of the run that computed the result of a run, as 16 bytes."""
    value = run_value_table.c
    found = select(value.search_key).where(
        value.run_id == run.c.node_id, value.kind == CACHE, value.name == CACHED_FROM
    )
    return found.correlate(run).scalar_subquery().label("cached_from")


def id_of_key(key: bytes | None) -> UUID | None:
    """Return the id in a search key of `cached_from`. If the row was altered, it is None; fsck lists such rows."""
    try:
        return None if key is None else id_of(bytes(key))
    except MalformedRowError:
        return None
