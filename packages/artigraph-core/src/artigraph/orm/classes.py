"""The tables as SQLAlchemy classes, for queries with a session of one's own, and what each column means.

The library itself works on the tables: they are mapped when one of these classes is first asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import FromClause, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped

from artigraph.orm import tables
from artigraph.orm.metadata import metadata as our_metadata

__all__ = [
    "Alias",
    "Base",
    "Blob",
    "ContainerNode",
    "Lease",
    "Link",
    "ModelNode",
    "Node",
    "RunNode",
    "RunValue",
    "Store",
    "ValueNode",
]


class Base(DeclarativeBase):
    """Artigraph's tables, under metadata of their own so that they never mix with an application's."""

    metadata: ClassVar[MetaData] = our_metadata


class Node(Base):
    """One node of the graph.

    A saved artifact is a tree of nodes that never changes: its root, then every field, item and nested model in
    preorder, parents before children. Each node knows the root of its tree, its place in it and the size of its own
    subtree, so that any subtree is one range of an index. Runs are nodes without a tree, and do change.
    """

    __table__: ClassVar[FromClause] = tables.node_table
    __mapper_args__: Any = {"polymorphic_on": "node_type", "polymorphic_abstract": True}  # noqa: RUF012

    node_id: Mapped[UUID]
    """UUID of version 7, made by the client; it begins with the time of the save, in milliseconds."""
    node_type: Mapped[str]
    """`run`, `model`, `container` or `value`."""
    parent_id: Mapped[UUID | None]
    """The run an artifact or run belongs to, the node that a part of a tree is a part of, or nothing."""
    label: Mapped[str | None]
    """The label an artifact was saved under, the name of a field, the key or index of an item; unique per parent."""
    tree_root_id: Mapped[UUID | None]
    """The root of the saved tree that the node belongs to; a root names itself, a run has none."""
    position: Mapped[int | None]
    """The node's place in its tree in preorder; the root's is 0."""
    span: Mapped[int | None]
    """The number of nodes of the node's subtree, itself included: positions `position` to `position + span - 1`."""
    model_name: Mapped[str | None]
    """The model class, by its stored name; of a field's value, the class that the field belongs to."""
    model_version: Mapped[int | None]
    """The version of the model class that wrote a model node."""
    serializer: Mapped[str | None]
    """The serializer that wrote a value; of a container, the Python type that its items make up."""
    value: Mapped[bytes | None]
    """A value that is kept here, as its serializer wrote it."""
    blob_id: Mapped[UUID | None]
    """The stored object of a value that is kept in a storage."""
    search_key: Mapped[bytes | None]
    """A scalar's order-preserving key: what is searched, a projection of `value`; of a run, one of `run_name`. Of an
    artifact it is the bytes of its id, so that the index of keys holds the versions of a label in order."""
    run_name: Mapped[str | None]
    run_status: Mapped[str | None]
    """Of a run: `running`, `completed`, `failed`, `cancelled` or `lost`."""
    run_started_at: Mapped[datetime | None]
    run_ended_at: Mapped[datetime | None]
    run_error_type: Mapped[str | None]
    """Of a failed run: the exception's class."""
    run_error_message: Mapped[str | None]
    """Of a failed run: the exception's message, cut to 4,000 code points."""


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


class Blob(Base):
    """One object in one storage; equal content in a storage is one object, and nodes share it."""

    __table__: ClassVar[FromClause] = tables.blob_table

    blob_id: Mapped[UUID]
    storage: Mapped[str]
    """The name of the storage."""
    location: Mapped[str]
    """Where the object is, in the storage's own terms; never used again for another one."""
    size: Mapped[int]
    """Bytes of the object; `TOMBSTONE_SIZE` where there is none."""
    sha256: Mapped[bytes]
    """SHA-256 of the object; of the location where there is none."""
    chunk_sha256: Mapped[bytes | None]
    """SHA-256 of each chunk of 8 MiB, one after the other (32 bytes each); nothing where there is one chunk only."""
    created_at: Mapped[datetime]
    """When the row was made, by the database's clock."""


class Link(Base):
    """One edge, in the direction of the data: from an artifact to a run that used it, or from a run to its product."""

    __table__: ClassVar[FromClause] = tables.link_table

    source_id: Mapped[UUID]
    target_id: Mapped[UUID]
    kind: Mapped[str]
    """`used` or `produced`."""
    created_at: Mapped[datetime]


class RunValue(Base):
    """One thing that is known of a run: a tag, a parameter, or something of the environment it ran in."""

    __table__: ClassVar[FromClause] = tables.run_value_table

    run_id: Mapped[UUID]
    kind: Mapped[str]
    """`tag`, `parameter` or `environment`."""
    name: Mapped[str]
    value: Mapped[bytes]
    """The value, as the serializer of plain Python values wrote it."""
    search_key: Mapped[bytes | None]
    """A scalar's order-preserving key: what is searched, a projection of `value`."""


class Lease(Base):
    """Until when a running run is known to be alive; there is no row once it ended."""

    __table__: ClassVar[FromClause] = tables.lease_table

    run_id: Mapped[UUID]
    expires_at: Mapped[datetime]
    """By the clock of the database."""


class Alias(Base):
    """A name, `production` say, of one artifact among those that were saved under one label as one model."""

    __table__: ClassVar[FromClause] = tables.alias_table

    model_name: Mapped[str]
    label: Mapped[str]
    alias: Mapped[str]
    node_id: Mapped[UUID]
    """The artifact; it cannot be deleted while it is pointed to."""
    moved_at: Mapped[datetime]
    """When the alias was made, or pointed to this artifact, in UTC."""


class Store(Base):
    """The one row that tells this database from every other."""

    __table__: ClassVar[FromClause] = tables.store_table

    id: Mapped[int]
    """Always 1."""
    store_id: Mapped[UUID]
    """Every key of an object that this database refers to begins with this id in hexadecimal digits."""
    created_at: Mapped[datetime]
