from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy.exc
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from artigraph.db import (
    ReferenceInUseError,
    ReferenceVanishedError,
    UniqueViolationError,
    current_database,
    engine_context,
)
from artigraph.db._errors import ConnectionLostError, ServerFullError, translate
from artigraph.errors import (
    ArtigraphError,
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailableError,
    LabelConflictError,
    MissingTablesError,
    RetryableError,
    SessionStateError,
)


class PostgreSQLError(Exception):
    """An error of asyncpg as SQLAlchemy's dialect raises it."""

    def __init__(self, sqlstate: str | None, message: str, constraint: str | None = None) -> None:
        super().__init__(f"<class 'asyncpg.exceptions.SomeError'>: {message}\nDETAIL:  secret values")
        self.sqlstate = sqlstate
        self.__cause__ = Exception()
        self.__cause__.constraint_name = constraint  # type: ignore[attr-defined]


def sqlite_error(code: int, message: str) -> sqlite3.Error:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = code
    return error


LABEL = "uq_artigraph_node_parent_id_label"
NO_CONNECTION = 'connection failed: connection to server at "host", port 5432 failed:'


@pytest.mark.parametrize(
    ("original", "expected", "attributes"),
    [
        (PostgreSQLError("40P01", "deadlock detected"), RetryableError, {}),
        (PostgreSQLError("40001", "could not serialize"), RetryableError, {}),
        (PostgreSQLError("23505", "duplicate", LABEL), LabelConflictError, {}),
        (PostgreSQLError("23505", "duplicate", "other"), UniqueViolationError, {"constraint": "other"}),
        (
            PostgreSQLError("23503", "insert or update on table", "fk_artigraph_node_blob_id"),
            ReferenceVanishedError,
            {"reference": "blob_id"},
        ),
        (
            PostgreSQLError("23503", "update or delete on table", "fk_artigraph_node_parent_id"),
            ReferenceInUseError,
            {"reference": "parent_id"},
        ),
        (PostgreSQLError("42P01", "no relation"), MissingTablesError, {}),
        (PostgreSQLError("28P01", "password authentication failed"), ConfigurationError, {}),
        (PostgreSQLError("3D000", "no such database"), ConfigurationError, {}),
        (PostgreSQLError("53100", "disk full"), DatabaseError, {}),
        (PostgreSQLError("53300", "too many clients"), ServerFullError, {}),
        (PostgreSQLError("53300", "remaining connection slots are reserved"), ServerFullError, {}),
        (PostgreSQLError("08P01", "no more connections allowed (max_client_conn)"), ServerFullError, {}),
        (PostgreSQLError("57P03", "the database system is starting up"), DatabaseUnavailableError, {}),
        (PostgreSQLError("57P01", "terminating connection"), ConnectionLostError, {}),
        (PostgreSQLError("08006", "connection failure"), ConnectionLostError, {}),
        (PostgreSQLError("08P01", "SASL authentication failed"), ConfigurationError, {}),
        (PostgreSQLError("08P01", "no such database: x"), ConfigurationError, {}),
        (PostgreSQLError("08P01", "query_wait_timeout"), ConnectionLostError, {}),
        (PostgreSQLError("25006", "read-only transaction"), DatabaseError, {}),
        (PostgreSQLError("22001", "value too long"), DatabaseError, {}),
        (PostgreSQLError(None, "another operation is in progress"), DatabaseError, {}),
        (psycopg.OperationalError(f"{NO_CONNECTION} Connection refused"), DatabaseUnavailableError, {}),
        (
            psycopg.OperationalError(f"{NO_CONNECTION} FATAL:  the database system is starting up"),
            DatabaseUnavailableError,
            {},
        ),
        (psycopg.OperationalError("failed to resolve host 'nowhere'"), DatabaseUnavailableError, {}),
        (psycopg.OperationalError(f'{NO_CONNECTION} FATAL:  database "x" does not exist'), ConfigurationError, {}),
        (psycopg.OperationalError(f"{NO_CONNECTION} FATAL:  Peer authentication failed"), ConfigurationError, {}),
        (psycopg.OperationalError("connection failed: fe_sendauth: no password supplied"), ConfigurationError, {}),
        (psycopg.OperationalError("sending query failed"), DatabaseError, {}),
        (psycopg.OperationalError("connection socket closed"), DatabaseError, {}),
        (Exception(1213, "Deadlock found"), RetryableError, {}),
        (Exception(1205, "Lock wait timeout"), RetryableError, {}),
        (Exception(1020, "Record has changed"), RetryableError, {}),
        (Exception(1062, f"Duplicate entry 'for key ''x' for key 'artigraph_node.{LABEL}'"), LabelConflictError, {}),
        (Exception(1062, f"Duplicate entry 'a' for key '{LABEL}'"), LabelConflictError, {}),
        (
            Exception(1062, f"Duplicate entry '{LABEL}' for key 'PRIMARY'"),
            UniqueViolationError,
            {"constraint": "PRIMARY"},
        ),
        (
            Exception(
                1452, "(`d`.`artigraph_node`, CONSTRAINT `fk_artigraph_node_blob_id` FOREIGN KEY (`blob_id`) ..."
            ),
            ReferenceVanishedError,
            {"reference": "blob_id"},
        ),
        (Exception(1451, "CONSTRAINT `other` FOREIGN KEY"), ReferenceInUseError, {"reference": None}),
        (Exception(1146, "Table 'x' doesn't exist"), MissingTablesError, {}),
        (Exception(1045, "Access denied"), ConfigurationError, {}),
        (Exception(2013, "Lost connection"), ConnectionLostError, {}),
        (Exception(1040, "Too many connections"), ServerFullError, {}),
        (
            Exception(1203, "User x already has more than 'max_user_connections' active connections"),
            ServerFullError,
            {},
        ),
        (
            Exception(1226, "User 'x' has exceeded the 'max_user_connections' resource (current value: 3)"),
            ServerFullError,
            {},
        ),
        (Exception(1226, "User 'x' has exceeded the 'max_questions' resource (current value: 3)"), DatabaseError, {}),
        (Exception(2003, "Can't connect"), DatabaseUnavailableError, {}),
        (Exception(3032, "The server is currently in offline mode"), DatabaseUnavailableError, {}),
        (Exception(3101, "Plugin instructed the server to rollback the current transaction."), RetryableError, {}),
        (
            Exception(1180, "Got error 149 - 'Lock deadlock; Retry transaction' during COMMIT"),
            RetryableError,
            {},
        ),
        (Exception(1180, "Got error 28 - 'No space left on device' during COMMIT"), DatabaseError, {}),
        (Exception(1047, "WSREP has not yet prepared node for application use"), ServerFullError, {}),
        (Exception(1047, "Unknown command"), DatabaseError, {}),
        (Exception(1114, "The table is full"), DatabaseError, {}),
        (sqlite_error(5, "database is locked"), RetryableError, {}),
        (sqlite_error(517, "database is locked"), RetryableError, {}),
        (sqlite_error(13, "database or disk is full"), DatabaseError, {}),
        (sqlite_error(8, "attempt to write a readonly database"), DatabaseError, {}),
        (sqlite_error(1, "no such table: artigraph_node"), MissingTablesError, {}),
        (sqlite_error(1, "near x: syntax error"), DatabaseError, {}),
        (sqlite_error(787, "FOREIGN KEY constraint failed"), ReferenceVanishedError, {"reference": None}),
        (
            sqlite_error(2067, "UNIQUE constraint failed: artigraph_node.parent_id, artigraph_node.label"),
            LabelConflictError,
            {},
        ),
        (
            sqlite_error(1555, "UNIQUE constraint failed: artigraph_node.node_id"),
            UniqueViolationError,
            {"constraint": None},
        ),
    ],
    ids=str,
)
def test_drivers_errors(original: Exception, expected: type[ArtigraphError], attributes: dict[str, Any]) -> None:
    error = translate(DBAPIError("INSERT secret", {"p": "secret"}, original))
    assert type(error) is expected
    assert {name: getattr(error, name) for name in attributes} == attributes
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("original", "is_read_only"),
    [
        (Exception(1290, "The MySQL server is running with the --super-read-only option so it cannot"), True),
        (Exception(1290, "The MariaDB server is running with the --read-only option so it cannot"), True),
        (Exception(1290, "The MySQL server is running with the --secure-file-priv option so it cannot"), False),
        (Exception(1792, "Cannot execute statement in a READ ONLY transaction."), True),
        (Exception(1836, "Running in read-only mode"), True),
        (PostgreSQLError("25006", "cannot execute INSERT in a transaction of a standby"), True),
    ],
    ids=str,
)
def test_databases_that_take_no_writes(original: Exception, is_read_only: bool) -> None:
    error = translate(DBAPIError("INSERT", {}, original))
    assert type(error) is DatabaseError
    assert ("read-only here" in str(error) and "connect to the primary server" in str(error)) == is_read_only


