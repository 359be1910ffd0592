"""Find malformed rows, whose columns have values that they cannot hold, and name the row on which a statement failed.

SQLite stores values of any type in any column, and text that is not UTF-8. The statements here read values without
converting them, so they never fail on one. Other databases refuse most of this. The rest is checked on all of them:
sizes, words outside of a column's list, times that Python cannot represent, and missing values.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Column, Table, TextClause, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.errors import ArtigraphError, MalformedRowError, RefusedValueError
from artigraph.identifiers import id_of
from artigraph.orm.tables import alias_table, blob_table, lease_table, link_table, node_table, run_value_table
from artigraph.orm.types import Bytes, Id, ShortBytes, Text, UtcDateTime, Whole

T = TypeVar("T")

TABLES: tuple[Table, ...] = (node_table, blob_table, link_table, run_value_table, lease_table, alias_table)
"""The tables of a store."""
_CHUNK = 500
"""The number of rows that are read together."""
_SHOWN = 40
"""The most bytes of a value that an error shows."""
_COMPARED = 10_000
"""The most malformed values that are compared with an error."""
_NOT_ASCII = "GLOB '*[^' || char(1) || '-' || char(127) || ']*'"
_WORDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("artigraph_node", "run_status"): ("running", "completed", "failed", "cancelled", "lost"),
    ("artigraph_link", "kind"): ("used", "produced"),
    ("artigraph_run_value", "kind"): ("tag", "parameter", "environment", "cache"),
}
"""The words that a column allows. Another check finds unknown types of nodes."""
_SIZES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("artigraph_blob", "sha256"): ("{} != 32", "32 bytes"),
    ("artigraph_blob", "chunk_sha256"): ("{} % 32 != 0", "32 bytes for each chunk"),
}
"""The SQL condition for a wrong size, and the right size in words."""
_NEEDED: Mapping[tuple[str, str], str] = {
    ("artigraph_node", "run_status"): "node_type = 'run'",
    ("artigraph_node", "run_started_at"): "node_type = 'run'",
    ("artigraph_node", "model_name"): "node_type = 'model'",
    ("artigraph_node", "model_version"): "node_type = 'model'",
    ("artigraph_node", "label"): "node_type != 'run' AND tree_root_id IS NOT NULL AND tree_root_id != node_id",
    ("artigraph_node", "serializer"): "node_type = 'container'",
}
"""The SQL condition under which a nullable column needs a value. Another check finds values without a serializer."""
_NODE_COLUMN: Mapping[str, str] = {
    "artigraph_node": "node_id",
    "artigraph_link": "source_id",
    "artigraph_run_value": "run_id",
    "artigraph_lease": "run_id",
    "artigraph_alias": "node_id",
}
"""The column with the id of the row's node, or of the node to which the row belongs."""


class _Cell(NamedTuple):
    kind: str | None
    """The result of SQLite's `typeof`; None on other databases."""
    size: int | None
    """The size in bytes."""
    head: Any
    """The first bytes, if SQLite has text or bytes; else the value."""

    def __str__(self) -> str:
        if self.head is None:
            return "nothing"
        if not isinstance(self.head, (str, int, float, UUID, datetime)):  # bytes, in the driver's type
            head = bytes(self.head)
            shown = head[:_SHOWN].hex(" ", 4) if self.kind == "blob" else repr(head[:_SHOWN])[1:]
            what = "the text" if self.kind == "text" else f"{self.size:,} bytes"
            return f"{what} {shown}{'...' if len(head) > _SHOWN else ''}".rstrip()
        return f"{self.head!r:.100}"


class Malformed(NamedTuple):
    """A value that its column cannot hold."""

    table: str
    column: str
    node_id: UUID | None
    """The row's node, or the node to which the row belongs; None if it is unknown."""
    label: str | None
    row: str
    """A description of the row."""
    why: str
    """The value found, and the kind of value that belongs there."""
    root_id: UUID | None
    """The root of the node's tree."""
    cell: _Cell
    storage: str | None = None
    """The storage that the row of an object names; None if it is unknown, or the row is of another table."""

    def __str__(self) -> str:
        return f"{self.row} in {self.table} holds {self.why}, in column {self.column}"


async def find_malformed(
    connection: AsyncConnection, tables: Collection[Table] = TABLES, *, unreadable: bool = False
) -> AsyncGenerator[Malformed]:
    """Yield all values that their columns cannot hold, in the order of the tables and their rows.

    With `unreadable`, yield only values that cannot be read as the column's type.
    """
    dialect = connection.dialect.name
    for table in tables:
        columns, statement = _select_suspects(table, dialect)
        after = -(2**63)
        while True:
            parameters = {"after": after} if dialect == "sqlite" else {}
            rows = (await connection.execute(statement, parameters)).all()
            for row in rows:
                after = row[0]
                cells = {name: _Cell(*row[2 + 4 * index : 5 + 4 * index]) for index, name in enumerate(columns)}
                for index, name in enumerate(columns):
                    cell, flag = cells[name], row[1 + 4 * index]
                    wrong = flag & _WRONG or (flag & _DOUBTFUL and not _is_utf8(cell))
                    if wrong or (flag & _MISFIT and not unreadable):
                        yield _malformed(table, name, cells, after)
            if len(rows) < _CHUNK or dialect != "sqlite":
                break


