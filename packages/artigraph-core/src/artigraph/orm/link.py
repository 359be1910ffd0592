"""Lineage: what runs used and produced."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from artigraph.orm.base import Base
from artigraph.orm.types import Id, Text, UtcDateTime

__all__ = ["Link"]


class Link(Base):
    """One edge, in the direction of the data: from an artifact to a run that used it, or from a run to its product."""

    __tablename__ = "artigraph_link"

    source_id: Mapped[UUID] = mapped_column(Id, ForeignKey("artigraph_node.node_id"), primary_key=True)
    target_id: Mapped[UUID] = mapped_column(Id, ForeignKey("artigraph_node.node_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text(16))
    """`used` or `produced`."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__: Any = (Index(None, "target_id", "source_id"),)
