"""Members of enums in conditions, found by their stored names, which may be former names of a member.

A member is stored by its name. Its search key is made of its value if that is a number or a text, else of its name.
A class may rename a member and keep the former name as an alias, or may give a member another value. A stored name
loads as the member that has this name today. So a comparison compares today's members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum, Flag
from itertools import islice, product
from typing import Any, cast

from sqlalchemy import ColumnElement, and_, or_

from artigraph.query._conditions import is_nan
from artigraph.query._key_ranges import Asked, AskKey, Key, kind_of
from artigraph.serializer.codec import encode_member
from artigraph.serializer.search_key import member_key, search_key

_MOST_NAMES = 1000
"""The most combinations of former names of flags for which a query searches."""


def has_value_key(cls: type[Any]) -> bool:
    """Return whether the members of a class are numbers or texts. If so, their search keys are made of their values."""
    return issubclass(cls, Enum) and issubclass(cls, (int, float, str))


def keys_of(value: object) -> set[bytes]:
    """Return the search keys that equal a value. A member that is neither number nor text has one for each name."""
    if isinstance(value, Enum) and not has_value_key(type(value)):
        return {member_key(type(value), name) for name in _names_of(value)}
    key = search_key(value)
    return set() if key is None or is_nan(value) else {key}


def _names_of(member: Enum) -> Iterable[str]:
    cls = type(member)
    names = _former_names(cls)
    if member in names:
        return names[member]
    parts = [names[part] for part in member if part in names] if isinstance(member, Flag) else []
    combined = ("|".join(each) for each in islice(product(*parts), _MOST_NAMES)) if parts else ()
    return {member.name or str(member.value), *combined}


def _former_names(cls: type[Enum]) -> dict[Enum, list[str]]:
    names: dict[Enum, list[str]] = {}
    for name, member in cls.__members__.items():
        names.setdefault(member, []).append(name)
    return names


def of_members(asked: AskKey, classes: Iterable[type[Enum]], holds: Callable[[Enum], bool]) -> AskKey:
    """Return a condition for a field that may hold members of enums whose search keys are made of their values.

    Args:
        asked: the condition on the search keys of today's values.
        classes: the enums that the field may hold.
        holds: returns whether the condition is true of a member.
    """
    true_of: list[bytes] = []
    false_of: list[bytes] = []
    kinds: set[tuple[bytes, bytes]] = set()
    taken: set[bytes] = set()
    numbers = False
    for cls in classes:
        for name, member in cls.__members__.items():
            (true_of if holds(member) else false_of).append(encode_member(cls, name))
            key = search_key(member)
            assert key is not None  # noqa: S101 (it is a number or a text)
            kinds.add(kind_of(key))
            taken.add(key)
        numbers = numbers or not issubclass(cls, str)

    def ask(key: Key) -> Asked:
        value: ColumnElement[Any] = cast("Any", key).table.c.value
        found = asked(key)
        certain, possible = found
        if false_of:
            others = value.not_in(false_of)
            certain = and_(certain, others)
            possible = certain if found.decided else and_(possible, others)
        if true_of:
            of_kind = or_(*(_between(key, kind, () if numbers else sorted(taken)) for kind in sorted(kinds)))
            former = and_(of_kind, value.in_(true_of))
            certain = or_(certain, former)
            possible = certain if found.decided else or_(possible, former)
        return Asked(certain, possible)

    return ask


def _between(key: Key, kind: tuple[bytes, bytes], taken: Iterable[bytes]) -> ColumnElement[bool]:
    """Return the condition that a key is of a kind but not taken, as ranges of the index."""
    start, end = kind
    parts: list[ColumnElement[bool]] = []
    after = key >= start
    for one in taken:
        if start <= one < end:
            parts.append(and_(after, key < one))
            after = key > one
    return or_(*parts, and_(after, key < end))
