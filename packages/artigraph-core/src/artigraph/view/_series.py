"""A series: its versions, the newest first, with their fields and aliases, and the values of fields as points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import in_batches, read_anywhere
from artigraph.errors import QueryError
from artigraph.identifiers import check_label, moment_of
from artigraph.orm import alias_table, node_table
from artigraph.query import select as query_of
from artigraph.view._artifacts import ArtifactItem, read_artifact_items
from artigraph.view._document import Document, Record, check_limit, cursor_after, last_of
from artigraph.view._fields import Path, field_paths, read_cells


@dataclass(frozen=True, slots=True)
class SeriesDocument(Document):
    """A page of the versions of a series, the newest first."""

    schema: ClassVar[str] = "artigraph.series/1"

    model_name: str
    """The stored name of the class."""
    label: str
    total: int
    """How many versions the series has."""
    aliases: Mapping[str, UUID]
    """The aliases of the series by name, each with the version that it points to."""
    versions: tuple[ArtifactItem, ...]
    next: str | None
    """The cursor of the next page, for `after`. None on the last page."""

    def _next(self) -> str | None:
        return self.next


async def series_document(
    model: str,
    label: str,
    *,
    columns: Sequence[str | Sequence[str]] | None = None,
    limit: int = 50,
    after: str | None = None,
) -> SeriesDocument:
    """Return a page of the versions of a series, the newest first. A series without versions is empty.

        document = await series_document("Report", "report", columns=["accuracy"])

    Args:
        model: the stored name of the class.
        label: the label under which the versions were saved.
        columns: the fields to show, as for `artifacts_page`.
        limit: the most versions of the page, up to 1,000.
        after: the `next` of the page before.

    Raises:
        InvalidCursorError: `after` is no cursor of versions.
        QueryError: a column or the limit is invalid.
        InvalidLabelError: the name or the label is not valid.
    """
    model, label = check_label(model, "The name of a model"), check_label(label)
    last, paths = last_of("versions", after), field_paths(columns)
    asked = query_of(model).labeled(label)
    asked = asked if last is None else asked.older_than(last)
    ids = await asked.newest_first().limit(check_limit(limit) + 1).ids()
    versions = await read_artifact_items(ids[:limit], paths)
    total, aliases = await _read(model, label)
    cursor = cursor_after("versions", ids[limit - 1]) if len(ids) > limit else None
    return SeriesDocument(model, label, total, aliases, versions, cursor)


async def _read(model: str, label: str) -> tuple[int, dict[str, UUID]]:
    node, alias = node_table.c, alias_table.c
    count = select(func.count()).where(
        node.node_type == "model", node.model_name == model, node.label == label, node.search_key >= b""
    )
    named = select(alias.alias, alias.node_id).where(alias.model_name == model, alias.label == label)

    async def work(connection: AsyncConnection) -> tuple[int, dict[str, UUID]]:
        total = await connection.scalar(count) or 0
        return total, {row.alias: row.node_id for row in await connection.execute(named.order_by(alias.alias))}

    return await read_anywhere(work)


# Points over versions -------------------------------------------------------------------------------------------------


_FEWEST_POINTS, _MOST_POINTS = 2, 10_000
_MOST_FIELDS = 10
_node, _alias = node_table.c, alias_table.c


@dataclass(frozen=True, slots=True)
class SeriesPoint(Record):
    """A version of a series in a chart."""

    artifact_id: UUID
    number: int
    """Its place in the series: 1 is the oldest version."""
    created_at: datetime
    """When it was saved: in UTC, to the millisecond, by the clock of that machine."""
    aliases: tuple[str, ...]
    """The aliases of the series that point to it, ordered by name."""
    values: Mapping[str, float]
    """The numbers of the fields by path. A field without a finite number is left out."""

    def __artigraph_node_id__(self) -> UUID:
        return self.artifact_id


@dataclass(frozen=True, slots=True)
class SeriesPointsDocument(Document):
    """The versions of a series as the points of a chart, the oldest first."""

    schema: ClassVar[str] = "artigraph.series-points/1"

    model_name: str
    """The stored name of the class."""
    label: str
    total: int
    """How many versions the series has. If there are fewer points, they are a sample."""
    fields: tuple[str, ...]
    """The fields by path: those that were chosen, or all that are a number in one of the points."""
    points: tuple[SeriesPoint, ...]
    """The first version, the last one, those with an alias, and versions at equal distances between."""


async def series_points(
    model: str, label: str, fields: Sequence[str | Sequence[str]] | None = None, *, most: int = 2_000
) -> SeriesPointsDocument:
    """Return numbers of the versions of a series for a chart, the oldest first.

        document = await series_points("Report", "report", ["accuracy", "metrics.f1"], most=500)
        for point in document.points:
            print(point.number, point.created_at, point.values.get("accuracy"))

    A longer series is sampled in the database, so Python reads at most `most` versions, and those with an alias. The
    number of statements depends on `most` and on the length of the paths. A timedelta is a number of seconds.

    Args:
        model: the stored name of the class.
        label: the label under which the versions were saved.
        fields: up to 10 fields by path, as the columns of `artifacts_page`. None for all numbers among the fields.
        most: the most versions, from 2 to 10,000, without those that have an alias.

    Raises:
        QueryError: a field or `most` is invalid.
        InvalidLabelError: the name or the label is not valid.
    """
    model, label = check_label(model, "The name of a model"), check_label(label)
    paths = field_paths(fields)
    if paths is not None and len(paths) > _MOST_FIELDS:
        msg = f"A chart shows at most {_MOST_FIELDS} fields, not {len(paths):,}"
        raise QueryError(msg)
    if not isinstance(most, int) or isinstance(most, bool) or not _FEWEST_POINTS <= most <= _MOST_POINTS:
        msg = f"most is a number of versions, from 2 (the first and the last) to {_MOST_POINTS:,}, not {most!r:.100}"
        raise QueryError(msg)

    async def work(connection: AsyncConnection) -> tuple[int, tuple[SeriesPoint, ...]]:
        rows = (await connection.execute(select_sample(model, label, most))).all()
        named: dict[UUID, list[str]] = {}
        for row in await connection.execute(_aliases(model, label)):
            named.setdefault(row.node_id, []).append(row.alias)
        values = await _values(connection, [row.node_id for row in rows], paths)
        points = (_point(row, named, values[row.node_id]) for row in rows)
        return (rows[0].total if rows else 0), tuple(points)

    total, points = await read_anywhere(work)
    shown = dict.fromkeys(name for point in points for name in point.values) if paths is None else paths
    return SeriesPointsDocument(model, label, total, tuple(shown), points)


def select_sample(model: str, label: str, most: int) -> Select[*tuple[Any, ...]]:
    """Select the id and number of evenly spaced versions, the oldest first, with the total of all.

    With `most` points there are `most - 1` steps between the first version and the last one. A version is chosen if a
    step ends at it: if its distance from the first, counted in steps, passes a whole number there.
    """
    place = _node.search_key
    versions = (
        select(
            _node.node_id,
            func.row_number().over(order_by=place).label("number"),
            func.count().over().label("total"),
        )
        .where(_node.node_type == "model", _node.model_name == model, _node.label == label, place >= b"")
        .subquery()
    )
    number, total, steps = versions.c.number, versions.c.total, most - 1
    named = select(_alias.node_id).where(_alias.model_name == model, _alias.label == label)
    chosen = or_(
        total <= most,
        ((number - 1) * steps) % func.nullif(total - 1, 0) < steps,
        versions.c.node_id.in_(named),
    )
    return select(versions).where(chosen).order_by(number)


def _aliases(model: str, label: str) -> Select[*tuple[Any, ...]]:
    named = select(_alias.node_id, _alias.alias).where(_alias.model_name == model, _alias.label == label)
    return named.order_by(_alias.alias)


async def _values(
    connection: AsyncConnection, node_ids: Sequence[UUID], paths: Mapping[str, Path] | None
) -> Mapping[UUID, Mapping[str, float]]:
    found: dict[UUID, Mapping[str, float]] = {}
    for ids in in_batches(node_ids):
        cells = await read_cells(connection, ids, paths)
        found |= {node_id: dict(_numbers(cells[node_id].values)) for node_id in ids}
    return found


def _numbers(values: Mapping[str, object]) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        given = value.total_seconds() if isinstance(value, timedelta) else value
        if isinstance(given, (int, float, Decimal)) and not isinstance(given, bool):
            try:
                number = float(given)
            except (ValueError, OverflowError):  # a signaling NaN, and an integer beyond every float
                continue
            if math.isfinite(number):
                yield name, number


def _point(row: Any, named: Mapping[UUID, Sequence[str]], values: Mapping[str, float]) -> SeriesPoint:
    return SeriesPoint(
        artifact_id=row.node_id,
        number=row.number,
        created_at=moment_of(row.node_id),
        aliases=tuple(named.get(row.node_id, ())),
        values=values,
    )
