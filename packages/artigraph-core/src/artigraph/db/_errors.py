"""Translate errors of drivers. Only this module knows their codes and messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import sqlalchemy.exc

import artigraph.errors as errors

MISSING_TABLES_HINT = (
    "Make them with create_tables=True (set_engine(..., create_tables=True)), with "
    "`await artigraph.migrations.upgrade(...)`, or on the command line with "
    "`python -m artigraph.migrations upgrade URL` (pip install 'artigraph[migrations]')."
)


class UniqueViolationError(errors.DatabaseError):
    """A row with the same key exists. `constraint` is the name of the key, if the database reports it."""

    def __init__(self, message: str, constraint: str | None) -> None:
        super().__init__(message)
        self.constraint = constraint


class ForeignKeyViolationError(errors.DatabaseError):
    """A reference between rows would be broken.

    `reference` is the referring column (`parent_id`, `blob_id`, `source_id` or `target_id`), or None on SQLite, which
    does not report it.
    """

    def __init__(self, message: str, reference: str | None) -> None:
        super().__init__(message)
        self.reference = reference


class ReferenceVanishedError(ForeignKeyViolationError):
    """A new row refers to a row that does not exist, or no longer exists."""


class ReferenceInUseError(ForeignKeyViolationError):
    """A row cannot be deleted because another row refers to it."""


class ConnectionLostError(errors.DatabaseUnavailableError):
    """An established connection broke. A transaction that was not in COMMIT can be retried.

    This error never leaves the package: `raise_typed` raises a `DatabaseUnavailableError` instead.
    """


class ServerFullError(errors.DatabaseUnavailableError):
    """The server takes no work now, but may soon: it has no free connection, or waits for its cluster.

    This error never leaves the package, like `ConnectionLostError`.
    """


class CommitFailedError(errors.DatabaseError):
    """The database failed at COMMIT, and did not just refuse it.

    The transaction is not visible now. But if the disk failed after the last write, SQLite finds the whole transaction
    in its log when the file is next opened after a crash.
    """


Kind = Literal[
    "retry",
    "lost",
    "locked",
    "full-server",
    "not-ready",
    "group",
    "starting",
    "unreachable",
    "unique",
    "missing-row",
    "in-use",
    "no-table",
    "login",
    "full",
    "read-only",
    "no-file",
]

_POSTGRESQL: dict[str, Kind] = {
    "40001": "retry",  # serialization failure, at COMMIT too
    "40P01": "retry",  # deadlock
    "55P03": "locked",  # lock not available within lock_timeout
    "23505": "unique",
    "42P01": "no-table",
    "28000": "login",
    "28P01": "login",
    "3D000": "login",  # no such database
    "53100": "full",
    "25006": "read-only",
    "53300": "full-server",  # limit of the server, the database or the role reached
    "57P03": "starting",  # or shutting down
    "57P01": "lost",
    "57P02": "lost",
    "57P05": "lost",
}
_FAILED_COMMIT = 1180
"""COMMIT failed with an error of the storage engine, whose number is in the message."""
_UNKNOWN_COMMAND = 1047
"""The error of a Galera node that has not joined its cluster or has lost the majority; or of an unknown command."""
_FAILED_HOOK = 3100
"""A plugin failed. Before COMMIT it is that of Group Replication, whose log says why. Nothing was written then."""
_PREVENTED = 1290
"""An option of the server prevents the statement: one that makes it read-only, or another one."""
_EXISTING = frozenset({1050, 1061, 1062})
_USER_LIMIT = 1226
"""A limit of the user is reached: simultaneous connections, or operations in an hour."""
_MYSQL: dict[int, Kind] = {
    1213: "retry",  # deadlock
    1205: "locked",  # lock wait timeout
    1020: "retry",  # record has changed since last read
    1412: "retry",  # table definition has changed
    1684: "retry",  # table definition is being changed
    3101: "retry",  # a group's certification refused the transaction at COMMIT
    1062: "unique",
    1452: "missing-row",
    1216: "missing-row",
    1451: "in-use",
    1217: "in-use",
    1146: "no-table",
    1044: "login",
    1045: "login",
    1698: "login",
    1049: "login",  # no such database
    1021: "full",
    1114: "full",
    1792: "read-only",
    1836: "read-only",
    1040: "full-server",  # too many connections
    1203: "full-server",  # of this user, by the server's setting
    1053: "lost",  # shutting down
    1077: "lost",
    1079: "lost",
    1153: "lost",  # a packet that the server refuses, and hangs up
    1927: "lost",  # killed, on MariaDB
    2006: "lost",
    2013: "lost",
    2014: "lost",
    2055: "lost",
    4031: "lost",  # idle for too long
    3032: "starting",  # offline mode, also of a server that left its group
    2002: "unreachable",
    2003: "unreachable",
}
_SQLITE: dict[int, Kind] = {
    5: "locked",  # busy
    6: "locked",
    8: "read-only",
    13: "full",
    14: "no-file",  # cannot be opened
    26: "no-file",  # is no database
    787: "missing-row",  # these three are extended codes
    1555: "unique",
    2067: "unique",
}
_LABEL_KEY = "uq_artigraph_node_parent_id_label"
_LABEL_COLUMNS = "artigraph_node.parent_id, artigraph_node.label"
_REFERENCES = ("parent_id", "blob_id", "source_id", "target_id")

_KEY_OF_DUPLICATE = re.compile(r"for key '(?:[^']*\.)?([^'.]+)'\s*$")
_NO_CONNECTION = re.compile(r"connection (failed|is bad|timeout)|failed to resolve host")
_FULL = re.compile(r"too many (clients|connections)|connection slots are reserved|no more connections allowed")
_REFUSED = re.compile(
    r"(password|role|database|no such (user|database)|\w+ authentication|no pg_hba|permission denied)\b"
)
_READ_ONLY = re.compile(r"--(super-)?read[-_]only|--innodb-read-only")
_TABLE = re.compile(r"\bartigraph_[a-z]+\b")
_FOREIGN_KEY = re.compile(r"CONSTRAINT `([^`]+)` FOREIGN KEY")


class _Facts(NamedTuple):
    kind: Kind | None
    message: str
    constraint: str | None = None
    tables: Sequence[str] = ()
    """For a lock: the tables that the statement names."""
    writes: bool = False
    """Whether the statement changes rows, and so also locks the rows to which they refer."""


def translate(error: BaseException) -> errors.ArtigraphError | None:
    """Return Artigraph's error for an error of a database call; None if the error is not a database's.

    The caller raises it from the original. Its message contains the database's message, but never the statement or its
    parameters.
    """
    if isinstance(error, errors.ArtigraphError):
        return error
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        facts = _facts(error.orig)
        if error.connection_invalidated and facts.kind is None:
            facts = facts._replace(kind="lost")
        if facts.kind == "missing-row" and (error.statement or "").startswith("DELETE"):
            facts = facts._replace(kind="in-use")  # SQLite has the same error for both
        if facts.kind == "locked":
            statement = error.statement or ""
            writes = statement.startswith(("INSERT", "UPDATE", "DELETE"))
            facts = facts._replace(tables=sorted(set(_TABLE.findall(statement))), writes=writes)
        return _typed(facts)
    if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        return _of_sqlalchemy(error)
    if isinstance(error, (OSError, EOFError)):  # drivers do not wrap these, mostly while they connect
        return _typed(_Facts("unreachable", str(error) or type(error).__name__))
    return _typed(_facts(error)) if _is_driver_error(error) else None


def already_exists(error: errors.DatabaseError) -> bool:
    """Return whether MySQL or MariaDB refused to make a row, a table or an index because it exists."""
    cause = error.__cause__
    original = cause.orig if isinstance(cause, sqlalchemy.exc.DBAPIError) else None
    code: object = original.args[0] if original is not None and original.args else None
    return code in _EXISTING


def _of_sqlalchemy(error: sqlalchemy.exc.SQLAlchemyError) -> errors.ArtigraphError:
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return errors.DatabaseUnavailableError(
            "No connection became free in time: all of the pool are in use. Close sessions sooner, or give the engine "
            "a larger pool."
        )
    if isinstance(error, sqlalchemy.exc.InvalidRequestError):
        return errors.SessionStateError(f"The session or its connection cannot be used any more: {error}")
    return errors.DatabaseError(f"The database layer refused: {error}")


def _is_driver_error(error: BaseException) -> bool:
    return _root(error) in ("sqlite3", "aiosqlite", "asyncpg", "asyncmy", "pymysql", "aiomysql", "psycopg")


def _root(error: BaseException | None) -> str:
    return type(error).__module__.partition(".")[0]


def _facts(error: BaseException | None) -> _Facts:
    """Extract the facts of a driver's error. Its codes show which database it is from."""
    code: object = error.args[0] if error is not None and error.args else None
    if isinstance(code, int) and not isinstance(error, OSError):
        return _mysql_facts(code, str(error.args[-1]) if error is not None else "")
    sqlite_code = getattr(error, "sqlite_errorcode", None)
    if isinstance(sqlite_code, int):
        return _sqlite_facts(sqlite_code, str(error))
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        return _postgresql_facts(sqlstate, error)
    message = _words(str(error))
    return _Facts(_of_words(message) if _root(error) == "psycopg" else None, message)


