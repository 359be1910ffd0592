"""Models as rows and values that are in no database, and back: for fixtures of tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from artigraph.errors import FieldNotLoadedError
from artigraph.graph import Deferred, StoredObject, StoredTree, Streamed
from artigraph.graph.hashing import join
from artigraph.model._read import Builder, root_class
from artigraph.model._write import to_tree

M = TypeVar("M")

_ROOT = UUID(int=0)
_MOST = 2**31
"""More steps than any model has."""


class DetachedNode(NamedTuple):
    """A row of an artifact, with the bytes of its value, wherever its field stores them."""

    position: int
    span: int
    node_type: str
    label: str
    model_name: str | None
    model_version: int | None
    serializer: str | None
    value: bytes | None


def detach(model: object, label: str) -> list[DetachedNode]:
    """Return the nodes that a save of a model would write, in preorder.

    Raises:
        SerializationError, ModelDefinitionError: the model cannot be saved.
        FieldNotLoadedError: a lazy value is in a storage and not loaded yet.
    """
    tree = to_tree(model, label, None)
    values = {id(pending.row): _bytes_of(pending.source) for pending in tree.pending}
    columns = DetachedNode._fields[:-1]
    return [
        DetachedNode._make([*(row[column] for column in columns), values.get(id(row), row["value"])])
        for row in tree.rows
    ]


def attach(model_type: type[M], nodes: Sequence[DetachedNode]) -> M:
    """Return the model that a load of nodes returns.

    Raises:
        ArtigraphError: as for a load.
    """
    tree = StoredTree(_ROOT, [(*node, None) for node in nodes])
    builder = Builder(tree, root_class(tree, model_type))
    while builder.take(_MOST):
        pass
    for waiting in builder.waiting:
        assert isinstance(waiting.stored.source, bytes)  # detached nodes have no objects
        waiting.parts[waiting.label] = waiting.stored.decode(waiting.stored.source)
    while builder.build(_MOST):
        pass
    return builder.model


def _bytes_of(source: bytes | Deferred | Streamed | StoredObject) -> bytes:
    match source:
        case bytes():
            return source
        case Deferred(encode=encode):
            return join(encode())
        case Streamed(parts=parts):
            return join(list(parts()))
        case StoredObject(owner=owner):
            msg = f"The lazy value of {owner} is not loaded yet: await its load() first"
            raise FieldNotLoadedError(msg)
