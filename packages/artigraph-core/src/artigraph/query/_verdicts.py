"""Read what the database says of single conditions, for rows on which it cannot decide the whole query."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from artigraph.query._conditions import Condition
from artigraph.query._sql import ids_from, root, verdict_of

_BATCH = 200
"""The number of conditions in one statement."""


async def read_verdicts(
    ids: Sequence[UUID], leaves: Sequence[Condition], fetch: Callable[[Any], Awaitable[Sequence[Any]]]
) -> dict[UUID, dict[Condition, bool | None]]:
    """Return by node what the database says of each leaf condition: true, false, or None if it cannot decide."""
    found: dict[UUID, dict[Condition, bool | None]] = {node_id: {} for node_id in ids}
    for start in range(0, len(leaves), _BATCH):
        asked = [(leaf, verdict_of(leaf)) for leaf in leaves[start : start + _BATCH]]
        columns = [part.label(None) for _, both in asked for part in both]
        rows = await fetch(ids_from(root).add_columns(*columns).where(root.c.node_id.in_(ids)))
        there = {row[0]: row[1:] for row in rows}
        found = {node_id: said for node_id, said in found.items() if node_id in there}
        for node_id, said in found.items():
            pairs = zip(there[node_id][::2], there[node_id][1::2], strict=True)
            for (leaf, _), (certain, possible) in zip(asked, pairs, strict=True):
                said[leaf] = True if certain else None if possible else False
    return found
