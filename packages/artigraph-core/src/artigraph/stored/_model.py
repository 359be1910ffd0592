"""A model as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from artigraph.identifiers import moment_of
from artigraph.printable import count_text

if TYPE_CHECKING:
    from artigraph.html import Part

FieldKind = Literal["plain", "object", "model", "container"]
"""A plain value; bytes that only their serializer reads; a model; a mapping or sequence whose items are nodes."""


@dataclass(frozen=True, slots=True)
class StoredField:
    """A stored field of a model, or an item of a container."""

    kind: FieldKind
    serializer: str | None
    """The serializer that wrote the value. For a container, the type that its items make up: `list`, `mapping`."""
    size: int | None
    """The size of the stored bytes. A model or container has None."""
    value: object
    """What the field holds.

    - `plain`: the value. A `StoredEnum` or a `StoredStruct` stands for an instance of a class of the user. It is None
      if there is a `problem`.
    - `object`: None. `open_stored` opens the bytes.
    - `model`: a `StoredModel`.
    - `container`: its items, a mapping of `StoredField` by key or by index ("0", "1", ...).
    """
    storage: str | None = None
    """The name of the storage that holds the bytes. None if they are in the database."""
    location: str | None = None
    """Where in the storage the bytes are, in the storage's own terms."""
    sha256: bytes | None = None
    """The SHA-256 of the bytes (32 bytes), if they are in a storage."""
    problem: str | None = None
    """Why a plain value cannot be shown, or None."""


@dataclass(frozen=True, slots=True, repr=False)
class StoredModel:
    """A model as it is stored: an artifact, or a model in one."""

    node_id: UUID
    name: str
    """The stored name of the class."""
    class_version: int
    """The version of the class that wrote the model."""
    label: str
    """The label of an artifact; the name of a field, or the key or index of an item."""
    run_id: UUID | None
    """The run to which an artifact belongs. None without a run, and for a model in another one."""
    fields: Mapping[str, StoredField]
    """The stored fields by name, in the order in which they were saved."""

    @property
    def created_at(self) -> datetime:
        """When it was saved: in UTC, to the millisecond, by the clock of that machine."""
        return moment_of(self.node_id)

    def __artigraph_node_id__(self) -> UUID:
        return self.node_id

    def _repr_html_(self) -> str:
        from artigraph.html import attempt, render
        from artigraph.stored._html import model_view

        return render(attempt(lambda: model_view(self)))

    def _artigraph_cells(self) -> Mapping[str, Part]:
        from artigraph.stored._html import model_cells

        return model_cells(self)

    def __repr__(self) -> str:
        fields = count_text(len(self.fields), "field")
        return f"<StoredModel {self.name!r} (version {self.class_version}), {self.label!r}, {self.node_id}, {fields}>"
