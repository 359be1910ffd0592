"""The sync twin of `artigraph.outline`."""

from __future__ import annotations

import artigraph.outline as async_outline
from artigraph.identifiers import NodeId
from artigraph.outline import Outline
from artigraph.portal import wait_for

__all__ = ["Outline", "outline_of"]


def outline_of(node_id: NodeId) -> Outline:
    """Return the outline of a run, an artifact or a part of one, with all nodes below it.

        print(outline_of(manager.run.node_id))

    It takes one query, and reads no object from a storage.

    Raises:
        InvalidNodeIdError: the argument has no node's id.
        NodeNotFoundError: the node does not exist.
    """
    return wait_for(async_outline.outline_of(node_id))
