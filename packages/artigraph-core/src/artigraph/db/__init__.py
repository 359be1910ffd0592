"""Where data goes: engines, sessions, and the tables in them.

For users: `set_engine`, `engine_context`, `get_engine`, `dispose_engines`, `session_context`, `current_session` and
`create_tables`. The other names are how the library's own floors read and write; they may change with any release.
"""

from artigraph.db._address import Address, current_address
from artigraph.db._bound import Database
from artigraph.db._bulk import insert_rows
from artigraph.db._config import engine_context, get_engine, set_engine
from artigraph.db._dialect import (
    DialectName,
    dialect_name,
    distinct_values,
    insert_missing,
    parts_first,
    recursive,
    share_lock,
    upsert,
    utc_in,
    utc_now,
)
from artigraph.db._errors import CommitFailed, ForeignKeyViolation, ReferenceInUse, ReferenceVanished, UniqueViolation
from artigraph.db._rows import Row, chunks, fetch_rows, id_of
from artigraph.db._session_context import current_session, session_context
from artigraph.db._shield import shielded
from artigraph.db._target import dispose_engines
from artigraph.db._work import create_tables, current_database, current_placement, in_session, read, write, write_apart

__all__ = [
    "Address",
    "CommitFailed",
    "Database",
    "DialectName",
    "ForeignKeyViolation",
    "ReferenceInUse",
    "ReferenceVanished",
    "Row",
    "UniqueViolation",
    "chunks",
    "create_tables",
    "current_address",
    "current_database",
    "current_placement",
    "current_session",
    "dialect_name",
    "dispose_engines",
    "distinct_values",
    "engine_context",
    "fetch_rows",
    "get_engine",
    "id_of",
    "in_session",
    "insert_missing",
    "insert_rows",
    "parts_first",
    "read",
    "recursive",
    "session_context",
    "set_engine",
    "share_lock",
    "shielded",
    "upsert",
    "utc_in",
    "utc_now",
    "write",
    "write_apart",
]
