"""The sync twin of `artigraph.outline`."""

from __future__ import annotations

from uuid import UUID

import artigraph.outline as async_outline
from artigraph.background import wait_for
from artigraph.outline import Outline

__all__ = ["Outline", "outline_of"]


def outline_of(node_id: UUID) -> Outline:
    """Return the outline of a run with all below it, or of an artifact or a part of one.

        print(outline_of(manager.run.node_id))

    It is read in one query, and no object is read from a storage.

    Raises:
        NodeNotFoundError: there is no such node.
    """
    return wait_for(async_outline.outline_of(node_id))
