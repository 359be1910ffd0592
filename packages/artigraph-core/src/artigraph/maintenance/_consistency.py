"""Checks for broken trees, in a constant number of statements, whatever the size of the database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Select, Table, and_, case, cast, exists, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.functions import FunctionElement

from artigraph.db import TABLES, Database, Malformed, error_of, fetch_rows, find_malformed, read, recursive
from artigraph.db.written import written
from artigraph.errors import DanglingObjectsError, MalformedRowError
from artigraph.graph.run_rows import (
    CACHE,
    CACHE_FUNCTION,
    CACHE_KEY,
    CACHE_PARTS,
    CACHE_SERVED,
    CACHED_FROM,
)
from artigraph.graph.tombstones import is_object
from artigraph.identifiers import id_of
from artigraph.maintenance._report import ProblemKind
from artigraph.orm import alias_table, blob_table, link_table, node_table, run_value_table

_node = node_table.alias("node")
_parent = node_table.alias("parent")
_root = node_table.alias("root")
_with_parent = _node.outerjoin(_parent, _node.c.parent_id == _parent.c.node_id)
_is_root = _node.c.tree_root_id == _node.c.node_id
_in_tree = _node.c.tree_root_id.is_not(None)
_is_run = _node.c.node_type == "run"
_no_place = or_(_node.c.tree_root_id.is_(None), _node.c.position.is_(None), _node.c.span.is_(None))
_a_place = or_(_node.c.tree_root_id.is_not(None), _node.c.position.is_not(None), _node.c.span.is_not(None))
_here, _there = _node.c.value.is_not(None), _node.c.blob_id.is_not(None)

_TOO_MANY = 2**31 - 1
"""More nodes than a tree can have. A larger number was written by hand, and would overflow the sum."""
_trees = (
    select(node_table.c.tree_root_id, func.count().label("nodes"))
    .where(node_table.c.tree_root_id.is_not(None))
    .group_by(node_table.c.tree_root_id)
    .subquery("trees")
)
_children = (
    select(
        node_table.c.parent_id,
        func.sum(case((node_table.c.span < _TOO_MANY, node_table.c.span), else_=_TOO_MANY)).label("nodes"),
    )
    .where(node_table.c.tree_root_id != node_table.c.node_id)
    .group_by(node_table.c.parent_id)
    .subquery("children")
)


def _runs_that_are_below_others_alone() -> Select[*tuple[Any, ...]]:
    """Select the runs that no chain of parents connects to a run without a parent: they form a circle."""
    top = select(_node.c.node_id).select_from(_with_parent)
    top = top.where(_is_run, or_(_parent.c.node_id.is_(None), _parent.c.node_type != "run"))
    reached = top.cte("reached", recursive=True)
    child = node_table.alias("child")
    reached = reached.union(
        select(child.c.node_id).join(reached, child.c.parent_id == reached.c.node_id).where(child.c.node_type == "run")
    )
    others = _node.outerjoin(reached, _node.c.node_id == reached.c.node_id)
    return select(_node.c.node_id).select_from(others).where(_is_run, reached.c.node_id.is_(None))


def _stored_id(digits: str) -> list[str]:
    """Return the SQL texts that, joined, are the stored form of an id, from the text of its 32 digits."""
    cuts = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)]
    parts = [part for start, size in cuts for part in ("'-'", f"substr({digits}, {start}, {size})")]
    return ['\'{{"$uuid":"\'', *parts[1:], "'\"}}'"]


@written(
    sqlite="CAST(" + " || ".join(_stored_id("lower(hex({0}))")) + " AS BLOB)",
    postgresql="convert_to(" + " || ".join(_stored_id("encode({0}, 'hex')")) + ", 'UTF8')",
    mysql="CAST(concat(" + ", ".join(_stored_id("lower(hex({0}))")) + ") AS BINARY)",
)
class _StoredId(FunctionElement[bytes]):
    """The stored form of the id whose 16 bytes a column holds: `{"$uuid":"..."}`."""

    type = LargeBinary()
    inherit_cache = True


_row = run_value_table.alias("row_of_cache")
_ID_SIZE, _KEY_SIZE = 16, 32
"""The bytes of an id, and of the key of a call."""


def _wrong_rows_of_the_cache() -> Select[*tuple[Any, ...]]:
    """Select the runs whose rows of the kind `cache` are incomplete, or do not fit together."""
    name, key = _row.c.name, _row.c.search_key
    of_call = (CACHE_KEY, CACHE_FUNCTION, CACHE_PARTS)
    others = run_value_table.alias("others")
    count = select(func.count()).where(others.c.run_id == _row.c.run_id, others.c.kind == CACHE)
    whole = count.where(others.c.name.in_(of_call)).correlate(_row).scalar_subquery() == len(of_call)
    id_key = and_(func.length(key) == _ID_SIZE, _row.c.value == _StoredId(key))
    return (
        select(_row.c.run_id.label("node_id"))
        .where(
            _row.c.kind == CACHE,
            or_(
                name.not_in([*of_call, CACHED_FROM, CACHE_SERVED]),
                and_(name.in_(of_call), not_(whole)),
                and_(name == CACHE_KEY, func.coalesce(func.length(key), 0) != _KEY_SIZE),
                and_(
                    name.in_((CACHE_FUNCTION, CACHE_SERVED)), func.coalesce(func.length(key), 0) != _KEY_SIZE + _ID_SIZE
                ),
                and_(name == CACHED_FROM, case((id_key, 0), else_=1) == 1),
            ),
        )
        .distinct()
    )


CHECKS: dict[ProblemKind, tuple[str, Select[*tuple[Any, ...]]]] = {
    "unknown-type": (
        "is of a type that this release does not know",
        select(_node.c.node_id).where(_node.c.node_type.not_in(["run", "model", "container", "value"])),
    ),
    "parent-missing": (
        "has a parent that does not exist",
        select(_node.c.node_id)
        .select_from(_with_parent)
        .where(_node.c.parent_id.is_not(None), _parent.c.node_id.is_(None)),
    ),
    "parent-no-run": (
        "is a run or an artifact, and its parent is no run",
        select(_node.c.node_id).select_from(_with_parent).where(or_(_is_run, _is_root), _parent.c.node_type != "run"),
    ),
    "circle": ("is a run that is above itself, or below such a one", _runs_that_are_below_others_alone()),
    "no-place": (
        "has no place in a tree, or is a run and has one",
        select(_node.c.node_id).where(or_(and_(not_(_is_run), _no_place), and_(_is_run, _a_place))),
    ),
    "root-missing": (
        "is in a tree whose root does not exist, or is no root",
        select(_node.c.node_id)
        .select_from(_node.outerjoin(_root, _node.c.tree_root_id == _root.c.node_id))
        .where(
            _in_tree,
            or_(
                _root.c.node_id.is_(None),
                _root.c.tree_root_id.is_(None),
                _root.c.tree_root_id != _root.c.node_id,
            ),
        ),
    ),
    "positions": (
        "is the root of a tree whose positions are not those from 0 on without a gap",
        select(_node.c.tree_root_id.label("node_id"))
        .where(_in_tree)
        .group_by(_node.c.tree_root_id)
        .having(
            or_(
                func.min(_node.c.position) != 0,
                func.max(_node.c.position) != func.count() - 1,
                func.count(_node.c.position.distinct()) != func.count(),
            )
        ),
    ),
    "root-span": (
        "is the root of a tree of another number of nodes than it says",
        select(_node.c.node_id)
        .select_from(_node.join(_trees, _node.c.node_id == _trees.c.tree_root_id))
        .where(_is_root, _node.c.span != _trees.c.nodes),
    ),
    "span": (
        "has more or fewer nodes below it than it says",
        select(_node.c.node_id)
        .select_from(_node.outerjoin(_children, _node.c.node_id == _children.c.parent_id))
        .where(_in_tree, _node.c.span != func.coalesce(_children.c.nodes, 0) + 1),
    ),
    "outside-parent": (
        "is a part of a tree, and is not within the node that it is a part of",
        select(_node.c.node_id)
        .select_from(_with_parent)
        .where(
            _in_tree,
            not_(_is_root),
            or_(
                _node.c.parent_id.is_(None),
                and_(_parent.c.node_id.is_not(None), _parent.c.tree_root_id.is_(None)),
                _parent.c.tree_root_id != _node.c.tree_root_id,
                _node.c.position <= _parent.c.position,
                _node.c.position + _node.c.span > _parent.c.position + _parent.c.span,
            ),
        ),
    ),
    "value": (
        "is a value that is nowhere or in two places, or is no value and has one",
        select(_node.c.node_id).where(
            or_(
                and_(_node.c.node_type == "value", or_(and_(_here, _there), and_(not_(_here), not_(_there)))),
                and_(_node.c.node_type != "value", or_(_here, _there)),
            )
        ),
    ),
    "blob-missing": (
        "has its value in an object that has no row",
        select(_node.c.node_id)
        .select_from(_node.outerjoin(blob_table, and_(_node.c.blob_id == blob_table.c.blob_id, is_object)))
        .where(_there, blob_table.c.blob_id.is_(None)),
    ),
    "link-missing": (
        "is an end of a link whose other end, or itself, does not exist",
        select(link_table.c.source_id.label("node_id"))
        .select_from(
            link_table.outerjoin(_node, link_table.c.source_id == _node.c.node_id).outerjoin(
                _parent, link_table.c.target_id == _parent.c.node_id
            )
        )
        .where(or_(_node.c.node_id.is_(None), _parent.c.node_id.is_(None))),
    ),
    "link-no-run": (
        "was used, by what a link says, and what used it is no run",
        select(link_table.c.source_id.label("node_id"))
        .select_from(link_table.join(_node, link_table.c.target_id == _node.c.node_id))
        .where(link_table.c.kind == "used", not_(_is_run)),
    ),
    "link-no-result": (
        "was served a result, by what a link says, and is no such run, or the result is no artifact",
        select(link_table.c.source_id.label("node_id"))
        .select_from(
            link_table.join(_node, link_table.c.source_id == _node.c.node_id).join(
                _parent, link_table.c.target_id == _parent.c.node_id
            )
        )
        .where(
            link_table.c.kind == "produced",
            or_(
                not_(_is_run),
                _parent.c.tree_root_id.is_(None),
                _parent.c.tree_root_id != _parent.c.node_id,
                not_(
                    exists().where(_row.c.run_id == _node.c.node_id, _row.c.kind == CACHE, _row.c.name == CACHED_FROM)
                ),
            ),
        ),
    ),
    "cache-row": (
        "is a run whose rows of the kind cache are incomplete, or do not fit together",
        _wrong_rows_of_the_cache(),
    ),
    "alias": (
        "is what an alias points to, and does not exist, or is no artifact of the alias's label and model",
        select(alias_table.c.node_id)
        .select_from(alias_table.outerjoin(_node, alias_table.c.node_id == _node.c.node_id))
        .where(
            or_(
                _node.c.node_id.is_(None),
                _node.c.tree_root_id.is_(None),
                _node.c.tree_root_id != _node.c.node_id,
                _node.c.label.is_(None),
                _node.c.label != alias_table.c.label,
                _node.c.model_name.is_(None),
                _node.c.model_name != alias_table.c.model_name,
            )
        ),
    ),
}
"""The checks of nodes by kind: a predicate for a sentence about the node, and a select of the ids of broken nodes."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The result of one check."""

    kind: ProblemKind
    text: str
    count: int
    examples: tuple[UUID, ...]


