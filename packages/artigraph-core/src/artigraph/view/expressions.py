"""Conditions and columns written as text, for a command line or an address bar: `accuracy > 0.5 and tags.team == "a"`.

The text is parsed as a Python expression, and only what is listed here is accepted. Nothing is evaluated.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import reduce
from typing import Any
from uuid import UUID

from artigraph.errors import ExpressionError, QueryError
from artigraph.printable import printable, quoted
from artigraph.query import Column, Condition, Property, RunColumns, RunValueColumn, RunValues, StoredColumns

__all__ = ["AnyColumn", "column_of", "condition_of"]

AnyColumn = Column | Property | RunValueColumn

_LONGEST = 10_000
"""The most characters of an expression."""
_DEEPEST = 50
"""The most levels of an expression."""
_MOST_COMPARISONS = 100
"""The most comparisons. Each may be a join of the statement."""
_SHOWN = 60
"""The characters that an error shows on each side of the mistake."""
_OPERATORS: Mapping[type[ast.cmpop], tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    ast.Eq: (operator.eq, operator.eq),
    ast.NotEq: (operator.ne, operator.ne),
    ast.Lt: (operator.lt, operator.gt),
    ast.LtE: (operator.le, operator.ge),
    ast.Gt: (operator.gt, operator.lt),
    ast.GtE: (operator.ge, operator.le),
}
"""Each comparison, and the same one with its sides swapped."""
_METHODS = ("startswith", "contains")
_FORMS = 'Compare a field with a value: accuracy > 0.5 and data.name == "train"'


def condition_of(text: str, columns: StoredColumns | RunColumns) -> Condition:
    r"""Return the condition that a text stands for.

        condition_of('accuracy > 0.5 and data.name == "train"', columns("Report"))
        condition_of('status == "failed" and parameters.rate in (0.1, 0.2)', columns(Run))

    The text combines comparisons by `and`, `or`, `not` and brackets. One side of a comparison is a field:

    - `==`, `!=`, `<`, `<=`, `>`, `>=`, `0 < x < 1`;
    - `in (...)`, `not in (...)`, `is None`, `is not None`;
    - `"text" in x`, `x.startswith("text")`, `x.contains("text")`.

    Values are texts, bytes, numbers, True, False, None, and calls with one value: `datetime("2026-11-01 12:00")` (in
    UTC without a zone), `date(...)`, `time(...)`, `decimal("0.1")`, `uuid(...)`, `timedelta(seconds)`. Dots join the
    parts of a name. Names that are not Python's are written as `tags["my team"]`, also at the start: `fields["a b"]`.

    Raises:
        ExpressionError: the text is no such expression, or compares a field with what it cannot hold. The message
            points at the place.
    """
    return _Reader(text, columns).condition()


def column_of(text: str, columns: StoredColumns | RunColumns) -> AnyColumn:
    """Return the column that a text names: `accuracy`, `data.name`, `parameters.rate`, `tags["my team"]`.

    Raises:
        ExpressionError: the text names no column.
    """
    return _Reader(text, columns).column()


class _Reader:
    def __init__(self, text: str, columns: StoredColumns | RunColumns) -> None:
        self._text = text
        self._columns = columns

    def condition(self) -> Condition:
        parsed = self._parse()
        many = sum(map(_comparisons, ast.walk(parsed)))
        if many > _MOST_COMPARISONS:
            msg = (
                f"An expression has at most {_MOST_COMPARISONS} comparisons; this one has {many}. For many values of "
                "one field write x in (1, 2)"
            )
            raise ExpressionError(msg)
        return self._condition(parsed, 0)

    def column(self) -> AnyColumn:
        return self._column(self._parse(), 0)

    def _parse(self) -> ast.expr:
        if len(self._text) > _LONGEST:
            msg = f"An expression has at most {_LONGEST:,} characters; this one has {len(self._text):,}"
            raise ExpressionError(msg)
        try:
            return ast.parse(self._text.strip(), mode="eval").body
        except SyntaxError as error:
            column = len(self._text) if not error.offset else error.offset - 1  # none means the end
            place = self._index(error.lineno or 1, column)
            raise self._error_at(place, f"{error.msg}. {_FORMS}") from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise self._error_at(0, f"This cannot be read. {_FORMS}") from error

    # Conditions -----------------------------------------------------------------------------------------------------

    def _condition(self, node: ast.expr, depth: int) -> Condition:
        self._check_depth(node, depth)
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self._condition(value, depth + 1) for value in values]
                return reduce(_both if isinstance(op, ast.And) else _either, parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ~self._condition(operand, depth + 1)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                sides = [left, *comparators]
                pairs = zip(sides, ops, sides[1:], strict=False)
                return reduce(_both, [self._compare(*pair, node, depth) for pair in pairs])
            case ast.Call(func=ast.Attribute(value=value, attr=attr), args=[argument], keywords=[]) if attr in _METHODS:
                method = getattr(self._column(value, depth + 1), attr, None)
                if method is None:
                    raise self._error(node, f"{self._source(value)} has no {attr}()")
                return self._made(node, lambda: method(self._value(argument, depth + 1)))
            case _:
                raise self._error(node, f"This is no condition. {_FORMS}")

    def _compare(self, left: ast.expr, how: ast.cmpop, right: ast.expr, whole: ast.expr, depth: int) -> Condition:
        match how:
            case ast.In() | ast.NotIn() if _is_value(left):
                holder: Any = self._column(right, depth + 1)
                if not hasattr(holder, "contains"):
                    raise self._error(right, f"{self._source(right)} has no parts")
                found = self._made(whole, lambda: holder.contains(self._value(left, depth + 1)))
            case ast.In() | ast.NotIn():
                found = self._one_of(left, right, depth)
            case ast.Is() | ast.IsNot():
                if not (isinstance(right, ast.Constant) and right.value is None):
                    raise self._error(right, "Only None is compared by 'is'. Use == for other values")
                column: Any = self._column(left, depth + 1)
                found = self._made(whole, lambda: column.is_(None))
            case _:
                return self._compare_values(left, how, right, whole, depth)
        return ~found if isinstance(how, (ast.NotIn, ast.IsNot)) else found

    def _one_of(self, left: ast.expr, right: ast.expr, depth: int) -> Condition:
        if not isinstance(right, (ast.Tuple, ast.List, ast.Set)):
            raise self._error(right, "A list belongs here: x in (1, 2)")
        column: Any = self._column(left, depth + 1)
        values = [self._value(item, depth + 1) for item in right.elts]
        return self._made(right, lambda: column.in_(values))

    def _compare_values(
        self, left: ast.expr, how: ast.cmpop, right: ast.expr, whole: ast.expr, depth: int
    ) -> Condition:
        straight, swapped = _OPERATORS[type(how)]
        if _is_value(left):
            if _is_value(right):
                raise self._error(whole, f"Both sides are values. {_FORMS}")
            left, right, straight = right, left, swapped
        elif not _is_value(right):
            raise self._error(
                right, "A field is compared with a value, not with a field. Write texts in quotation marks"
            )
        column = self._column(left, depth + 1)
        value = self._value(right, depth + 1)
        if value is None and isinstance(how, (ast.Eq, ast.NotEq)):
            none: Any = column
            found = self._made(whole, lambda: none.is_(None))
            return ~found if isinstance(how, ast.NotEq) else found
        return self._made(right, lambda: straight(column, value))

    def _made(self, node: ast.expr, make: Callable[[], Any]) -> Condition:
        """Make a condition. What the query refuses gets a place."""
        try:
            made: Condition = make()
        except ExpressionError:
            raise
        except (QueryError, TypeError) as error:
            raise self._error(node, str(error)) from error
        return made

    # Columns --------------------------------------------------------------------------------------------------------

    def _column(self, node: ast.expr, depth: int) -> AnyColumn:
        found = self._step(node, depth)
        if isinstance(found, RunValues):
            raise self._error(node, f'Write the name of one of them: {self._source(node)}.rate, or ["rate"]')
        if not isinstance(found, (Column, Property, RunValueColumn)):
            raise self._error(node, f"This is no field. {_FORMS}")
        return found

    def _step(self, node: ast.expr, depth: int) -> object:
        """Return the column, or the group of columns, of a name with its attributes and subscripts."""
        self._check_depth(node, depth)
        match node:
            case ast.Name(id="fields") if isinstance(self._columns, StoredColumns):
                return self._columns
            case ast.Name(id=name):
                return self._item(node, self._columns, name)
            case ast.Attribute(value=value, attr=name):
                return self._item(node, self._step(value, depth + 1), name)
            case ast.Subscript(value=value, slice=ast.Constant(value=str() as name)):
                return self._item(node, self._step(value, depth + 1), name)
            case ast.Subscript():
                raise self._error(node, 'A name in quotation marks belongs in the brackets: tags["team"]')
            case _:
                raise self._error(node, f"This is no field. {_FORMS}")

    def _item(self, node: ast.expr, of: object, name: str) -> object:
        try:
            if isinstance(of, RunColumns):
                if name in _OF_RUNS:
                    return _OF_RUNS[name]
                raise self._error(node, f"Runs have no {quoted(name)}; they have {', '.join(_OF_RUNS)}")
            if isinstance(of, (StoredColumns, Column, RunValues)):
                return of[name]
        except ExpressionError:
            raise
        except QueryError as error:
            raise self._error(node, str(error)) from error
        raise self._error(node, f"{quoted(name)} cannot follow here: what is before it has no fields")

    # Values ---------------------------------------------------------------------------------------------------------

    def _value(self, node: ast.expr, depth: int) -> object:
        self._check_depth(node, depth)
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() | bytes() as value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return -number
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _MAKERS:
                given = self._value(argument, depth + 1)
                try:
                    return _MAKERS[name](given)
                except (ValueError, TypeError, AttributeError, OverflowError, InvalidOperation) as error:
                    raise self._error(argument, f"{name}() cannot be made of {self._source(argument)[:100]}") from error
            case ast.Name(id=name):
                raise self._error(node, f"A value belongs here. Write a text in quotation marks: {name!r}")
            case _:
                raise self._error(node, f"A value belongs here: a text, a number, True, False or None. {_FORMS}")

    # Errors ---------------------------------------------------------------------------------------------------------

    def _check_depth(self, node: ast.expr, depth: int) -> None:
        if depth > _DEEPEST:
            raise self._error(node, f"An expression has at most {_DEEPEST} levels")

    def _source(self, node: ast.expr) -> str:
        return printable(ast.get_source_segment(self._text.strip(), node) or "")

    def _error(self, node: ast.expr, problem: str) -> ExpressionError:
        return self._error_at(self._index(node.lineno, node.col_offset, in_bytes=True), problem)

    def _error_at(self, index: int, problem: str) -> ExpressionError:
        start = max(0, index - _SHOWN)
        before, after = printable(self._text[start:index]), printable(self._text[index : index + _SHOWN])
        msg = f"{problem}\n  {before}{after}\n  {' ' * len(before)}^"
        return ExpressionError(msg, position=index)

    def _index(self, line: int, column: int, *, in_bytes: bool = False) -> int:
        """Return the index in the whole text of a place that the parser names."""
        stripped = self._text.strip()
        lines = stripped.splitlines(keepends=True) or [""]
        line = min(max(line, 1), len(lines))
        if in_bytes:
            column = len(lines[line - 1].encode()[:column].decode(errors="ignore"))
        index = sum(map(len, lines[: line - 1])) + column
        return min(max(index, 0), len(stripped)) + len(self._text) - len(self._text.lstrip())


def _both(one: Condition, other: Condition) -> Condition:
    return one & other


def _either(one: Condition, other: Condition) -> Condition:
    return one | other


def _comparisons(node: ast.AST) -> int:
    """Return how many comparisons a node of an expression is, without those inside it."""
    if isinstance(node, ast.Compare):
        return len(node.ops)
    return int(isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))


def _is_value(node: ast.expr) -> bool:
    return isinstance(node, (ast.Constant, ast.UnaryOp)) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MAKERS
    )


_OF_RUNS: Mapping[str, object] = {
    "node_id": RunColumns.node_id,
    "node_parent_id": RunColumns.node_parent_id,
    "name": RunColumns.name,
    "status": RunColumns.status,
    "started_at": RunColumns.started_at,
    "ended_at": RunColumns.ended_at,
    "error_type": RunColumns.error_type,
    "cached_from": RunColumns.cached_from,
    "tags": RunColumns.tags,
    "parameters": RunColumns.parameters,
    "environment": RunColumns.environment,
}


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_MAKERS: Mapping[str, Callable[[Any], object]] = {
    "datetime": _moment,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda seconds: timedelta(seconds=seconds),
    "decimal": Decimal,
    "uuid": UUID,
}
