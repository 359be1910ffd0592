"""The metadata of Artigraph's tables, and what is peculiar to a database when they are made in it."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, event, text

__all__ = ["metadata"]

_MYSQL_OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4"}
"""Options of tables that MySQL and MariaDB need because a server's defaults may be others."""

# Primary keys have no name: MySQL and MariaDB would ignore it, and MariaDB logs that it does.
metadata: MetaData = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)
"""Artigraph's own, so that its tables never mix with an application's."""


@event.listens_for(metadata, "before_create")
def _set_options(metadata: MetaData, connection: Connection, **_: object) -> None:
    """Say what is peculiar to a database when tables are made in it.

    Said where a table is declared, it would have SQLAlchemy import each of these dialects together with this module.
    """
    dialect = connection.dialect.name
    for table in metadata.tables.values():
        if dialect in ("mysql", "mariadb"):
            table.dialect_options[dialect].update(_MYSQL_OPTIONS)
        for index in table.indexes:
            if dialect in ("sqlite", "postgresql") and (where := index.info.get("where")) is not None:
                index.dialect_options[dialect]["where"] = text(where)
