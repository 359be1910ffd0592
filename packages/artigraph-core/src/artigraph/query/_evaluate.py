"""Evaluate conditions in Python, on loaded instances, where the database cannot decide them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, cast

from artigraph.model import Lazy
from artigraph.query._conditions import (
    All,
    Any_,
    Compare,
    Condition,
    Field,
    IsNone,
    Not,
    OneOf,
    Operator,
    RunField,
    Text,
    is_nan,
)
from artigraph.run import Run

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MISSING = object()


async def holds(condition: Condition, loaded: object, verdicts: Mapping[Condition, bool | None]) -> bool:
    """Return whether a condition is true of a loaded instance. Lazy fields that it compares are loaded for that.

    `verdicts` holds the database's answer for each leaf of the condition, None where the database cannot decide. Only
    those undecided leaves are evaluated on the instance. The others must not be: the instance also has fields that are
    not stored, with their defaults.
    """
    match condition:
        case All(parts):
            return all([await holds(part, loaded, verdicts) for part in parts])
        case Any_(parts):
            return any([await holds(part, loaded, verdicts) for part in parts])
        case Not(part):
            return not await holds(part, loaded, verdicts)
        case _:
            verdict = verdicts[condition]
            return await _leaf_holds(condition, loaded) if verdict is None else verdict


async def _leaf_holds(condition: Condition, loaded: object) -> bool:
    match condition:
        case IsNone(field):
            return await _value(loaded, field) is None
        case Text(field, how, text):
            return is_text(await _value(loaded, field), how, text)
        case Compare(field, how, value):
            return compared(await _value(loaded, field), how, value)
        case _:
            assert isinstance(condition, OneOf)  # noqa: S101 (the database decides the others)
            found = await _value(loaded, condition.field)
            return any(compared(found, "==", value) for value in condition.values)


def is_text(value: object, how: str, text: str | bytes) -> bool:
    """Return whether a value is a text, or bytes, that begin with or contain another one."""
    if isinstance(value, str) and isinstance(text, str):
        return value.startswith(text) if how == "startswith" else text in value
    if isinstance(value, bytes) and isinstance(text, bytes):
        return value.startswith(text) if how == "startswith" else text in value
    return False


async def _value(loaded: object, field: Field | RunField) -> object:
    if isinstance(field, RunField):
        return _value_of_run(cast("Run", loaded), field)
    value: Any = loaded
    for name in field.path:
        value = getattr(value, name, _MISSING)
    handle: object = value
    # Call the method of Lazy itself: a derived class may load in another manner.
    return await cast("Any", Lazy).load(handle) if isinstance(handle, Lazy) else handle


def _value_of_run(run: Run, field: RunField) -> object:
    if field.kind == "name":
        return run.name
    values = {"tag": run.tags, "parameter": run.parameters, "environment": run.environment or {}}
    return values[field.kind].get(field.name, _MISSING)


def compared(value: object, how: Operator, other: object) -> bool:
    """Return whether a comparison of two values is true; it is false where Python cannot compare them."""
    if is_nan(value) or is_nan(other):
        return False
    try:
        return bool(_OPERATORS[how](value, other))
    except TypeError:
        return False
