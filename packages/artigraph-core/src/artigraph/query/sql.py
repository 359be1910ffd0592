"""Conditions as SQL, over the keys of values: what is certainly so, and what may be so.

The key of a long value is cut, so that a comparison with it may be undecided; such rows are compared as values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    LargeBinary,
    Select,
    and_,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from artigraph.model.definition import is_model, traits_of
from artigraph.orm import SEARCH_KEY_LENGTH, node_table
from artigraph.query.conditions import (
    All,
    Any_,
    Compare,
    Condition,
    Field,
    IsNone,
    Not,
    Operator,
    RunCompare,
    RunIsNone,
    Text,
    is_nan,
)
from artigraph.serializer.search_key import is_cut, search_key

__all__ = ["Asked", "ask_all", "key_of", "root", "stored_names"]

root: FromClause = node_table.alias("artifact")
"""The artifacts, or runs, that are asked for."""


class Asked(NamedTuple):
    """A condition in SQL: what is certainly true of a row, and what may be; the two are one where no key is cut."""

    certain: ColumnElement[bool]
    possible: ColumnElement[bool]

    @property
    def decided(self) -> bool:
        """Whether the database decides it for every row."""
        return self.certain is self.possible


Key = ColumnElement[Any]
AskKey = Callable[[Key], Asked]
"""Says of the key of a value whether it is asked for."""


def ask_all(conditions: Sequence[Condition]) -> tuple[FromClause, Asked]:
    """Return what is asked, and what it is asked of: `root`, joined to the values that have to be there.

    A value is there once at most, so a join makes no row twice, and the database is free to begin with the value that
    its index finds first.
    """
    source: Any = root
    keys: dict[Field, Key] = {}
    ranges: dict[Field, _Ranges] = {}
    parts: list[Asked] = []
    pending = list(reversed(conditions))
    while pending:
        condition = pending.pop()
        if isinstance(condition, All):
            pending += reversed(condition.parts)
            continue
        if not isinstance(condition, (Compare, IsNone, Text)) or _is_never(condition):
            parts.append(_ask(condition))
            continue
        field, asked = condition.field, _asked_of(condition)
        if field not in keys:
            source, keys[field] = _joined_to(source, field)
        if isinstance(asked, _Ranges):
            ranges[field] = asked.within(ranges[field]) if field in ranges else asked
        else:
            parts.append(asked(keys[field]))
    parts += [asked(keys[field]) for field, asked in ranges.items()]
    return source, _joined(parts, every=True)


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
            return _same(true() if negated else false())
        case Compare(field) | IsNone(field) | Text(field):
            return _where(field, _asked_of(condition), negated=negated)
        case _:
            asked = _of_run(condition)
            return _same(not_(asked) if negated else asked)


def _asked_of(condition: Compare | IsNone | Text) -> AskKey:
    match condition:
        case Compare(_, how, value):
            return _comparison(how, value)
        case Text(_, how, text):
            return _beginning(text) if how == "startswith" else _containing(text)
        case IsNone():
            return lambda key: _same(key == search_key(None))


def _of_run(condition: Condition) -> ColumnElement[bool]:
    """Return a condition on a run, which is false, not NULL, where the run has no such property."""
    if isinstance(condition, RunIsNone):
        return root.c[condition.column].is_(None)
    assert isinstance(condition, RunCompare)  # noqa: S101 (there are no others)
    return func.coalesce(_OPERATORS[condition.operator](root.c[condition.column], condition.value), false())


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def key_of(field: Field) -> ColumnElement[bytes]:
    """Return the key of a field of an artifact, empty where there is none."""
    selected, value = _reached(field, from_root=True)
    key: Any = selected.with_only_columns(value.c.search_key).scalar_subquery()
    return func.coalesce(key, literal(b"", LargeBinary))


def _same(condition: ColumnElement[bool]) -> Asked:
    return Asked(condition, condition)


def _joined(parts: Sequence[Asked], *, every: bool) -> Asked:
    join, nothing = (and_, true()) if every else (or_, false())
    certain = join(nothing, *(part.certain for part in parts))
    if all(part.decided for part in parts):
        return _same(certain)
    return Asked(certain, join(nothing, *(part.possible for part in parts)))


# Values of fields ---------------------------------------------------------------------------------------------------


def _joined_to(source: Any, field: Field) -> tuple[Any, Key]:
    """Join the artifact to a value, and return the value's key."""
    below: Any = root
    for name in field.path[:-1]:
        owner = node_table.alias()
        source = source.join(owner, (owner.c.parent_id == below.c.node_id) & (owner.c.label == name))
        below = owner
    value = node_table.alias()
    source = source.join(value, and_(value.c.parent_id == below.c.node_id, *_is_value(value, field)))
    return source, value.c.search_key


