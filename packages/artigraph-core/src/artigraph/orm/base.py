"""The declarative base of Artigraph's tables."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

__all__ = ["MYSQL_OPTIONS", "Base"]

MYSQL_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
}
"""Table options that MySQL and MariaDB need because a server's defaults may be others."""


class Base(DeclarativeBase):
    """Artigraph's tables, under metadata of their own so that they never mix with an application's."""

    # Primary keys have no name: MySQL and MariaDB would ignore it, and MariaDB logs that it does.
    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        }
    )
