"""The documents of the command line, where `artigraph.view` has none. Their JSON Schemas are in `schemas`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from artigraph.cli._values import as_json
from artigraph.graph.run_rows import RunStatus
from artigraph.lineage import EdgeKind
from artigraph.serializer.preview import Preview
from artigraph.view import Document, Page, Record


@dataclass(frozen=True, slots=True)
class AliasItem(Record):
    """An alias of a series."""

    model_name: str
    """The stored name of the class."""
    label: str
    alias: str
    artifact_id: UUID
    """The version that it points to."""
    created_at: datetime
    """When that version was saved: in UTC, to the millisecond, by the clock of that machine."""


@dataclass(frozen=True, slots=True)
class AliasesPage(Page[AliasItem]):
    """All aliases of a series."""

    schema: ClassVar[str] = "artigraph.aliases/1"


@dataclass(frozen=True, slots=True)
class DatabaseDocument(Document):
    """Which database this is, and which version its tables have."""

    schema: ClassVar[str] = "artigraph.database/1"

    database: str
    """The kind of the database, as SQLAlchemy names it."""
    driver: str
    url: str
    """The URL without its password and arguments."""
    tables: str | None
    """The version of the tables. None if they are missing."""
    tables_of_this_release: str
    """The version of tables that this release works with."""
    store_id: str | None
    """The id of the store. None if there are no tables, or those of another release."""
    release: str
    """The version of Artigraph."""


@dataclass(frozen=True, slots=True)
class FileDocument(Document):
    """A value whose stored bytes were written to a file."""

    schema: ClassVar[str] = "artigraph.get/1"

    node_id: UUID
    """The artifact, or the part of one, from which the path leads to the value."""
    path: tuple[str, ...]
    """The labels that lead to the value."""
    serializer: str | None
    """The serializer that wrote the bytes."""
    size: int
    """The bytes that were written."""
    sha256: str | None
    """The SHA-256 of the bytes in hexadecimal digits, if they are in a storage."""
    file: str
    """The path of the file."""


@dataclass(frozen=True, slots=True)
class GraphNode(Record):
    """An artifact or a run in a graph of lineage."""

    node_id: UUID
    kind: Literal["artifact", "run"]
    name: str | None
    """The name of a run."""
    status: RunStatus | None
    """The status of a run."""
    model_name: str | None
    """The stored name of the class of an artifact."""
    label: str | None
    """The label of an artifact."""
    created_at: datetime
    """In UTC, by the clock of the machine that made it."""


@dataclass(frozen=True, slots=True)
class GraphEdge(Record):
    """An edge in a graph of lineage, along the flow of data."""

    source_id: UUID
    target_id: UUID
    kind: EdgeKind
    """From an artifact to a run that used it; from a run to an artifact that it produced; from a run to its child."""


@dataclass(frozen=True, slots=True)
class GraphDocument(Document):
    """A graph of lineage."""

    schema: ClassVar[str] = "artigraph.graph/1"

    roots: tuple[UUID, ...]
    """The nodes that were asked for."""
    nodes: tuple[GraphNode, ...]
    """The nodes in the order of their ids, so the oldest first."""
    edges: tuple[GraphEdge, ...]


@dataclass(frozen=True, slots=True)
class LostItem(Record):
    """A run whose process died."""

    run_id: UUID


@dataclass(frozen=True, slots=True)
class LostPage(Page[LostItem]):
    """The runs that were marked as lost."""

    schema: ClassVar[str] = "artigraph.lost/1"


@dataclass(frozen=True, slots=True)
class TableDocument(Document):
    """Artifacts that were written to a file, one row for each."""

    schema: ClassVar[str] = "artigraph.table/1"

    file: str
    """The path of the file."""
    rows: int
    """How many rows were written."""


@dataclass(frozen=True, slots=True)
class TablesDocument(Document):
    """The version of the tables."""

    schema: ClassVar[str] = "artigraph.tables/1"

    tables: str | None
    """The version of the tables. None if they are missing."""
    tables_of_this_release: str
    """The version of tables that this release works with."""


@dataclass(frozen=True, slots=True)
class TagItem(Record):
    """A tag of a run."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class TagsPage(Page[TagItem]):
    """All tags of a run, ordered by name."""

    schema: ClassVar[str] = "artigraph.tags/1"


@dataclass(frozen=True, slots=True)
class TreeItem(Record):
    """A run, an artifact, or a part of one."""

    node_id: UUID
    level: int
    """How deep it is in the tree. The root has 0."""
    text: str
    """What it is, in one line."""


@dataclass(frozen=True, slots=True)
class TreePage(Page[TreeItem]):
    """A run or an artifact with everything in it, each node before its own parts."""

    schema: ClassVar[str] = "artigraph.tree/1"


@dataclass(frozen=True, slots=True)
class ValueDocument(Document):
    """A plain value in full, or what another value looks like."""

    schema: ClassVar[str] = "artigraph.value/1"

    node_id: UUID
    """The artifact, or the part of one, from which the path leads to the value."""
    path: tuple[str, ...]
    """The labels that lead to the value."""
    serializer: str | None
    """The serializer that wrote the value."""
    value: object
    """A plain value in JSON. Bytes are in base64, times in ISO 8601, and timedeltas in seconds. Otherwise null."""
    preview: Preview | None
    """What a value that is no plain value looks like."""

    def to_dict(self) -> dict[str, Any]:
        """Return the document as JSON values. Other documents cut a long value, and this one does not."""
        document = Document.to_dict(self)
        document["data"]["value"] = as_json(self.value)
        return document
