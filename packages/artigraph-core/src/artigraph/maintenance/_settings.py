"""Settings of databases that cause trouble, or explain some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import DialectName
from artigraph.maintenance._findings import Finding, Level
from artigraph.printable import bytes_text

_PACKET = 16 * 1024 * 1024
"""The least packet that takes every value that a row can hold, escaped by the driver."""
_MANY_FREE_PAGES = 0.5
"""The part of a SQLite file that is free, beyond which VACUUM is worth it."""
_LARGE_FILE = 16 * 1024 * 1024

_POSTGRESQL = text(
    "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('server_version', 'server_encoding', "
    "'autovacuum', 'track_counts', 'fsync', 'full_page_writes', 'synchronous_commit', 'default_transaction_read_only') "
    "UNION ALL SELECT 'in_recovery', CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'on' ELSE 'off' END"
)
_MYSQL = text(
    "SHOW VARIABLES WHERE Variable_name IN ('version', 'sql_mode', 'max_allowed_packet', 'log_bin', 'binlog_format', "
    "'innodb_flush_log_at_trx_commit', 'read_only', 'super_read_only', 'innodb_read_only')"
)
_ENGINES = text(
    "SELECT table_name, engine FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_name LIKE 'artigraph\\_%' AND engine <> 'InnoDB'"
)
_VERSION = text("SELECT sqlite_version()")
_PRAGMAS = {
    "journal_mode": text("PRAGMA journal_mode"),
    "page_count": text("PRAGMA page_count"),
    "freelist_count": text("PRAGMA freelist_count"),
    "page_size": text("PRAGMA page_size"),
}


async def read_settings(connection: AsyncConnection, dialect: DialectName) -> dict[str, str]:
    """Return the settings of a database by name, in lower case, and its version as `version`."""
    if dialect == "sqlite":
        found = {name: str((await connection.execute(pragma)).scalar()) for name, pragma in _PRAGMAS.items()}
        return found | {"version": str((await connection.execute(_VERSION)).scalar())}
    statement = _POSTGRESQL if dialect == "postgresql" else _MYSQL
    settings = {str(row[0]).lower(): str(row[1]) for row in await connection.execute(statement)}
    if dialect == "postgresql":
        return settings | {"version": settings.get("server_version", "")}
    engines = [f"{row[0]} ({row[1]})" for row in await connection.execute(_ENGINES)]
    return settings | {"engines": ", ".join(engines)}


def judge(settings: Mapping[str, str], dialect: DialectName, *, ours: bool) -> Iterator[Finding]:
    """Yield what is wrong with the settings of a database, and what is worth knowing.

    Args:
        settings: as `read_settings` returns them.
        dialect: the kind of the database.
        ours: whether Artigraph makes the engine, and sets what a connection can set.
    """
    match dialect:
        case "sqlite":
            yield from _judge_sqlite(settings)
        case "postgresql":
            yield from _judge_postgresql(settings)
        case _:
            yield from _judge_mysql(settings, ours=ours)


def _finding(level: Level, said: str, advice: str) -> Finding:
    return Finding(level, "server", said, advice)


def _judge_sqlite(settings: Mapping[str, Any]) -> Iterator[Finding]:
    mode = settings.get("journal_mode", "wal").lower()
    if mode not in ("wal", "memory"):
        yield _finding(
            "note",
            f"The file's journal mode is {mode}: readers and writers wait for each other.",
            "The first write through an engine that Artigraph makes from a URL turns it into WAL.",
        )
    pages, free, size = (int(settings[name]) for name in ("page_count", "freelist_count", "page_size"))
    if pages * size > _LARGE_FILE and free > pages * _MANY_FREE_PAGES:
        yield _finding(
            "note",
            f"{bytes_text(free * size)} of the file's {bytes_text(pages * size)} are free.",
            "SQLite reuses them. To give them back to the disk, run VACUUM while nobody uses the store.",
        )


def _judge_postgresql(settings: Mapping[str, str]) -> Iterator[Finding]:
    if settings.get("autovacuum") == "off" or settings.get("track_counts") == "off":
        name = "autovacuum" if settings.get("autovacuum") == "off" else "track_counts"
        yield _finding(
            "warning",
            f"{name} is off: the server plans with old statistics, and deleted rows keep their space.",
            f"Turn {name} on, or run VACUUM (ANALYZE) often.",
        )
    for name in ("fsync", "full_page_writes"):
        if settings.get(name) == "off":
            yield _finding(
                "warning",
                f"{name} is off: a crash of the machine may damage the database.",
                f"Turn {name} on, unless you can lose the whole store.",
            )
    if settings.get("synchronous_commit") == "off":
        yield _finding(
            "warning",
            "synchronous_commit is off: a crash of the server may lose the last saves, which were acknowledged.",
            "Turn synchronous_commit on for this database.",
        )
    if settings.get("server_encoding", "UTF8") != "UTF8":
        yield _finding(
            "error",
            f"The database's encoding is {settings['server_encoding']}: it cannot store all text.",
            "Make a database with ENCODING 'UTF8', and move the store into it.",
        )
    if "on" in (settings.get("in_recovery"), settings.get("default_transaction_read_only")):
        yield _finding("note", "The database is read-only.", "To save, connect to the primary server.")


def _judge_mysql(settings: Mapping[str, str], *, ours: bool) -> Iterator[Finding]:
    if not ours and not {"STRICT_ALL_TABLES", "STRICT_TRANS_TABLES"} & set(settings.get("sql_mode", "").split(",")):
        yield _finding(
            "error",
            "sql_mode is not strict: the server cuts values that do not fit, without an error.",
            "Add STRICT_ALL_TABLES to sql_mode, or set the engine by its URL: then Artigraph adds it.",
        )
    packet = int(settings.get("max_allowed_packet", _PACKET))
    if packet < _PACKET:
        yield _finding(
            "warning",
            f"max_allowed_packet is {bytes_text(packet)}: values in rows that are larger break the connection.",
            "Set it to 16 MiB, or give set_engine a large_value_storage and a smaller inline_limit.",
        )
    if settings.get("innodb_flush_log_at_trx_commit", "1") != "1":
        yield _finding(
            "warning",
            f"innodb_flush_log_at_trx_commit is {settings['innodb_flush_log_at_trx_commit']}: a crash may lose the "
            "last saves, which were acknowledged.",
            "Set innodb_flush_log_at_trx_commit to 1.",
        )
    if settings.get("log_bin") == "ON" and settings.get("binlog_format") == "STATEMENT":
        yield _finding(
            "error",
            "The binary log is written by statement: the server refuses writes under READ COMMITTED.",
            "Set binlog_format to ROW or MIXED.",
        )
    if settings.get("engines"):
        yield _finding(
            "error",
            f"Tables are not InnoDB's, and have no transactions: {settings['engines']}.",
            "Convert them: ALTER TABLE ... ENGINE=InnoDB.",
        )
    if "ON" in (settings.get("read_only"), settings.get("super_read_only"), settings.get("innodb_read_only")):
        yield _finding("note", "The server is read-only.", "To save, connect to the primary server.")
