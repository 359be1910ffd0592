"""Saving any number of models at once."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any
from uuid import UUID

from artigraph.graph import Tree, note_uses, write_trees
from artigraph.model.known import remember, sources_of
from artigraph.model.steps import SLICE, Work, run_in_slices
from artigraph.model.write import tree_steps

__all__ = ["save_models"]


async def save_models(
    models: Iterable[tuple[str, object]], parent_id: UUID | None, *, check_parent: bool
) -> list[UUID]:
    """Save models under their labels, which are valid, all of them or none, and return their ids in order.

    Args:
        models: labels and models.
        parent_id: the run that they belong to, or None.
        check_parent: whether it is still to be seen that the parent is a run.
    """
    pairs = list(models)
    if parent_id is not None:  # what is saved in a run may be of what another one made
        await note_uses({node_id for _, model in pairs for node_id in sources_of(model)})
    trees = await run_in_slices(_convert(pairs, parent_id))
    await write_trees(trees, parent_id=parent_id if check_parent else None)
    node_ids = [tree.root_id for tree in trees]
    remember([model for _, model in pairs], node_ids)
    return node_ids


def _convert(models: Iterable[tuple[str, object]], parent_id: UUID | None) -> Generator[Work | None, Any, list[Tree]]:
    trees: list[Tree] = []
    nodes = 0
    for label, model in models:
        tree = yield from tree_steps(model, label, parent_id)
        trees.append(tree)
        nodes += len(tree.rows)
        if nodes > SLICE:
            nodes = 0
            yield None
    return trees
