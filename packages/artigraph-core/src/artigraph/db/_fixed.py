"""Selects that are compiled once for each dialect, and whose rows are the driver's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Dialect, Insert, Select, bindparam
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db._api import Row, in_batches
from artigraph.orm.types import Id

_EXACT = 100
"""Up to this number of ids, each number has a statement of its own. Above, their number is rounded up to a multiple."""


class _Compiled(NamedTuple):
    """A select as a driver takes it."""

    text: str
    names: Sequence[str]
    """The names of the parameters, in their order. A name may occur twice."""
    constants: Mapping[str, Any]
    """The parameters whose values belong to the select itself."""
    positional: bool
    native_ids: bool
    """Whether the driver takes a UUID. If not, it takes its 16 bytes."""


class FixedSelect:
    """A select whose text never changes. It is compiled once for each dialect.

    SQLAlchemy finds a compiled statement by a key that it makes of the statement, and writes an IN anew, each time. For
    a page of rows both take longer than the database does. The transaction, the errors and the events of an execution
    are SQLAlchemy's. As for `insert_rows`, a caller's `schema_translate_map` has no effect.

    Args:
        statement: the select. Its own constants are texts and numbers. Its parameters are those, and ids.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self._statement = statement
        self._compiled: WeakKeyDictionary[Dialect, _Compiled] = WeakKeyDictionary()

    async def rows(self, connection: AsyncConnection, parameters: Mapping[str, Any]) -> list[Row]:
        """Return all rows as the driver made them; see `fetch_rows`."""
        result: Any = await _execute(connection, self._statement, self._compiled, parameters)
        rows: list[Row] = result.cursor.fetchall()
        result.close()
        return rows

    async def converted(self, connection: AsyncConnection, parameters: Mapping[str, Any]) -> list[Row]:
        """Return all rows with their values converted and checked, except for ids, which are the driver's."""
        rows = await self.rows(connection, parameters)
        converters = [
            (index, convert)
            for index, column in enumerate(self._statement.selected_columns)
            if not isinstance(column.type, Id)
            and (convert := column.type.dialect_impl(connection.dialect).result_processor(connection.dialect, None))
        ]
        return [_converted(row, converters) for row in rows] if converters else rows


class FixedInsert:
    """An insert of what a select finds, whose text never changes. It is compiled once for each dialect.

    Args:
        statement: the insert. Its own constants are texts and numbers. Its parameters are those, and ids.
    """

    def __init__(self, statement: Insert) -> None:
        self._statement = statement
        self._compiled: WeakKeyDictionary[Dialect, _Compiled] = WeakKeyDictionary()

    async def run(self, connection: AsyncConnection, parameters: Mapping[str, Any]) -> None:
        """Execute it. The errors and the events are SQLAlchemy's."""
        await _execute(connection, self._statement, self._compiled, parameters)


async def _execute(
    connection: AsyncConnection,
    statement: Select[*tuple[Any, ...]] | Insert,
    made: WeakKeyDictionary[Dialect, _Compiled],
    parameters: Mapping[str, Any],
) -> object:
    dialect = connection.dialect
    compiled = made.get(dialect)
    if compiled is None:
        compiled = made[dialect] = _compile(statement, dialect)
    given = {**compiled.constants, **parameters}
    values: Any
    if compiled.native_ids:
        values = [given[name] for name in compiled.names]
    else:
        values = [value.bytes if isinstance(value := given[name], UUID) else value for name in compiled.names]
    values = tuple(values) if compiled.positional else dict(zip(compiled.names, values, strict=True))
    return await connection.exec_driver_sql(compiled.text, values)


def _converted(row: Row, converters: Sequence[tuple[int, Callable[[Any], Any]]]) -> Row:
    values = list(row)
    for index, convert in converters:
        values[index] = convert(values[index])
    return values


def _compile(statement: Select[*tuple[Any, ...]] | Insert, dialect: Dialect) -> _Compiled:
    compiled: Any = statement.compile(dialect=dialect)
    positional = bool(compiled.positional)
    constants: dict[str, Any] = {name: value for name, value in compiled.params.items() if value is not None}
    assert all(type(value) in (str, int) for value in constants.values()), "a constant would need a conversion"
    names: tuple[str, ...] = tuple(compiled.positiontup) if positional else tuple(compiled.params)
    return _Compiled(str(compiled), names, constants, positional, dialect.name == "postgresql")


class SelectByIds:
    """A select of the rows of some ids, which is compiled once for each number of ids.

    Args:
        select_of: makes the select with a list of parameters, for one IN.
    """

    def __init__(self, select_of: Callable[[Sequence[BindParameter[UUID]]], Select[*tuple[Any, ...]]]) -> None:
        self._select_of = select_of
        self._by_count: dict[int, FixedSelect] = {}

    async def rows(self, connection: AsyncConnection, ids: Sequence[Any]) -> list[Row]:
        """Return the rows of all ids, as the driver made them. It takes a statement for each thousand ids.

        The ids are UUIDs, or ids from a driver's row.
        """
        found: list[Row] = []
        for fixed, parameters in self._statements(ids):
            found += await fixed.rows(connection, parameters)
        return found

    async def converted(self, connection: AsyncConnection, ids: Sequence[Any]) -> list[Row]:
        """Return the rows of all ids with their values converted and checked, except for ids."""
        found: list[Row] = []
        for fixed, parameters in self._statements(ids):
            found += await fixed.converted(connection, parameters)
        return found

    def _statements(self, ids: Sequence[Any]) -> Iterator[tuple[FixedSelect, dict[str, Any]]]:
        for some in in_batches(ids):
            count = len(some) if len(some) <= _EXACT else -(-len(some) // _EXACT) * _EXACT
            named = {f"id_{number}": each for number, each in enumerate(some)}
            named |= {f"id_{number}": some[-1] for number in range(len(some), count)}
            yield self._of_count(count), named

    def _of_count(self, count: int) -> FixedSelect:
        made = self._by_count.get(count)
        if made is None:
            places = [bindparam(f"id_{number}", type_=Id()) for number in range(count)]
            made = self._by_count[count] = FixedSelect(self._select_of(places))
        return made
