"""A series: its versions, the newest first, with their fields and aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read_anywhere
from artigraph.identifiers import check_label
from artigraph.orm import alias_table, node_table
from artigraph.query import select as query_of
from artigraph.view._artifacts import ArtifactItem, read_artifact_items
from artigraph.view._cursor import check_limit, cursor_after, last_of
from artigraph.view._document import Document
from artigraph.view._fields import field_paths


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