_WRONG, _DOUBTFUL, _MISFIT = 1, 2, 4
"""Bits of a verdict: of another type; perhaps not UTF-8; of the right type but not allowed there."""


@cache
def _select_suspects(table: Table, dialect: str) -> tuple[list[str], TextClause]:
    """Return the checked columns, and a select of a key and, for each column, a verdict and the value."""
    sqlite = dialect == "sqlite"
    columns: list[str] = []
    selected: list[str] = []
    suspicions: list[str] = []
    for column in table.columns:
        conditions = {
            _WRONG: _wrong_type(column) if sqlite else [],
            _DOUBTFUL: [f"{column.name} {_NOT_ASCII}"] if sqlite and isinstance(column.type, Text) else [],
            _MISFIT: _wrong_value(column, dialect),
        }
        bits = [f"CASE WHEN {' OR '.join(some)} THEN {bit} ELSE 0 END" for bit, some in conditions.items() if some]
        columns.append(column.name)
        selected += [" + ".join(bits) or "0", *_cell(column, dialect)]
        suspicions += [condition for some in conditions.values() for condition in some]
    key, page = ("rowid", f"rowid > :after AND ({' OR '.join(suspicions)}) ORDER BY rowid LIMIT {_CHUNK}")
    if not sqlite:
        key, page = "0", " OR ".join(suspicions) or "1 = 0"
    return columns, text(f"SELECT {key}, {', '.join(selected)} FROM {table.name} WHERE {page}")  # noqa: S608


def _cell(column: Column[Any], dialect: str) -> tuple[str, str, str]:
    name = column.name
    if dialect != "sqlite":
        if isinstance(column.type, UtcDateTime) and dialect == "postgresql":  # its drivers cannot read `infinity`
            return "NULL", "NULL", f"CAST({name} AS VARCHAR)"
        if isinstance(column.type, (Bytes, ShortBytes)):
            return "NULL", f"length({name})", f"substr({name}, 1, {_SHOWN + 1})"
        return "NULL", "NULL", name
    raw = f"CAST({name} AS BLOB)"
    # Select the whole text, to check that it is UTF-8. It is no longer than its column allows, or is wrong anyway.
    most = 4 * column.type.length if isinstance(column.type, Text) else _SHOWN + 1
    head = f"CASE WHEN typeof({name}) IN ('text', 'blob') THEN substr({raw}, 1, {most}) ELSE {name} END"
    return f"typeof({name})", f"length({raw})", head


def _wrong_type(column: Column[Any]) -> list[str]:
    """Return the SQL conditions for values that SQLite stores and no other database would."""
    name, kind = column.name, column.type
    if isinstance(kind, Whole):
        most = 2**31 - 1 if name != "size" else 2**63 - 1
        return [f"typeof({name}) NOT IN ('integer', 'null')", f"{name} < -1", f"{name} > {most}"]
    if isinstance(kind, Text):
        wrong = [f"typeof({name}) NOT IN ('text', 'null')", f"length({name}) > {kind.length}"]
        return [*wrong, f"instr(CAST({name} AS BLOB), x'00') > 0"]
    if isinstance(kind, UtcDateTime):
        form = "____-__-__ __\\:__\\:__.______"
        time = f"strftime('%Y-%m-%d %H\\:%M\\:%S', {name})"
        wrong = [f"typeof({name}) NOT IN ('text', 'null')", f"{name} NOT LIKE '{form}'"]
        return [*wrong, f"{name} IS NOT NULL AND {time} IS NOT substr({name}, 1, 19)", f"{name} < '0001'"]
    wrong = [f"typeof({name}) NOT IN ('blob', 'null')"]
    if isinstance(kind, Id):
        wrong.append(f"length({name}) != 16")
    if isinstance(kind, ShortBytes):
        wrong.append(f"length({name}) > {kind.length}")
    return wrong


def _wrong_value(column: Column[Any], dialect: str) -> list[str]:
    """Return the SQL conditions for values that a database accepts, but that are not allowed in the column."""
    name, key = column.name, (column.table.name, column.name)
    wrong: list[str] = [] if column.nullable else [f"{name} IS NULL"]
    if key in _WORDS:
        wrong.append(f"{name} NOT IN ({', '.join(map(repr, _WORDS[key]))})")
    if key in _SIZES:
        wrong.append(_SIZES[key][0].format(f"length({name})"))
    if key in _NEEDED:
        wrong.append(f"({name} IS NULL AND {_NEEDED[key]})")
    if isinstance(column.type, UtcDateTime) and dialect != "sqlite":
        wrong += [f"{name} < '1000-01-01'", f"{name} > '9999-12-30'"]
    return wrong