async def find_broken(
    database: Database, examples: int, kinds: Collection[ProblemKind] = CHECKS.keys()
) -> AsyncGenerator[Broken]:
    """Run each check and yield its result, even if it found nothing. Each check sees one state of the database."""
    for kind in kinds:
        text, statement = CHECKS[kind]
        found = statement.subquery("found")
        counted = recursive(select(func.count()).select_from(found), database.dialect)
        some = select(readable(found.c.node_id, database)).order_by(found.c.node_id).limit(examples)
        some = recursive(some, database.dialect)

        async def work(
            connection: AsyncConnection, counted: Any = counted, some: Any = some
        ) -> tuple[int, tuple[UUID, ...]]:
            count = (await connection.execute(counted)).scalar_one()
            found = await fetch_rows(connection, some, {}) if count else ()
            return count, tuple(node_id for row in found if (node_id := id_if_any(row[0])) is not None)

        count, ids = await read(work)
        yield Broken(kind, text, count, ids)


def id_if_any(value: object) -> UUID | None:
    """Return the id in a driver's value, or None if it holds no id; `count_malformed` reports such values."""
    try:
        return id_of(value)
    except MalformedRowError:
        return None


def readable(column: Any, database: Database) -> Any:
    """Return a column in a form that can always be read.

    On SQLite it is null if the column holds a value of another type, and text is read as bytes; see `decoded`.
    """
    if database.dialect != "sqlite":
        return column
    kind: Any = column.type
    right = {int: "integer", str: "text"}.get(kind.python_type_read, "blob")
    value = cast(column, LargeBinary) if right == "text" else column
    return case((func.typeof(column) == right, value)).label(column.name)


