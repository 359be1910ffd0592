"""The tables as mapped classes of SQLAlchemy, for your own queries, and the meaning of each column.

The library itself uses the tables in `artigraph.orm.tables`. The classes are mapped when one is first accessed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import FromClause, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped

from artigraph.orm import tables
from artigraph.orm.metadata import metadata as our_metadata


class Base(DeclarativeBase):
    """The base of the mapped classes. Its metadata is Artigraph's own, and never mixes with an application's."""

    metadata: ClassVar[MetaData] = our_metadata


class NodeRow(Base):
    """One node of the graph.

    A saved artifact is a tree of nodes that never changes. The root comes first, then all fields, items and nested
    models in preorder, parents before children. Each node has the root of its tree, its position in the tree and the
    size of its subtree, so any subtree is one range of an index. Runs are nodes without a tree, and they do change.
    """

    __table__: ClassVar[FromClause] = tables.node_table
    __mapper_args__: Any = {"polymorphic_on": "node_type", "polymorphic_abstract": True}  # noqa: RUF012

    node_id: Mapped[UUID]
    """A UUID of version 7, made by the client. It begins with the time of the save, in milliseconds."""
    node_type: Mapped[str]
    """`run`, `model`, `container` or `value`."""
    parent_id: Mapped[UUID | None]
    """The run to which an artifact or run belongs, or the node of which a part of a tree is a part; else NULL."""
    label: Mapped[str | None]
    """An artifact's label, a field's name, or an item's key or index. It is unique under a parent."""
    tree_root_id: Mapped[UUID | None]
    """The root of the tree to which the node belongs. A root names itself; a run has NULL."""
    position: Mapped[int | None]
    """The node's position in its tree, in preorder. The root has 0."""
    span: Mapped[int | None]
    """The number of nodes in its subtree, itself included: positions `position` to `position + span - 1`."""
    model_name: Mapped[str | None]
    """The stored name of the model class. For a field's value, the class that has the field."""
    model_version: Mapped[int | None]
    """The version of the model class that wrote a model node."""
    serializer: Mapped[str | None]
    """The serializer that wrote a value. For a container, the Python type of the collection."""
    value: Mapped[bytes | None]
    """The bytes of a value in this row, as its serializer wrote them."""
    blob_id: Mapped[UUID | None]
    """The blob of a value whose bytes are in a storage."""
    search_key: Mapped[bytes | None]
    """A key that sorts as a scalar does, computed from `value`; for a run, computed from `run_name`. Queries search it.

    For an artifact it is the bytes of its id, so that the index of keys holds the versions of a label in order.
    """
    run_name: Mapped[str | None]
    run_status: Mapped[str | None]
    """A run's status: `running`, `completed`, `failed`, `cancelled` or `lost`."""
    run_started_at: Mapped[datetime | None]
    run_ended_at: Mapped[datetime | None]
    run_error_type: Mapped[str | None]
    """The class of the exception that a failed run ended with."""
    run_error_message: Mapped[str | None]
    """The message of the exception that a failed run ended with, cut to 4,000 code points."""


class RunNode(NodeRow):
    """A run. Artifacts and further runs belong to it."""

    __mapper_args__: Any = {"polymorphic_identity": "run"}  # noqa: RUF012


class ModelNode(NodeRow):
    """A model. Its children are its stored fields."""

    __mapper_args__: Any = {"polymorphic_identity": "model"}  # noqa: RUF012


class ContainerNode(NodeRow):
    """A mapping or sequence whose items are nodes of their own, in order."""

    __mapper_args__: Any = {"polymorphic_identity": "container"}  # noqa: RUF012


class ValueNode(NodeRow):
    """A value that one serializer wrote, in this row or in a storage."""

    __mapper_args__: Any = {"polymorphic_identity": "value"}  # noqa: RUF012


class Blob(Base):
    """One object in one storage. Equal content in a storage is one object, which nodes share."""

    __table__: ClassVar[FromClause] = tables.blob_table

    blob_id: Mapped[UUID]
    storage: Mapped[str]
    """The name of the storage."""
    location: Mapped[str]
    """The object's location, in the storage's own terms. It is never used again for another object."""
    size: Mapped[int]
    """The size of the object in bytes; `TOMBSTONE_SIZE` for a tombstone."""
    sha256: Mapped[bytes]
    """The SHA-256 of the object; for a tombstone, of the location."""
    chunk_sha256: Mapped[bytes | None]
    """The SHA-256 of each chunk of 8 MiB, concatenated (32 bytes each); NULL if there is only one chunk."""
    created_at: Mapped[datetime]
    """When the row was made, by the database's clock."""


class Link(Base):
    """One edge in the direction of the data: from an artifact to a run that used it, or from a run to its product."""

    __table__: ClassVar[FromClause] = tables.link_table

    source_id: Mapped[UUID]
    target_id: Mapped[UUID]
    kind: Mapped[str]
    """`used` or `produced`."""
    created_at: Mapped[datetime]


class RunValue(Base):
    """One named value of a run: a tag, a parameter, or an entry of its environment."""

    __table__: ClassVar[FromClause] = tables.run_value_table

    run_id: Mapped[UUID]
    kind: Mapped[str]
    """`tag`, `parameter` or `environment`."""
    name: Mapped[str]
    value: Mapped[bytes]
    """The value, as the serializer of plain Python values wrote it."""
    search_key: Mapped[bytes | None]
    """A key that sorts as a scalar does, computed from `value`. Queries search it."""


class Lease(Base):
    """A run's heartbeat: the time until which a running run counts as alive. The row is deleted when the run ends."""

    __table__: ClassVar[FromClause] = tables.lease_table

    run_id: Mapped[UUID]
    expires_at: Mapped[datetime]
    """The end of the lease, by the database's clock."""


class Alias(Base):
    """A name, such as `production`, for one artifact among those saved under one label as one model."""

    __table__: ClassVar[FromClause] = tables.alias_table

    model_name: Mapped[str]
    label: Mapped[str]
    alias: Mapped[str]
    node_id: Mapped[UUID]
    """The artifact. It cannot be deleted while an alias points to it."""
    moved_at: Mapped[datetime]
    """When the alias was made, or was pointed to this artifact, in UTC."""


class Store(Base):
    """The only row of its table. It identifies this database."""

    __table__: ClassVar[FromClause] = tables.store_table

    id: Mapped[int]
    """Always 1."""
    store_id: Mapped[UUID]
    """The database's identity. Every key of an object to which this database refers begins with it, as hex digits."""
    created_at: Mapped[datetime]
    fsck_at: Mapped[datetime | None]
    """When the last `fsck` ended, in UTC; None if none was recorded."""
    fsck_problems: Mapped[int | None]
    """How many problems it found."""
    fsck_objects_read: Mapped[int | None]
    """How many objects it read and compared."""
