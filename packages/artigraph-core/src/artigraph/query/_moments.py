"""Counts and ranges of save times, which several kinds of queries take."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement

from artigraph.errors import QueryError
from artigraph.identifiers import check_moment, first_id
from artigraph.model.any_model import AnyModel

M = TypeVar("M", bound=AnyModel)
T = TypeVar("T")


MOST = 2**62
"""More results than a database can hold."""


def check_count(value: object, what: str) -> int:
    """Return `value` if it is a number of results.

    Raises:
        QueryError: it is not a whole number, or out of range.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST:
        msg = f"{what} is a number of results, 0 or more, not {value!r:.100}"
        raise QueryError(msg)
    return value


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later of two moments, or the only one that is given. The second is checked."""
    given = [moment for moment in (one, other and check_moment(other)) if moment is not None]
    return max(given, default=None)


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the earlier of two moments, or the only one that is given. The second is checked."""
    given = [moment for moment in (one, other and check_moment(other)) if moment is not None]
    return min(given, default=None)


def within(values: Iterable[T], others: Collection[T] | None) -> tuple[T, ...]:
    """Return the values that are also in `others`; all of them if `others` is None."""
    return tuple(value for value in values if others is None or value in others)


def saved_between(
    column: Any, since: datetime | None, before: datetime | None, *, as_bytes: bool = False
) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that a node's id, in a column of ids or of bytes, was made in a range of time."""
    if since is not None:
        yield column >= (first_id(since).bytes if as_bytes else first_id(since))
    if before is not None:
        yield column < (first_id(before).bytes if as_bytes else first_id(before))
