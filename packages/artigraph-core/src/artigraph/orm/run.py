"""What belongs to runs beside their rows: tags, parameters and notes, and the lease of those that are running."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from artigraph.orm.base import Base
from artigraph.orm.node import LABEL_LENGTH, SEARCH_KEY_LENGTH
from artigraph.orm.types import Bytes, Id, ShortBytes, Text, UtcDateTime

__all__ = ["Lease", "RunValue"]

_GOES_WITH_ITS_RUN = "CASCADE"
"""One level deep, which every database can do; a run's rows here never outlive it."""


class RunValue(Base):
    """One thing that is known of a run: a tag, a parameter, or something of the environment it ran in."""

    __tablename__ = "artigraph_run_value"

    run_id: Mapped[UUID] = mapped_column(
        Id, ForeignKey("artigraph_node.node_id", ondelete=_GOES_WITH_ITS_RUN), primary_key=True
    )
    kind: Mapped[str] = mapped_column(Text(16), primary_key=True)
    """`tag`, `parameter` or `environment`."""
    name: Mapped[str] = mapped_column(Text(LABEL_LENGTH), primary_key=True)
    value: Mapped[bytes] = mapped_column(Bytes)
    """The value, as the serializer of plain Python values wrote it."""
    search_key: Mapped[bytes | None] = mapped_column(ShortBytes(SEARCH_KEY_LENGTH))
    """A scalar's order-preserving key: what is searched, a projection of `value`."""

    __table_args__: Any = (Index("ix_artigraph_run_value_search", "kind", "name", "search_key"),)


class Lease(Base):
    """Until when a running run is known to be alive; there is no row once it ended."""

    __tablename__ = "artigraph_lease"

    run_id: Mapped[UUID] = mapped_column(
        Id, ForeignKey("artigraph_node.node_id", ondelete=_GOES_WITH_ITS_RUN), primary_key=True
    )
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """By the clock of the database."""

    __table_args__: Any = (Index("ix_artigraph_lease_expires_at", "expires_at"),)