def _mysql_facts(code: int, message: str) -> _Facts:
    kind = _MYSQL.get(code)
    if code == _USER_LIMIT and "max_user_connections" in message:
        kind = "full-server"
    elif code == _FAILED_COMMIT and "error 149 " in message:  # a deadlock, or a certification that failed
        kind = "retry"
    elif code == _UNKNOWN_COMMAND and "WSREP" in message:
        kind = "not-ready"
    elif code == _FAILED_HOOK and "before_commit" in message:
        kind = "group"
    elif code == _PREVENTED and _READ_ONLY.search(message):
        kind = "read-only"
    found = _KEY_OF_DUPLICATE.search(message) if kind == "unique" else _FOREIGN_KEY.search(message)
    return _Facts(kind, message, found.group(1) if found else None)


def _sqlite_facts(code: int, message: str) -> _Facts:
    kind = _SQLITE.get(code) or _SQLITE.get(code & 0xFF)
    if kind is None and message.startswith("no such table: "):
        kind = "no-table"
    return _Facts(kind, message, _LABEL_KEY if kind == "unique" and message.endswith(_LABEL_COLUMNS) else None)


def _postgresql_facts(sqlstate: str, error: BaseException | None) -> _Facts:
    # SQLAlchemy's wrapper of asyncpg's errors has the original as its cause; psycopg's errors have `diag`.
    message = _words(str(error))
    source = getattr(error, "diag", None) or getattr(error, "__cause__", None)
    kind = _POSTGRESQL.get(sqlstate)
    if sqlstate in ("23503", "23001"):
        kind = "in-use" if "update or delete on table" in message else "missing-row"
    elif kind is None and sqlstate.startswith("08"):
        # PgBouncer uses one code for all refusals.
        kind = "login" if _REFUSED.match(message) else "full-server" if _FULL.search(message) else "lost"
    return _Facts(kind, message, getattr(source, "constraint_name", None))


