"""Conditions as SQL, over the keys of values: what is certainly so, and what may be so.

The key of a long value is cut, so that a comparison with it may be undecided; such rows are compared as values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    LargeBinary,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from artigraph.graph import end_of, status_of
from artigraph.model.definition import is_model, traits_of
from artigraph.orm import node_table, run_value_table
from artigraph.query.conditions import (
    All,
    Any_,
    Compare,
    Condition,
    Field,
    IsNone,
    Not,
    OneOf,
    Path,
    RunCompare,
    RunField,
    RunIsNone,
    RunOneOf,
    Text,
    is_nan,
)
from artigraph.query.keys import Asked, AskKey, Key, Ranges, among, beginning, comparison, containing, same
from artigraph.serializer.search_key import search_key

__all__ = [
    "artifacts_of",
    "ask_all",
    "column_keys",
    "ids_from",
    "is_one_of",
    "key_of",
    "property_of",
    "root",
    "stored_names",
    "verdict_of",
]

root: FromClause = node_table.alias("artifact")
"""The artifacts, or runs, that are asked for."""


def ask_all(conditions: Sequence[Condition]) -> tuple[FromClause, Asked]:
    """Return what is asked, and what it is asked of: `root`, joined to the values that have to be there.

    A value is there once at most, so a join makes no row twice, and the database is free to begin with the value that
    its index finds first.
    """
    ranges: dict[Field | RunField, Ranges] = {}
    others: list[tuple[Field | RunField, AskKey]] = []
    parts: list[Asked] = []
    pending = list(reversed(conditions))
    while pending:
        condition = pending.pop()
        if isinstance(condition, All):
            pending += reversed(condition.parts)
            continue
        if not isinstance(condition, (Compare, OneOf, IsNone, Text)) or _is_never(condition):
            parts.append(_ask(condition))
            continue
        field, asked = condition.field, _asked_of(condition)
        if isinstance(asked, Ranges):
            ranges[field] = asked.within(ranges[field]) if field in ranges else asked
        else:
            others.append((field, asked))
    asked_of: list[tuple[Field | RunField, AskKey]] = [*ranges.items(), *others]
    places = {field: _place_of(field) for field, _ in asked_of}
    source, keys = _joined_to(tuple(places.values()))
    key_of_field = dict(zip(places, keys, strict=True))
    parts += [asked(key_of_field[field]) for field, asked in asked_of]
    return source, _joined(parts, every=True)


def verdict_of(leaf: Condition) -> Asked:
    """Return whether a condition that is not made of others is certainly true of a row of `root`, or may be."""
    if _is_never(leaf):
        return same(false())
    if not isinstance(leaf, (Compare, OneOf, IsNone, Text)):
        return same(_of_run(leaf))
    complement = _where(leaf.field, _asked_of(leaf), negated=True)
    if complement.decided:
        return same(not_(complement.certain))
    return Asked(certain=not_(complement.possible), possible=not_(complement.certain))


@lru_cache(maxsize=256)
def artifacts_of(names: tuple[str, ...], labels: tuple[str, ...] | None) -> ColumnElement[bool]:
    """Return which rows of `root` are artifacts of models of some names, saved under one of some labels."""
    rows = (root.c.node_type == "model") & is_one_of(root.c.model_name, names) & (root.c.tree_root_id == root.c.node_id)
    return rows if labels is None else rows & is_one_of(root.c.label, labels)


def _is_never(condition: Condition) -> bool:
    return isinstance(condition, Compare) and is_nan(condition.value)


def _ask(condition: Condition, *, negated: bool = False) -> Asked:
    """Return a condition, or its complement, in SQL over `root`."""
    match condition:
        case Not(part):
            return _ask(part, negated=not negated)
        case All(parts) | Any_(parts):
            every = isinstance(condition, All) is not negated
            return _joined([_ask(part, negated=negated) for part in parts], every=every)
        case _ if _is_never(condition):
            return same(true() if negated else false())
        case Compare(field) | OneOf(field) | IsNone(field) | Text(field):
            return _where(field, _asked_of(condition), negated=negated)
        case _:
            asked = _of_run(condition)
            return same(not_(asked) if negated else asked)


def _asked_of(condition: Compare | OneOf | IsNone | Text) -> AskKey:
    match condition:
        case OneOf(_, values):
            return among(values)
        case Compare(_, how, value):
            return comparison(how, value)
        case Text(_, how, text):
            return beginning(text) if how == "startswith" else containing(text)
        case IsNone():
            return lambda key: same(key == search_key(None))


def _of_run(condition: Condition) -> ColumnElement[bool]:
    """Return a condition on a run, which is false, not NULL, where the run has no such property."""
    if isinstance(condition, RunIsNone):
        return property_of(condition.column).is_(None)
    if isinstance(condition, RunOneOf):
        return func.coalesce(property_of(condition.column).in_(condition.values), false())
    assert isinstance(condition, RunCompare)  # noqa: S101 (there are no others)
    return func.coalesce(_OPERATORS[condition.operator](property_of(condition.column), condition.value), false())


def property_of(column: str) -> ColumnElement[Any]:
    """Return a property of what is asked for; a run whose lease ran out is lost, marked or not."""
    return _lease_says[column] if column in _lease_says else root.c[column]


_lease_says: dict[str, ColumnElement[Any]] = {"run_status": status_of(root), "run_ended_at": end_of(root)}


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def key_of(field: Field | RunField) -> ColumnElement[bytes]:
    """Return the key of a field of an artifact, or a run, empty where there is none."""
    selected, value = _reached(field, from_root=True)
    key: Any = selected.with_only_columns(value.c.search_key).scalar_subquery()
    return func.coalesce(key, literal(b"", LargeBinary))


def column_keys(column: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Return what an order by a column goes by: what has none comes first, on every database."""
    return [case((column.is_(None), 0), else_=1), column]


