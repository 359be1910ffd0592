"""Columns of nodes of any kind."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from artigraph.query.runs import RunProperty

__all__ = ["NodeColumns", "NodeProperty"]


class NodeProperty(RunProperty):
    """A property of nodes; comparing it makes a condition, which is false where a node has no such property."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<column {self._name} of nodes>"


class NodeColumns:
    """The columns of nodes, named as the fields of `Node`."""

    __slots__ = ()

    node_id: ClassVar[NodeProperty] = NodeProperty("node_id", "node_id", UUID)
    parent_id: ClassVar[NodeProperty] = NodeProperty("parent_id", "parent_id", UUID)
    label: ClassVar[NodeProperty] = NodeProperty("label", "label", str)
    model_name: ClassVar[NodeProperty] = NodeProperty("model_name", "model_name", str)
    serializer: ClassVar[NodeProperty] = NodeProperty("serializer", "serializer", str)

    def __repr__(self) -> str:
        return "<columns of Node>"
