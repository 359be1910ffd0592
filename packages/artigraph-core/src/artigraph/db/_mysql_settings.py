"""Refuse MySQL and MariaDB servers whose settings would break what Artigraph promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from artigraph.errors import ConfigurationError

_NO_PERMISSION = 1142
_ASK = (
    "SHOW VARIABLES WHERE Variable_name IN ('version', 'group_replication_single_primary_mode', 'log_bin', "
    "'binlog_format', 'foreign_key_checks', 'unique_checks', 'transaction_isolation', 'tx_isolation')"
)  # it needs no permission, and knows variables of plugins only where the plugin is


def check_settings(connection: Connection) -> bool:
    """Check the settings of a caller's connection, and return whether its reads lock what they read.

    Databases other than MySQL and MariaDB have no such settings.

    Raises:
        ConfigurationError: the server cannot be used, or the connection checks no references or keys.
    """
    if connection.dialect.name not in ("mysql", "mariadb"):
        return False
    driver: Any = connection.connection.dbapi_connection
    cursor = driver.cursor()
    try:
        settings = read_settings(cursor)
        check_server(cursor, settings)
        for name, what in (("foreign_key_checks", "references"), ("unique_checks", "unique keys")):
            if settings.get(name) == "OFF":
                msg = (
                    f"The connection of this engine has {name}=0, so the database would not check {what} between rows. "
                    f"Leave {name} on, or let Artigraph make the engine from the URL."
                )
                raise ConfigurationError(msg)
    finally:
        cursor.close()
    return "SERIALIZABLE" in (settings.get("transaction_isolation"), settings.get("tx_isolation"))


def read_settings(cursor: Any) -> dict[str, str]:
    """Return the server's version and the settings to check, by one statement."""
    cursor.execute(_ASK)
    return {str(name): str(value) for name, value in cursor.fetchall()}


def check_server(cursor: Any, settings: Mapping[str, str]) -> None:
    """Check that a server can be written to.

    Raises:
        ConfigurationError: it is in a group with several primaries, or logs statements instead of rows.
    """
    if settings.get("group_replication_single_primary_mode") == "OFF" and _is_in_group(cursor):
        msg = (
            "This MySQL server is in a group with several primaries (group_replication_single_primary_mode=OFF). Share "
            "locks are not replicated there, so one primary could delete a run while another starts a run below it. "
            "Switch the group to one primary: SELECT group_replication_switch_to_single_primary_mode(). To only read "
            "from it, use set_engine(..., read_only=True)."
        )
        raise ConfigurationError(msg)
    if settings.get("log_bin") == "ON" and settings.get("binlog_format") == "STATEMENT":
        msg = (
            "This server logs statements (binlog_format=STATEMENT), so it refuses every write at READ COMMITTED, which "
            "Artigraph uses. Set binlog_format=ROW or MIXED on the server."
        )
        raise ConfigurationError(msg)


def _is_in_group(cursor: Any) -> bool:
    """Return whether Group Replication runs on the server; True if the user may not know."""
    try:
        cursor.execute("SELECT MEMBER_STATE FROM performance_schema.replication_group_members")
        return any(state != "OFFLINE" for (state,) in cursor.fetchall())
    except Exception as error:
        if error.args[:1] != (_NO_PERMISSION,):
            raise
        return True
