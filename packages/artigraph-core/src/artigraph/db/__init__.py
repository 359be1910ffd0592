"""Databases: engines, sessions and tables.

The public names are `set_engine`, `engine_context`, `Timeouts`, `set_bytes_in_flight`, `get_engine`, `dispose_engines`,
`session_context`, `current_session` and `create_tables`. The library's lower layers read and write with the other
names, which may change with any release.
"""

from artigraph.db._api import (
    Address,
    Row,
    cancel_timeout,
    create_tables,
    current_address,
    current_database,
    current_placement,
    distinct_texts,
    fetch_rows,
    in_batches,
    in_session,
    insert_rows,
    note_inserted,
    read,
    read_anywhere,
    write,
    write_apart,
)
from artigraph.db._config import engine_context, get_engine, set_engine
from artigraph.db._dialect import (
    DialectName,
    dialect_name,
    distinct_values,
    hex_text,
    insert_absent,
    insert_missing,
    lock_free,
    parts_first,
    recursive,
    share_lock,
    through_index,
    upsert,
    utc_in,
    utc_now,
)
from artigraph.db._errors import (
    CommitFailedError,
    ForeignKeyViolationError,
    ReferenceInUseError,
    ReferenceVanishedError,
    UniqueViolationError,
)
from artigraph.db._files import find_folder
from artigraph.db._fixed import FixedInsert, FixedSelect, SelectByIds, rounded, text_places, text_values
from artigraph.db._flight import bytes_in_flight, reserve_memory, set_bytes_in_flight
from artigraph.db._hosts import shown_url
from artigraph.db._kept import on_one_connection
from artigraph.db._loop_engine import Database
from artigraph.db._malformed import TABLES, Malformed, error_of, find_malformed
from artigraph.db._replica import on_primary, read_primary_while
from artigraph.db._session import current_session, session_context
from artigraph.db._target import Owner, dispose_engines
from artigraph.db._transaction import declare_nodes
from artigraph.db._watch import Timeouts, deadline, shielded

__all__: list[str] = ["TABLES", "Address", "CommitFailedError", "Database", "DialectName", "ForeignKeyViolationError"]
__all__ += ["FixedInsert", "FixedSelect", "Malformed", "Owner", "ReferenceInUseError", "ReferenceVanishedError", "Row"]
__all__ += ["SelectByIds", "Timeouts", "UniqueViolationError"]
__all__ += ["bytes_in_flight", "cancel_timeout", "create_tables", "current_address", "current_database"]
__all__ += ["current_placement", "current_session", "deadline", "declare_nodes", "dialect_name", "dispose_engines"]
__all__ += ["distinct_texts", "distinct_values", "engine_context", "error_of", "fetch_rows", "find_folder"]
__all__ += ["find_malformed", "get_engine", "hex_text", "in_batches", "in_session", "insert_absent", "insert_missing"]
__all__ += ["insert_rows", "lock_free", "note_inserted", "on_one_connection", "on_primary"]
__all__ += ["parts_first", "read", "read_anywhere"]
__all__ += ["read_primary_while", "recursive", "reserve_memory", "session_context", "set_bytes_in_flight", "set_engine"]
__all__ += [
    "rounded",
    "share_lock",
    "shielded",
    "shown_url",
    "text_places",
    "text_values",
    "through_index",
    "upsert",
    "utc_in",
    "utc_now",
    "write",
    "write_apart",
]
