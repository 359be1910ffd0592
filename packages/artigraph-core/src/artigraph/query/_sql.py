"""Conditions as SQL over search keys: the rows that certainly match, and the rows that may match.

The key of a long value is cut, so the database may be unable to decide a comparison with it. For such rows the whole
values are compared in Python.

This module is over 400 lines, because each comparison has both sets of rows, and they must fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql.functions import FunctionElement

from artigraph.db.planner import (
    expect_costly_lookup,
    expect_many_rows,
    filter_only,
    likely_for_sqlite,
    unindexed,
    unsearched_by_sqlite,
)
from artigraph.db.written import written
from artigraph.graph.leases import end_of, status_of
from artigraph.graph.run_rows import CACHE, CACHED_FROM
from artigraph.model.stored_names import stored_names
from artigraph.orm import node_table, run_value_table
from artigraph.query import _conditions, _key_ranges
from artigraph.query._conditions import All, Any_, Compare, Condition, Field, Not, OneOf, OnField, RunField, Text
from artigraph.query._key_ranges import Asked, AskKey, Key
from artigraph.serializer.search_key import search_key

root: sa.FromClause = node_table.alias("artifact")
"""The rows that the query returns: artifacts, runs or nodes."""


def ask_all(conditions: Sequence[Condition], *, of_runs: bool = False) -> tuple[sa.FromClause, Asked]:
    """Return the FROM clause and the conditions of a query. The clause joins `root` to the values that must exist.

    A field has at most one value, so a join duplicates no row. The database may begin with the value that its index
    finds fastest. PostgreSQL without statistics begins with the first join, so the narrowest range comes first. With
    `of_runs` the query is limited to runs, and PostgreSQL begins with the runs.
    """
    ranges: dict[Field | RunField, _key_ranges.Ranges] = {}
    others: list[tuple[Field | RunField, AskKey]] = []
    parts: list[Asked] = []
    pending = list(reversed(conditions))
    while pending:
        condition = pending.pop()
        if isinstance(condition, All):
            pending += reversed(condition.parts)
            continue
        if not isinstance(condition, OnField) or _is_never(condition):
            parts.append(_ask(condition))
            continue
        field, asked = condition.field, _asked_of(condition)
        if isinstance(asked, _key_ranges.Ranges):
            ranges[field] = asked.within(ranges[field]) if field in ranges else asked
        else:
            others.append((field, asked))
    narrowest_first = sorted(ranges.items(), key=lambda item: -item[1].narrowness)
    asked_of: list[tuple[Field | RunField, AskKey]] = [*narrowest_first, *others]
    places = {field: _place_of(field) for field, _ in asked_of}
    source, keys = _joined_to(tuple(places.values()), of_runs=of_runs)
    key_of_field = dict(zip(places, keys, strict=True))
    parts += [asked(key_of_field[field]) for field, asked in asked_of]
    return source, _joined(parts, every=True)


def leads(condition: Condition) -> bool:
    """Return whether a condition needs a value that must exist, to which `root` is then joined."""
    if isinstance(condition, All):
        return any(map(leads, condition.parts))
    return isinstance(condition, OnField) and not _is_never(condition)


def verdict_of(leaf: Condition) -> Asked:
    """Return a leaf condition in SQL: where it is certainly true of a row of `root`, and where it may be."""
    if _is_never(leaf):
        return _key_ranges.same(sa.false())
    if not isinstance(leaf, OnField):
        return _key_ranges.same(_of_run(leaf))
    complement = _where(leaf.field, _asked_of(leaf), negated=True)
    if complement.decided:
        return _key_ranges.same(sa.not_(complement.certain))
    return Asked(certain=sa.not_(complement.possible), possible=sa.not_(complement.certain))


@lru_cache(maxsize=256)
def artifacts_of(
    names: tuple[str, ...], labels: tuple[str, ...] | None, *, found: bool, few: bool
) -> sa.ColumnElement[bool]:
    """Return the condition that rows of `root` are artifacts with one of these model names and one of these labels.

    With `found`, a value or a run already leads to the rows, and no index is needed. With `few`, a few of all artifacts
    are enough, and PostgreSQL without statistics walks along the ids.
    """
    is_model = (root.c.node_type == "model") & is_one_of(root.c.model_name, names)
    is_artifact = is_model & (root.c.tree_root_id == root.c.node_id)
    rows = filter_only(is_artifact) if found else expect_many_rows(is_artifact, root.c.node_id) if few else is_artifact
    return rows if labels is None else rows & is_one_of(root.c.label, labels)


def _is_never(condition: Condition) -> bool:
    return isinstance(condition, Compare) and _conditions.is_nan(condition.value)


def _ask(condition: Condition, *, negated: bool = False) -> Asked:
    """Return a condition, or with `negated` its complement, in SQL over `root`."""
    match condition:
        case Not(part):
            return _ask(part, negated=not negated)
        case All(parts) | Any_(parts):
            every = isinstance(condition, All) is not negated
            return _joined([_ask(part, negated=negated) for part in parts], every=every)
        case _ if _is_never(condition):
            return _key_ranges.same(sa.true() if negated else sa.false())
        case OnField(field):
            return _where(field, _asked_of(condition), negated=negated)
        case _:
            asked = _of_run(condition)
            return _key_ranges.same(sa.not_(asked) if negated else asked)


def _asked_of(condition: OnField) -> AskKey:
    match condition:
        case OneOf(field, values):
            asked = _key_ranges.among_keys({key for value in values for key in _key_ranges.keys_of(value)})
            return _or_members(
                asked, field, lambda member: any(_conditions.compared(member, "==", value) for value in values)
            )
        case Compare(_, "==", Enum() as member) if not _key_ranges.has_value_key(type(member)):
            return _key_ranges.among_keys(_key_ranges.keys_of(member))
        case Compare(field, how, value):
            return _or_members(
                _key_ranges.comparison(how, value), field, lambda member: _conditions.compared(member, how, value)
            )
        case Text(field, where, text):
            asked = _key_ranges.beginning(text) if where == "startswith" else _key_ranges.containing(text)
            return _or_members(asked, field, lambda member: _conditions.is_text(member, where, text))
        case _:  # the field is None
            return lambda key: _key_ranges.same(key == search_key(None))


def _or_members(asked: AskKey, field: Field | RunField, holds: Callable[[Enum], bool]) -> AskKey:
    enums = field.enums if isinstance(field, Field) else ()
    return _key_ranges.of_members(asked, enums, holds) if enums else asked


def _of_run(condition: Condition) -> sa.ColumnElement[bool]:
    """Return a condition on a run in SQL. It is false, not NULL, where the run has no such property."""
    if getattr(condition, "column", None) == CACHED_FROM:
        return _of_served(condition)
    if isinstance(condition, _conditions.RunIsNone):
        return property_of(condition.column).is_(None)
    if isinstance(condition, _conditions.RunOneOf):
        held = property_of(condition.column)
        return _false_if_null(held, held.in_(condition.values))
    assert isinstance(condition, _conditions.PropertyCompare)  # there are no others
    held = property_of(condition.column)
    return _false_if_null(held, _conditions.OPERATORS[condition.operator](held, condition.value))


def _of_served(condition: Condition) -> sa.ColumnElement[bool]:
    """Return a condition on the run from which a call was served. The index of search keys answers it."""
    served = run_value_table.alias("served")
    hits = sa.select(served.c.run_id).where(served.c.kind == CACHE, served.c.name == CACHED_FROM)
    if isinstance(condition, _conditions.RunIsNone):
        return sa.not_(hits.where(served.c.run_id == root.c.node_id).correlate(root).exists())
    if isinstance(condition, _conditions.RunOneOf):
        keys = [value.bytes for value in condition.values]
        return root.c.node_id.in_(hits.where(served.c.search_key.in_(keys)))
    assert isinstance(condition, _conditions.PropertyCompare)  # there are no others
    compared = _conditions.OPERATORS[condition.operator](served.c.search_key, condition.value.bytes)
    return root.c.node_id.in_(hits.where(compared))


def _false_if_null(held: sa.ColumnElement[Any], compared: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return a comparison that is false where it would be NULL. Of a column that is never NULL, an index answers it."""
    never_null = isinstance(held, sa.Column) and not held.nullable
    return compared if never_null else sa.func.coalesce(compared, sa.false())


