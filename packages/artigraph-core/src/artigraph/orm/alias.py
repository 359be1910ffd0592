"""Names that point to one version of an artifact, and move."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from artigraph.orm.base import Base
from artigraph.orm.node import LABEL_LENGTH
from artigraph.orm.types import Id, Text, UtcDateTime

__all__ = ["ALIAS_LENGTH", "Alias"]

ALIAS_LENGTH = 100
"""The most code points of an alias: with a label and the name of a model it is one key, which MySQL limits."""


class Alias(Base):
    """A name, `production` say, of one artifact among those that were saved under one label as one model."""

    __tablename__ = "artigraph_alias"

    model_name: Mapped[str] = mapped_column(Text(LABEL_LENGTH), primary_key=True)
    label: Mapped[str] = mapped_column(Text(LABEL_LENGTH), primary_key=True)
    alias: Mapped[str] = mapped_column(Text(ALIAS_LENGTH), primary_key=True)
    node_id: Mapped[UUID] = mapped_column(Id, ForeignKey("artigraph_node.node_id"))
    """The artifact; it cannot be deleted while it is pointed to."""
    moved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the alias was made, or pointed to this artifact, in UTC."""

    __table_args__: Any = (Index("ix_artigraph_alias_node_id", "node_id"),)
