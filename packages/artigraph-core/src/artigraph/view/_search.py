"""Search by the beginning of an id, a name, a label or a tag."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, ClassVar, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import (
    DialectName,
    FixedSelect,
    dialect_name,
    distinct_values,
    read_anywhere,
    rounded,
    text_places,
    text_values,
)
from artigraph.errors import QueryError
from artigraph.identifiers import check_label, id_of
from artigraph.orm import SEARCH_KEY_LENGTH, node_table, run_value_table
from artigraph.serializer.search_key import is_cut, search_key
from artigraph.view._document import Document, Record, check_limit
from artigraph.view._run_values import RunColumn, read_run_values
from artigraph.view._runs import run_items_of

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

    async def work(connection: AsyncConnection) -> list[SearchHit]:
        hits = [*await _ids(connection, text, limit), *await _models_and_labels(connection, text, limit)]
        return [*hits, *await _runs(connection, text, limit), *await _tags(connection, text, limit)]

    return SearchDocument(text, tuple(await read_anywhere(work)))


async def _ids(connection: AsyncConnection, text: str, limit: int) -> list[SearchHit]:
    digits = text.lower().replace("-", "")
    if not _HEX.fullmatch(digits):
        return []
    first, last = UUID(hex=digits.ljust(_DIGITS, "0")), UUID(hex=digits.ljust(_DIGITS, "f"))
    rows = await _nodes_between.converted(connection, {"first": first, "last": last, "limit": limit})
    hits: list[SearchHit] = []
    for driver_id, node_type, tree_root_id, label, run_name, model_name in rows:
        node_id = id_of(driver_id)
        kind: HitKind = "run" if node_type == "run" else "artifact" if tree_root_id == driver_id else "part"
        name = run_name if node_type == "run" else label
        hits.append(SearchHit(kind=kind, text=str(node_id), node_id=node_id, name=name, model_name=model_name))
    return hits


async def _models_and_labels(connection: AsyncConnection, text: str, limit: int) -> list[SearchHit]:
    models = sorted(row[0] for row in await _all_models(dialect_name(connection.dialect)).converted(connection, {}))
    hits = [SearchHit("model", name, None, None, name) for name in models if name.startswith(text)][:limit]
    if not models:
        return hits
    labels, named = _labels(rounded(len(models))), text_values("model", models, rounded(len(models)))
    given = {**named, "first": text, "last": text + _AFTER, "limit": limit}
    rows = await labels.converted(connection, given)
    return hits + [SearchHit("label", label, None, label, model_name) for model_name, label in rows]


async def _runs(connection: AsyncConnection, text: str, limit: int) -> list[SearchHit]:
    first, last = _keys(text)
    given = {"first": first, "last": last, "from": text, "to": text + _AFTER, "limit": limit}
    rows = await _named_runs.converted(connection, given)
    return [SearchHit("run", name, id_of(node_id), name, None) for node_id, name in rows]


async def _tags(connection: AsyncConnection, text: str, limit: int) -> list[SearchHit]:
    name, equals, prefix = text.partition("=")
    names, hits = [name], list[SearchHit]()
    if not equals:
        known = sorted(row[0] for row in await _all_tags(dialect_name(connection.dialect)).converted(connection, {}))
        hits += [SearchHit("tag", each, None, None, None) for each in known if each.startswith(text)][:limit]
        names, prefix = known[:_MOST_TAGS], text
    if not names:
        return hits
    first, last = _keys(prefix)
    given = {**text_values("name", names, len(names)), "first": first, "last": last, "limit": limit}
    ids = [id_of(row[0]) for row in await _tagged(len(names)).rows(connection, given)]
    values = await read_run_values(connection, ids, [RunColumn("tag", each) for each in names])
    for item in await run_items_of(connection, ids):
        for tag, value in values[item.run_id].by_kind["tag"].items():
            if isinstance(value, str) and value.startswith(prefix):
                hits.append(SearchHit("tag", f"{tag}={value}", item.run_id, item.name, None))
    return hits[:limit]


def _keys(text: str) -> tuple[bytes, bytes]:
    """Return the least and the greatest search key of the texts that begin with a text, or may do so if it is cut."""
    first = search_key(text) or b""  # for type checkers: every text has a key
    return first, first if is_cut(first) else first + b"\xff" * (SEARCH_KEY_LENGTH - len(first))


# The statements. Their texts are made once: to make one takes longer than to execute it -------------------------------

_node, _value = node_table.c, run_value_table.c
_limit = bindparam("limit", type_=Integer())
_first_id, _last_id = (bindparam(name, type_=_node.node_id.type) for name in ("first", "last"))
_nodes_between = FixedSelect(
    select(_node.node_id, _node.node_type, _node.tree_root_id, _node.label, _node.run_name, _node.model_name)
    .where(_node.node_id.between(_first_id, _last_id))
    .order_by(_node.node_id)
    .limit(_limit)
)


@cache
def _all_models(dialect: DialectName) -> FixedSelect:
    """Return the select of the stored names of all models."""
    return FixedSelect(distinct_values(_node.model_name, _node.node_type, ("model",), dialect))


@cache
def _all_tags(dialect: DialectName) -> FixedSelect:
    """Return the select of the names of all tags."""
    return FixedSelect(distinct_values(_value.name, _value.kind, ("tag",), dialect))


@lru_cache(maxsize=64)
def _labels(count: int) -> FixedSelect:
    """Return the select of the labels of a number of models that are in a range, each with its model."""
    # The search key of an artifact is its id; models inside of artifacts have none.
    scanned = (
        select(_node.model_name, _node.label)
        .where(
            _node.node_type == "model",
            _node.model_name.in_(text_places("model", _node.model_name, count)),
            _node.label >= bindparam("first", type_=_node.label.type),
            _node.label < bindparam("last", type_=_node.label.type),
            _node.search_key.is_not(None),
        )
        .limit(_MOST_SCANNED)
        .subquery()
    )
    labels = select(scanned).distinct().order_by(scanned.c.label, scanned.c.model_name)
    return FixedSelect(labels.limit(_limit))


def _is_begun(key: ColumnElement[bytes | None]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a search key is between two others, `first` and `last`."""
    return key >= bindparam("first", type_=key.type), key <= bindparam("last", type_=key.type)


def _select_named_runs() -> Select[*tuple[Any, ...]]:
    named = (
        select(_node.node_id, _node.run_name)
        .where(_node.node_type == "run", _node.model_name.is_(None), _node.label.is_(None))
        .where(*_is_begun(_node.search_key))
        .order_by(_node.search_key)
        .limit(_MOST_SCANNED)
        .subquery()
    )
    least, greatest = (bindparam(name, type_=_node.run_name.type) for name in ("from", "to"))
    matches = named.c.run_name.between(least, greatest)  # the keys of long names are cut
    return select(named).where(matches).order_by(named.c.node_id.desc()).limit(_limit)


_named_runs = FixedSelect(_select_named_runs())


@lru_cache(maxsize=_MOST_TAGS)
def _tagged(count: int) -> FixedSelect:
    """Return the select of the newest runs with one of a number of tags whose value is in a range."""
    tagged = (
        select(_value.run_id)
        .where(_value.kind == "tag", _value.name.in_(text_places("name", _value.name, count)))
        .where(*_is_begun(_value.search_key))
        .order_by(_value.name, _value.search_key)
        .limit(_MOST_SCANNED)
        .subquery()
    )
    return FixedSelect(select(tagged.c.run_id).distinct().order_by(tagged.c.run_id.desc()).limit(_limit))
