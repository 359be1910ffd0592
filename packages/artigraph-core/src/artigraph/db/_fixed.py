"""Selects that are compiled once for each dialect, and whose rows are the driver's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, ColumnElement, Dialect, Insert, Select, bindparam
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db._api import Row, in_batches
from artigraph.orm.types import Id

_EXACT = 100
"""Up to this number of ids, each number has a statement of its own. Above, their number is rounded up to a multiple."""


class _Compiled(NamedTuple):
    """A statement as a driver takes it."""

    text: str
    names: Sequence[str]
    """The names of the parameters, in their order. A name may occur twice."""
    constants: Mapping[str, Any]
    """The parameters whose values belong to the statement itself."""
    positional: bool
    native_ids: bool
    """Whether the driver takes a UUID. If not, it takes its 16 bytes."""
    converters: Sequence[tuple[int, Callable[[Any], Any]]]
    """The columns that are converted, except for ids, by their index."""


class _Fixed:
    """A statement whose text never changes. It is compiled once for each dialect.

    The transaction, the errors and the events of an execution are SQLAlchemy's. As for `insert_rows`, a caller's
    `schema_translate_map` has no effect.

    Args:
        statement: the statement. Its own constants are texts and numbers. Its parameters are those, and ids.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]] | Insert) -> None:
        self._statement = statement
        self._compiled: WeakKeyDictionary[Dialect, _Compiled] = WeakKeyDictionary()

    async def _execute(self, connection: AsyncConnection, parameters: Mapping[str, Any]) -> Any:
        compiled = self._for(connection.dialect)
        given = {**compiled.constants, **parameters}
        values: Any
        if compiled.native_ids:
            values = [given[name] for name in compiled.names]
        else:
            values = [value.bytes if isinstance(value := given[name], UUID) else value for name in compiled.names]
        values = tuple(values) if compiled.positional else dict(zip(compiled.names, values, strict=True))
        return await connection.exec_driver_sql(compiled.text, values)

    def _for(self, dialect: Dialect) -> _Compiled:
        compiled = self._compiled.get(dialect)
        if compiled is None:
            compiled = self._compiled[dialect] = _compile(self._statement, dialect)
        return compiled


class FixedSelect(_Fixed):
    """A select whose text never changes.

    SQLAlchemy finds a compiled statement by a key that it makes of the statement, and writes an IN anew, each time. For
    a page of rows both take longer than the database does.
    """

    async def rows(self, connection: AsyncConnection, parameters: Mapping[str, Any]) -> list[Row]:
        """Return all rows as the driver made them; see `fetch_rows`."""
        result = await self._execute(connection, parameters)
        rows: list[Row] = result.cursor.fetchall()
        result.close()
        return rows

    async def converted(self, connection: AsyncConnection, parameters: Mapping[str, Any]) -> list[Row]:
        """Return all rows with their values converted and checked, except for ids, which are the driver's."""
        rows = await self.rows(connection, parameters)
        converters = self._for(connection.dialect).converters
        return [_converted(row, converters) for row in rows] if converters else rows


class FixedInsert(_Fixed):
    """An insert of what a select finds, whose text never changes."""

    async def run(self, connection: AsyncConnection, parameters: Mapping[str, Any]) -> None:
        """Execute it."""
        await self._execute(connection, parameters)


def _converted(row: Row, converters: Sequence[tuple[int, Callable[[Any], Any]]]) -> Row:
    values = list(row)
    for index, convert in converters:
        values[index] = convert(values[index])
    return values


def _compile(statement: Select[*tuple[Any, ...]] | Insert, dialect: Dialect) -> _Compiled:
    compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    positional = bool(compiled.positional)
    constants: dict[str, Any] = {name: value for name, value in compiled.params.items() if value is not None}
    assert all(type(value) in (str, int) for value in constants.values()), "a constant would need a conversion"
    names: tuple[str, ...] = tuple(compiled.positiontup) if positional else tuple(compiled.params)
    converters = [
        (index, convert)
        for index, column in enumerate(statement.selected_columns if isinstance(statement, Select) else ())
        if not isinstance(column.type, Id)
        and (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
    ]
    return _Compiled(str(compiled), names, constants, positional, dialect.name == "postgresql", converters)


class SelectByIds:
    """A select of the rows of some ids, which is compiled once for each number of ids.

    Args:
        select_of: makes the select with a list of parameters, for one IN.
    """

    def __init__(self, select_of: Callable[[Sequence[BindParameter[UUID]]], Select[*tuple[Any, ...]]]) -> None:
        self._select_of = select_of
        self._by_count: dict[int, FixedSelect] = {}

    async def rows(
        self, connection: AsyncConnection, ids: Sequence[Any], parameters: Mapping[str, Any] = MappingProxyType({})
    ) -> list[Row]:
        """Return the rows of all ids, as the driver made them. It takes a statement for each thousand ids.

        The ids are UUIDs, or ids from a driver's row. Other parameters of the select have names of their own.
        """
        found: list[Row] = []
        for fixed, named in self._statements(ids):
            found += await fixed.rows(connection, {**named, **parameters})
        return found

    async def converted(
        self, connection: AsyncConnection, ids: Sequence[Any], parameters: Mapping[str, Any] = MappingProxyType({})
    ) -> list[Row]:
        """Return the rows of all ids with their values converted and checked, except for ids."""
        found: list[Row] = []
        for fixed, named in self._statements(ids):
            found += await fixed.converted(connection, {**named, **parameters})
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


def text_places(name: str, column: ColumnElement[Any], count: int) -> list[BindParameter[Any]]:
    """Return a number of parameters for an IN, which `text_values` fills."""
    return [bindparam(f"{name}_{number}", type_=column.type) for number in range(count)]


def text_values(name: str, values: Sequence[str], count: int) -> dict[str, str]:
    """Return the values of that number of parameters. The last one is repeated for those that are left."""
    return {f"{name}_{number}": values[min(number, len(values) - 1)] for number in range(count)}


def rounded(count: int) -> int:
    """Return the least power of two that is not less than a number, so that there are few texts of a statement."""
    return 1 << (count - 1).bit_length()
