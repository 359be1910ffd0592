"""Search by the beginning of an id, a name, a label or a tag."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, distinct_values, read_anywhere
from artigraph.errors import QueryError
from artigraph.identifiers import check_label
from artigraph.orm import SEARCH_KEY_LENGTH, node_table, run_value_table
from artigraph.serializer.search_key import is_cut, search_key
from artigraph.view._document import Document, Record, check_limit
from artigraph.view._run_values import RunColumn, RunValues, read_run_values
from artigraph.view._runs import read_run_items

_HEX = re.compile(r"[0-9a-f]{6,32}")
_DIGITS = 32
_MOST_SCANNED = 10_000
"""The most labels, runs and tags that are looked through, in the order of their names."""
_MOST_TAGS = 20
"""The most names of tags whose values are searched."""
_AFTER = "\U0010ffff"
"""It comes after every other character. Labels are ordered by code points."""

HitKind = Literal["run", "artifact", "part", "model", "label", "tag"]


@dataclass(frozen=True, slots=True)
class SearchHit(Record):
    """Something that a search found."""

    kind: HitKind
    """A run, an artifact, a part of one; the name of a model; a label of a model's artifacts; a tag of a run."""
    text: str
    """What matched: an id, a name, a label, or "name=value" of a tag."""
    node_id: UUID | None
    """The run, artifact or part. For a tag, the run that has it."""
    name: str | None
    """The name of the run, or the label of the artifact or part."""
    model_name: str | None
    """The stored name of the model of an artifact or a label."""


@dataclass(frozen=True, slots=True)
class SearchDocument(Document):
    """What a search found."""

    schema: ClassVar[str] = "artigraph.search/1"

    text: str
    """What was searched for."""
    hits: tuple[SearchHit, ...]
    """Nodes by their ids, then models, labels, runs by their names, and tags, each at most `limit`."""


async def search(text: str, *, limit: int = 20) -> SearchDocument:
    """Find ids, models, labels, names of runs, and tags that begin with a text. Case matters, except in ids.

        document = await search("train")
        document = await search("01a22766")         # at least 6 hexadecimal digits of an id
        document = await search("team=vis")         # the name of a tag, and the beginning of its value

    Each search takes an index, and a constant number of statements. Where more than 10,000 begin with the text, the
    first ones by name are looked through. Of a text without "=", the values of the first 20 tags are searched.

    Args:
        text: the beginning of what you look for.
        limit: the most hits of each kind, up to 1,000.

    Raises:
        QueryError: the text is empty, or the limit is invalid.
        InvalidLabelError: the text is longer than 255 code points, or contains NUL or surrogates.
    """
    check_limit(limit)
    if not check_label(text, "The text of a search"):
        msg = "The text of a search is empty. Pass the beginning of an id, a name, a label or a tag"
        raise QueryError(msg)
    hits = [*await _ids(text, limit), *await _models_and_labels(text, limit)]
    return SearchDocument(text, (*hits, *await _runs(text, limit), *await _tags(text, limit)))


async def _ids(text: str, limit: int) -> list[SearchHit]:
    digits = text.lower().replace("-", "")
    if not _HEX.fullmatch(digits):
        return []
    node = node_table.c
    names = ("node_id", "node_type", "tree_root_id", "label", "run_name", "model_name")
    first, last = UUID(hex=digits.ljust(_DIGITS, "0")), UUID(hex=digits.ljust(_DIGITS, "f"))
    statement = select(*(node[name] for name in names)).where(node.node_id.between(first, last))
    return [
        SearchHit(
            kind="run" if row.node_type == "run" else "artifact" if row.tree_root_id == row.node_id else "part",
            text=str(row.node_id),
            node_id=row.node_id,
            name=row.run_name if row.node_type == "run" else row.label,
            model_name=row.model_name,
        )
        for row in await _rows(statement.order_by(node.node_id).limit(limit))
    ]


async def _models_and_labels(text: str, limit: int) -> list[SearchHit]:
    node, database = node_table.c, await current_database()
    models = sorted(
        row[0] for row in await _rows(distinct_values(node.model_name, node.node_type, ("model",), database.dialect))
    )
    hits = [SearchHit("model", name, None, None, name) for name in models if name.startswith(text)][:limit]
    # The search key of an artifact is its id; models inside of artifacts have none.
    scanned = (
        select(node.model_name, node.label)
        .where(
            node.node_type == "model",
            node.model_name.in_(models),
            node.label >= text,
            node.label < text + _AFTER,
            node.search_key.is_not(None),
        )
        .limit(_MOST_SCANNED)
        .subquery()
    )
    labels = select(scanned).distinct().order_by(scanned.c.label, scanned.c.model_name).limit(limit)
    return hits + [SearchHit("label", row.label, None, row.label, row.model_name) for row in await _rows(labels)]


async def _runs(text: str, limit: int) -> list[SearchHit]:
    node = node_table.c
    named = (
        select(node.node_id, node.run_name)
        .where(node.node_type == "run", node.model_name.is_(None), node.label.is_(None))
        .where(*_begins(node.search_key, text))
        .order_by(node.search_key)
        .limit(_MOST_SCANNED)
        .subquery()
    )
    matches = named.c.run_name.between(text, text + _AFTER)  # the keys of long names are cut
    newest = select(named).where(matches).order_by(named.c.node_id.desc()).limit(limit)
    return [SearchHit("run", row.run_name, row.node_id, row.run_name, None) for row in await _rows(newest)]


async def _tags(text: str, limit: int) -> list[SearchHit]:
    table, database = run_value_table.c, await current_database()
    name, equals, prefix = text.partition("=")
    names, hits = [name], list[SearchHit]()
    if not equals:
        found = distinct_values(table.name, table.kind, ("tag",), database.dialect)
        known = sorted(row[0] for row in await _rows(found))
        hits += [SearchHit("tag", each, None, None, None) for each in known if each.startswith(text)][:limit]
        names, prefix = known[:_MOST_TAGS], text
    tagged = (
        select(table.run_id)
        .where(table.kind == "tag", table.name.in_(names), *_begins(table.search_key, prefix))
        .order_by(table.name, table.search_key)
        .limit(_MOST_SCANNED)
        .subquery()
    )
    newest = select(tagged.c.run_id).distinct().order_by(tagged.c.run_id.desc()).limit(limit)
    ids = [row[0] for row in await _rows(newest)] if names else []

    async def work(connection: AsyncConnection) -> Mapping[UUID, RunValues]:
        return await read_run_values(connection, ids, [RunColumn("tag", each) for each in names])

    values = await read_anywhere(work)
    for item in await read_run_items(ids, {}):
        for tag, value in values[item.run_id].by_kind["tag"].items():
            if isinstance(value, str) and value.startswith(prefix):
                hits.append(SearchHit("tag", f"{tag}={value}", item.run_id, item.name, None))
    return hits[:limit]


def _begins(key: ColumnElement[bytes | None], text: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a search key is of a text that begins with another one, or may be if it is cut."""
    first = search_key(text) or b""  # for type checkers: every text has a key
    last = first if is_cut(first) else first + b"\xff" * (SEARCH_KEY_LENGTH - len(first))
    return key >= first, key <= last


async def _rows(statement: Any) -> Sequence[Any]:
    async def work(connection: AsyncConnection) -> Sequence[Any]:
        return (await connection.execute(statement)).all()

    return await read_anywhere(work)
