"""Comparisons as ranges of search keys: the keys that certainly match, and the keys that may match."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum, Flag
from itertools import islice, product, takewhile
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Boolean, ColumnElement, LargeBinary, and_, exists, false, func, literal, not_, or_
from sqlalchemy.sql.functions import FunctionElement

from artigraph.db.written import written
from artigraph.orm import SEARCH_KEY_LENGTH, blob_table
from artigraph.query._conditions import Operator, is_nan
from artigraph.serializer.codec import encode_member
from artigraph.serializer.search_key import is_cut, member_key, search_key


class Asked(NamedTuple):
    """A condition in SQL: where it is certainly true, and where it may be. Both are one object if no key is cut."""

    certain: ColumnElement[bool]
    possible: ColumnElement[bool]

    @property
    def decided(self) -> bool:
        """Whether the database can decide the condition for every row."""
        return self.certain is self.possible


Key = ColumnElement[Any]


class AskKey(Protocol):
    """Makes a condition on the search key of a value."""

    def __call__(self, key: Key, /) -> Asked:
        """Return the condition on a key."""
        ...


def same(condition: ColumnElement[bool]) -> Asked:
    """Return a condition that the database can decide for every row."""
    return Asked(condition, condition)


_NUMBERS = (b"\x18", b"\x1a")
"""The first byte of negative numbers' keys, and the end of the range of all numbers."""


def kind_of(key: bytes) -> tuple[bytes, bytes]:
    """Return the range of keys (start and end) whose values Python compares with the value of this key."""
    if _NUMBERS[0] <= key < _NUMBERS[1]:
        return _NUMBERS
    return key[:1], bytes([key[0] + 1])


class _Range(NamedTuple):
    """A range of keys. Of two ranges, the one with the greater `least` begins later; the smaller `end` ends earlier."""

    least: tuple[bytes, bool]
    """The first key, and whether the range excludes it."""
    end: tuple[bytes, bool]
    """The last key, and whether the range includes it."""

    def within(self, other: _Range) -> _Range:
        """Return the intersection. SQLite uses one bound on each side for its search, and may pick the wider of two."""
        return _Range(max(self.least, other.least), min(self.end, other.end))

    def of(self, key: Key) -> ColumnElement[bool]:
        """Return the condition that a key is in the range."""
        (least, behind), (end, with_it) = self
        if least == end:
            return key == least if with_it and not behind else false()
        return and_(key > least if behind else key >= least, key <= end if with_it else key < end)


class Ranges(NamedTuple):
    """The keys for which a comparison is certainly true, and the keys for which it may be."""

    certain: _Range
    possible: _Range

    def within(self, other: Ranges) -> Ranges:
        """Return the keys for which both comparisons are true."""
        return Ranges(self.certain.within(other.certain), self.possible.within(other.possible))

    @property
    def narrowness(self) -> int:
        """Bytes that all keys in the range share. This is an estimate without statistics: more bytes, fewer values."""
        (least, _), (end, _) = self.possible
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(least, end, strict=False))
        return sum(1 for _ in alike) + (least == end)

    def __call__(self, key: Key) -> Asked:
        possible = self.possible.of(key)
        return same(possible) if self.certain == self.possible else Asked(self.certain.of(key), possible)


def comparison(how: Operator, value: object) -> Ranges:
    """Return the keys of the values for which a comparison with `value` is true; queries can search for `value`."""
    wanted = search_key(value)
    assert wanted is not None  # columns check it
    least, end = kind_of(wanted)
    if how == "==":
        return _equal(wanted)
    if how in ("<", "<="):
        without, with_equal = (_Range((least, False), (wanted, equal)) for equal in (False, True))
    else:
        without, with_equal = (_Range((wanted, not equal), (end, False)) for equal in (False, True))
    if is_cut(wanted):
        return Ranges(without, with_equal)
    exact = with_equal if how in ("<=", ">=") else without
    return Ranges(exact, exact)


def _equal(wanted: bytes) -> Ranges:
    only = _Range((wanted, False), (wanted, True))
    return Ranges(_Range((wanted, True), (wanted, False)) if is_cut(wanted) else only, only)


def among_keys(keys: AbstractSet[bytes]) -> AskKey:
    """Return the condition that a key is one of some keys. Where one of these is cut, a match is only possible."""
    cut = {key for key in keys if is_cut(key)}

    def asked(key: Key) -> Asked:
        certain = key.in_(sorted(keys - cut))
        return Asked(certain, key.in_(sorted(keys))) if cut else same(certain)

    return asked


def beginning(text: str | bytes) -> Ranges:
    """Return the keys of the texts, or bytes, that begin with `text`."""
    wanted = search_key(text)
    assert wanted is not None  # it is of text, or bytes
    if is_cut(wanted):
        return _equal(wanted)
    # The first key that does not begin with `text`. The first byte says the kind, so this is never empty.
    end = wanted.rstrip(b"\xff")
    begins = _Range((wanted, False), (end[:-1] + bytes([end[-1] + 1]), False))
    return Ranges(begins, begins)


def containing(text: str | bytes) -> AskKey:
    """Return the condition that a key belongs to a text, or bytes, that contain `text`."""
    wanted = search_key(text[:0])
    assert wanted is not None  # it is of text, or bytes
    least, end = kind_of(wanted)
    part = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text

    def asked(key: Key) -> Asked:
        of_kind = and_(key >= least, key < end)
        if not part:
            return same(of_kind)
        found = and_(of_kind, _Contains(key, literal(part, LargeBinary)))
        return Asked(found, and_(of_kind, or_(_Contains(key, literal(part, LargeBinary)), _is_cut(key))))

    return asked


def _is_cut(key: Key) -> ColumnElement[bool]:
    return func.length(key) >= SEARCH_KEY_LENGTH


@written(
    sqlite="instr(substr({0}, 2), {1}) > 0",
    postgresql="position({1} in substring({0} from 2)) > 0",
    mysql="locate({1}, substring({0}, 2)) > 0",
)
class _Contains(FunctionElement[bool]):
    """Whether a key contains some bytes after its first byte."""

    type = Boolean()
    inherit_cache = True


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
            assert key is not None  # it is a number or a text
            kinds.add(kind_of(key))
            taken.add(key)
        numbers = numbers or not issubclass(cls, str)

    def ask(key: Key) -> Asked:
        found = asked(key)
        certain, possible = found
        if false_of:
            others = not_(_is_stored_as(key, false_of))
            certain = and_(certain, others)
            possible = certain if found.decided else and_(possible, others)
        if true_of:
            of_kind = or_(*(_between(key, kind, () if numbers else sorted(taken)) for kind in sorted(kinds)))
            former = and_(of_kind, _is_stored_as(key, true_of))
            certain = or_(certain, former)
            possible = certain if found.decided else or_(possible, former)
        return Asked(certain, possible)

    return ask


def _is_stored_as(key: Key, values: Sequence[bytes]) -> ColumnElement[bool]:
    """Return the condition that the value of a key is one of some encoded values. It is never NULL.

    A value is in its row, or in an object whose hash the database has.
    """
    value: ColumnElement[Any] = key.table.c.value
    blob_id: ColumnElement[Any] = key.table.c.blob_id
    hashes = [hashlib.sha256(each).digest() for each in values]
    in_object = exists().where(blob_table.c.blob_id == blob_id, blob_table.c.sha256.in_(hashes))
    return or_(and_(value.is_not(None), value.in_(values)), and_(blob_id.is_not(None), in_object))


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
