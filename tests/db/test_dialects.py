"""The statements for servers, compiled without a server."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Select, Table, literal, make_url, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DisconnectionError

from artigraph.db import (
    DialectName,
    Timeouts,
    insert_absent,
    insert_missing,
    lock_free,
    recursive,
    share_lock,
    through_index,
    utc_now,
)
from artigraph.db._dialect import dialect_name
from artigraph.db._engine import _note_return, _ping_idle, _tuning_mysql, make_engine
from artigraph.db._loop_engine import own
from artigraph.errors import ConfigurationError

table = Table("t", MetaData(), Column("a", Integer, primary_key=True), Column("b", Integer))


def dialect_of(name: DialectName) -> Any:
    dialects: dict[str, Any] = {
        "sqlite": sqlite.dialect,
        "postgresql": postgresql.dialect,
        "mysql": mysql.dialect,
        "mariadb": mysql.dialect,
    }
    dialect = dialects[name]()
    if name == "mariadb":
        dialect.is_mariadb = True
    return dialect


def sql(statement: Any, name: DialectName) -> str:
    return " ".join(str(statement.compile(dialect=dialect_of(name))).split())


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "mysql", "mariadb"])
def test_a_dialect_knows_its_database(name: DialectName) -> None:
    assert dialect_name(dialect_of(name)) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sqlite", "ON CONFLICT DO NOTHING"),
        ("postgresql", "ON CONFLICT DO NOTHING"),
        ("mysql", "ON DUPLICATE KEY UPDATE a = t.a"),
        ("mariadb", "ON DUPLICATE KEY UPDATE a = t.a"),
    ],
)
def test_rows_that_are_there_are_left_alone(name: DialectName, words: str) -> None:
    assert sql(insert_missing(table, name), name).endswith(words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sqlite", "ON CONFLICT DO NOTHING"),
        ("postgresql", "ON CONFLICT DO NOTHING"),
        ("mysql", "VALUES (%s, %s)"),  # not ON DUPLICATE KEY UPDATE, which locks the row that is there exclusively
        ("mariadb", "VALUES (%s, %s)"),
    ],
)
def test_rows_that_are_there_are_not_locked_exclusively(name: DialectName, words: str) -> None:
    assert sql(insert_absent(table, name), name).endswith(words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sqlite", "FROM t"),
        ("postgresql", "FROM t FOR UPDATE SKIP LOCKED"),
        ("mysql", "FROM t FORCE INDEX (ix) FOR UPDATE SKIP LOCKED"),
        ("mariadb", "FROM t FORCE INDEX (ix) FOR UPDATE SKIP LOCKED"),
    ],
)
def test_rows_that_others_hold_are_left_out(name: DialectName, words: str) -> None:
    assert " ".join(sql(lock_free(through_index(select(table.c.a), table, "ix")), name).split()).endswith(words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sqlite", "FROM t"),
        ("postgresql", "FOR KEY SHARE"),
        ("mysql", "LOCK IN SHARE MODE"),
        ("mariadb", "LOCK IN SHARE MODE"),
    ],
)
def test_rows_are_held(name: DialectName, words: str) -> None:
    assert sql(share_lock(select(table.c.a), name), name).endswith(words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sqlite", "strftime('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')"),
        ("postgresql", "clock_timestamp()"),
        ("mysql", "UTC_TIMESTAMP(6)"),
        ("mariadb", "UTC_TIMESTAMP(6)"),
    ],
)
def test_the_database_tells_the_time(name: DialectName, words: str) -> None:
    assert words.replace("%%", "%") in sql(select(utc_now()), name)


def numbers() -> Select[Any]:
    start = select(literal(1).label("n")).cte("numbers", recursive=True)
    return select(start.union(select(start.c.n + 1)).c.n)


def test_recursion_is_not_cut_short() -> None:
    plain = {name: sql(numbers(), name) for name in ("sqlite", "postgresql", "mysql", "mariadb")}
    assert sql(recursive(numbers(), "sqlite"), "sqlite") == plain["sqlite"]
    assert sql(recursive(numbers(), "postgresql"), "postgresql") == plain["postgresql"]
    hint = "SELECT /*+ SET_VAR(cte_max_recursion_depth=1000000) */"
    assert hint in sql(recursive(numbers(), "mysql"), "mysql").partition(")")[2]
    setting = "SET STATEMENT max_recursive_iterations=1000000 FOR "
    assert sql(recursive(numbers(), "mariadb"), "mariadb") == setting + plain["mariadb"]
    assert sql(select(recursive(numbers(), "mariadb").subquery()), "mariadb").count("SET STATEMENT") == 0


class Cursor:
    def __init__(self, version: str, **settings: str) -> None:
        self.settings = {"version": version, **settings}
        self.said: list[str] = []

    def cursor(self) -> Cursor:
        return self

    def execute(self, statement: str) -> None:
        self.said.append(statement)

    def fetchall(self) -> list[tuple[str, str]]:
        return list(self.settings.items())

    def close(self) -> None:
        self.said.append("closed")


@pytest.mark.parametrize(
    ("version", "limit"), [("9.7.0", "cte_max_recursion_depth"), ("10.11.6-MariaDB-1", "max_recursive_iterations")]
)
def test_engines_for_mysql_and_mariadb_are_tuned(version: str, limit: str) -> None:
    cursor = Cursor(version)
    _tuning_mysql(2.5, read_only=False)(cursor, None)
    assert f"SET SESSION {limit} = 1000000" in cursor.said[1]
    assert "STRICT_ALL_TABLES" in cursor.said[1]
    assert "SESSION innodb_lock_wait_timeout = 3, SESSION lock_wait_timeout = 3" in cursor.said[1]
    assert cursor.said[2:] == ["closed"]
    reading = Cursor(version)
    _tuning_mysql(2.5, read_only=True)(reading, None)
    assert reading.said == [*cursor.said[:2], "SET SESSION TRANSACTION READ ONLY", "closed"]


def test_a_server_that_logs_statements_is_refused() -> None:
    for log_bin, binlog_format, read_only, refused in (
        ("ON", "STATEMENT", False, True),
        ("ON", "STATEMENT", True, False),
        ("OFF", "STATEMENT", False, False),
        ("ON", "MIXED", False, False),
    ):
        cursor = Cursor("9.7.0", log_bin=log_bin, binlog_format=binlog_format)
        with pytest.raises(ConfigurationError, match="binlog_format=ROW or MIXED") if refused else nullcontext():
            _tuning_mysql(2.5, read_only=read_only)(cursor, None)
        assert (cursor.said[1:] == ["closed"]) == refused


@pytest.mark.parametrize(
    ("url", "by_itself"),
    [
        ("postgresql+asyncpg://u:s3cret@h/d", True),
        ("postgresql+asyncpg://u:s3cret@h/d?prepared_statement_cache_size=0", True),
        ("mysql+asyncmy://u:s3cret@h/d", False),
        ("mariadb+asyncmy://u:s3cret@h/d?charset=utf8mb4", False),
    ],
)
async def test_engines_for_servers(url: str, by_itself: bool) -> None:
    engine = make_engine(make_url(url), synchronous="NORMAL", timeouts=Timeouts())
    assert "s3cret" not in repr(engine)
    assert engine.sync_engine.hide_parameters
    assert engine.dialect._on_connect_isolation_level == "READ COMMITTED"
    loop_engine = own(engine, create_tables=False, folder=None, memory=False, timeouts=Timeouts())
    options = loop_engine.reader.sync_engine.get_execution_options()
    assert options.get("isolation_level") == ("AUTOCOMMIT" if by_itself else None)
    assert loop_engine.writer is engine
    if not url.startswith("postgresql"):
        assert engine.url.query["charset"] == "utf8mb4"
    await engine.dispose()


async def test_idle_connections_are_asked_whether_they_work() -> None:
    engine = make_engine(make_url("postgresql+asyncpg://u@h/d"), synchronous="NORMAL", timeouts=Timeouts())
    asked: list[object] = []

    @dataclass(frozen=True)
    class Connection:
        name: str

        @property
        def driver_connection(self) -> Connection:
            return self

        def terminate(self) -> None:
            raise AssertionError

    def gone(connection: Connection) -> bool:
        asked.append(connection.name)
        if connection.name == "broken":
            raise OSError("gone")
        return True

    dialect: Any = engine.sync_engine.dialect
    dialect.do_ping = gone
    ping = _ping_idle(engine)

    class Record:
        def __init__(self) -> None:
            self.info: dict[str, float] = {}

    record = Record()
    ping(Connection("new"), record, None)
    _note_return(Connection("used"), record)
    ping(Connection("used"), record, None)
    assert asked == []
    record.info["artigraph_returned"] = time.monotonic() - 60
    ping(Connection("idle"), record, None)
    assert asked == ["idle"]
    with pytest.raises(DisconnectionError, match="gone"):
        ping(Connection("broken"), record, None)
    await engine.dispose()