def property_of(column: str) -> sa.ColumnElement[Any]:
    """Return the expression for a property of a row. A run whose lease expired counts as lost, marked or not."""
    if column == CACHED_FROM:
        return _cached_from
    return _lease_says[column] if column in _lease_says else root.c[column]


_lease_says: dict[str, sa.ColumnElement[Any]] = {"run_status": status_of(root), "run_ended_at": end_of(root)}
_cached_from = (
    sa.select(run_value_table.c.search_key)
    .where(
        run_value_table.c.run_id == root.c.node_id,
        run_value_table.c.kind == CACHE,
        run_value_table.c.name == CACHED_FROM,
    )
    .correlate(root)
    .scalar_subquery()
)


def key_of(field: Field | RunField) -> sa.ColumnElement[bytes]:
    """Return the search key of a field of an artifact or a run, and empty bytes where it has no value."""
    selected, value = _reached(field, from_root=True)
    key: Any = selected.with_only_columns(value.c.search_key).scalar_subquery()
    return sa.func.coalesce(key, sa.literal(b"", sa.LargeBinary))


# Without statistics, PostgreSQL expects an equality to match one row in 200, which looks too few to walk along the ids
# for. It expects this pair of conditions to match one row in nine.
@written("{0} = {1}", sqlite="+{0} = {1}", postgresql="({0} >= {1} AND {0} || '' <= {1})")
class _IsOfType(FunctionElement[bool]):
    """Whether a node is of a type, written so that no index is used."""

    type = sa.Boolean()
    inherit_cache = True