def _of_words(message: str) -> Kind | None:
    """Return the kind of an error of psycopg that could not connect: it has libpq's message, and no code."""
    if not _NO_CONNECTION.match(message):
        return None
    _, fatal, said = message.partition(" FATAL:  ")
    if not fatal:
        return "login" if "no password supplied" in message else "unreachable"
    if _REFUSED.match(said):
        return "login"
    return "full-server" if _FULL.search(said) else "starting"


def _words(message: str) -> str:
    """Remove the class name that SQLAlchemy puts before asyncpg's message, and the details after it with values."""
    return re.sub(r"^<class '[^']*'>: ", "", message).partition("\n")[0]


_ANSWERS: dict[Kind | None, tuple[type[errors.ArtigraphError], str]] = {
    "retry": (
        errors.RetryableError,
        "The database gave way to another transaction ({}). Try the whole transaction again.",
    ),
    "lost": (ConnectionLostError, "The connection to the database broke: {}"),
    "full-server": (
        ServerFullError,
        (
            "The database has no connection left ({}). Keep fewer sessions open at once, give engines smaller pools, "
            "or raise the limit of connections (max_connections, or that of the user). Timeouts(retry=...) says how "
            "long to wait."
        ),
    ),
    "not-ready": (
        ServerFullError,
        (
            "This node of the cluster takes no statements ({}): it has not joined the cluster, or has lost the "
            "majority. Connect to another node, or start the others. Timeouts(retry=...) says how long to wait."
        ),
    ),
    "group": (
        errors.DatabaseError,
        (
            "The server's group refused the transaction ({}). Nothing was written. Either this server has left its "
            "group or lost the majority: connect to the primary. Or the transaction is larger than "
            "group_replication_transaction_size_limit: save less at once. The server's error log says which."
        ),
    ),
    "starting": (errors.DatabaseUnavailableError, "The database takes no connection now: {}"),
    "unreachable": (
        errors.DatabaseUnavailableError,
        "The database cannot be reached: {}. Is its server running, and are host and port those of the URL?",
    ),
    "no-table": (errors.MissingTablesError, f"The database lacks tables of Artigraph ({{}}). {MISSING_TABLES_HINT}"),
    "login": (
        errors.ConfigurationError,
        "The database refuses the user, the password or the name of the database: {}. Correct the URL.",
    ),
    "no-file": (
        errors.ConfigurationError,
        "SQLite cannot use what the URL names: {}. Name a file that is a database, or a new one in a writable folder.",
    ),
    "full": (errors.DatabaseError, "The database has no space left: {}. Nothing was written; make room and try again."),
    "read-only": (
        errors.DatabaseError,
        (
            "The database is read-only here: {}. Nothing was written. To write, connect to the primary server, as a "
            "user and with an engine that may write."
        ),
    ),
    None: (errors.DatabaseError, "The database refused: {}"),
}


