"""The metadata of Artigraph's tables, with the options that a database needs when they are created."""

from __future__ import annotations

from sqlalchemy import Connection, Dialect, MetaData, event, text
from sqlalchemy.schema import SchemaItem

_MYSQL_OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4"}
"""Table options for MySQL and MariaDB, where a server's defaults may differ."""


def has_partial_indexes(*_: object, dialect: Dialect, **__: object) -> bool:
    """Return whether a database has partial indexes, for `ddl_if`."""
    return dialect.name in ("sqlite", "postgresql")


def is_made(item: SchemaItem, dialect: Dialect) -> bool:
    """Return whether a part of the tables is made in a database. Some indexes are of use only if they are partial."""
    return not item.info.get("only_partial") or has_partial_indexes(dialect=dialect)


# Primary keys have no name: MySQL and MariaDB ignore it, and MariaDB logs a warning.
metadata: MetaData = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)
"""Artigraph's own metadata, so that its tables never mix with an application's."""


@event.listens_for(metadata, "before_create")
def _set_options(metadata: MetaData, connection: Connection, **_: object) -> None:
    """Set the options that a database needs when the tables are created in it.

    Set in the declaration of a table, they would make SQLAlchemy import each of these dialects with this module.
    """
    partial = has_partial_indexes(dialect=connection.dialect)
    dialect = connection.dialect.name
    for table in metadata.tables.values():
        if dialect in ("mysql", "mariadb"):
            table.dialect_options[dialect].update(_MYSQL_OPTIONS)
        for index in table.indexes:
            if partial and (where := index.info.get("where")) is not None:
                index.dialect_options[dialect]["where"] = text(where)


@event.listens_for(metadata, "after_create")
def _create_last(metadata: MetaData, connection: Connection, **_: object) -> None:
    """On SQLite, create the index of top-level runs again, as the last one of its table.

    Without statistics SQLite takes the newest of two indexes that look equally good. SQLAlchemy creates the indexes of
    a table in no particular order.
    """
    if connection.dialect.name != "sqlite":
        return
    for index in metadata.tables["artigraph_node"].indexes:
        if index.name == "ix_artigraph_node_top_run":
            index.drop(connection, checkfirst=True)
            index.create(connection)