def _joined(parts: Sequence[Asked], *, every: bool) -> Asked:
    if len(parts) == 1:
        return parts[0]
    join, nothing = (and_, true()) if every else (or_, false())
    certain = join(nothing, *(part.certain for part in parts))
    if all(part.decided for part in parts):
        return same(certain)
    return Asked(certain, join(nothing, *(part.possible for part in parts)))


# Values of fields ---------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """Where a field is, by names alone: what is kept for the next question keeps no class alive."""

    path: Path
    names: tuple[str, ...]
    """The models that have it."""
    roots: tuple[str, ...]
    """The artifacts that the models on the way to it belong to."""


def _place_of(field: Field | RunField) -> _Place | RunField:
    if isinstance(field, RunField):
        return field
    return _Place(field.path, tuple(stored_names(field.owners)), tuple(stored_names([field.model])))


@lru_cache(maxsize=256)
def _joined_to(places: tuple[_Place | RunField, ...]) -> tuple[FromClause, list[Key]]:
    """Join artifacts, or runs, to values of theirs, and return the key of each value.

    The same fields are asked for again and again, and to put such a join together costs as much as to execute it.
    """
    source: Any = root
    keys: list[Key] = []
    for place in places:
        if isinstance(place, RunField):
            value, run_id, conditions = _of_runs(place)
            source = source.join(value, and_(run_id == root.c.node_id, *conditions))
        else:
            below: Any = root
            conditions = _is_in_root(place)
            for name in place.path[:-1]:
                owner = node_table.alias()
                on = and_(owner.c.parent_id == below.c.node_id, owner.c.label == name, *conditions)
                source, below, conditions = source.join(owner, on), owner, []
            value = node_table.alias()
            on = and_(value.c.parent_id == below.c.node_id, *_is_value(value, place), *conditions)
            source = source.join(value, on)
        keys.append(value.c.search_key)
    return source, keys


@lru_cache(maxsize=256)
def ids_from(source: FromClause) -> Select[Any]:
    """Select the ids of artifacts, or runs, from `root` or what it is joined to."""
    return select(root.c.node_id).select_from(source)


def _is_value(value: Any, place: _Place) -> list[ColumnElement[bool]]:
    """Return what the index of keys goes by before the key."""
    return [value.c.node_type == "value", is_one_of(value.c.model_name, place.names), value.c.label == place.path[-1]]


def _is_in_root(place: _Place) -> list[ColumnElement[bool]]:
    """Return what the artifact is; that of a field of its own is the model that has the value."""
    return [] if len(place.path) == 1 else [is_one_of(root.c.model_name, place.roots)]


def is_one_of(column: ColumnElement[str], names: Sequence[str]) -> ColumnElement[bool]:
    """Return whether a name is one of some. An IN is written out each time that it is executed, so one is compared."""
    return column == names[0] if len(names) == 1 else column.in_(names)


def _of_runs(field: RunField) -> tuple[Any, Key, list[ColumnElement[bool]]]:
    """Return a table of values of runs, its column of their ids, and what its index of keys goes by before the key."""
    if field.kind == "name":
        run = node_table.alias()
        return run, run.c.node_id, [run.c.node_type == "run", run.c.model_name.is_(None), run.c.label.is_(None)]
    value = run_value_table.alias()
    return value, value.c.run_id, [value.c.kind == field.kind, value.c.name == field.name]


def _where(field: Field | RunField, ask_key: AskKey, *, negated: bool) -> Asked:
    """Ask for the artifacts, or runs, in which the key of a field is as asked for, or for all others."""
    selected, value = _reached(field, from_root=negated)
    asked = ask_key(value.c.search_key)
    if negated:
        without = [not_(exists(selected.where(part).with_only_columns(literal(1)))) for part in asked]
        return same(without[0]) if asked.decided else Asked(certain=without[1], possible=without[0])
    place = _place_of(field)
    roots = [] if isinstance(place, RunField) else _is_in_root(place)
    found = [and_(root.c.node_id.in_(selected.where(part)), *roots) for part in asked]
    return same(found[0]) if asked.decided else Asked(*found)


def _reached(field: Field | RunField, *, from_root: bool) -> tuple[Select[Any], Any]:
    """Select the values of a field: of one artifact or run, or of all, which the index of keys finds."""
    place = _place_of(field)
    if isinstance(place, RunField):
        of_runs, run_id, found = _of_runs(place)
        chosen = select(run_id).select_from(of_runs).where(*found)
        return (chosen.where(run_id == root.c.node_id) if from_root else chosen), of_runs
    value = node_table.alias()
    below: Any = value
    joined: Any = value
    conditions = _is_value(value, place)
    for name in reversed(place.path[:-1]):
        owner = node_table.alias()
        joined = joined.join(owner, below.c.parent_id == owner.c.node_id)
        conditions.append(owner.c.label == name)
        below = owner
    selected = select(below.c.parent_id).select_from(joined).where(*conditions)
    return (selected.where(below.c.parent_id == root.c.node_id, *_is_in_root(place)) if from_root else selected), value


def stored_names(models: Iterable[type[Any]]) -> list[str]:
    """Return the names under which model classes, and those derived from them, are stored."""
    found: dict[str, None] = {}
    pending = list(models)
    while pending:
        cls = pending.pop()
        if is_model(cls):
            found[traits_of(cls).name] = None
        pending += cls.__subclasses__()
    return sorted(found)