def _typed(facts: _Facts) -> errors.ArtigraphError:
    said = facts.message
    if facts.kind == "unique":
        if facts.constraint == _LABEL_KEY:
            msg = "Another node under the same parent has this label already. Choose another label, or another parent."
            return errors.LabelConflictError(msg)
        return UniqueViolationError(f"A row of the same key exists already: {said}", facts.constraint)
    if facts.kind == "missing-row":
        return ReferenceVanishedError(f"A row to refer to is not there: {said}", _reference(facts))
    if facts.kind == "in-use":
        return ReferenceInUseError(f"A row that is referred to cannot be deleted: {said}", _reference(facts))
    if facts.kind == "locked":
        tables = ", ".join(facts.tables)
        where = f" on one of {tables}" if len(facts.tables) > 1 else f" on {tables}" if tables else ""
        where += ", or on a table that it refers to," if where and facts.writes else ""
        msg = (
            f"Somebody else holds a lock{where} that this needs ({said}). Find and end the transaction that holds it, "
            "then try the whole transaction again. Timeouts(lock=..., retry=...) says how long to wait."
        )
        return errors.RetryableError(msg)
    kind, words = _ANSWERS[facts.kind]
    return kind(words.format(said))


def _reference(facts: _Facts) -> str | None:
    return next((name for name in _REFERENCES if (facts.constraint or "").endswith(f"_{name}")), None)
