"""The sync twin of `artigraph.stored`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import artigraph.stored as async_stored
from artigraph.identifiers import NodeId
from artigraph.portal import wait_for
from artigraph.stored import FieldKind, StoredEnum, StoredField, StoredModel, StoredStruct

__all__ = ["FieldKind", "StoredEnum", "StoredField", "StoredModel", "StoredStruct", "load_stored", "open_stored"]


def load_stored(node_id: NodeId) -> StoredModel:
    """Return a model as it is stored, without its class: an artifact, or a model in one.

        report = load_stored(node_id)
        report.name, report.class_version           # 'Report', 2
        report.fields["accuracy"].value             # 0.93
        report.fields["samples"].size               # 1_048_576: bytes in a storage, which open_stored opens

    It reads no object from a storage, and a run does not record the model as used.

    Raises:
        NodeNotFoundError: the node does not exist, or is a run.
        WrongModelTypeError: it is a part of a model and no model itself.
        MalformedRowError: rows were altered by hand, or the database is damaged.
    """
    return wait_for(async_stored.load_stored(node_id))


def open_stored(node_id: NodeId, path: str | Sequence[str]) -> BinaryIO:
    """Open the bytes of a stored value as a seekable file. Each chunk is checked before you can read a byte of it.

        file = open_stored(node_id, "samples")
        file = open_stored(node_id, "parts.0.samples")
        file = open_stored(node_id, ["scores", "v1.5"])       # a key with a dot

    Read the file in another thread than the event loop's, as you do after `Lazy.open`.

    Args:
        node_id: an artifact, or a part of one.
        path: the labels from the node to the value: names of fields, keys and indexes. A text is split at its dots.

    Raises:
        NodeNotFoundError: the node does not exist, or nothing is stored under this path.
        ArgumentError: the path leads to a model or container, which has no bytes itself.
        UnknownStorageError: this process does not know the storage of the bytes.
        StorageError, CorruptObjectError: the object cannot be read, or does not match its checksum.
    """
    return wait_for(async_stored.open_stored(node_id, path))
