"""What a database says of itself: its identity, and the version of its tables."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, SmallInteger, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from artigraph.orm.base import Base
from artigraph.orm.types import Id, UtcDateTime

__all__ = ["SCHEMA_VERSION", "Store", "version_table"]

SCHEMA_VERSION = "0002"
"""The migration that the tables of this release correspond to; versions count upwards."""


class Store(Base):
    """The one row that tells this database from every other."""

    __tablename__ = "artigraph_store"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """Always 1."""
    store_id: Mapped[UUID] = mapped_column(Id)
    """Every key of an object that this database refers to begins with this id in hexadecimal digits."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


version_table: Table = Table(
    "artigraph_version",
    Base.metadata,
    Column("version_num", String(32), primary_key=True),
)
"""Alembic's version table, under a name of its own (its default name is shared by every application on a database)."""
