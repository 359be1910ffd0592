"""Hints in statements for PostgreSQL's planner, which plans badly without statistics, and one for SQLite's.

Without statistics it expects each equality to match one row in 200. Several equalities then leave one row, and all
plans look equally good. With statistics, statements with hints must be as fast as without.

The module is long because a hint is a class and its SQL for each database, which belong side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Grouping
from sqlalchemy.sql.functions import FunctionElement

from artigraph.db.written import written
from artigraph.orm.types import Id, Whole


@written("{0}", postgresql="({0} || '')")
class _Unindexed(FunctionElement[Any]):
    """A column for which PostgreSQL uses no index."""

    inherit_cache = True


def unindexed(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Return a column of text for a condition that PostgreSQL should check, and not begin with.

    Without statistics it expects every condition to match few rows. It then looks up rows that were found by id by the
    type of their node instead, and each lookup reads all nodes of that type.
    """
    return _Unindexed(column)


@written("{0}", sqlite="+{0}")
class _UnsearchedBySqlite(FunctionElement[Any]):
    """A column for which SQLite uses no index."""

    inherit_cache = True


def unsearched_by_sqlite(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a column for a condition, or an order, for which SQLite should use no index.

    With statistics, SQLite expects each parent to have as many children as the average one. If a few have very many, it
    walks along the whole order for any parent, rather than sort the children.
    """
    return _UnsearchedBySqlite(column)


@written("{0}", sqlite="likely({0})")
class _LikelyForSqlite(Grouping[bool]):
    """A condition that SQLite expects to match most rows."""

    inherit_cache = True
    operator: Any = None


def likely_for_sqlite(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return a condition that SQLite should not begin with. A partial index with this condition can still be used."""
    return _LikelyForSqlite(condition)


@written("({0})", sqlite="+({0})", postgresql="CASE WHEN {0} THEN true ELSE false END")
class _FilterOnly(Grouping[bool]):
    """A condition that PostgreSQL and SQLite only check on rows that they have found."""

    inherit_cache = True
    operator: Any = None
    """Not that of the condition: SQLAlchemy would dissolve an AND within another one, and drop this."""


def filter_only(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return a condition that PostgreSQL and SQLite should check on rows that they find otherwise, and not begin with.

    PostgreSQL expects it to match half of all rows, with or without statistics, so beginning with it gains nothing.
    It expects `unindexed` to match few rows. Use that where a further join multiplies the rows found.

    SQLite uses no index for it. Without statistics, SQLite expects ten rows of each type of node, and would read all
    runs instead of fifty by their ids.
    """
    return _FilterOnly(condition)


# Constants, not parameters: in a plan for any parameters, PostgreSQL would expect these hints to match few rows.
_LEAST_ID = sa.literal_column("'00000000-0000-0000-0000-000000000000'::uuid", Id)
_GREATEST_ID = sa.literal_column("'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid", Id)
_LEAST_WHOLE, _GREATEST_WHOLE = sa.literal_column("-2147483648", Whole), sa.literal_column("2147483647", Whole)
_LEAST_TEXT = sa.literal_column("''", sa.String)


@written("({0})", postgresql="(({0}) AND ({1}))")
class _FewRows(sa.BinaryExpression[bool]):
    """A condition AND, on PostgreSQL, one that every row satisfies."""

    inherit_cache = True


def expect_few_rows(condition: sa.ColumnElement[bool], *columns: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return a condition that PostgreSQL without statistics expects to match few rows.

    Each column is compared with the least and the greatest value of its type. That excludes only rows where it is NULL.
    Without statistics PostgreSQL expects this to match one row in 200 (one in 3 for text, which has no greatest value),
    with statistics all rows. Columns of the index that answers the condition make the lookup look cheap.
    """
    return _FewRows(condition, sa.and_(*(_any_value(column) for column in columns)), operators.and_)


def _any_value(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    if isinstance(column.type, Id):
        return column.between(_LEAST_ID, _GREATEST_ID)
    if isinstance(column.type, Whole):
        return column.between(_LEAST_WHOLE, _GREATEST_WHOLE)
    return column >= _LEAST_TEXT


@written("({0})", postgresql="(({0}) OR ({1}))")
class _ManyRows(sa.BinaryExpression[bool]):
    """A condition OR, on PostgreSQL, one that no row satisfies."""

    inherit_cache = True


def expect_many_rows(condition: sa.ColumnElement[bool], node_id: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """Return a condition that PostgreSQL without statistics expects to match a third of all rows.

    With a limit, it then walks along the requested order instead of finding and sorting all matching rows. The hint
    looks for an id below the least one. Statistics say that none exists: then the hint has no effect.
    """
    return _ManyRows(condition, node_id < _LEAST_ID, operators.or_)


@written("({0})", postgresql="(({0}) OR ({1}))")
class _Bitmap(sa.BinaryExpression[bool]):
    """A condition OR, on PostgreSQL, a second one that an index answers and no row satisfies."""

    inherit_cache = True


def prefer_bitmap(condition: sa.ColumnElement[bool], node_id: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """Return a condition for which PostgreSQL gathers what an index finds as a bitmap, and reads each page once.

    Without statistics it expects one row, and would visit the pages in the order of the index.
    """
    return _Bitmap(condition, sa.and_(node_id == _LEAST_ID, node_id < _LEAST_ID), operators.or_)


@written("{0} IN {1}", postgresql="{0} = ANY (ARRAY{1})")
class _InPrecomputed(sa.BinaryExpression[bool]):
    """A comparison with ids that PostgreSQL collects first."""

    inherit_cache = True


def in_precomputed(column: sa.ColumnElement[UUID], ids: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a column is one of the ids of a select, which does not depend on the row.

    PostgreSQL collects the ids first, as an array, and expects ten. So it looks up the rows with these ids. In a join,
    without statistics, it would begin with other rows and search the select for each of them.
    """
    return _InPrecomputed(column, ids.scalar_subquery(), operators.in_op)


@written("{0} = {1}", postgresql="{0} IN ({1}, '')")
class _CostlyLookup(sa.BinaryExpression[bool]):
    """An equality that PostgreSQL considers costlier to look up than another one.

    It is not a function with a boolean result: on databases without that type SQLAlchemy compares the result with 1,
    and no index supports that.
    """

    inherit_cache = True


_MUCH = ", ".join(f"'{number}'" for number in range(30))
"""Values that no row has."""


@written("{0} = {1}", postgresql=f"{{0}} IN ({{1}}, '', {_MUCH})")
class _CostlierLookup(_CostlyLookup):
    """An equality that PostgreSQL considers costlier than about 30 lookups by another index."""

    inherit_cache = True


def expect_costly_lookup(column: sa.ColumnElement[str], value: str, *, much: bool = False) -> sa.ColumnElement[bool]:
    """Return an equality on a column of text with which PostgreSQL begins rather than looking it up for each row.

    Without statistics all ways to a row cost the same. The first condition may find an artifact, through which a second
    one on its values is cheap. PostgreSQL would instead look up the second among all values in its range, once for each
    row of the first. The planner counts one index descent for each value of an IN. One more value, which no row has,
    makes an index without this column win a tie. Every index stays usable, and with statistics the expected number of
    rows is the same. With `much` there are 31 more values, so an index must save that many lookups before PostgreSQL
    begins with it.
    """
    return (_CostlierLookup if much else _CostlyLookup)(column, sa.literal(value, column.type), operators.eq)


# Not `IS NOT NULL`, which SQLite would also look up in the index of the joined column.
@written("1 = 1", sqlite="likelihood(typeof({0}) <> 'null', 0.0001)")
class _SmallLevels(sa.BinaryExpression[bool]):
    """A condition that every row satisfies, and of which SQLite expects that hardly any does."""

    inherit_cache = True


def expect_small_levels(key: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """Return a condition for a join with the rows of a recursion, of which SQLite expects few with it.

    With statistics, SQLite expects a million. It then builds a Bloom filter for each execution, for which it reads all
    of the joined table, however few rows there are. So the cost would grow with the store.
    """
    return _SmallLevels(key, key, operators.eq)


class _LookupJoin(sa.Join):
    """A join that PostgreSQL and SQLite execute as one index lookup after the other."""

    inherit_cache = True


def lookup_join(
    left: sa.FromClause, right: sa.FromClause, on: sa.ColumnElement[bool], *, outer: bool = False
) -> sa.FromClause:
    """Join a table so that PostgreSQL and SQLite look up its rows in an index, for each row of `left`.

    `on` is, or begins with, an equality between a column of the table and a key of `left`.

    SQLite keeps the order of a CROSS JOIN. With statistics, it would else read a whole table of links and look up the
    runs of a recursion in an index that it makes for the statement.

    In a recursion PostgreSQL does not know the number of rows, and without statistics it joined each level to a whole
    table. OFFSET 0 skips no row, but keeps the planner from reversing the join. The key is compared twice more so that
    PostgreSQL expects few rows from each lookup. For many it would compile the statement first (JIT), which takes
    longer than executing it.
    """
    return _LookupJoin(left, right, on, isouter=outer)


@compiles(_LookupJoin)
def _join(element: _LookupJoin, compiler: SQLCompiler, **kw: Any) -> str:
    untyped: Any = compiler
    return str(untyped.visit_join(element, **kw))


@compiles(_LookupJoin, "sqlite")
def _sqlite_lookup(element: _LookupJoin, compiler: SQLCompiler, **kw: Any) -> str:
    if element.isouter:
        return _join(element, compiler, **kw)
    left, right = (compiler.process(side, **{**kw, "asfrom": True}) for side in (element.left, element.right))
    on: Any = element.onclause
    kw.pop("asfrom", None)
    return f"{left} CROSS JOIN {right} ON {compiler.process(on, **kw)}"


@compiles(_LookupJoin, "postgresql")
def _postgresql_lookup(element: _LookupJoin, compiler: SQLCompiler, **kw: Any) -> str:
    left, right = (compiler.process(side, **{**kw, "asfrom": True}) for side in (element.left, element.right))
    on: Any = element.onclause
    kw.pop("asfrom", None)
    equality = on.clauses[0] if isinstance(on, sa.BooleanClauseList) else on
    column, key = (compiler.process(side, **kw) for side in (equality.left, equality.right))
    where = f"{compiler.process(on, **kw)} AND {column} >= {key} AND {column} <= {key}"
    table: Any = element.right
    name = compiler.preparer.quote(table.name)
    join = "LEFT JOIN" if element.isouter else "JOIN"
    return f"{left} {join} LATERAL (SELECT * FROM {right} WHERE {where} OFFSET 0) AS {name} ON true"  # noqa: S608


@written("{0}", postgresql="{1}")
class _Variant(sa.BinaryExpression[bool]):
    """A condition, and the one that PostgreSQL gets instead."""

    inherit_cache = True


def variant_for_postgresql(
    condition: sa.ColumnElement[bool], on_postgresql: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    """Return a condition for which PostgreSQL gets another one that is true of the same rows."""
    return _Variant(condition, on_postgresql, operators.and_)


class _RangeFirst(sa.Join):
    """A table whose rows PostgreSQL looks for among the first ids, and elsewhere only if there are too few."""

    inherit_cache = True
    order = "ASC"


class _RangeFirstBackwards(_RangeFirst):
    """A table whose rows PostgreSQL looks for among the last ids first."""

    inherit_cache = True
    order = "DESC"


@written("{0}", postgresql="true")
class _Found(Grouping[bool]):
    """A condition that is true of all rows that a `_RangeFirst` finds."""

    inherit_cache = True


def scan_range_first(
    nodes: sa.FromClause,
    condition: sa.ColumnElement[bool],
    between: Sequence[sa.ColumnElement[bool]],
    *,
    count: int | None,
    backwards: bool = False,
) -> tuple[sa.FromClause, sa.ColumnElement[bool]]:
    """Return a FROM clause and a condition for nodes that are asked for by a condition, and by ids in a range.

    On PostgreSQL the clause has the column `node_id` only. It first looks through the first rows in the range, at least
    2,000 of them. If `count` of these fulfill the condition, or there are no others in the range, nothing else is
    read. Otherwise it finds all rows by the index that answers the condition. No statistics are needed to choose.
    """
    rows = 2_000 if count is None else max(2_000, 5 * count)
    asked = sa.tuple_(
        condition,
        sa.and_(sa.true(), *between),
        sa.literal(2**62 if count is None else count, sa.BigInteger),
        sa.literal(rows, sa.BigInteger),
        sa.literal(rows - 1, sa.BigInteger),
    )
    source = (_RangeFirstBackwards if backwards else _RangeFirst)(nodes, nodes.alias("tried"), asked)
    return source, _Found(sa.and_(condition, *between))


@compiles(_RangeFirst)
@compiles(_RangeFirstBackwards)
def _table(element: _RangeFirst, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.left, **{**kw, "asfrom": True})


@compiles(_RangeFirst, "postgresql")
@compiles(_RangeFirstBackwards, "postgresql")
def _postgresql_range_first(element: _RangeFirst, compiler: SQLCompiler, **kw: Any) -> str:
    nodes = compiler.process(element.left, **{**kw, "asfrom": True})
    kw.pop("asfrom", None)
    asked: Any = element.onclause
    condition, between, count, rows, before = (compiler.process(each, **kw) for each in asked.clauses)
    table: Any = element.left
    name = compiler.preparer.quote(table.name)
    in_order = f"{name}.node_id {element.order}"
    # It cannot know this limit when it plans, and assumes a tenth of all rows. So few look cheaper to walk along than
    # all are to sort; 2,000 would not, where it has no statistics and takes the table for small.
    first = f"(SELECT * FROM {nodes} WHERE {between} ORDER BY {in_order} LIMIT (SELECT {rows})) AS {name}"  # noqa: S608
    # With an OR it gathers what an index finds as a bitmap, and reads each page once. Else it expects one row only.
    least = compiler.process(_LEAST_ID, **kw)
    any_place = f"({condition} OR ({name}.node_id = {least} AND {name}.node_id < {least}))"
    return (
        f"(WITH tried AS MATERIALIZED "  # noqa: S608
        f"(SELECT {name}.node_id FROM {first} WHERE {condition} ORDER BY {in_order} LIMIT {count}), "
        f"rest AS MATERIALIZED (SELECT (SELECT count(*) FROM tried) < {count} "
        f"AND EXISTS (SELECT FROM {first} OFFSET {before}) AS is_needed) "
        "SELECT node_id FROM tried WHERE NOT (SELECT is_needed FROM rest) "
        f"UNION ALL SELECT node_id FROM (SELECT {name}.node_id FROM {nodes} WHERE {any_place} AND {between} OFFSET 0) "
        f"AS found WHERE (SELECT is_needed FROM rest)) AS {name}"
    )
