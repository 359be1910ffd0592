"""Evaluate conditions in Python, on loaded instances, where the database cannot decide them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeGuard, cast
from uuid import UUID

from artigraph.model import Lazy
from artigraph.query import _conditions
from artigraph.query._conditions import All, Any_, Compare, Condition, Field, IsNone, Not, OneOf, RunField, Text
from artigraph.query._sql import ids_from, root, verdict_of
from artigraph.run import Run
from artigraph.stored import StoredModel
from artigraph.stored.read import read_value

_BATCH = 200
"""The number of conditions in one statement that reads verdicts."""
_MISSING = object()


async def read_verdicts(
    ids: Sequence[UUID], leaves: Sequence[Condition], fetch: Callable[[Any], Awaitable[Sequence[Any]]]
) -> dict[UUID, dict[Condition, bool | None]]:
    """Return by node what the database says of each leaf condition: true, false, or None if it cannot decide."""
    found: dict[UUID, dict[Condition, bool | None]] = {node_id: {} for node_id in ids}
    for start in range(0, len(leaves), _BATCH):
        asked = [(leaf, verdict_of(leaf)) for leaf in leaves[start : start + _BATCH]]
        columns = [part.label(None) for _, both in asked for part in both]
        rows = await fetch(ids_from(root).add_columns(*columns).where(root.c.node_id.in_(ids)))
        there = {row[0]: row[1:] for row in rows}
        found = {node_id: said for node_id, said in found.items() if node_id in there}
        for node_id, said in found.items():
            pairs = zip(there[node_id][::2], there[node_id][1::2], strict=True)
            for (leaf, _), (certain, possible) in zip(asked, pairs, strict=True):
                said[leaf] = True if certain else None if possible else False
    return found


async def is_true(condition: Condition, loaded: object, verdicts: Mapping[Condition, bool | None]) -> bool:
    """Return whether a condition is true of a loaded instance. Lazy fields that it compares are loaded for that.

    `verdicts` holds the database's answer for each leaf of the condition, None where the database cannot decide. Only
    those undecided leaves are evaluated on the instance. The others must not be: the instance also has fields that are
    not stored, with their defaults.
    """
    match condition:
        case All(parts):
            return all([await is_true(part, loaded, verdicts) for part in parts])
        case Any_(parts):
            return any([await is_true(part, loaded, verdicts) for part in parts])
        case Not(part):
            return not await is_true(part, loaded, verdicts)
        case _:
            verdict = verdicts[condition]
            return await _is_leaf_true(condition, loaded) if verdict is None else verdict


async def _is_leaf_true(condition: Condition, loaded: object) -> bool:
    match condition:
        case IsNone(field):
            return await _value(loaded, field) is None
        case Text(field, how, text):
            return _conditions.is_text(await _value(loaded, field), how, text)
        case Compare(field, how, value):
            return _conditions.compared(await _value(loaded, field), how, value)
        case _:
            assert isinstance(condition, OneOf)  # the database decides the others
            found = await _value(loaded, condition.field)
            return any(_conditions.compared(found, "==", value) for value in condition.values)


async def _value(loaded: object, field: Field | RunField) -> object:
    value: Any = loaded
    if isinstance(field, RunField):
        return _value_of_run(value, field)
    if isinstance(loaded, StoredModel):
        return await read_value(loaded, field.path, _MISSING)
    for name in field.path:
        value = _part_of(value, name)
    handle: object = value
    # Call the method of Lazy itself: a derived class may load in another manner.
    return await cast("Any", Lazy).load(handle) if isinstance(handle, Lazy) else handle


def _part_of(value: object, name: str) -> object:
    return value.get(name, _MISSING) if is_mapping(value) else getattr(value, name, _MISSING)


def is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    """Return whether a value is a mapping, whose keys and values may be anything."""
    return isinstance(value, Mapping)


def _value_of_run(run: Run, field: RunField) -> object:
    if field.kind == "name":
        return run.name
    values = {"tag": run.tags, "parameter": run.parameters, "environment": run.environment or {}}
    return values[field.kind].get(field.name, _MISSING)
