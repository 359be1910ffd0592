"""What narrows several kinds of questions alike: a time of saving, and loading what is there still."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import chunks, current_database, read
from artigraph.errors import NodeNotFoundError, ObjectNotFoundError, QueryError
from artigraph.ids import first_id
from artigraph.model import ArtifactModel
from artigraph.model.load import load_models
from artigraph.orm import node_table

__all__ = ["check_moment", "earliest", "latest", "load_there", "saved_between", "within"]

M = TypeVar("M", bound=ArtifactModel)
T = TypeVar("T")


def check_moment(moment: object) -> datetime:
    """Return an aware datetime.

    Raises:
        QueryError: it is none.
    """
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        msg = f"A time of saving is an aware datetime, datetime.now(UTC) say, not {moment!r:.100}"
        raise QueryError(msg)
    return moment


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later one of two moments, each of which may be none; the second is checked."""
    given = [moment for moment in (one, other and check_moment(other)) if moment is not None]
    return max(given, default=None)


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the earlier one of two moments, each of which may be none; the second is checked."""
    given = [moment for moment in (one, other and check_moment(other)) if moment is not None]
    return min(given, default=None)


def within(values: Iterable[T], others: Collection[T] | None) -> tuple[T, ...]:
    """Return those of some values that are among others, if there are others."""
    return tuple(value for value in values if others is None or value in others)


def saved_between(node_id: Any, since: datetime | None, before: datetime | None) -> Iterator[ColumnElement[bool]]:
    """Yield what holds of the ids that were made in a time."""
    if since is not None:
        yield node_id >= first_id(since)
    if before is not None:
        yield node_id < first_id(before)


async def load_there(model_type: type[M], ids: Sequence[UUID]) -> list[tuple[UUID, M]]:
    """Load those of some artifacts that are there still, with their ids, in the order of these."""
    while True:
        try:
            return list(zip(ids, await load_models(model_type, ids), strict=True))
        except (NodeNotFoundError, ObjectNotFoundError):  # objects go just after their rows
            there = await _there(ids)
            if there.issuperset(ids):
                raise
            ids = [node_id for node_id in ids if node_id in there]


async def _there(ids: Sequence[UUID]) -> set[UUID]:
    await current_database()

    async def work(connection: AsyncConnection) -> set[UUID]:
        found: set[UUID] = set()
        for some in chunks(ids):
            statement = select(node_table.c.node_id).where(node_table.c.node_id.in_(some))
            found.update((await connection.execute(statement)).scalars())
        return found

    return await read(work)
