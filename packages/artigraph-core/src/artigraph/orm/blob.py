"""Stored objects."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from artigraph.orm.base import Base
from artigraph.orm.types import Bytes, Id, ShortBytes, Text, UtcDateTime

__all__ = ["CHUNK_SIZE", "TOMBSTONE_SIZE", "Blob"]

CHUNK_SIZE = 8 * 1024 * 1024
"""Bytes of a chunk that is hashed by itself, so that a ranged read can be checked."""
TOMBSTONE_SIZE = -1
"""The size in a row that stands for no object but keeps its location from being used: `gc` removed what was there."""


class Blob(Base):
    """One object in one storage; equal content in a storage is one object, and nodes share it."""

    __tablename__ = "artigraph_blob"

    blob_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    storage: Mapped[str] = mapped_column(Text(100))
    """The name of the storage."""
    location: Mapped[str] = mapped_column(Text(512))
    """Where the object is, in the storage's own terms; never used again for another one."""
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the object; `TOMBSTONE_SIZE` where there is none."""
    sha256: Mapped[bytes] = mapped_column(ShortBytes(32))
    """SHA-256 of the object; of the location where there is none."""
    chunk_sha256: Mapped[bytes | None] = mapped_column(Bytes)
    """SHA-256 of each chunk of 8 MiB, one after the other (32 bytes each); nothing where there is one chunk only."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the row was made, by the database's clock."""

    __table_args__: Any = (
        UniqueConstraint("storage", "sha256", "size"),
        UniqueConstraint("storage", "location"),
    )