def is_of_type_in_order(node_type: str) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `root` is of a type, for a query that walks along the ids to its limit.

    With a plain equality, SQLite and PostgreSQL without statistics fetch all runs by the index of keys and sort them.
    For runs, the second condition is that of the index that has runs alone.
    """
    return root.c.run_status.is_not(None) & _of_type(node_type) if node_type == "run" else _of_type(node_type)


def _of_type(node_type: str) -> sa.ColumnElement[bool]:
    return _IsOfType(root.c.node_type, sa.literal(node_type, root.c.node_type.type))


def is_top_level(*, in_order: bool) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `root` is a run that belongs to no other one.

    No run has a label, and every artifact has one. With `in_order`, the query walks along the ids to its limit, in the
    index that has these runs alone, where there is one. SQLite would fetch them by the index of parents, and sort them.
    """
    if not in_order:
        return (root.c.node_type == "run") & root.c.parent_id.is_(None) & root.c.label.is_(None)
    without_label = unsearched_by_sqlite(root.c.label).is_(None)
    return sa.and_(
        root.c.run_status.is_not(None),
        likely_for_sqlite(root.c.parent_id.is_(None)),
        expect_many_rows(_of_type("run") & without_label, root.c.node_id),
    )


def column_keys(column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """Return the expressions to order by for a column, so that rows without a value come first on every database.

    A column that is never NULL is its own expression, so that the database can walk along its index.
    """
    if isinstance(column, sa.Column) and not column.nullable:
        return [column]
    return [sa.case((column.is_(None), 0), else_=1), column]


def _joined(parts: Sequence[Asked], *, every: bool) -> Asked:
    if len(parts) == 1:
        return parts[0]
    join, nothing = (sa.and_, sa.true()) if every else (sa.or_, sa.false())
    certain = join(nothing, *(part.certain for part in parts))
    if all(part.decided for part in parts):
        return _key_ranges.same(certain)
    return Asked(certain, join(nothing, *(part.possible for part in parts)))


# Values of fields ---------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """The position of a field, by names only: entries of the cache must keep no class alive."""

    path: _conditions.Path
    names: tuple[str, ...]
    """The stored names of the models that have the field."""
    roots: tuple[str, ...]
    """The stored names of the artifacts that may contain these models."""
    is_item: bool
    """Whether the value may be an item of a mapping, which has no model's name."""


def _place_of(field: Field | RunField) -> _Place | RunField:
    if isinstance(field, RunField):
        return field
    names = () if field.items else tuple(stored_names(field.owners))
    is_item = field.items > 0 or field.is_either
    return _Place(field.path, names, tuple(stored_names([field.model])), is_item)


@lru_cache(maxsize=256)
def _joined_to(places: tuple[_Place | RunField, ...], *, of_runs: bool) -> tuple[sa.FromClause, list[Key]]:
    """Join artifacts, or runs, to their values, and return the search key of each value.

    Queries repeat the same fields, and building such a join costs as much as executing it. So the joins are cached.
    """
    source: Any = root
    keys: list[Key] = []
    for place in places:
        if isinstance(place, RunField):
            value, run_id, conditions = _of_runs(place)
            source = source.join(value, sa.and_(run_id == root.c.node_id, *conditions))
        else:
            below: Any = root
            conditions = _is_in_root(place)
            for name in place.path[:-1]:
                owner = node_table.alias()
                on = sa.and_(owner.c.parent_id == below.c.node_id, owner.c.label == name, *conditions)
                source, below, conditions = source.join(owner, on), owner, []
            value = node_table.alias()
            is_value = _is_value(value, place, expect_costly_lookup(value.c.node_type, "value", much=of_runs))
            on = sa.and_(value.c.parent_id == below.c.node_id, *is_value, *conditions)
            source = source.join(value, on)
        keys.append(value.c.search_key)
    return source, keys


@lru_cache(maxsize=256)
def ids_from(source: sa.FromClause) -> sa.Select[Any]:
    """Select the ids of the rows of `root` from a FROM clause."""
    return sa.select(root.c.node_id).select_from(source)


def _is_value(value: Any, place: _Place, of_type: sa.ColumnElement[bool]) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on the columns that precede the key in the index of keys."""
    named = [is_one_of(value.c.model_name, place.names)] if place.names else []
    item = [value.c.model_name.is_(None)] if place.is_item else []
    return [of_type, sa.or_(*named, *item), value.c.label == place.path[-1]]


def _is_in_root(place: _Place) -> list[sa.ColumnElement[bool]]:
    """Return the condition on the artifact's model name. A field of the artifact itself needs none."""
    return [] if len(place.path) == 1 else [is_one_of(root.c.model_name, place.roots)]


def is_one_of(column: sa.ColumnElement[str], names: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a column is one of some names. A single name is compared by `=`.

    SQLAlchemy expands the values of an IN anew at each execution.
    """
    return column == names[0] if len(names) == 1 else column.in_(names)


def _of_runs(field: RunField) -> tuple[Any, Key, list[sa.ColumnElement[bool]]]:
    """Return a table of runs' values, its column of run ids, and the conditions that precede the key in its index."""
    if field.kind == "name":
        run = node_table.alias()
        return run, run.c.node_id, [run.c.node_type == "run", run.c.model_name.is_(None), run.c.label.is_(None)]
    value = run_value_table.alias()
    return value, value.c.run_id, [value.c.kind == field.kind, value.c.name == field.name]


def has_key(field: Field | RunField, key: bytes) -> sa.ColumnElement[bool]:
    """Return the condition that rows of `root` have a key in a field. An empty key means no value, as in `key_of`."""
    return _where(field, lambda found: _key_ranges.same(found == key)).certain if key else key_of(field) == key


def values_below(field: Field, ids: Sequence[UUID]) -> tuple[sa.ColumnElement[UUID], Any, sa.Select[Any]]:
    """Return the column of the artifacts' ids, the table of the values, and the select of a field of some artifacts."""
    selected, value = _reached(field, from_root=False)
    (artifact_id,) = selected.selected_columns
    return artifact_id, value, selected.where(artifact_id.in_(ids))


def _where(field: Field | RunField, ask_key: AskKey, *, negated: bool = False) -> Asked:
    """Return the condition that the key of a field satisfies `ask_key`, or with `negated` its complement."""
    selected, value = _reached(field, from_root=negated)
    asked = ask_key(value.c.search_key)
    if negated:
        without = [sa.not_(sa.exists(selected.where(part).with_only_columns(sa.literal(1)))) for part in asked]
        return _key_ranges.same(without[0]) if asked.decided else Asked(certain=without[1], possible=without[0])
    place = _place_of(field)
    roots = [] if isinstance(place, RunField) else _is_in_root(place)
    found = [sa.and_(root.c.node_id.in_(selected.where(part)), *roots) for part in asked]
    return _key_ranges.same(found[0]) if asked.decided else Asked(*found)


def _reached(field: Field | RunField, *, from_root: bool) -> tuple[sa.Select[Any], Any]:
    """Select the values of a field: with `from_root` for one row of `root`, otherwise all, by the index of keys."""
    place = _place_of(field)
    if isinstance(place, RunField):
        of_runs, run_id, found = _of_runs(place)
        chosen = sa.select(run_id).select_from(of_runs).where(*found)
        return (chosen.where(run_id == root.c.node_id) if from_root else chosen), of_runs
    value = node_table.alias()
    below: Any = value
    joined: Any = value
    # The value of one artifact is found through its parent, values of all artifacts through the index of keys.
    of_type = unindexed(value.c.node_type) == "value" if from_root else expect_costly_lookup(value.c.node_type, "value")
    conditions = _is_value(value, place, of_type)
    for name in reversed(place.path[:-1]):
        owner = node_table.alias()
        joined = joined.join(owner, below.c.parent_id == owner.c.node_id)
        conditions.append(owner.c.label == name)
        below = owner
    selected = sa.select(below.c.parent_id).select_from(joined).where(*conditions)
    return (selected.where(below.c.parent_id == root.c.node_id, *_is_in_root(place)) if from_root else selected), value