@pytest.mark.parametrize(("hook", "is_of_group"), [("before_commit", True), ("after_sync", False)])
def test_a_group_that_refuses_a_transaction(hook: str, *, is_of_group: bool) -> None:
    error = translate(
        DBAPIError("COMMIT", {}, Exception(3100, f"Error on observer while running replication hook '{hook}'."))
    )
    assert type(error) is DatabaseError
    assert ("lost the majority" in str(error) and "Nothing was written" in str(error)) == is_of_group


def test_a_delete_that_is_refused_on_sqlite() -> None:
    error = translate(DBAPIError("DELETE FROM x", {}, sqlite_error(787, "FOREIGN KEY constraint failed")))
    assert type(error) is ReferenceInUseError


def test_errors_that_come_without_sqlalchemy() -> None:
    assert type(translate(ConnectionRefusedError(111, "refused"))) is DatabaseUnavailableError
    assert type(translate(TimeoutError())) is DatabaseUnavailableError
    assert type(translate(EOFError())) is DatabaseUnavailableError
    assert type(translate(sqlite_error(5, "database is locked"))) is RetryableError
    assert translate(KeyError()) is None
    own = LabelConflictError()
    assert translate(own) is own


def test_errors_of_sqlalchemy_itself() -> None:
    assert type(translate(sqlalchemy.exc.TimeoutError("pool"))) is DatabaseUnavailableError
    assert type(translate(sqlalchemy.exc.PendingRollbackError("x"))) is SessionStateError
    assert type(translate(sqlalchemy.exc.CompileError("x"))) is DatabaseError
    lost = DBAPIError("SELECT", {}, Exception("?"), connection_invalidated=True)
    assert type(translate(lost)) is ConnectionLostError


async def test_a_server_that_sqlalchemy_does_not_know_is_named(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/x.db")

    @event.listens_for(engine.sync_engine, "first_connect")
    def _connect(*_: object) -> None:
        msg = "Could not determine version from string 'CockroachDB CCL v25.4.0'"
        raise AssertionError(msg)

    with pytest.raises(ConfigurationError, match=r"for sqlite does not know this server.*CockroachDB CCL v25"):
        async with engine_context(engine, create_tables=True):
            await current_database()
    await engine.dispose()
