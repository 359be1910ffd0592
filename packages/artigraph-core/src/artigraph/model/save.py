"""Save any number of models at once."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any
from uuid import UUID

from artigraph.graph import RunRows, Tree, note_uses, write_trees
from artigraph.identifiers import NodeId, check_id
from artigraph.model._checks import CheckedValue, run_checks
from artigraph.model._write import to_tree, tree_steps
from artigraph.model.identity_map import remember, sources_of
from artigraph.progress import SLICE, ProgressReporter, ThreadWork, run_in_slices


async def save_models(
    models: Iterable[tuple[str, object]],
    parent_id: NodeId | None,
    *,
    check_parent: bool,
    report: ProgressReporter | None = None,
    run: RunRows | None = None,
) -> list[UUID]:
    """Save models under their labels, which are already checked, all or none, and return their ids in order.

    Args:
        models: pairs of a label and a model.
        parent_id: the run to which the models belong, or None.
        check_parent: whether to check that the parent is a run.
        report: reports the progress.
        run: what is written of the run in the same transaction.
    """
    pairs = list(models)
    report = report or ProgressReporter()
    parent_id = None if parent_id is None else check_id(parent_id)
    if parent_id is not None:  # a saved model may contain parts of other artifacts
        await note_uses({node_id for _, model in pairs for node_id in sources_of(model)})
    checked: list[CheckedValue] = []
    trees = await run_in_slices(_convert(pairs, parent_id, report, checked))
    record = await run_checks(checked, parent_id) if checked else None
    await write_trees(trees, parent_id=parent_id if check_parent else None, report=report, also=record, run=run)
    node_ids = [tree.root_id for tree in trees]
    remember([model for _, model in pairs], node_ids)
    return node_ids


async def to_trees(models: Sequence[tuple[str, object]], parent_id: UUID | None) -> list[Tree]:
    """Convert models to rows and values, as a save does, and write nothing."""
    return await run_in_slices(_convert(models, parent_id, ProgressReporter(), []))


def tree_of(model: object) -> Tree:
    """Convert one model to rows and values, as a save does, in this thread, and write nothing."""
    return to_tree(model, "value", None)


def _convert(
    models: Sequence[tuple[str, object]],
    parent_id: UUID | None,
    report: ProgressReporter,
    checked: list[CheckedValue],
) -> Generator[ThreadWork | None, Any, list[Tree]]:
    trees: list[Tree] = []
    nodes = 0
    for label, model in models:
        tree = yield from tree_steps(model, label, parent_id, checked)
        trees.append(tree)
        nodes += len(tree.rows)
        if nodes > SLICE:
            nodes = 0
            report.paced("prepare models", len(trees), len(models), "models")
            yield None
    report.paced("prepare models", len(trees), len(models), "models")
    return trees