def decoded(value: str | bytes | None) -> str | None:
    """Return the text of a `readable` column. Bytes that are not UTF-8 become replacement characters."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


async def count_malformed(
    most: int, tables: Collection[Table] = TABLES, *, which: Callable[[Malformed], bool] = lambda _: True
) -> tuple[int, list[Malformed]]:
    """Count the values that are invalid for their columns, and return the first `most` of them."""

    async def work(connection: AsyncConnection) -> tuple[int, list[Malformed]]:
        count, first = 0, list[Malformed]()
        async with aclosing(find_malformed(connection, tables)) as found:
            async for each in found:
                if which(each):
                    count += 1
                    first += [each] if len(first) < most else []
        return count, first

    return await read(work)


async def refuse_to_collect(database: Database) -> None:
    """Refuse to collect garbage if the rows do not say for certain which objects are in use.

    An object that looks unused may belong to an altered row.

    Raises:
        MalformedRowError: an object's row, or a reference to one, holds an invalid value.
        DanglingObjectsError: a value has neither bytes nor an object, or its object has no row.
    """
    _, malformed = await count_malformed(
        1, (blob_table, node_table), which=lambda found: found.table == blob_table.name or found.column == "blob_id"
    )
    if malformed:
        error = error_of(malformed[0])
        error.add_note("Nothing was deleted: as long as it is so, it is not known which objects are in use.")
        raise error
    async for broken in find_broken(database, 1, ("value", "blob-missing")):
        if broken.count:
            node = f"Node {broken.examples[0]}" if broken.examples else "A node"
            msg = (
                f"{node} {broken.text}; {broken.count:,} nodes are so. Nothing was deleted: its object may be among "
                "those that no row refers to. `fsck` lists these nodes; once they are repaired or deleted, gc goes on."
            )
            raise DanglingObjectsError(msg)


async def serializers_in_use(database: Database) -> list[tuple[str | None, int]]:
    """Return the serializers that values name, each with the number of its values."""
    statement = (
        select(readable(node_table.c.serializer, database), func.count().label("values"))
        .where(node_table.c.node_type == "value")
        .group_by(node_table.c.serializer)
    )

    async def work(connection: AsyncConnection) -> list[tuple[str | None, int]]:
        return [(decoded(row[0]), row[1]) for row in await connection.execute(statement)]

    return await read(work)
