"""Nodes: runs, and the models, containers and values that saved artifacts are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from artigraph.orm.base import Base
from artigraph.orm.types import Bytes, Id, ShortBytes, Text, UtcDateTime

__all__ = [
    "INLINE_LIMIT",
    "LABEL_LENGTH",
    "SEARCH_KEY_LENGTH",
    "SMALLEST_INLINE_LIMIT",
    "ContainerNode",
    "ModelNode",
    "Node",
    "RunNode",
    "ValueNode",
]

LABEL_LENGTH = 255
"""The most code points of a label, and of the name of a model."""
INLINE_LIMIT = 7 * 1024 * 1024
"""The most bytes of a value in a row: MariaDB drops a connection that sends a packet of 16 MiB, and its driver writes
two bytes for each one that it escapes."""
SMALLEST_INLINE_LIMIT = 1024
"""The bytes of a value up to which it stands in its row whatever is set: most values are, and nobody need ask."""
SEARCH_KEY_LENGTH = 255
"""The most bytes of a search key; longer ones are cut, and what they find is checked again."""


class Node(Base):
    """One node of the graph.

    A saved artifact is a tree of nodes that never changes: its root, then every field, item and nested model in
    preorder, parents before children. Each node knows the root of its tree, its place in it and the size of its own
    subtree, so that any subtree is one range of an index. Runs are nodes without a tree, and do change.
    """

    __tablename__ = "artigraph_node"

    node_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    """UUID of version 7, made by the client; it begins with the time of the save, in milliseconds."""
    node_type: Mapped[str] = mapped_column(Text(16))
    """`run`, `model`, `container` or `value`."""
    parent_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("artigraph_node.node_id"))
    """The run an artifact or run belongs to, the node that a part of a tree is a part of, or nothing."""
    label: Mapped[str | None] = mapped_column(Text(LABEL_LENGTH))
    """The label an artifact was saved under, the name of a field, the key or index of an item; unique per parent."""
    tree_root_id: Mapped[UUID | None] = mapped_column(Id)
    """The root of the saved tree that the node belongs to; a root names itself, a run has none."""
    position: Mapped[int | None] = mapped_column(Integer)
    """The node's place in its tree in preorder; the root's is 0."""
    span: Mapped[int | None] = mapped_column(Integer)
    """The number of nodes of the node's subtree, itself included: positions `position` to `position + span - 1`."""
    model_name: Mapped[str | None] = mapped_column(Text(LABEL_LENGTH))
    """The model class, by its stored name; of a field's value, the class that the field belongs to."""
    model_version: Mapped[int | None] = mapped_column(Integer)
    """The version of the model class that wrote a model node."""
    serializer: Mapped[str | None] = mapped_column(Text(100))
    """The serializer that wrote a value; of a container, the Python type that its items make up."""
    value: Mapped[bytes | None] = mapped_column(Bytes)
    """A value that is kept here, as its serializer wrote it."""
    blob_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("artigraph_blob.blob_id"))
    """The stored object of a value that is kept in a storage."""
    search_key: Mapped[bytes | None] = mapped_column(ShortBytes(SEARCH_KEY_LENGTH))
    """A scalar's order-preserving key: what is searched, a projection of `value`; of a run, one of `run_name`. Of an
    artifact it is the bytes of its id, so that the index of keys holds the versions of a label in order."""
    run_name: Mapped[str | None] = mapped_column(Text(LABEL_LENGTH))
    run_status: Mapped[str | None] = mapped_column(Text(16))
    """Of a run: `running`, `completed`, `failed`, `cancelled` or `lost`."""
    run_started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    run_ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    run_error_type: Mapped[str | None] = mapped_column(Text(255))
    """Of a failed run: the exception's class."""
    run_error_message: Mapped[str | None] = mapped_column(Text(4000))
    """Of a failed run: the exception's message, cut to 4,000 code points."""

    __mapper_args__: Any = {"polymorphic_on": "node_type", "polymorphic_abstract": True}  # noqa: RUF012
    __table_args__: Any = (
        UniqueConstraint("parent_id", "label"),
        UniqueConstraint("tree_root_id", "position"),
        Index("ix_artigraph_node_search", "node_type", "model_name", "label", "search_key"),
        Index(
            "ix_artigraph_node_blob_id",
            "blob_id",
            info={"where": "blob_id IS NOT NULL"},  # where a database has partial indexes
        ),
    )


class RunNode(Node):
    """A run: what artifacts, and further runs, belong to."""

    __mapper_args__: Any = {"polymorphic_identity": "run"}  # noqa: RUF012


class ModelNode(Node):
    """A model: its children are the fields that were stored."""

    __mapper_args__: Any = {"polymorphic_identity": "model"}  # noqa: RUF012


class ContainerNode(Node):
    """A mapping or sequence whose items are nodes of their own, in order."""

    __mapper_args__: Any = {"polymorphic_identity": "container"}  # noqa: RUF012


class ValueNode(Node):
    """A value that one serializer wrote, here or in a storage."""

    __mapper_args__: Any = {"polymorphic_identity": "value"}  # noqa: RUF012