def _is_value(value: Any, field: Field) -> list[ColumnElement[bool]]:
    """Return what the index of keys goes by before the key."""
    return [
        value.c.node_type == "value",
        value.c.model_name.in_(stored_names(field.owners)),
        value.c.label == field.path[-1],
    ]


def _where(field: Field, ask_key: AskKey, *, negated: bool) -> Asked:
    """Ask for the artifacts in which the key of a field is as asked for, or for all others."""
    selected, value = _reached(field, from_root=negated)
    asked = ask_key(value.c.search_key)
    if negated:
        without = [not_(exists(selected.where(part).with_only_columns(literal(1)))) for part in asked]
        return _same(without[0]) if asked.decided else Asked(certain=without[1], possible=without[0])
    found = [root.c.node_id.in_(selected.where(part)) for part in asked]
    return _same(found[0]) if asked.decided else Asked(*found)


def _reached(field: Field, *, from_root: bool) -> tuple[Select[Any], Any]:
    """Select the values of a field: of one artifact, or of all, which the index of keys finds."""
    value = node_table.alias()
    below: Any = value
    joined: Any = value
    conditions = _is_value(value, field)
    for name in reversed(field.path[:-1]):
        owner = node_table.alias()
        joined = joined.join(owner, below.c.parent_id == owner.c.node_id)
        conditions.append(owner.c.label == name)
        below = owner
    selected = select(below.c.parent_id).select_from(joined).where(*conditions)
    return (selected.where(below.c.parent_id == root.c.node_id) if from_root else selected), value


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


# Keys ---------------------------------------------------------------------------------------------------------------

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


class _Ranges(NamedTuple):
    """The keys of which a comparison is certainly true, and those of which it may be."""

    certain: _Range
    possible: _Range

    def within(self, other: _Ranges) -> _Ranges:
        """Return those of both comparisons."""
        return _Ranges(self.certain.within(other.certain), self.possible.within(other.possible))

    def __call__(self, key: Key) -> Asked:
        possible = self.possible.of(key)
        return _same(possible) if self.certain == self.possible else Asked(self.certain.of(key), possible)


def _comparison(how: Operator, value: object) -> _Ranges:
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
        return _Ranges(without, with_equal)
    exact = with_equal if how in ("<=", ">=") else without
    return _Ranges(exact, exact)


def _equal(wanted: bytes) -> _Ranges:
    only = _Range((wanted, False), (wanted, True))
    return _Ranges(_Range((wanted, True), (wanted, False)) if is_cut(wanted) else only, only)


def _beginning(text: str | bytes) -> _Ranges:
    wanted = search_key(text)
    assert wanted is not None  # noqa: S101 (it is of text, or bytes)
    if is_cut(wanted):
        return _equal(wanted)
    end = wanted.rstrip(b"\xff")  # the first key that does not begin so; its first byte says what kind it is
    begins = _Range((wanted, False), (end[:-1] + bytes([end[-1] + 1]), False))
    return _Ranges(begins, begins)


def _containing(text: str | bytes) -> AskKey:
    wanted = search_key(text[:0])
    assert wanted is not None  # noqa: S101 (it is of text, or bytes)
    least, end = _kind_of(wanted)
    part = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text

    def asked(key: Key) -> Asked:
        of_kind = and_(key >= least, key < end)
        if not part:
            return _same(of_kind)
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