def _is_utf8(cell: _Cell) -> bool:
    try:
        bytes(cell.head).decode()
    except UnicodeDecodeError:
        return False
    return True


def _malformed(table: Table, column: str, cells: Mapping[str, _Cell], rowid: int) -> Malformed:
    node_id = label = None
    if table.name in _NODE_COLUMN:
        node_id = _id(cells[_NODE_COLUMN[table.name]])
    if "label" in cells:
        label = _label(cells["label"])
    if node_id is not None:
        row = f"{'Node' if table is node_table else 'A row of node'} {node_id}"
    elif table is blob_table and (blob_id := _id(cells["blob_id"])) is not None:
        row = f"Object {blob_id}"
    else:
        row = f"The row with rowid {rowid}"
    if label is not None:
        row += f" ({label!r:.100})"
    return Malformed(
        table.name,
        column,
        node_id,
        label,
        row,
        f"{cells[column]} where {_belongs(table, column)} belongs",
        _id(cells["tree_root_id"]) if "tree_root_id" in cells else None,
        cells[column],
        _label(cells["storage"]) if table is blob_table else None,
    )


def _id(cell: _Cell) -> UUID | None:
    try:
        return id_of(cell.head)
    except MalformedRowError:
        return None


def _label(cell: _Cell) -> str | None:
    if isinstance(cell.head, bytes) and cell.kind == "text" and _is_utf8(cell):
        return cell.head.decode()
    return cell.head if isinstance(cell.head, str) else None


def _belongs(table: Table, column: str) -> str:
    key = (table.name, column)
    if key in _WORDS:
        return f"one of {', '.join(_WORDS[key])}"
    if key in _SIZES:
        return _SIZES[key][1]
    kind: Any = table.columns[column].type
    if isinstance(kind, Text):
        return f"text of at most {kind.length} code points, in UTF-8 and without NUL,"
    if isinstance(kind, ShortBytes):
        return f"at most {kind.length} bytes"
    if isinstance(kind, Whole):
        return "an integer that is not negative"
    assert isinstance(kind, (Id, Bytes, UtcDateTime))  # all that is left
    return kind.expected


# The row that a statement failed on ----------------------------------------------------------------------------------

_FAULTS = (TypeError, ValueError, OverflowError, AttributeError, AssertionError, KeyError, MemoryError)
"""Exceptions of code that gets a value of an unexpected type."""


def error_of(found: Malformed) -> MalformedRowError:
    """Return the error that says what is wrong with a row, and what to do."""
    msg = f"{found}. The row was altered by hand, or the database is damaged: artigraph.maintenance.fsck lists all such"
    return MalformedRowError(msg, table=found.table, column=found.column, node_id=found.node_id, label=found.label)


def forget_frames(error: BaseException | None) -> None:
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        forget_frames(error.__cause__)
        error = error.__context__


def may_be_a_row(error: Exception, *, sqlite: bool) -> bool:
    if isinstance(error, MalformedRowError):
        return error.column is None
    if isinstance(error, DBAPIError):
        return "Could not decode to UTF-8" in str(error.orig) or type(error).__name__ == "DataError"
    return sqlite and isinstance(error, _FAULTS) and not isinstance(error, ArtigraphError)


async def likeliest(connection: AsyncConnection, error: Exception, node_ids: frozenset[UUID]) -> Malformed | None:
    """Return the malformed row that most likely caused an error, or None.

    It has the value that the error mentions. Of several such rows, it belongs to the nodes that the work reads.
    """
    best, most = None, -1
    try:
        async with aclosing(find_malformed(connection, unreadable=connection.dialect.name == "sqlite")) as rows:
            compared = 0
            async for found in rows:
                likely = 2 * _tells_of(error, found.cell) + (not node_ids.isdisjoint({found.node_id, found.root_id}))
                if likely > most:
                    best, most = found, likely
                compared += 1
                if most == 2 + bool(node_ids) or compared == _COMPARED:
                    break
    except SQLAlchemyError:  # after some errors, a connection of PostgreSQL cannot read
        return best
    return best


def _tells_of(error: Exception, cell: _Cell) -> bool:
    """Return whether an error mentions a value."""
    if isinstance(error, RefusedValueError):
        value = error.value
        if cell.kind not in ("text", "blob"):
            return type(value) is type(cell.head) and value == cell.head
        data = value.encode(errors="surrogatepass") if isinstance(value, str) else value
        if not isinstance(data, bytes) or (cell.kind == "text") is not isinstance(value, str):
            return False
        head = bytes(cell.head or b"")  # SQLite's substr of nothing is NULL
        return cell.size == len(data) and head == data[: len(head)]
    if cell.kind == "text" and isinstance(error, DBAPIError):
        return f"with text '{bytes(cell.head or b'').decode(errors='replace')[:_SHOWN]}" in str(error.orig)
    return False
