"""Comparisons as ranges of keys: what is certainly so of a key, and what may be so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Boolean, ColumnElement, LargeBinary, and_, false, func, literal, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from artigraph.orm import SEARCH_KEY_LENGTH
from artigraph.query.conditions import Operator, is_nan
from artigraph.serializer.search_key import is_cut, search_key

__all__ = ["AskKey", "Asked", "Key", "Ranges", "among", "beginning", "comparison", "containing", "same"]


class Asked(NamedTuple):
    """A condition in SQL: what is certainly true of a row, and what may be; the two are one where no key is cut."""

    certain: ColumnElement[bool]
    possible: ColumnElement[bool]

    @property
    def decided(self) -> bool:
        """Whether the database decides it for every row."""
        return self.certain is self.possible


Key = ColumnElement[Any]


class AskKey(Protocol):
    """Says of the key of a value whether it is asked for."""

    def __call__(self, key: Key, /) -> Asked:
        """Return the condition on a key."""
        ...


def same(condition: ColumnElement[bool]) -> Asked:
    """Return what the database decides."""
    return Asked(condition, condition)


_NUMBERS = (b"\x18", b"\x1a")
"""Negative numbers have the one first byte, all others the next."""


def _kind_of(key: bytes) -> tuple[bytes, bytes]:
    """Return where the keys begin and end of the values that Python compares with that of a key."""
    if _NUMBERS[0] <= key < _NUMBERS[1]:
        return _NUMBERS
    return key[:1], bytes([key[0] + 1])


class _Range(NamedTuple):
    """A range of keys; of two ranges the tighter bound is the greater `least`, and the smaller `end`."""

    least: tuple[bytes, bool]
    """Where it begins, and whether behind that key."""
    end: tuple[bytes, bool]
    """Where it ends, and whether with that key."""

    def within(self, other: _Range) -> _Range:
        """Return what both ranges hold. SQLite looks for one bound on each side, and may take the wider of two."""
        return _Range(max(self.least, other.least), min(self.end, other.end))

    def of(self, key: Key) -> ColumnElement[bool]:
        """Return whether a key is in the range."""
        (least, behind), (end, with_it) = self
        if least == end:
            return key == least if with_it and not behind else false()
        return and_(key > least if behind else key >= least, key <= end if with_it else key < end)


class Ranges(NamedTuple):
    """The keys of which a comparison is certainly true, and those of which it may be."""

    certain: _Range
    possible: _Range

    def within(self, other: Ranges) -> Ranges:
        """Return those of both comparisons."""
        return Ranges(self.certain.within(other.certain), self.possible.within(other.possible))

    def __call__(self, key: Key) -> Asked:
        possible = self.possible.of(key)
        return same(possible) if self.certain == self.possible else Asked(self.certain.of(key), possible)


def comparison(how: Operator, value: object) -> Ranges:
    """Return the keys of the values that compare so with a value that is searched by."""
    wanted = search_key(value)
    assert wanted is not None  # noqa: S101 (columns see to it)
    least, end = _kind_of(wanted)
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


def among(values: Iterable[object]) -> AskKey:
    """Return what asks of a key whether it is of one of some values; NaN is equal to none."""
    keys = {key for value in values if not is_nan(value) and (key := search_key(value)) is not None}
    cut = {key for key in keys if is_cut(key)}

    def asked(key: Key) -> Asked:
        certain = key.in_(sorted(keys - cut))
        return Asked(certain, key.in_(sorted(keys))) if cut else same(certain)

    return asked


def beginning(text: str | bytes) -> Ranges:
    """Return the keys of the texts, or bytes, that begin so."""
    wanted = search_key(text)
    assert wanted is not None  # noqa: S101 (it is of text, or bytes)
    if is_cut(wanted):
        return _equal(wanted)
    end = wanted.rstrip(b"\xff")  # the first key that does not begin so; its first byte says what kind it is
    begins = _Range((wanted, False), (end[:-1] + bytes([end[-1] + 1]), False))
    return Ranges(begins, begins)


def containing(text: str | bytes) -> AskKey:
    """Return what asks of a key whether it is of a text, or bytes, that contain this."""
    wanted = search_key(text[:0])
    assert wanted is not None  # noqa: S101 (it is of text, or bytes)
    least, end = _kind_of(wanted)
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


class _Contains(FunctionElement[bool]):
    """Whether a key has some bytes behind its first one."""

    type = Boolean()
    inherit_cache = True


@compiles(_Contains, "sqlite")
def _sqlite_contains(element: _Contains, compiler: SQLCompiler, **kw: Any) -> str:
    key, part = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"instr(substr({key}, 2), {part}) > 0"


@compiles(_Contains, "postgresql")
def _postgresql_contains(element: _Contains, compiler: SQLCompiler, **kw: Any) -> str:
    key, part = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"position({part} in substring({key} from 2)) > 0"


@compiles(_Contains, "mysql")
@compiles(_Contains, "mariadb")
def _mysql_contains(element: _Contains, compiler: SQLCompiler, **kw: Any) -> str:
    key, part = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"locate({part}, substring({key}, 2)) > 0"
